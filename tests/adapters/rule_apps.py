"""One app for each adapter, made of rules: paths, and what guards them.

So one table of requests serves every framework. The plain doors, which know no routes, serve any
path to any proven caller that ``authorize`` lets in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NamedTuple, Protocol

from django.core.checks import run_checks
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import JsonResponse
from django.test import override_settings
from django.urls import path as django_path
from fastapi import Depends, FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import jwt_middleware_flask as flask_adapter
import jwt_middleware_starlette as starlette_adapter
from jwt_middleware import Predicate
from jwt_middleware_starlette.fastapi import guard

from . import apps
from .harness import Answer, Headers, call_asgi, call_wsgi

Options = Mapping[str, Any]
SERVED = {"served": True}
UNAVAILABLE = (503, "configuration_error")


class Rule(NamedTuple):
    """A route, and what guards it; ``{name}`` in the path is a parameter."""

    path: str
    predicate: Predicate
    enforce: bool = True

    @property
    def in_angles(self) -> str:
        return self.path.replace("{", "<").replace("}", ">")


Rules = Sequence[Rule]


class App(Protocol):
    """An app that can be asked."""

    def get(self, path: str, headers: Headers = (), *, query: str = "") -> Answer: ...


# --- one app of the same rules for each adapter ----------------------------------------------


class AsgiApp(NamedTuple):
    app: Any

    def get(self, path: str, headers: Headers = (), *, query: str = "") -> Answer:
        return call_asgi(self.app, "GET", path, headers, query=query)


class WsgiApp(NamedTuple):
    app: Any

    def get(self, path: str, headers: Headers = (), *, query: str = "") -> Answer:
        return call_wsgi(self.app, "GET", path, headers, query=query)


class DjangoApp:
    """A site of its own: its settings hold while it is made, and while it is asked."""

    def __init__(self, handler: Any, urlpatterns: list[Any], options: Options) -> None:
        self._urls = ModuleType("urls")
        self._urls.urlpatterns = urlpatterns  # type: ignore[attr-defined]
        self._options = dict(options)
        self._call: Any = call_asgi if handler is ASGIHandler else call_wsgi
        with self.settings():
            self.handler = handler()

    @contextmanager
    def settings(self) -> Iterator[None]:
        ours = ["jwt_middleware_django.JWTMiddleware"]
        with override_settings(
            JWT_MIDDLEWARE=self._options, ROOT_URLCONF=self._urls, MIDDLEWARE=ours
        ):
            yield

    def check(self, options: Options) -> list[Any]:
        """What ``manage.py check`` tells of this site, were these its options."""
        with self.settings(), override_settings(JWT_MIDDLEWARE=dict(options)):
            return [each for each in run_checks() if each.id == "jwt_middleware.E001"]

    def get(self, path: str, headers: Headers = (), *, query: str = "") -> Answer:
        with self.settings():
            answer: Answer = self._call(self.handler, "GET", path, headers, query=query)
        return answer


def starlette(rules: Rules, options: Options) -> App:
    def view(rule: Rule) -> Any:
        async def serve(request: Request) -> JSONResponse:
            return JSONResponse(SERVED)

        return starlette_adapter.requires(rule.predicate, enforce=rule.enforce)(serve)

    app = Starlette(routes=[Route(rule.path, view(rule)) for rule in rules])
    app.add_middleware(starlette_adapter.JWTMiddleware, **options)
    return AsgiApp(app)


def fastapi_guard(rules: Rules, options: Options) -> App:
    app = FastAPI(openapi_url=None)
    app.add_middleware(starlette_adapter.JWTMiddleware, **options)
    for rule in rules:
        asked = Depends(guard(rule.predicate, enforce=rule.enforce))
        app.add_api_route(rule.path, lambda: SERVED, dependencies=[asked])
    return AsgiApp(app)


def fastapi_requires(rules: Rules, options: Options) -> App:
    def view(rule: Rule) -> Any:
        def serve() -> Any:
            return SERVED

        return starlette_adapter.requires(rule.predicate, enforce=rule.enforce)(serve)

    app = FastAPI(openapi_url=None)
    app.add_middleware(starlette_adapter.JWTMiddleware, **options)
    for rule in rules:
        app.add_api_route(rule.path, view(rule))
    return AsgiApp(app)


def flask(rules: Rules, options: Options) -> App:
    def view(rule: Rule) -> Any:
        def serve(**_: str) -> Any:
            return SERVED

        return flask_adapter.requires(rule.predicate, enforce=rule.enforce)(serve)

    app = Flask("tests", static_folder=None)
    flask_adapter.JWTMiddleware(app, **options)
    for number, rule in enumerate(rules):
        app.add_url_rule(rule.in_angles, f"view{number}", view(rule))
    return WsgiApp(app)


def _django_views(rules: Rules) -> list[Any]:
    from jwt_middleware_django import requires

    def view(rule: Rule) -> Any:
        def serve(request: Any, **_: str) -> JsonResponse:
            return JsonResponse(SERVED)

        return requires(rule.predicate, enforce=rule.enforce)(serve)

    return [django_path(rule.in_angles.lstrip("/"), view(rule)) for rule in rules]


def django_wsgi(rules: Rules, options: Options) -> App:
    return DjangoApp(WSGIHandler, _django_views(rules), options)


def django_asgi(rules: Rules, options: Options) -> App:
    return DjangoApp(ASGIHandler, _django_views(rules), options)


class Adapter(NamedTuple):
    name: str
    build: Callable[[Rules, Options], App]


ADAPTERS = (
    Adapter("starlette", starlette),
    Adapter("fastapi-guard", fastapi_guard),
    Adapter("fastapi-requires", fastapi_requires),
    Adapter("flask", flask),
    Adapter("django-wsgi", django_wsgi),
    Adapter("django-asgi", django_asgi),
)

PLAIN_DOORS = (
    Adapter("asgi", lambda _, options: AsgiApp(apps.plain_asgi(options))),
    Adapter("wsgi", lambda _, options: WsgiApp(apps.plain_wsgi(options))),
)


def said(answer: Answer) -> tuple[int, str | None]:
    """The status and the code of an answer, which are what is decided."""
    return answer.status, None if answer.status == 200 else answer.json()["code"]
