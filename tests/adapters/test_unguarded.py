"""Routes without a guard, at every adapter: allowed, told, or a reason not to start."""

from __future__ import annotations

import logging
import re
from typing import Any

from . import rule_apps as at  # it configures Django before the adapter is imported

# isort: split
import pytest
from django.http import HttpResponse
from django.urls import path as django_path
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

import jwt_middleware_django as django_adapter
import jwt_middleware_flask as flask_adapter
import jwt_middleware_starlette as starlette_adapter
from jwt_middleware import ConfigurationError, Verifier, has_role
from jwt_middleware.errors import MissingToken
from jwt_middleware.events.kinds import ConfigurationWarning
from jwt_middleware.testing import SigningKey

from .client_cases import ACME_TOKEN, client_options, sent
from .harness import DENIAL, open_websocket, start_and_stop
from .rule_apps import UNAVAILABLE, AsgiApp, DjangoApp, WsgiApp, said

Options = dict[str, Any]


# --- an app of one guarded, one public and, where asked, one bare route -----------------------


def starlette(options: Options, bare: bool = True) -> Any:
    def view(kind: Any) -> Any:
        async def forgotten(request: Any) -> JSONResponse:
            return JSONResponse("served")

        return kind(forgotten)

    kinds = {
        "/guarded": starlette_adapter.requires(has_role("acme_admin")),
        "/public": starlette_adapter.public,
    } | ({"/bare": lambda handler: handler} if bare else {})
    app = Starlette(routes=[Route(path, view(kind)) for path, kind in kinds.items()])
    app.add_middleware(starlette_adapter.JWTMiddleware, **options)
    return AsgiApp(app)


def fastapi(options: Options, bare: bool = True) -> Any:
    app = FastAPI()  # with its documentation, which is the framework's own
    app.add_middleware(starlette_adapter.JWTMiddleware, **options)

    @app.get("/guarded")
    @starlette_adapter.requires(has_role("acme_admin"))
    def guarded() -> str:
        return "served"

    @app.get("/public")
    @starlette_adapter.public
    def public() -> str:
        return "served"

    def forgotten() -> str:
        return "served"

    if bare:
        app.get("/bare")(forgotten)
    return AsgiApp(app)


def flask(options: Options, bare: bool = True) -> Any:
    app = Flask("tests")  # with its static files, which are the framework's own
    flask_adapter.JWTMiddleware(app, **options)

    @app.route("/guarded")
    @flask_adapter.requires(has_role("acme_admin"))
    def guarded() -> str:
        return "served"

    @app.route("/public")
    @flask_adapter.public
    def public() -> str:
        return "served"

    def forgotten() -> str:
        return "served"

    if bare:
        app.route("/bare")(forgotten)
    return WsgiApp(app)


def _django(handler: Any, options: Options, bare: bool) -> Any:
    def view(kind: Any) -> Any:
        def forgotten(request: Any) -> HttpResponse:
            return HttpResponse("served")

        return kind(forgotten)

    patterns = [
        django_path("guarded", view(django_adapter.requires(has_role("acme_admin")))),
        django_path("public", view(django_adapter.public)),
    ] + ([django_path("bare", view(lambda handler: handler))] if bare else [])
    return DjangoApp(handler, patterns, options)


def django_wsgi(options: Options, bare: bool = True) -> Any:
    return _django(at.WSGIHandler, options, bare)


def django_asgi(options: Options, bare: bool = True) -> Any:
    return _django(at.ASGIHandler, options, bare)


LATE = [starlette, fastapi, flask]
ALL = pytest.mark.parametrize(
    "build", [*LATE, django_wsgi, django_asgi], ids=lambda each: each.__name__
)
AT_LIFESPAN = pytest.mark.parametrize("build", [starlette, fastapi], ids=lambda each: each.__name__)
DJANGO = pytest.mark.parametrize(
    "build", [django_wsgi, django_asgi], ids=lambda each: each.__name__
)


@pytest.fixture
def options(rsa_key: SigningKey) -> Options:
    return client_options(rsa_key)


@pytest.fixture
def acme(rsa_key: SigningKey) -> list[tuple[str, str]]:
    return sent(rsa_key, ACME_TOKEN)


# --- unguarded -------------------------------------------------------------------------------


@ALL
@pytest.mark.parametrize("more", [{}, {"unguarded": "allow"}], ids=["unset", "allow"])
def test_routes_without_a_guard_are_served_where_nothing_else_is_said(
    build: Any, more: Any, options: Options, acme: Any
) -> None:
    assert said(build(options | more).get("/bare", acme)) == (200, None)


@ALL
def test_refuse_lets_an_app_start_whose_routes_are_all_guarded_public_or_the_frameworks(
    build: Any, options: Options, acme: Any
) -> None:
    app = build(options | {"unguarded": "refuse"}, bare=False)

    assert [said(app.get(path, acme)) for path in ("/guarded", "/public")] == [(200, None)] * 2


@ALL
def test_warn_serves_and_reports_once_which_routes_have_no_guard(
    build: Any, options: Options, acme: Any
) -> None:
    told: list[Any] = []
    verifier = Verifier(**options, listeners=(told.append,))
    app = build({"verifier": verifier, "unguarded": "warn"})

    assert [said(app.get(path, acme)) for path in ("/bare", "/public", "/bare")] == [
        (200, None)
    ] * 3
    [warning] = [each for each in told if isinstance(each, ConfigurationWarning)]
    assert warning.reason.startswith("unguarded: ")
    assert "/bare (" in warning.reason
    assert re.search(rf"forgotten, {re.escape(__file__)}:\d+\)", warning.reason)
    assert "put @requires(...) on each, or @public" in warning.reason
    assert "/public" not in warning.reason
    assert "/guarded" not in warning.reason


@ALL
def test_warn_has_nothing_to_tell_where_every_route_is_guarded_or_public(
    build: Any, options: Options, acme: Any
) -> None:
    told: list[Any] = []
    verifier = Verifier(**options, listeners=(told.append,))
    app = build({"verifier": verifier, "unguarded": "warn"}, bare=False)

    assert said(app.get("/guarded", acme)) == (200, None)
    assert not any(isinstance(each, ConfigurationWarning) for each in told)


@AT_LIFESPAN
def test_refuse_fails_the_lifespan_and_names_the_route(build: Any, options: Options) -> None:
    [message] = start_and_stop(build(options | {"unguarded": "refuse"}).app)

    assert message["type"] == "lifespan.startup.failed"
    assert "/bare (" in message["message"]
    assert "forgotten" in message["message"]
    assert "neither requires nor public" in message["message"]


@pytest.mark.parametrize("build", LATE, ids=lambda each: each.__name__)
def test_refuse_answers_503_on_every_route_where_no_start_up_comes(
    build: Any, options: Options, acme: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = build(options | {"unguarded": "refuse", "exempt": ("/public",)})

    answers = [app.get(path, acme) for path in ("/guarded", "/public", "/bare", "/nowhere")]

    assert [said(answer) for answer in answers] == [UNAVAILABLE] * 4
    assert not any(b"forgotten" in answer.body for answer in answers)
    logged = [each for each in caplog.records if "forgotten" in each.getMessage()]
    assert [each.levelno for each in logged] == [logging.ERROR]


@DJANGO
def test_refuse_fails_when_djangos_handler_is_made(build: Any, options: Options) -> None:
    with pytest.raises(ConfigurationError, match=r"neither requires nor public.*/bare \("):
        build(options | {"unguarded": "refuse"})


def test_refuse_is_an_error_of_manage_py_check(options: Options) -> None:
    app = django_wsgi(options)

    [error] = app.check(options | {"unguarded": "refuse"})

    assert error.is_serious()
    assert "/bare (" in error.msg
    assert app.check(options) == []


def test_refuse_counts_websockets_and_refuses_them_too(options: Options, acme: Any) -> None:
    async def forgotten(websocket: WebSocket) -> None:
        await websocket.accept()

    app = Starlette(routes=[WebSocketRoute("/ws", forgotten)])
    app.add_middleware(starlette_adapter.JWTMiddleware, **options, unguarded="refuse")

    assert start_and_stop(app)[0]["type"] == "lifespan.startup.failed"
    shake = open_websocket(app, "/ws", acme, extensions=DENIAL)
    assert not shake.accepted
    assert shake.denial is not None
    assert shake.denial.status == 503


def test_a_route_that_is_added_later_is_never_served_bare(options: Options, acme: Any) -> None:
    app = starlette(options | {"unguarded": "refuse"}, bare=False)
    assert said(app.get("/guarded", acme)) == (200, None)

    app.app.router.routes.append(Route("/late", lambda request: JSONResponse("served")))

    assert said(app.get("/late", acme)) == UNAVAILABLE


@pytest.mark.parametrize("door", at.PLAIN_DOORS, ids=lambda each: each.name)
@pytest.mark.parametrize("value", ["warn", "refuse"])
def test_a_plain_door_refuses_the_option_by_name(door: Any, value: str, options: Options) -> None:
    with pytest.raises(ConfigurationError, match=r"^unguarded: .*routes cannot be seen"):
        door.build((), options | {"unguarded": value})


@pytest.mark.parametrize("value", ["deny", "", None, True, "Refuse"])
def test_only_three_values_are_known(value: Any, options: Options) -> None:
    with pytest.raises(ConfigurationError, match="unguarded: 'allow', 'warn' or 'refuse'"):
        flask(options | {"unguarded": value})


# --- guards that guard no route ---------------------------------------------------------------


def requires_of(build: Any) -> Any:
    if build in (django_wsgi, django_asgi):
        return django_adapter.requires
    return (flask_adapter if build is flask else starlette_adapter).requires


def new_service() -> Any:
    def service(request: Any = None) -> str:
        return "served"

    return service


@ALL
def test_a_guard_that_no_route_uses_is_warned_of_once_with_its_place(
    build: Any, options: Options, acme: Any
) -> None:
    told: list[Any] = []
    service = new_service()
    lost = requires_of(build)(has_role("acme_admin"))(service)
    verifier = Verifier(**options, listeners=(told.append,))
    app = build({"verifier": verifier}, bare=False)

    assert [said(app.get("/guarded", acme)) for _ in range(2)] == [(200, None)] * 2
    [warning] = [each for each in told if isinstance(each, ConfigurationWarning)]
    line = service.__code__.co_firstlineno
    assert warning.reason == (
        f"no route uses requires(has_role('acme_admin')) on "
        f"{__name__}.{service.__qualname__} ({__file__}:{line})"
        "; route it, or say requires(..., routed=False) where no route is to serve it"
    )
    del lost


@ALL
def test_refuse_starts_no_app_with_a_guard_that_no_route_uses(
    build: Any, options: Options, acme: Any
) -> None:
    lost = requires_of(build)(has_role("acme_admin"))(new_service())
    options |= {"unguarded": "refuse"}
    if build in (django_wsgi, django_asgi):
        with pytest.raises(ConfigurationError, match=r"no route uses .*\.service \("):
            build(options, bare=False)
    else:
        assert said(build(options, bare=False).get("/guarded", acme)) == UNAVAILABLE
    del lost


@ALL
def test_a_guard_that_says_that_no_route_uses_it_is_asked_where_it_is_called(
    build: Any, options: Options, acme: Any
) -> None:
    kept = requires_of(build)(has_role("acme_admin"), routed=False)(new_service())
    app = build(options | {"unguarded": "refuse"}, bare=False)

    assert said(app.get("/guarded", acme)) == (200, None)
    with pytest.raises((MissingToken, HTTPException)):
        kept()  # there is no request


@ALL
def test_routed_is_true_or_false(build: Any) -> None:
    with pytest.raises(TypeError, match="routed is True or False, not 'no'"):
        requires_of(build)(has_role("acme_admin"), routed="no")
