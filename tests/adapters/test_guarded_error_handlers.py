"""A handler of errors may serve data: its guard is asked, and refuses as everywhere."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from . import rule_apps as at  # it configures Django before the adapter is imported

# isort: split
import pytest
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path as django_path
from fastapi import FastAPI
from flask import Flask
from ninja import NinjaAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse

import jwt_middleware_django as django_adapter
import jwt_middleware_flask as flask_adapter
import jwt_middleware_starlette as starlette_adapter
from jwt_middleware import has_role

from .conftest import Caller
from .harness import Answer, call_asgi, call_wsgi

BOSS = has_role("Internal/boss")


def asked(call: Any, app: Any, caller: Caller, path: str = "/x") -> list[Answer]:
    """Return what the boss, a clerk and nobody get."""
    callers = (caller(role="Internal/boss"), caller(role="Internal/clerk"), ())
    return [call(app, "GET", path, headers) for headers in callers]


def told(answers: list[Answer]) -> list[Any]:
    served, *refused = answers
    return [served.body.decode(), *((each.status, each.json()["code"]) for each in refused)]


def keeping(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that keeps the first answer."""
    kept: list[Any] = []

    def serve(error: Any) -> Any:
        if not kept:
            kept.append(handler(error))
        return kept[0]

    return serve


EXPECTED = ["served", (403, "insufficient_permission"), (401, "missing_token")]


# --- Flask ------------------------------------------------------------------------------------


def test_a_flask_handler_that_cannot_be_hashed_is_called(options: Any, caller: Caller) -> None:
    class Page:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, error: Any) -> str:
            return "no such page"

    app = Flask(__name__)
    flask_adapter.JWTMiddleware(app, **options)
    app.register_error_handler(404, Page())

    answer = call_wsgi(app, "GET", "/x", caller())
    assert (answer.status, answer.body) == (200, b"no such page")


def flask_app(options: Any, handler: Any, error: Any = 404) -> Flask:
    app = Flask("tests", static_folder=None)
    flask_adapter.JWTMiddleware(app, **options, unguarded="refuse")
    app.register_error_handler(error, handler)
    return app


def test_a_guarded_handler_of_flask_refuses(options: Any, caller: Caller) -> None:
    app = flask_app(options, flask_adapter.requires(BOSS)(lambda error: "served"))

    assert told(asked(call_wsgi, app, caller)) == EXPECTED


def test_an_answer_kept_above_the_guard_of_a_flask_handler_is_not_given_to_others(
    options: Any, caller: Caller
) -> None:
    @flask_adapter.requires(BOSS)
    def data(error: Any) -> str:
        return "served"

    app = flask_app(options, keeping(data))

    assert told(asked(call_wsgi, app, caller)) == EXPECTED


def test_a_flask_handler_without_a_principal_is_answered_as_a_view(
    options: Any, caller: Caller
) -> None:
    def data(error: Any) -> str:
        return "served" if flask_adapter.current_principal() else ""

    app = flask_app({**options, "optional": ("/x",)}, data)

    served, *_, nobody = asked(call_wsgi, app, caller)
    assert (served.body, nobody.status) == (b"served", 401)


def test_the_apps_handler_of_refusals_sees_those_of_its_other_handlers(
    options: Any, caller: Caller
) -> None:
    app = flask_app(options, flask_adapter.requires(BOSS)(lambda error: "served"))
    app.register_error_handler(403, lambda error: ("ours", 403))

    assert [each.body for each in asked(call_wsgi, app, caller)][:2] == [b"served", b"ours"]


def test_a_handler_of_refusals_that_refuses_ends(options: Any, caller: Caller) -> None:
    app = flask_app(options, flask_adapter.requires(BOSS)(lambda error: "served"), 403)
    app.add_url_rule("/x", "x", flask_adapter.requires(BOSS)(lambda: "served"))

    assert told(asked(call_wsgi, app, caller)) == EXPECTED


# --- Starlette and FastAPI --------------------------------------------------------------------


async def not_found(request: Any, error: Exception) -> PlainTextResponse:
    return PlainTextResponse("served")


@pytest.mark.parametrize("kind", [Starlette, FastAPI])
def test_a_guarded_handler_of_starlette_refuses(kind: Any, options: Any, caller: Caller) -> None:
    app = kind(exception_handlers={404: starlette_adapter.requires(BOSS)(not_found)})
    app.add_middleware(starlette_adapter.JWTMiddleware, **options, unguarded="refuse")

    assert told(asked(call_asgi, app, caller)) == EXPECTED


def test_a_guard_of_a_handler_is_used(options: Any, caller: Caller) -> None:
    app = FastAPI(openapi_url=None)
    app.add_middleware(starlette_adapter.JWTMiddleware, **options, unguarded="refuse")
    app.add_exception_handler(ValueError, starlette_adapter.requires(BOSS)(not_found))

    @app.get("/x")
    @starlette_adapter.public
    def fails() -> None:
        raise ValueError

    assert told(asked(call_asgi, app, caller)) == EXPECTED


# --- Django -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("handler", "call"), [(at.WSGIHandler, call_wsgi), (at.ASGIHandler, call_asgi)]
)
def test_a_guarded_handler_of_django_refuses(
    handler: Any, call: Any, options: Any, caller: Caller
) -> None:
    @django_adapter.requires(BOSS)
    def data(request: Any, exception: Exception) -> HttpResponse:
        return HttpResponse("served")

    urls: Any = ModuleType("urls_of_a_guarded_handler")
    urls.urlpatterns, urls.handler404 = [], data
    with override_settings(
        JWT_MIDDLEWARE={**options, "unguarded": "refuse"},
        ROOT_URLCONF=urls,
        MIDDLEWARE=["jwt_middleware_django.JWTMiddleware"],
    ):
        assert told(asked(call, handler(), caller)) == EXPECTED


def test_a_guard_of_a_handler_of_django_ninja_is_used(options: Any, caller: Caller) -> None:
    api = NinjaAPI(urls_namespace="guarded-handler", docs_url=None, openapi_url=None)

    @api.exception_handler(ValueError)
    @django_adapter.requires(BOSS)
    def data(request: Any, error: Any) -> HttpResponse:
        return HttpResponse("served")

    @api.get("/x")
    @django_adapter.public
    def fails(request: Any) -> None:
        raise ValueError

    urls = [django_path("", api.urls)]
    site = at.DjangoApp(at.WSGIHandler, urls, {**options, "unguarded": "refuse"})

    assert site.get("/x", caller(role="Internal/clerk")).status == 403
    assert site.get("/x", caller(role="Internal/boss")).body == b"served"
