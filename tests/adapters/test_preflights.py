"""CORS preflights that may pass: guards do not stop them, and no guarded code runs for them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from flask import Flask, make_response, request
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import jwt_middleware_flask
import jwt_middleware_starlette
from jwt_middleware import has_role

from .conformance import PREFLIGHT
from .conftest import Caller
from .harness import Answer, call_asgi, call_wsgi
from .test_django import OURS, site

from jwt_middleware_django import requires as django_requires  # isort: skip

Options = dict[str, Any]
EVERYONE = has_role("Internal/everyone")
RAN: list[str] = []
requires = jwt_middleware_flask.requires(EVERYONE)


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    RAN.clear()


def preflight(app: Any, path: str = "/", headers: Any = PREFLIGHT) -> Answer:
    return call_wsgi(app, "OPTIONS", path, headers)


# --- Flask -----------------------------------------------------------------------------------


def traced(view: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator as an app has many: it says nothing of ``requires``, and hands on."""

    @functools.wraps(view)
    def call(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return call


def answers_preflights(view: Callable[..., Any]) -> Callable[..., Any]:
    """As Flask-CORS's decorator does."""

    @functools.wraps(view)
    def call(*args: Any, **kwargs: Any) -> Any:
        if request.method == "OPTIONS":
            return make_response("", 200, {"Access-Control-Allow-Origin": "*"})
        return view(*args, **kwargs)

    return call


def flask_app(options: Options, decorate: Callable[[Flask, Any], Any], **more: Any) -> Flask:
    def view() -> str:
        RAN.append(request.method)
        return "served"

    app = Flask("tests")
    jwt_middleware_flask.JWTMiddleware(app, **options, **{"cors_preflight": "pass"} | more)
    decorate(app, view)
    return app


BOTH = ["GET", "OPTIONS"]
PLACES = {
    "no guard": lambda app, view: app.route("/")(view),
    "below the route": lambda app, view: app.route("/")(requires(view)),
    "above the route": lambda app, view: requires(app.route("/")(view)),
    "below another": lambda app, view: app.route("/")(traced(requires(view))),
    "above, with another": lambda app, view: requires(app.route("/")(traced(view))),
    "below one that answers": lambda app, view: app.route("/", methods=BOTH)(
        answers_preflights(requires(view))
    ),
}


@pytest.mark.parametrize("decorate", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("after", ["", "a call"])
def test_a_guard_does_not_stop_a_preflight_wherever_it_stands(
    decorate: Any, after: str, options: Options, caller: Caller
) -> None:
    app = flask_app(options, decorate)
    if after:
        assert call_wsgi(app, "GET", "/", caller()).status == 200

    assert preflight(app).status == 200
    assert "OPTIONS" not in RAN
    assert call_wsgi(app, "GET", "/").status == 401


OWN = {
    "below": lambda app, view: app.route("/", methods=BOTH)(requires(view)),
    "above": lambda app, view: requires(app.route("/", methods=BOTH)(view)),
    "below another": lambda app, view: app.route("/", methods=BOTH)(traced(requires(view))),
    "above another": lambda app, view: requires(app.route("/", methods=BOTH)(traced(view))),
    "without automatic options": lambda app, view: requires(
        app.route("/", methods=BOTH, provide_automatic_options=False)(view)
    ),
}


@pytest.mark.parametrize("decorate", OWN.values(), ids=OWN)
def test_a_guarded_view_that_answers_options_itself_runs_for_nobody_unproven(
    decorate: Any, options: Options, caller: Caller
) -> None:
    """Anybody can send what looks like a preflight: it may not run what a guard protects."""
    app = flask_app(options, decorate)

    assert preflight(app).json()["code"] == "missing_token"
    assert RAN == []
    assert call_wsgi(app, "OPTIONS", "/", caller()).status == 200


@pytest.mark.parametrize("decorate", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize(
    "options_of, headers",
    [
        ({"cors_preflight": "refuse"}, PREFLIGHT),
        ({}, PREFLIGHT[:1]),
        ({}, ()),
    ],
    ids=["refused", "no method", "no origin"],
)
def test_what_is_no_preflight_that_passes_is_refused(
    decorate: Any, options_of: Any, headers: Any, options: Options
) -> None:
    assert preflight(flask_app(options, decorate, **options_of), headers=headers).status == 401


@pytest.mark.parametrize("place", ["below the route", "above the route", "below another"])
def test_an_exempt_path_keeps_its_guard(place: str, options: Options, caller: Caller) -> None:
    """There is no principal on it, so a guard there lets nobody in."""
    app = flask_app(options, PLACES[place], exempt=("/",), cors_preflight="refuse")

    assert call_wsgi(app, "GET", "/", caller()).json()["code"] == "missing_token"
    assert RAN == []


# --- Django ----------------------------------------------------------------------------------

guard = django_requires(EVERYONE)


def answers_djangos_preflights(view: Any) -> Any:
    @functools.wraps(view)
    def call(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if request.method == "OPTIONS":
            return HttpResponse(headers={"Access-Control-Allow-Origin": "*"})
        answer: HttpResponse = view(request, **kwargs)
        return answer

    return call


def ran(request: HttpRequest) -> HttpResponse:
    RAN.append(request.method or "")
    return HttpResponse("served")


@guard
def guarded(request: HttpRequest) -> HttpResponse:
    return ran(request)


class Method(View):
    @method_decorator(guard)
    def get(self, request: HttpRequest) -> HttpResponse:
        return ran(request)


@method_decorator(guard, name="dispatch")
class Dispatch(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return ran(request)

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return ran(request)


urlpatterns = [
    path("answered", answers_djangos_preflights(guarded)),
    path("method", Method.as_view()),
    path("guarded", guarded),
    path("traced", traced(guarded)),
    path("dispatch", Dispatch.as_view()),
]


@pytest.mark.parametrize(
    "name, status",
    [("answered", 200), ("method", 200), ("guarded", 401), ("traced", 401), ("dispatch", 401)],
)
@pytest.mark.parametrize("server", ["wsgi", "asgi"])
def test_in_django_a_decorator_or_the_class_answers_and_no_guarded_code_runs(
    name: str, status: int, server: str, options: Options, caller: Caller
) -> None:
    with site(options | {"cors_preflight": "pass"}, MIDDLEWARE=[OURS], ROOT_URLCONF=__name__):
        if server == "wsgi":
            answer = call_wsgi(WSGIHandler(), "OPTIONS", f"/{name}", PREFLIGHT)
            nobody = call_wsgi(WSGIHandler(), "GET", f"/{name}")
        else:
            answer = call_asgi(ASGIHandler(), "OPTIONS", f"/{name}", PREFLIGHT)
            nobody = call_asgi(ASGIHandler(), "GET", f"/{name}")

    assert answer.status == status
    assert nobody.status == 401
    assert RAN == []


# --- Starlette -------------------------------------------------------------------------------


def starlette_app(options: Options, cors: str, **more: Any) -> Starlette:
    @jwt_middleware_starlette.requires(EVERYONE)
    async def view(request: Request) -> JSONResponse:
        RAN.append(request.method)
        return JSONResponse("served")

    app = Starlette(routes=[Route("/", view)])
    if cors == "inside":
        app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"])
    app.add_middleware(jwt_middleware_starlette.JWTMiddleware, **options, **more)
    if cors == "outside":
        app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"])
    return app


@pytest.mark.parametrize(
    "cors, option, status, refusal_is_readable",
    [
        ("outside", "refuse", 200, True),
        ("outside", "pass", 200, True),
        ("inside", "refuse", 401, False),
        ("inside", "pass", 200, False),
    ],
)
def test_a_cors_middleware_outside_ours_lets_the_browser_read_every_answer(
    cors: str, option: str, status: int, refusal_is_readable: bool, options: Options, caller: Caller
) -> None:
    app = starlette_app(options, cors, cors_preflight=option)
    origin = PREFLIGHT[0]

    asked = call_asgi(app, "OPTIONS", "/", PREFLIGHT)
    refused = call_asgi(app, "GET", "/", [origin])
    served = call_asgi(app, "GET", "/", [origin, *caller()])

    assert asked.status == status
    assert (refused.status, served.status) == (401, 200)
    assert (refused.header("Access-Control-Allow-Origin") == "*") is refusal_is_readable
    assert served.header("Access-Control-Allow-Origin") == "*"
    assert "X-JWT-Assertion" in (served.header("Vary") or "")
