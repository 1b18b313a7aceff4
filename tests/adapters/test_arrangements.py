"""No order of ``requires``, the route's decorator and other people's lets a wrong caller through.

Each app has, beside every guarded route, an open one with the same decorators, which must stay so.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from . import rule_apps as at  # it configures Django before the adapter is imported

# isort: split
import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import path as django_path
from fastapi import APIRouter, FastAPI
from fasthtml.common import FastHTML
from flask import Flask
from ninja import NinjaAPI
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

import jwt_middleware_django as django_adapter
import jwt_middleware_flask as flask_adapter
import jwt_middleware_starlette as starlette_adapter
from jwt_middleware import has_role
from tests.foreign_decorators import FOREIGN, GUARD, NAMED, ROUTE, arrange, arrangements

from .conftest import Caller
from .harness import start_and_stop
from .rule_apps import AsgiApp, DjangoApp, WsgiApp

BOSS = has_role("Internal/boss")
AT_ONCE = 20
"""Faults that one message names."""

Order = tuple[str, ...]
Options = dict[str, Any]

ORDERS: list[Order] = [*arrangements(), *arrangements(tuple(set(FOREIGN) - set(NAMED)), 1)]
ABOVE = [order for order in ORDERS if order.index(GUARD) < order.index(ROUTE)]
BELOW = [order for order in ORDERS if order.index(GUARD) > order.index(ROUTE)]


def without_guard(order: Order) -> Order:
    return tuple(name for name in order if name != GUARD)


def is_function(handler: Any) -> bool:
    while isinstance(handler, functools.partial):
        handler = handler.func
    return inspect.isfunction(handler) or inspect.ismethod(handler)


class Unroutable(Exception):
    """The framework itself does not take such a handler."""


# --- one app for each framework, of as many orders as are asked for ---------------------------


def flask_app(orders: list[Order], options: Options) -> Any:
    app = Flask(__name__)
    flask_adapter.JWTMiddleware(app, **options)

    def view(request: Any) -> str:
        return "served"

    def at_path(path: str) -> Callable[[Any], Any]:
        def register(handler: Any) -> Any:
            app.add_url_rule(f"{path}/<request>", endpoint=path, view_func=handler)
            return handler

        return register

    _fill(orders, view, flask_adapter.requires, at_path)
    return WsgiApp(app)


def starlette_app(orders: list[Order], options: Options) -> Any:
    app = Starlette()
    app.add_middleware(starlette_adapter.JWTMiddleware, **options)

    def view(request: Any) -> JSONResponse:
        return JSONResponse("served")

    def at_path(path: str) -> Callable[[Any], Any]:
        def register(handler: Any) -> Any:
            if not is_function(handler):
                raise Unroutable
            app.router.routes.append(Route(path + "/{request}", handler))
            return handler

        return register

    _fill(orders, view, starlette_adapter.requires, at_path)
    return AsgiApp(app)


def fastapi_app(orders: list[Order], options: Options) -> Any:
    app = FastAPI(openapi_url=None)
    return _fastapi(app, app, orders, options)


def fastapi_router_app(orders: list[Order], options: Options) -> Any:
    app, router = FastAPI(openapi_url=None), APIRouter()
    made = _fastapi(app, router, orders, options)
    app.include_router(router)
    return made


def _fastapi(app: FastAPI, router: Any, orders: list[Order], options: Options) -> Any:
    app.add_middleware(starlette_adapter.JWTMiddleware, **options)

    def view(request: Any) -> str:
        return "served"

    def at_path(path: str) -> Callable[[Any], Any]:
        def register(handler: Any) -> Any:
            router.add_api_route(path + "/{request}", handler, response_model=None)
            return handler

        return register

    _fill(orders, view, starlette_adapter.requires, at_path)
    return AsgiApp(app)


def fasthtml_app(orders: list[Order], options: Options) -> Any:
    app = FastHTML(secret_key="of the tests")
    app.add_middleware(starlette_adapter.JWTMiddleware, **options)

    def view(request):
        return "served"

    def at_path(path: str) -> Callable[[Any], Any]:
        def register(handler: Any) -> Any:
            if not inspect.isfunction(handler):
                raise Unroutable
            app.route(path + "/{request}", methods=["get"])(handler)
            return handler

        return register

    _fill(orders, view, starlette_adapter.requires, at_path)
    return AsgiApp(app)


def django_app(orders: list[Order], options: Options) -> Any:
    urls: list[Any] = []

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse("served")

    def at_path(path: str) -> Callable[[Any], Any]:
        def register(handler: Any) -> Any:
            # Django gives what the path holds beside the request: here nothing.
            urls.append(django_path(f"{path[1:]}/x", handler))
            return handler

        return register

    _fill(orders, view, django_adapter.requires, at_path)
    return DjangoApp(at.WSGIHandler, urls, options)


_names = iter(range(1_000_000))


def ninja_app(orders: list[Order], options: Options) -> Any:
    api = NinjaAPI(urls_namespace=f"arrangements-{next(_names)}", openapi_url=None)

    def view(request: Any) -> str:
        return "served"

    def at_path(path: str) -> Callable[[Any], Any]:
        def register(handler: Any) -> Any:
            if not is_function(handler) or inspect.ismethod(handler):
                raise Unroutable
            handler.__name__ = path.strip("/").replace("/", "_")
            return api.get(f"{path}/x")(handler)

        return register

    _fill(orders, view, django_adapter.requires, at_path)
    return DjangoApp(at.WSGIHandler, [django_path("", api.urls)], options)


def _fill(
    orders: list[Order], view: Callable[..., Any], requires: Any, at_path: Callable[[str], Any]
) -> None:
    for number, order in enumerate(orders):
        for path, each in ((f"/{number}", order), (f"/open/{number}", without_guard(order))):
            # Another function each time: the app's routes have nothing in common.
            own = type(view)(view.__code__, view.__globals__, "view", None, view.__closure__)
            own.__annotations__ = dict(view.__annotations__)
            arrange(each, own, requires(BOSS), at_path(path))


# --- what they answer --------------------------------------------------------------------------

HOLDS_ABOVE = [flask_app, django_app, ninja_app]
REFUSES_ABOVE = [starlette_app, fastapi_app, fastapi_router_app, fasthtml_app]


def routable(build: Callable[..., Any], orders: list[Order], options: Options) -> list[Order]:
    """The orders that a framework takes, by its own word."""
    found = []
    for order in orders:
        try:
            build([without_guard(order)], options)
        except (Unroutable, AttributeError, TypeError):
            continue
        found.append(order)
    assert len(found) > len(orders) / 2
    return found


def answers(app: Any, orders: list[Order], caller: Caller) -> Iterator[tuple[Order, list[int]]]:
    boss, clerk = caller(role="Internal/boss"), caller(role="Internal/clerk")
    for number, order in enumerate(orders):
        got = [app.get(f"/{number}/x", headers).status for headers in (clerk, boss, clerk)]
        yield order, [*got, app.get(f"/open/{number}/x", clerk).status]


@pytest.mark.parametrize("build", HOLDS_ABOVE, ids=lambda build: build.__name__)
def test_a_guard_holds_in_every_arrangement(
    build: Callable[..., Any], options: Options, caller: Caller
) -> None:
    orders = routable(build, ORDERS, options)
    app = build(orders, options)

    wrong = {
        order: got for order, got in answers(app, orders, caller) if got != [403, 200, 403, 200]
    }
    assert wrong == {}


@pytest.mark.parametrize("build", REFUSES_ABOVE, ids=lambda build: build.__name__)
def test_a_guard_below_the_route_holds_in_every_arrangement(
    build: Callable[..., Any], options: Options, caller: Caller
) -> None:
    orders = routable(build, BELOW, options)
    app = build(orders, options)

    wrong = {
        order: got for order, got in answers(app, orders, caller) if got != [403, 200, 403, 200]
    }
    assert wrong == {}


@pytest.mark.parametrize("build", REFUSES_ABOVE, ids=lambda build: build.__name__)
def test_an_app_with_a_guard_above_the_route_does_not_start_and_names_it(
    build: Callable[..., Any], options: Options
) -> None:
    orders = routable(build, ABOVE, options)
    for start in range(0, len(orders), AT_ONCE):
        some = orders[start : start + AT_ONCE]
        [told] = start_and_stop(build(some, options).app)

        assert told["type"] == "lifespan.startup.failed"
        faults = told["message"].split("; ")[: len(some)]
        for number, fault in enumerate(faults):
            assert fault.startswith(
                f"/{number}/{{request}}: requires(has_role('Internal/boss')) on "
            )
            assert f".view ({__file__}:" in fault, some[number]
