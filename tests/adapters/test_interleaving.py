"""The first requests of an app, which several threads serve at the same time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from flask import Flask
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import jwt_middleware_flask
import jwt_middleware_starlette
from jwt_middleware.testing import SigningKey
from jwt_middleware_starlette import inventory

from ..interleaving import Pair, halted_anywhere
from ..kit import Events
from .harness import call_wsgi

Options = dict[str, Any]
KEY = SigningKey("ES256", key_id="k")
OPTIONS: Options = {"keys": KEY.jwks(), "algorithms": "ES256", "api": "/a", "optional": True}


@pytest.mark.parametrize("is_known", [False, True], ids=["first", "later"])
def test_flask_records_each_of_the_first_two_requests(is_known: bool) -> None:
    def make() -> Pair:
        events = Events()
        app = Flask("tests")
        app.add_url_rule("/", view_func=lambda: "served")
        jwt_middleware_flask.JWTMiddleware(app, **OPTIONS, listeners=[events])
        if is_known:
            app.extensions["jwt_middleware"].fault()

        def get() -> None:
            assert call_wsgi(app, "GET", "/", ()).status == 200

        def must_hold(*_: None) -> None:
            assert [event.status for event in events.decisions] == [200, 200]
            assert len(app.after_request_funcs[None]) == 1

        return get, get, must_hold

    halted_anywhere(make, jwt_middleware_flask)


def test_starlette_serves_no_request_before_the_routes_are_inspected() -> None:
    async def bare(request: Any) -> PlainTextResponse:
        return PlainTextResponse("served")

    def make() -> Pair:
        app = Starlette(routes=[Route("/", bare)])
        app.add_middleware(jwt_middleware_starlette.JWTMiddleware, **OPTIONS, unguarded="refuse")
        app.middleware_stack = app.build_middleware_stack()

        def get() -> int:
            return asyncio.run(status_of(app))

        def must_hold(*statuses: int) -> None:
            assert statuses == (503, 503)

        return get, get, must_hold

    halted_anywhere(make, jwt_middleware_starlette, inventory)


async def status_of(app: Any) -> int:
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "root_path": "",
        "query_string": b"",
        "headers": [],
    }
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    return statuses[0]
