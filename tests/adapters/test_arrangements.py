"""No order of ``requires``, the route's decorator and other people's lets a wrong caller through.

Each app has, beside every guarded route, an open one with the same decorators, which must stay so.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from . import rule_apps as at  # it configures Django before the adapter is imported

# isort: split
import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import path as django_path
from django.utils.decorators import method_decorator
from django.views import View
from fastapi import APIRouter, FastAPI
from flask import Flask
from flask.views import MethodView
from ninja import NinjaAPI
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.websockets import WebSocket

import jwt_middleware_django as django_adapter
import jwt_middleware_flask as flask_adapter
import jwt_middleware_starlette as starlette_adapter
from jwt_middleware import has_role, predicate
from jwt_middleware_django.inspection import inventory
from tests.foreign_decorators import FOREIGN, GUARD, NAMED, ROUTE, arrange, arrangements

from .conftest import Caller
from .fasthtml_apart import FastHTML
from .harness import call_wsgi, open_websocket, start_and_stop
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


# --- what answers in the place of a handler ---------------------------------------------------


def memo(function: Any) -> Any:
    """Keep the first answer for everybody, as a cache does that knows nothing of callers."""
    kept: list[Any] = []

    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        if not kept:
            kept.append(function(*args, **kwargs))
        return kept[0]

    return inner


def memo_without_wraps(function: Any) -> Any:
    kept: list[Any] = []

    def inner(request):
        if not kept:
            kept.append(function(request))
        return kept[0]

    return inner


class Memo:
    def __init__(self, function: Any) -> None:
        self.function = function
        self.kept: list[Any] = []
        self.__name__ = "memo"

    def __call__(self, request):
        if not self.kept:
            self.kept.append(self.function(request))
        return self.kept[0]


CACHES = {"memo": memo, "memo_without_wraps": memo_without_wraps, "Memo": Memo}
TWO_GUARDS: list[Order] = [
    order
    for cache in CACHES
    for order in (
        (ROUTE, cache, GUARD),
        (ROUTE, "staff", cache, GUARD),
        (ROUTE, cache, "with_wraps", GUARD),
        (ROUTE, "without_wraps", cache, GUARD),
        (ROUTE, "staff", "with_wraps", cache, "in_a_default", GUARD),
    )
]


@pytest.fixture
def with_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, decorate in CACHES.items():
        monkeypatch.setitem(FOREIGN, name, decorate)


@pytest.mark.usefixtures("with_caches")
@pytest.mark.parametrize("build", [*HOLDS_ABOVE, *REFUSES_ABOVE], ids=lambda build: build.__name__)
def test_a_guard_below_a_cache_is_asked_before_it_answers(
    build: Callable[..., Any],
    options: Options,
    caller: Caller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    is_django = build in (django_app, ninja_app)
    adapter = flask_adapter if build is flask_app else starlette_adapter
    requires = django_adapter.requires if is_django else adapter.requires
    monkeypatch.setitem(FOREIGN, "staff", requires(has_role("Internal/staff")))
    orders = []
    for order in TWO_GUARDS:
        with contextlib.suppress(Unroutable, AttributeError, TypeError):
            build([order], options)
            orders.append(order)
    assert len(orders) >= 10
    app = build(orders, options)
    boss, staff = caller(role="Internal/boss,Internal/staff"), caller(role="Internal/staff")

    got = {}
    for number, order in enumerate(orders):
        got[order] = [app.get(f"/{number}/x", each).status for each in (staff, boss, staff, boss)]
    assert {order: each for order, each in got.items() if each != [403, 200, 403, 200]} == {}


@pytest.mark.usefixtures("with_caches")
def test_a_guard_below_a_cache_is_asked_once(options: Options, caller: Caller) -> None:
    asked: list[int] = []
    rule = predicate(lambda *_: bool(asked.append(1)) or True)
    app = Starlette()
    app.add_middleware(starlette_adapter.JWTMiddleware, **options)
    view = memo(starlette_adapter.requires(rule)(lambda request: JSONResponse("served")))
    app.router.routes.append(Route("/x", view))

    for _ in range(2):  # an app that has started twice asks no guard twice
        start_and_stop(app)
    assert AsgiApp(app).get("/x", caller()).status == 200
    assert asked == [1]


def test_a_router_that_is_included_twice_is_asked_in_both_places(
    options: Options, caller: Caller
) -> None:
    app, outer, inner = FastAPI(), APIRouter(), APIRouter()
    app.add_middleware(starlette_adapter.JWTMiddleware, **options)
    inner.add_api_route("/x", memo(starlette_adapter.requires(BOSS)(lambda: "served")))
    outer.include_router(inner, prefix="/a")
    outer.include_router(inner, prefix="/b")
    app.include_router(outer)
    app.include_router(inner, prefix="/c")

    for path in ("/a/x", "/b/x", "/c/x"):
        clerk, boss = caller(role="Internal/clerk"), caller(role="Internal/boss")
        asked = [AsgiApp(app).get(path, each).status for each in (clerk, boss, clerk)]
        assert asked == [403, 200, 403], path


def test_a_websockets_guard_below_another_decorator_is_asked_first(
    options: Options, caller: Caller
) -> None:
    ran: list[str] = []

    def noted(function: Any) -> Any:
        @functools.wraps(function)
        async def inner(websocket: WebSocket) -> None:
            ran.append("before")
            await function(websocket)

        return inner

    async def serve(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    guarded = noted(starlette_adapter.requires(BOSS)(serve))
    router = APIRouter()
    router.add_api_websocket_route("/included", guarded)
    app = FastAPI()
    app.add_middleware(starlette_adapter.JWTMiddleware, **options)
    app.add_api_websocket_route("/own", guarded)
    app.include_router(router, prefix="/api")

    for path in ("/own", "/api/included"):
        assert not open_websocket(app, path, caller(role="Internal/clerk")).accepted
        assert ran == []
        assert open_websocket(app, path, caller(role="Internal/boss")).accepted
        ran.clear()


# --- classes -----------------------------------------------------------------------------------


class Base(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("served")


def test_a_subclass_keeps_its_own_guard_beside_its_bases(options: Options, caller: Caller) -> None:
    """method_decorator copies the attributes of the base's method over the subclass's."""
    staff_only = method_decorator(django_adapter.requires(has_role("Internal/staff")))
    boss_only = django_adapter.requires(BOSS)

    class Staff(Base):
        dispatch = staff_only(Base.dispatch)

    @method_decorator(memo, name="dispatch")
    @method_decorator(boss_only, name="dispatch")
    class Boss(Staff):
        pass

    @method_decorator(memo, name="dispatch")
    class BossByMethod(Staff):
        get = method_decorator(boss_only)(Base.get)

    @method_decorator([memo, boss_only], name="dispatch")
    class BossByList(Staff):
        pass

    kinds = (Boss, BossByMethod, BossByList)
    urls = [django_path(kind.__name__, kind.as_view()) for kind in kinds]
    app = DjangoApp(at.WSGIHandler, urls, options)
    staff, boss = caller(role="Internal/staff"), caller(role="Internal/boss,Internal/staff")
    only_boss = caller(role="Internal/boss")

    for kind in kinds:
        asked = [app.get(f"/{kind.__name__}", each).status for each in (staff, boss, staff)]
        assert asked == [403, 200, 403], kind
        assert app.get(f"/{kind.__name__}", only_boss).status == 403
    with app.settings():
        told = {route.path: route.guard for route in inventory(None)}
    for path in ("/Boss", "/BossByList"):
        assert told[path].count("boss") == 1
        assert told[path].count("staff") == 1


def test_flasks_view_classes_are_asked_before_their_decorators_answer(
    options: Options, caller: Caller
) -> None:
    app = Flask(__name__)
    flask_adapter.JWTMiddleware(app, **options)

    class Payroll(MethodView):
        decorators: ClassVar = [memo]

        @flask_adapter.requires(BOSS)
        def get(self) -> str:
            return "served"

    app.add_url_rule("/x", view_func=Payroll.as_view("payroll"))
    staff, boss = caller(role="Internal/staff"), caller(role="Internal/boss")

    for method in ("GET", "HEAD"):
        asked = [call_wsgi(app, method, "/x", each).status for each in (staff, boss, staff)]
        assert asked == [403, 200, 403]
