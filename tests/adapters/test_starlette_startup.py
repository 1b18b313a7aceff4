"""Starlette makes its middleware late: a wrong option or a bare route must not start."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from jwt_middleware import Verifier, has_role
from jwt_middleware_starlette import (
    JWTMiddleware,
    current_principal,
    requires,
)

from .conftest import Caller
from .harness import (
    DENIAL,
    call_asgi,
    open_websocket,
    start_and_stop,
)

Options = dict[str, Any]
NOBODY = has_role("nobody")


def protected(routes: list[Any], options: Options, **more: Any) -> Starlette:
    app = Starlette(routes=routes)
    app.add_middleware(JWTMiddleware, **options, **more)
    return app


def tell(request: Request) -> JSONResponse:
    return JSONResponse(current_principal().subject)


def test_a_wrong_option_fails_the_lifespan_with_its_message(options: Options) -> None:
    sent = start_and_stop(protected([Route("/", tell)], options, leway=3))

    assert [message["type"] for message in sent] == ["lifespan.startup.failed"]
    assert "'leway'" in sent[0]["message"]
    assert "'leeway'" in sent[0]["message"]


def test_without_a_lifespan_a_wrong_option_makes_every_answer_one_clear_503(
    options: Options, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    app = protected([Route("/", tell)], options, leway=3, exempt=("/",))

    answers = [call_asgi(app, "GET", path, caller()) for path in ("/", "/", "/nowhere")]

    assert {answer.status for answer in answers} == {503}
    assert {answer.json()["code"] for answer in answers} == {"configuration_error"}
    assert b"leway" not in answers[0].body
    logged = [each for each in caplog.records if "leway" in each.getMessage()]
    assert [each.levelno for each in logged] == [logging.ERROR]


def test_a_browser_gets_a_page_from_an_app_whose_options_are_wrong(options: Options) -> None:
    app = protected([Route("/", tell)], options, leway=3)
    answer = call_asgi(app, "GET", "/", [("Accept", "text/html")])

    assert (answer.status, answer.header("Content-Type")) == (503, "text/html; charset=utf-8")
    assert b"leway" not in answer.body


def test_without_a_lifespan_a_wrong_option_refuses_websockets_too(options: Options) -> None:
    async def socket(ws: WebSocket) -> None:
        await ws.accept()

    app = protected([WebSocketRoute("/ws", socket)], options, leway=3)
    shake = open_websocket(app, "/ws", extensions=DENIAL)

    assert not shake.accepted
    assert shake.denial is not None
    assert shake.denial.status == 503


def test_the_apps_own_lifespan_runs_as_ever(options: Options) -> None:
    seen = []

    @asynccontextmanager
    async def lifespan(_: Any) -> Any:
        seen.append("up")
        yield
        seen.append("down")

    app = Starlette(lifespan=lifespan)
    app.add_middleware(JWTMiddleware, **options)

    assert [message["type"] for message in start_and_stop(app)] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert seen == ["up", "down"]


def test_a_ready_verifier_is_made_at_import_and_served_from(
    options: Options, caller: Caller
) -> None:
    app = protected([Route("/", tell)], {"verifier": Verifier(**options)})

    assert call_asgi(app, "GET", "/", caller(), lifespan=True).status == 200


def _on_starlette(handler: Any) -> Any:
    return Starlette(routes=[Route("/open/{x}", handler)])


def _in_a_mount(handler: Any) -> Any:
    return Starlette(routes=[Mount("/open", routes=[Route("/{x}", handler)])])


def _in_a_mounted_app(handler: Any) -> Any:
    return Starlette(routes=[Mount("/open", app=_on_starlette(handler))])


def _in_a_mounted_fastapi(handler: Any) -> Any:
    return Starlette(routes=[Mount("/open", app=_on_fastapi(handler))])


def _in_a_mount_with_middleware(handler: Any) -> Any:
    inner = [Middleware(lambda app: app)]
    return Starlette(routes=[Mount("/open", routes=[Route("/{x}", handler)], middleware=inner)])


def _on_a_websocket(handler: Any) -> Any:
    return Starlette(routes=[WebSocketRoute("/open/{x}", handler)])


def _on_fastapi(handler: Any) -> Any:
    app = FastAPI()
    app.add_api_route("/open/{x}", handler, response_model=None)
    return app


def _in_an_included_router(handler: Any) -> Any:
    app, outer, inner = FastAPI(), APIRouter(prefix="/open"), APIRouter()
    inner.add_api_route("/{x}", handler, response_model=None)
    outer.include_router(inner)
    app.include_router(outer)
    return app


@pytest.mark.parametrize(
    "build",
    [
        _on_starlette,
        _in_a_mount,
        _in_a_mounted_app,
        _in_a_mounted_fastapi,
        _in_a_mount_with_middleware,
        _on_a_websocket,
        _on_fastapi,
        _in_an_included_router,
    ],
    ids=lambda build: build.__name__.strip("_"),
)
def test_requires_above_the_route_refuses_to_start_and_names_the_handler(
    build: Callable[[Any], Any], options: Options, caller: Caller
) -> None:
    def open_by_mistake(request: Request) -> JSONResponse:
        return JSONResponse("open to anybody")

    app = build(open_by_mistake)
    requires(NOBODY)(open_by_mistake)  # as @requires above @app.route does: the route is bare
    app.add_middleware(JWTMiddleware, **options)

    [message] = start_and_stop(app)

    assert message["type"] == "lifespan.startup.failed"
    assert "open_by_mistake" in message["message"]
    assert "has_role('nobody')" in message["message"]
    assert "below" in message["message"]
    assert call_asgi(app, "GET", "/open/x", caller()).json()["code"] == "configuration_error"


def test_a_bare_route_that_the_lifespan_adds_is_never_served(
    options: Options, caller: Caller
) -> None:
    """As apps do that load their plugins at start-up."""

    def late(request: Request) -> JSONResponse:
        return JSONResponse("open to anybody")

    @asynccontextmanager
    async def lifespan(app: Any) -> Any:
        app.router.routes.append(Route("/late", late))
        requires(NOBODY)(late)
        yield

    app = Starlette(lifespan=lifespan)
    app.add_middleware(JWTMiddleware, **options)
    start_and_stop(app)

    assert call_asgi(app, "GET", "/late", caller()).status in (403, 503)
