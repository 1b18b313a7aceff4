"""No order of ``requires``, the route's decorator and other people's lets a wrong caller through.

Each app has, beside every guarded route, an open one with the same decorators, which must stay so.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, ClassVar

from . import rule_apps as at  # it configures Django before the adapter is imported

# isort: split
import pytest
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path as django_path
from django.utils.decorators import method_decorator
from django.views import View
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from flask import Flask
from flask.views import MethodView
from flask.views import View as FlaskView
from ninja import NinjaAPI
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.websockets import WebSocket

import jwt_middleware_django as django_adapter
import jwt_middleware_flask as flask_adapter
import jwt_middleware_starlette as starlette_adapter
from jwt_middleware import has_role, predicate
from jwt_middleware_django.inventory import SiteRoutes, inventory
from jwt_middleware_starlette.fastapi import guard

from ..foreign_decorators import FOREIGN, GUARD, NAMED, ROUTE, arrange, arrangements
from .conftest import Caller
from .fasthtml_apart import FastHTML
from .harness import call_asgi, call_wsgi, open_websocket, start_and_stop
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
    takes: dict[Order, bool] = {}
    for order in {without_guard(order) for order in orders}:
        try:
            build([order], options)
        except (Unroutable, AttributeError, TypeError):
            takes[order] = False
        else:
            takes[order] = True
    found = [order for order in orders if takes[without_guard(order)]]
    assert len(found) > len(orders) / 2
    return found


def answers(
    build: Callable[..., Any], orders: list[Order], options: Options, caller: Caller
) -> Iterator[tuple[Order, list[int]]]:
    """Ask apps of a few routes: most frameworks try one route after another."""
    boss, clerk = caller(role="Internal/boss"), caller(role="Internal/clerk")
    for start in range(0, len(orders), AT_ONCE):
        some = orders[start : start + AT_ONCE]
        gc.collect()  # the app before, with the guards that the next one would follow
        app = build(some, options)
        for number, order in enumerate(some):
            got = [app.get(f"/{number}/x", headers).status for headers in (clerk, boss, clerk)]
            yield order, [*got, app.get(f"/open/{number}/x", clerk).status]


@pytest.mark.parametrize("build", HOLDS_ABOVE, ids=lambda build: build.__name__)
def test_a_guard_holds_in_every_arrangement(
    build: Callable[..., Any], options: Options, caller: Caller
) -> None:
    orders = routable(build, ORDERS, options)

    got = dict(answers(build, orders, options, caller))
    assert {order: each for order, each in got.items() if each != [403, 200, 403, 200]} == {}


@pytest.mark.parametrize("build", REFUSES_ABOVE, ids=lambda build: build.__name__)
def test_a_guard_below_the_route_holds_in_every_arrangement(
    build: Callable[..., Any], options: Options, caller: Caller
) -> None:
    orders = routable(build, BELOW, options)

    got = dict(answers(build, orders, options, caller))
    assert {order: each for order, each in got.items() if each != [403, 200, 403, 200]} == {}


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


# --- methods, endpoints that are classes, dependencies ----------------------------------------


def async_memo(function: Any) -> Any:
    kept: list[Any] = []

    @functools.wraps(function)
    async def inner(*args: Any, **kwargs: Any) -> Any:
        if not kept:
            kept.append(await function(*args, **kwargs))
        return kept[0]

    return inner


def keyed_memo(key: Callable[..., Any]) -> Callable[[Any], Any]:
    """A cache that keeps a second function beside the one that it wraps."""

    def decorate(function: Any) -> Any:
        kept: dict[Any, Any] = {}

        def inner(request):
            name = key(request)
            if name not in kept:
                kept[name] = function(request)
            return kept[name]

        return inner

    return decorate


def controller(requires: Any, answer: Callable[[], Any]) -> Any:
    class Controller:
        @requires(BOSS)
        def guarded(self, request):
            return answer()

        @memo
        @requires(BOSS)
        def kept(self, request):
            return answer()

        def open(self, request):
            return answer()

    return Controller()


@pytest.mark.parametrize("build", [*HOLDS_ABOVE[:2], *REFUSES_ABOVE[:2]], ids=lambda b: b.__name__)
def test_the_guards_of_bound_methods_hold_and_are_used(
    build: Callable[..., Any], options: Options, caller: Caller
) -> None:
    """They are those of the class, which another object of it shares."""
    told: list[Any] = []
    options = {**options, "listeners": [told.append]}
    is_django = build is django_app
    adapter = (
        django_adapter if is_django else flask_adapter if build is flask_app else starlette_adapter
    )
    answer = {
        flask_app: lambda: "served",
        django_app: lambda: HttpResponse("served"),
        starlette_app: lambda: JSONResponse("served"),
        fastapi_app: lambda: "served",
    }[build]
    one = controller(adapter.requires, answer)
    app = _app_of(
        build, options, {name: getattr(one, name) for name in ("guarded", "kept", "open")}
    )
    clerk, boss = caller(role="Internal/clerk"), caller(role="Internal/boss")

    for name in ("guarded", "kept"):
        assert [app.get(f"/{name}/x", who).status for who in (clerk, boss, clerk)] == [
            403,
            200,
            403,
        ]
    assert app.get("/open/x", clerk).status == 200
    assert not [each for each in told if "Controller" in str(getattr(each, "reason", ""))]


def _app_of(build: Any, options: Options, handlers: dict[str, Any]) -> Any:
    if build is flask_app:
        flask = Flask(__name__)
        flask_adapter.JWTMiddleware(flask, **options)
        for name, each in handlers.items():
            flask.add_url_rule(f"/{name}/<request>", name, each)
        return WsgiApp(flask)
    if build is django_app:
        return DjangoApp(
            at.WSGIHandler, [django_path(f"{n}/x", each) for n, each in handlers.items()], options
        )
    app: Any = Starlette() if build is starlette_app else FastAPI(openapi_url=None)
    app.add_middleware(starlette_adapter.JWTMiddleware, **options)
    for name, each in handlers.items():
        if build is starlette_app:
            app.router.routes.append(Route(f"/{name}/{{request}}", each))
        else:
            app.add_api_route(f"/{name}/{{request}}", each, response_model=None)
    return AsgiApp(app)


@pytest.mark.parametrize("build", [*HOLDS_ABOVE[:2], *REFUSES_ABOVE[:2]], ids=lambda b: b.__name__)
def test_a_cache_that_keeps_a_second_function_is_not_asked_before_the_guard(
    build: Callable[..., Any],
    options: Options,
    caller: Caller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(FOREIGN, "keyed", keyed_memo(lambda request: "all"))
    app = build([(ROUTE, "keyed", GUARD)], options)
    clerk, boss = caller(role="Internal/clerk"), caller(role="Internal/boss")

    assert [app.get("/0/x", who).status for who in (clerk, boss, clerk)] == [403, 200, 403]


@pytest.mark.parametrize("build", HOLDS_ABOVE, ids=lambda build: build.__name__)
def test_two_guards_above_the_route_must_both_hold(
    build: Callable[..., Any], options: Options, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = flask_adapter if build is flask_app else django_adapter
    monkeypatch.setitem(FOREIGN, "staff", adapter.requires(has_role("Internal/staff")))
    orders: list[Order] = [("staff", GUARD, ROUTE), (GUARD, "without_wraps", "staff", ROUTE)]
    app = build(orders, options)

    for number in range(len(orders)):
        for role, status in (
            ("Internal/boss", 403),
            ("Internal/staff", 403),
            ("Internal/boss,Internal/staff", 200),
        ):
            assert app.get(f"/{number}/x", caller(role=role)).status == status, orders[number]


def test_the_methods_of_an_endpoint_class_are_asked_before_their_decorators(
    options: Options, caller: Caller
) -> None:
    class Payroll(HTTPEndpoint):
        @async_memo
        @starlette_adapter.requires(BOSS)
        async def get(self, request: Any) -> JSONResponse:
            return JSONResponse("served")

        async def post(self, request: Any) -> JSONResponse:
            return JSONResponse("open")

    class Socket(WebSocketEndpoint):
        @async_memo
        @starlette_adapter.requires(BOSS)
        async def on_connect(self, websocket: WebSocket) -> None:
            await websocket.accept()

    app = Starlette(routes=[Route("/x", Payroll), WebSocketRoute("/ws", Socket)])
    app.add_middleware(starlette_adapter.JWTMiddleware, **options)
    clerk, boss = caller(role="Internal/clerk"), caller(role="Internal/boss")

    for method in ("GET", "HEAD"):
        asked = [call_asgi(app, method, "/x", who).status for who in (clerk, boss, clerk)]
        assert asked == [403, 200, 403]
    assert call_asgi(app, "POST", "/x", clerk).status == 200
    assert [open_websocket(app, "/ws", who).accepted for who in (clerk, boss, clerk)] == [
        False,
        True,
        False,
    ]


def through(app: Any) -> Any:
    """A middleware that is a function, and keeps the app in its closure."""

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    return inner


@pytest.mark.parametrize(
    "mount",
    [
        lambda routes: Mount("/sub", through(Starlette(routes=routes))),
        lambda routes: Mount("/sub", routes=routes, middleware=[Middleware(through)]),
        lambda routes: Host("backend.example.edu", through(Router(routes=routes))),
    ],
    ids=["mounted", "middleware of a mount", "host"],
)
def test_routes_behind_a_middleware_that_is_a_function_are_seen(
    mount: Any, options: Options
) -> None:
    def view(request: Any) -> JSONResponse:
        return JSONResponse("served")

    kept = starlette_adapter.requires(BOSS)(view)
    app = Starlette(routes=[mount([Route("/x", view)])])
    app.add_middleware(starlette_adapter.JWTMiddleware, **options)

    [told] = start_and_stop(app)
    assert told["type"] == "lifespan.startup.failed"
    assert "/x: requires(has_role('Internal/boss')) on " in told["message"]
    del kept


@pytest.mark.parametrize("order", ["above", "cached"])
def test_a_dependency_whose_guard_would_be_passed_by_keeps_the_app_from_starting(
    order: str, options: Options
) -> None:
    async def settings() -> str:
        return "secret"

    guarded: Any = starlette_adapter.requires(BOSS)(settings)
    app = FastAPI()
    app.add_middleware(starlette_adapter.JWTMiddleware, **options)
    dependency = settings if order == "above" else async_memo(guarded)
    app.add_api_route("/x", lambda: "served", dependencies=[Depends(dependency)])

    [told] = start_and_stop(app)
    assert told["type"] == "lifespan.startup.failed"
    assert ".settings (" in told["message"]


def test_a_fastapi_route_that_caches_by_itself_is_asked_first(
    options: Options, caller: Caller
) -> None:
    class Caching(APIRoute):
        def get_route_handler(self) -> Any:
            return async_memo(super().get_route_handler())

    app = FastAPI()
    app.add_middleware(starlette_adapter.JWTMiddleware, **options)
    app.router.route_class = Caching
    app.add_api_route("/a", starlette_adapter.requires(BOSS)(lambda: "served"))
    app.add_api_route("/b", lambda: "served", dependencies=[Depends(guard(BOSS))])
    router = APIRouter(route_class=Caching)
    router.add_api_route("/c", lambda: "served")
    app.include_router(router, dependencies=[Depends(guard(BOSS))])
    app.include_router(router, prefix="/open")
    clerk, boss = caller(role="Internal/clerk"), caller(role="Internal/boss")

    assert AsgiApp(app).get("/open/c", clerk).status == 200
    for path in ("/a", "/b", "/c"):
        asked = [AsgiApp(app).get(path, who).status for who in (clerk, boss, clerk)]
        assert asked == [403, 200, 403], path


def test_a_decorator_of_the_apps_own_that_guards_and_caches_is_seen_by_method_decorator(
    options: Options, caller: Caller
) -> None:
    def boss_cached(function: Any) -> Any:
        return memo(django_adapter.requires(BOSS)(function))

    @method_decorator(boss_cached, name="dispatch")
    class Payroll(Base):
        pass

    urls = [django_path("x", Payroll.as_view())]
    app = DjangoApp(at.WSGIHandler, urls, {**options, "unguarded": "refuse"})
    clerk, boss = caller(role="Internal/clerk"), caller(role="Internal/boss")

    assert [app.get("/x", who).status for who in (clerk, boss, clerk)] == [403, 200, 403]


def test_a_view_class_that_a_decorator_makes_of_a_function_is_guarded(
    options: Options, caller: Caller
) -> None:
    def as_class(function: Any) -> Any:
        class Made(FlaskView):
            def dispatch_request(self) -> Any:
                return function(None)

        return Made.as_view("made")

    def view(request: Any) -> str:
        return "served"

    kept = flask_adapter.requires(BOSS)(view)
    app = Flask(__name__)
    flask_adapter.JWTMiddleware(app, **options)
    app.add_url_rule("/x", view_func=as_class(view))

    assert call_wsgi(app, "GET", "/x", caller(role="Internal/clerk")).status == 403
    del kept


def test_public_on_a_helper_that_is_a_route_says_that_no_guard_stands_on_it(
    options: Options, caller: Caller
) -> None:
    app = FastAPI()
    app.add_middleware(starlette_adapter.JWTMiddleware, **options)

    @app.get("/health")
    @starlette_adapter.public
    def health() -> str:
        return "ok"

    def admin_of(check: Any) -> Any:
        @starlette_adapter.requires(BOSS)
        def admin() -> str:
            return str(check())

        return admin

    app.get("/admin")(admin_of(health))

    assert AsgiApp(app).get("/health", caller(role="Internal/clerk")).status == 200


def test_hooks_that_a_flask_app_calls_use_their_guards(options: Options, caller: Caller) -> None:
    app = Flask(__name__)
    flask_adapter.JWTMiddleware(app, **options, unguarded="refuse")

    @app.before_request
    @flask_adapter.requires(has_role("Internal/staff"))
    def staff_only() -> None: ...

    @app.get("/x")
    @flask_adapter.requires(BOSS)
    def view() -> str:
        return "served"

    assert call_wsgi(app, "GET", "/x", caller(role="Internal/boss")).status == 403
    both = caller(role="Internal/boss,Internal/staff")
    assert call_wsgi(app, "GET", "/x", both).status == 200


def test_a_handler_that_keeps_an_object_which_fails_to_answer_is_served(
    options: Options, caller: Caller
) -> None:
    class Lazy:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("not connected yet")

        def __call__(self) -> str:
            return "served"

    client = Lazy()
    app = FastAPI()
    app.add_middleware(starlette_adapter.JWTMiddleware, **options)
    app.add_api_route("/x", lambda: client())

    assert AsgiApp(app).get("/x", caller()).status == 200


def test_a_caller_who_makes_methods_up_fills_no_memory(options: Options) -> None:
    class Payroll(Base):
        pass

    app = DjangoApp(at.WSGIHandler, [django_path("x", Payroll.as_view())], options)
    with app.settings():
        routes = SiteRoutes(django_adapter.check_view)
        [(_, view)] = routes._views
        for number in range(20_100):
            routes.guards_to_ask(view, f"M{number}")

    assert len(routes._known) <= 10_000


@pytest.mark.parametrize("order", ["above", "bare"])
def test_a_urlconf_that_comes_after_the_application_is_looked_at_by_the_first_view(
    order: str, options: Options, caller: Caller
) -> None:
    """A site in one file makes its application first, or its urlconf imports that."""
    view = Base.as_view()
    kept = django_adapter.requires(BOSS)(view) if order == "above" else None
    urls = ModuleType("late_urls")
    with override_settings(
        JWT_MIDDLEWARE={**options, "unguarded": "refuse"},
        ROOT_URLCONF=urls,
        MIDDLEWARE=["jwt_middleware_django.JWTMiddleware"],
    ):
        site = at.WSGIHandler()
        urls.urlpatterns = [django_path("x", view)]  # type: ignore[attr-defined]
        answer = call_wsgi(site, "GET", "/x", caller(role="Internal/clerk"))

    assert answer.status == (403 if order == "above" else 503)
    del kept
