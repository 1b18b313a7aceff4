"""Which template an audit line names: mounts, routers, blueprints, classes, and apps that fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import include, path, re_path
from fastapi import APIRouter, FastAPI
from flask import Blueprint, Flask
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

import jwt_middleware_flask as flask_adapter
import jwt_middleware_starlette as starlette_adapter
from jwt_middleware import Verifier, wsgi
from jwt_middleware_starlette.inventory import Templates

from ..kit import Events
from . import django_site  # noqa: F401 - configures Django
from .conftest import Caller
from .harness import call_asgi, call_wsgi

Told = tuple[str | None, str | None, int | None]


class Decisions(Events):
    def take(self) -> Told:
        """The template, else the path, and the status of the only decision since it was asked."""
        [event] = self.decisions
        self.clear()
        return event.route, None if event.route else event.path, event.status


@pytest.fixture
def events() -> Decisions:
    return Decisions()


@pytest.fixture
def audited(options: dict[str, Any], events: Decisions) -> dict[str, Any]:
    return {**options, "listeners": [events]}


async def serve(request: Request) -> PlainTextResponse:
    return PlainTextResponse("served")


async def fail(request: Request) -> PlainTextResponse:
    raise LookupError("of the app")


class Thing(HTTPEndpoint):
    async def get(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("served")


async def plain_app(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("served")(scope, receive, send)


# --- Starlette and FastAPI -------------------------------------------------------------------


def starlette_app() -> Starlette:
    return Starlette(
        routes=[
            Route("/orders/{number:int}", serve, methods=["GET"]),
            Route("/orders/{name}", serve, methods=["PUT"]),
            Route("/files/{rest:path}", serve),
            Route("/things/{id}", Thing),
            Route("/fail", fail),
            Mount("/v1", routes=[Mount("/{tenant}", routes=[Route("/orders/{id}", serve)])]),
            Mount("/opaque", app=plain_app),
            Mount("/same/{id}", routes=[Route("/{id}", serve)]),
        ]
    )


@pytest.mark.parametrize(
    "method, where, told",
    [
        ("GET", "/orders/7", ("/orders/{number:int}", None, 200)),
        ("PUT", "/orders/7", ("/orders/{name}", None, 200)),
        ("DELETE", "/orders/7", ("/orders/{number:int}", None, 405)),
        ("GET", "/files/a/b", ("/files/{rest:path}", None, 200)),
        ("HEAD", "/things/7", ("/things/{id}", None, 200)),
        ("GET", "/v1/acme/orders/7", ("/v1/{tenant}/orders/{id}", None, 200)),
        ("GET", "/v1/acme/none", (None, "/v1/acme/none", 404)),
        ("GET", "/opaque/a/b", ("/opaque/*", None, 200)),
        ("GET", "/same/1/2", (None, "/same/1/2", 200)),  # two parameters of one name
        ("GET", "/none", (None, "/none", 404)),
    ],
)
def test_starlettes_templates(
    method: str, where: str, told: Told, audited: Any, events: Decisions, caller: Caller
) -> None:
    app = starlette_app()
    app.add_middleware(starlette_adapter.JWTMiddleware, **audited)

    call_asgi(app, method, where, caller())
    assert events.take() == told
    call_asgi(app, method, where)  # refused before anything was routed
    assert events.take() == (*told[:2], 401)


def test_an_app_that_fails_was_seen_to_answer_nothing(
    audited: Any, events: Decisions, caller: Caller
) -> None:
    app = starlette_app()
    app.add_middleware(starlette_adapter.JWTMiddleware, **audited)

    with pytest.raises(LookupError):
        call_asgi(app, "GET", "/fail", caller())
    assert events.take() == ("/fail", None, None)


def test_fastapis_included_routers_and_mounts(
    audited: Any, events: Decisions, caller: Caller
) -> None:
    app, below, router, inner = FastAPI(), FastAPI(), APIRouter(prefix="/a"), APIRouter()
    app.add_middleware(starlette_adapter.JWTMiddleware, **audited)

    @inner.get("/items/{item_id}")
    @below.get("/items/{item_id}")
    async def item(item_id: int) -> int:
        return item_id

    router.include_router(inner, prefix="/b")
    app.include_router(router, prefix="/v1")
    app.mount("/sub", below)
    for where, told in (
        ("/v1/a/b/items/7", ("/v1/a/b/items/{item_id}", None, 200)),
        ("/sub/items/7", ("/sub/items/{item_id}", None, 200)),
        ("/sub/items/x", ("/sub/items/{item_id}", None, 422)),
    ):
        call_asgi(app, "GET", where, caller())
        assert events.take() == told


def test_a_route_that_is_added_later_is_known_too(
    audited: Any, events: Decisions, caller: Caller
) -> None:
    app = starlette_app()
    app.add_middleware(starlette_adapter.JWTMiddleware, **audited)
    call_asgi(app, "GET", "/late/7", caller())
    assert events.take() == (None, "/late/7", 404)

    app.router.routes.append(Route("/late/{id}", serve))
    call_asgi(app, "GET", "/late/7", caller())
    assert events.take() == ("/late/{id}", None, 200)


def test_a_middleware_around_one_mount_reports_the_template_within_it(
    audited: Any, events: Decisions, caller: Caller
) -> None:
    inner: ASGIApp = Router(routes=[Route("/orders/{id}", serve)])
    guarded = starlette_adapter.JWTMiddleware(inner, **audited)
    app = Starlette(routes=[Mount("/v1", app=guarded)])

    call_asgi(app, "GET", "/v1/orders/7", caller())
    assert events.take() == ("/orders/{id}", None, 200)


def test_without_routes_there_is_no_template() -> None:
    assert Templates([]).find("GET", "/") is None


# --- Flask -----------------------------------------------------------------------------------


def flask_app(options: dict[str, Any]) -> Flask:
    app, blueprint = Flask("tests"), Blueprint("orders", "tests", url_prefix="/v1/<tenant>")
    flask_adapter.JWTMiddleware(app, **options)

    @blueprint.get("/orders/<int:number>")
    def order(tenant: str, number: int) -> str:
        return "served"

    @app.get("/fail")
    def fail() -> str:
        raise LookupError("of the app")

    @app.after_request
    def change(response: Any) -> Any:
        response.status_code += 1
        return response

    app.register_blueprint(blueprint)
    return app


def test_flasks_templates_and_the_status_that_is_really_sent(
    audited: Any, events: Decisions, caller: Caller
) -> None:
    app = flask_app(audited)
    for where, told in (
        ("/v1/acme/orders/7", ("/v1/<tenant>/orders/<int:number>", None, 201)),
        ("/v1/acme/orders/x", (None, "/v1/acme/orders/x", 405)),
        ("/fail", ("/fail", None, 501)),
    ):
        answer = call_wsgi(app, "GET", where, caller())
        assert events.take() == told
        assert answer.status == told[2]


def test_a_flask_app_that_raises_through_is_reported_too(
    audited: Any, events: Decisions, caller: Caller
) -> None:
    app = flask_app(audited)
    app.config["PROPAGATE_EXCEPTIONS"] = True

    with pytest.raises(LookupError):
        call_wsgi(app, "GET", "/fail", caller())
    assert events.take() == ("/fail", None, None)


def test_a_plain_door_around_flask_with_the_same_verifier_is_one_decision(
    audited: Any, events: Decisions, caller: Caller
) -> None:
    verifier = Verifier(**audited)
    app = wsgi.JWTMiddleware(flask_app({"verifier": verifier}).wsgi_app, verifier=verifier)

    call_wsgi(app, "GET", "/v1/acme/orders/7", caller())
    assert events.take() == (None, "/v1/acme/orders/7", 201)


# --- Django ----------------------------------------------------------------------------------


def view(request: HttpRequest, **_: str) -> HttpResponse:
    return HttpResponse("served")


def failing(request: HttpRequest) -> HttpResponse:
    raise LookupError("of the app")


class Site:
    """A URL configuration."""

    urlpatterns: ClassVar[list[Any]] = [
        path("orders/<int:number>", view),
        path("v1/<slug:tenant>/", include([path("orders/<uuid:id>", view)])),
        re_path(r"^old/(?P<id>\d+)$", view),
        path("fail", failing),
    ]


@pytest.mark.parametrize(
    "where, told",
    [
        ("/orders/7", ("/orders/<int:number>", None, 200)),
        (
            "/v1/acme/orders/12345678-1234-1234-1234-123456789012",
            ("/v1/<slug:tenant>/orders/<uuid:id>", None, 200),
        ),
        ("/old/7", (r"/^old/(?P<id>\d+)$", None, 200)),
        ("/fail", ("/fail", None, 500)),
        ("/none", (None, "/none", 404)),
    ],
)
def test_djangos_templates(
    where: str, told: Told, audited: Any, events: Decisions, caller: Callable[..., Any]
) -> None:
    with override_settings(
        JWT_MIDDLEWARE=audited, ROOT_URLCONF=Site, DEBUG_PROPAGATE_EXCEPTIONS=False
    ):
        app = WSGIHandler()
        call_wsgi(app, "GET", where, caller())
        assert events.take() == told
        call_wsgi(app, "GET", where)
        assert events.take() == (*told[:2], 401)
