"""Which routes reach a guarded function without passing its guard, and which only seem to."""

from __future__ import annotations

import functools
import gc
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from jwt_middleware import has_role
from jwt_middleware.authorization.decorators import public, requires_by
from jwt_middleware.authorization.exposure import Exposure, guards_of, guards_to_ask, place_of
from jwt_middleware.authorization.guards import Guard, guard_of
from jwt_middleware.authorization.reach import chain_of, reach_of

from ..foreign_decorators import (
    FOREIGN,
    GUARD,
    NAMED,
    ROUTE,
    arrange,
    arrangements,
    with_a_helper,
    with_wraps,
    without_wraps,
)

BOSS, CLERK = has_role("boss"), has_role("clerk")


def enter(guard: Guard, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None: ...


def requires(condition: Any = BOSS, **options: bool) -> Any:
    return requires_by(enter)(condition, **options)


def new_view() -> Callable[[Any], str]:
    def view(request: Any) -> str:
        return "served"

    return view


class Routes(list[Any]):
    """A framework: it routes to what it is given."""

    def route(self, handler: Any) -> Any:
        self.append(handler)
        return handler

    def route_by_a_closure(self, handler: Any) -> Any:
        """As django-ninja and FastHTML do: it routes to a function of its own."""

        def endpoint(request: Any) -> Any:
            return handler(request)

        self.append(endpoint)
        return handler

    def bare(self) -> list[tuple[Guard, ...]]:
        exposure = Exposure(self, enter)
        return [exposure.bare(each) for each in self]


ORDERS = [*arrangements(), *arrangements(tuple(set(FOREIGN) - set(NAMED)), 1)]


@pytest.mark.parametrize("framework", ["route", "route_by_a_closure"])
def test_a_guard_above_the_route_is_found_in_every_arrangement_and_only_there(
    framework: str,
) -> None:
    routes = Routes()
    route = getattr(routes, framework)
    kept = []
    for order in ORDERS:
        kept.append(arrange(order, new_view(), requires(), route))
        open_order = tuple(name for name in order if name != GUARD)
        kept.append(arrange(open_order, new_view(), requires(), route))
    expected = [is_found for order in ORDERS for is_found in (_is_above(order), False)]

    assert [bool(bare) for bare in routes.bare()] == expected


def _is_above(order: tuple[str, ...]) -> bool:
    return order.index(GUARD) < order.index(ROUTE)


@pytest.mark.parametrize("framework", ["route", "route_by_a_closure"])
@pytest.mark.parametrize("order", [*arrangements(tuple(FOREIGN), 1)], ids=" ".join)
def test_a_guard_above_the_only_route_of_an_app_is_found(
    framework: str, order: tuple[str, ...]
) -> None:
    routes = Routes()
    kept = arrange(order, new_view(), requires(), getattr(routes, framework))

    assert [bool(bare) for bare in routes.bare()] == [_is_above(order)]
    del kept


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("framework", ["route", "route_by_a_closure"])
def test_a_guard_holds_after_all_but_the_route_has_forgotten_it(name: str, framework: str) -> None:
    """An app factory returns the app; nobody keeps what stands above the route's decorator."""
    routes = Routes()
    route = getattr(routes, framework)
    arrange((GUARD, name, ROUTE), new_view(), requires(), route)
    arrange((GUARD, ROUTE, name), new_view(), requires(), route)
    gc.collect()

    assert [len(bare) for bare in routes.bare()] == [1, 1]


@pytest.mark.parametrize("name", FOREIGN)
def test_a_guard_lives_no_longer_than_its_function(name: str) -> None:
    view = new_view()
    wrapper = weakref.ref(arrange((GUARD, name), view, requires(), lambda each: each))
    gc.collect()
    if name != "WithSlots":
        assert wrapper() is not None
    del view
    gc.collect()
    assert wrapper() is None


def test_helpers_of_many_decorators_keep_few_guards_alive() -> None:
    def helper(*_: Any) -> None: ...

    wrappers = [weakref.ref(requires()(with_a_helper(new_view(), helper))) for _ in range(100)]
    gc.collect()
    assert sum(each() is not None for each in wrappers) <= 8


def test_a_function_that_is_decorated_at_each_call_keeps_few_wrappers() -> None:
    def view(request: Any) -> str:
        return "served"

    def count() -> int:
        return sum(guard_of(each) is not None for each in vars(view).values())

    for _ in range(50):
        requires(BOSS)(view)(None)
    assert count() == 1
    for number in range(500):
        requires(has_role(f"role-{number}"))(view)(None)
    assert count() == 100


class Views:
    def one(self, request: Any) -> str:
        return "one"

    def other(self, request: Any) -> str:
        return "other"


def test_the_methods_of_one_object_are_guarded_each_by_itself() -> None:
    views, routes = Views(), Routes()
    requires()(routes.route(views.one))
    requires()(routes.route(views.other))
    gc.collect()

    assert [len(bare) for bare in routes.bare()] == [1, 1]


def test_a_method_of_an_object_that_takes_no_attribute_is_guarded_too() -> None:
    class Slotted:
        __slots__ = ()

        def one(self, request: Any) -> str:
            return "one"

    views, routes = Slotted(), Routes()
    requires()(routes.route(views.one))
    gc.collect()

    assert [len(bare) for bare in routes.bare()] == [1]


def test_a_guard_on_a_method_lives_as_long_as_its_object() -> None:
    views = Views()
    wrapper = weakref.ref(requires()(views.one))
    gc.collect()
    assert wrapper() is not None
    del views
    gc.collect()
    assert wrapper() is None


def test_an_object_that_takes_no_attribute_is_followed_all_the_same() -> None:
    class Slotted:
        __slots__ = ("__dict__", "view")

        def __init__(self, view: Any) -> None:
            self.view = view

        def __call__(self, request: Any) -> Any:
            return self.view(request)

    routes = Routes()
    requires()(routes.route(Slotted(new_view())))
    gc.collect()

    assert [len(bare) for bare in routes.bare()] == [1]


def test_functions_of_two_files_are_not_beside_each_other() -> None:
    """A decorator's module may name its parts as the app's module does."""
    scopes: list[dict[str, Any]] = []
    for file, body in (
        ("app.py", "def view(request): return 'served'\n    return view"),
        ("deco.py", "def wrapped(request): return view(request)\n    return wrapped"),
    ):
        scopes.append({"__name__": file})
        source = f"def factory(view=None):\n    {body}"
        exec(compile(source, file, "exec"), scopes[-1])
    view = scopes[0]["factory"]()
    guarded = requires()(view)
    routes = Routes([scopes[1]["factory"](view)])

    assert [len(bare) for bare in routes.bare()] == [1]
    del guarded


def test_of_two_guards_the_one_above_the_route_is_found() -> None:
    routes = Routes()
    top = requires(BOSS)(routes.route(requires(CLERK)(new_view())))

    [bare] = routes.bare()
    assert [guard.predicate for guard in bare] == [BOSS]
    assert [guard.predicate for guard in guards_of(routes[0])] == [CLERK]
    assert [guard.predicate for guard in guards_of(top)] == [BOSS, CLERK]


def test_the_bare_function_is_found_beside_its_guarded_routes() -> None:
    view = new_view()
    routes = Routes([requires(BOSS)(view), requires(CLERK)(view), view, with_wraps(view),
                     without_wraps(view)])  # fmt: skip

    assert [len(bare) for bare in routes.bare()] == [0, 0, 2, 2, 2]


def test_a_route_that_is_added_later_is_followed_with_guards_as_new() -> None:
    exposure = Exposure([new_view()], enter)
    routes = Routes()
    kept = requires()(without_wraps(routes.route(new_view())))

    assert len(exposure.bare(routes[0])) == 1
    assert exposure.bare(new_view()) == ()
    assert routes[0] not in exposure
    del kept


class Limiter:
    """A rate limiter that keeps every handler that it has seen."""

    def __init__(self) -> None:
        self.handlers: list[Any] = []
        self.by_name: dict[str, Any] = {}

    def limit(self, function: Any) -> Any:
        self.handlers.append(function)

        def inner(request: Any) -> Any:
            self.hit(function)
            return function(request)

        self.by_name[str(len(self.by_name))] = inner
        return inner

    def hit(self, function: Any) -> None: ...


class CallableLimiter(Limiter):
    def __call__(self, function: Any) -> Any:
        return self.limit(function)


class LimiterByMethod(Limiter):
    def limit(self, function: Any) -> Any:
        self.handlers.append(function)
        hit = self.hit

        def inner(request: Any) -> Any:
            hit(function)
            return function(request)

        return inner


class LimiterByList(Limiter):
    def limit(self, function: Any) -> Any:
        handlers = self.handlers
        handlers.append((function, 5))

        def inner(request: Any) -> Any:
            assert handlers
            return function(request)

        return inner


class _Limited:
    def __init__(self, function: Any, limiter: Any) -> None:
        self.limiter = limiter
        self.handlers = limiter.handlers
        self.function = function

    def __call__(self, request: Any) -> Any:
        return self.function(request)


class LimiterOfObjects(CallableLimiter):
    def limit(self, function: Any) -> Any:
        limited = _Limited(function, self)
        self.handlers.append(limited)
        return limited


class Queue(Limiter):
    """A task queue, given as a default argument."""

    def limit(self, function: Any) -> Any:
        self.handlers.append(function)

        def inner(request: Any, put: Any = self.hit) -> Any:
            put(function)
            return function(request)

        return inner


class Injector(CallableLimiter):
    """A dependency injector: it binds itself to every handler."""

    def limit(self, function: Any) -> Any:
        self.by_name[str(len(self.by_name))] = function
        return functools.partial(_inject, function, self)


def _inject(function: Any, injector: Any, request: Any) -> Any:
    return function(request)


@pytest.mark.parametrize(
    "kind",
    [Limiter, CallableLimiter, LimiterByMethod, LimiterByList, LimiterOfObjects, Queue, Injector],
)
@pytest.mark.parametrize("framework", ["route", "route_by_a_closure"])
@pytest.mark.parametrize("order", ["guard above", "guard below", "guard in between"])
def test_what_refers_to_many_handlers_guards_none_of_them(
    kind: type[Limiter], framework: str, order: str
) -> None:
    limiter = kind()
    routes = Routes()
    route = getattr(routes, framework)
    kept: list[Any] = []
    for is_guarded in (False, True, False, True):
        view: Any = new_view()
        guard = requires() if is_guarded else (lambda each: each)
        if order == "guard below":
            view = route(limiter.limit(guard(view)))
        elif order == "guard above":
            view = guard(route(limiter.limit(view)))
        else:
            view = guard(limiter.limit(route(view)))
        kept.append(view)
    is_bare = order != "guard below"

    assert [bool(bare) for bare in routes.bare()] == [False, is_bare] * 2
    for number, each in enumerate(routes):
        assert bool(guards_of(each)) <= bool(number % 2)
        assert bool(guards_to_ask(each)) <= bool(number % 2)


def test_handlers_of_one_factory_that_call_each_other_guard_each_other_not() -> None:
    routes = Routes()

    def factory() -> None:
        @routes.route
        def open_view(request: Any) -> Any:
            return boss_view

        @requires()
        @routes.route
        def boss_view(request: Any) -> Any:
            return open_view

    factory()
    gc.collect()
    assert [len(bare) for bare in routes.bare()] == [0, 1]


def test_a_shared_default_guards_nobody() -> None:
    def log(*_: Any) -> None: ...

    routes = Routes()

    @routes.route
    def open_view(request: Any, note: Any = log) -> None: ...

    @requires()
    @routes.route
    def boss_view(request: Any, note: Any = log) -> None: ...

    assert [len(bare) for bare in routes.bare()] == [0, 1]


def test_a_guard_below_another_decorator_is_to_be_asked_first() -> None:
    boss = requires(BOSS)(new_view())

    assert guards_to_ask(boss) == ()
    assert guards_to_ask(requires(CLERK)(boss)) == ()
    for decorate in (with_wraps, without_wraps):
        cached = decorate(boss)
        assert [guard.predicate for guard in guards_to_ask(cached)] == [BOSS]
        below = requires(CLERK)(cached)
        assert [guard.predicate for guard in guards_to_ask(below)] == [CLERK, BOSS]


def test_a_guard_that_no_route_uses_is_named_with_its_place() -> None:
    def service() -> None: ...

    kept = requires(has_role("nowhere"))(service)
    routed = new_view()
    [found] = [each for each in Exposure([routed], enter).unused(tuple) if "nowhere" in each]

    line = service.__code__.co_firstlineno
    assert found == (
        f"requires(has_role('nowhere')) on {__name__}.{service.__qualname__} ({__file__}:{line})"
    )
    assert found not in Exposure([routed, kept], enter).unused(tuple)


def test_a_guard_of_a_module_that_the_app_has_nothing_to_do_with_is_not_named() -> None:
    """Its app may not have been made, or may be tested elsewhere."""
    kept = requires(has_role("nowhere"))(new_view())
    elsewhere: dict[str, Any] = {"__name__": "elsewhere"}
    exec("def view(request): ...", elsewhere)

    def unused() -> list[str]:
        return Exposure([elsewhere["view"]], enter).unused(tuple)

    assert not any("nowhere" in each for each in unused())
    elsewhere["imported"] = kept
    assert any("nowhere" in each for each in unused())


def test_a_guard_that_another_apps_route_uses_is_used() -> None:
    kept = requires(has_role("elsewhere"))(new_view())

    unused = Exposure([new_view()], enter).unused(lambda: [kept])
    assert not any("elsewhere" in each for each in unused)


def test_a_guard_that_says_so_needs_no_route_and_guards_none() -> None:
    kept = requires(has_role("service"), routed=False)(new_view())

    assert not any("service" in each for each in Exposure([new_view()], enter).unused(tuple))
    assert guards_of(kept) == ()


def test_a_guard_of_another_adapter_is_not_asked_here() -> None:
    routes = Routes()
    kept = requires_by(lambda *_: None)(BOSS)(routes.route(new_view()))

    assert routes.bare() == [()]
    del kept


def test_the_place_of_a_handler_is_that_of_its_own_function() -> None:
    view = new_view()
    line = view.__code__.co_firstlineno

    for decorated in (view, with_wraps(view), without_wraps(requires()(view))):
        assert place_of(decorated).endswith(f"view ({__file__}:{line})")


def module(name: str, source: str, **names: Any) -> dict[str, Any]:
    """A module of an app or of a framework, by its source."""
    scope = {"__name__": name, **names}
    exec(compile(source, f"{name}.py", "exec"), scope)
    return scope


# --- what proves nothing ---------------------------------------------------------------------


def test_a_helper_of_an_open_and_a_guarded_route_makes_neither_bare() -> None:
    helper = new_view()

    def open_view(request: Any) -> Any:
        return helper(request)

    def guarded_view(request: Any) -> Any:
        return helper(request)

    assert Routes([open_view, requires()(guarded_view)]).bare() == [(), ()]


def test_an_object_that_an_open_route_shares_with_an_unrouted_function_makes_it_not_bare() -> None:
    class Limiter:
        def __call__(self, request: Any) -> None: ...

    def limited(view: Any, limiter: Limiter) -> Any:
        def wrapped(request: Any) -> Any:
            limiter(request)
            return view(request)

        return wrapped

    limiter = Limiter()
    unrouted = requires()(limited(new_view(), limiter))

    assert Routes([limited(new_view(), limiter)]).bare() == [()]
    del unrouted


def test_what_another_apps_guard_reaches_proves_nothing_here() -> None:
    helper = new_view()

    def guarded_view(request: Any) -> Any:
        return helper(request)

    def open_view(request: Any) -> Any:
        return helper(request)

    first = Routes([requires()(guarded_view)])
    assert first.bare() == [()]
    assert Routes([open_view]).bare() == [()]


def test_a_table_of_many_handlers_is_no_wrapper_of_them() -> None:
    handlers = [new_view() for _ in range(101)]
    guarded = requires()(handlers[0])

    def dispatch(request: Any) -> Any:
        return handlers[0](request)

    assert Routes([dispatch]).bare() == [()]
    del guarded


@pytest.mark.parametrize(
    "package",
    ["django.urls", "fastapi.routing", "flask.app", "rest_framework.views", "starlette.routing",
     "werkzeug.routing"],
)  # fmt: skip
def test_a_method_of_a_frameworks_object_is_not_followed_to_its_handlers(package: str) -> None:
    router: Any = type("Router", (), {"__module__": package, "handle": new_view()})()
    router.views = [new_view()]
    guarded = requires()(router.views[0])

    assert Routes([router.handle]).bare() == [()]
    del guarded


# --- what proves it --------------------------------------------------------------------------


def test_a_function_that_two_routes_wrap_is_bare_on_both() -> None:
    view, routes = new_view(), Routes()
    requires()(routes.route(with_wraps(view)))
    routes.route(with_wraps(view))

    assert [len(bare) for bare in routes.bare()] == [1, 1]


def test_a_partial_of_a_method_is_guarded_as_any_function() -> None:
    views, routes = Views(), Routes()
    bound = functools.partial(views.one)
    functools.update_wrapper(bound, views.one)
    requires()(routes.route(bound))
    gc.collect()

    assert [len(bare) for bare in routes.bare()] == [1]


def test_a_guarded_method_is_asked_by_its_own_wrapper() -> None:
    class Guarded:
        @requires()
        def one(self, request: Any) -> str:
            return "one"

    views = Guarded()

    assert [guard.predicate for guard in guards_of(views.one)] == [BOSS]
    assert guards_to_ask(views.one) == ()
    assert id(Guarded.one) in reach_of(views.one).before


def test_the_chain_goes_by_what_a_wrapper_says_that_it_wraps() -> None:
    class Wrapping:
        def __init__(self, view: Any, log: Any) -> None:
            self.__wrapped__ = view
            self.log = log

        def __call__(self, request: Any) -> Any:
            return self.__wrapped__(request)

    view = new_view()

    assert list(chain_of(Wrapping(view, new_view())))[-1] is view


@pytest.mark.parametrize("package", ["ninja.operation", "fasthtml.core", "nicegui.page"])
def test_the_chain_passes_by_a_frameworks_own_helpers(package: str) -> None:
    source = """
def helper_of(name):
    def helper(request):
        return name
    return helper

def make(view):
    log = helper_of("log")
    def operation(request):
        log(request)
        return view(request)
    return operation
"""
    view = new_view()

    assert list(chain_of(module(package, source)["make"](view)))[-1] is view


def test_a_guard_that_stays_unused_in_a_module_is_named_each_time() -> None:
    source = """
def open(request): ...

@requires()
def never_routed(request): ...
"""
    pages = module("pages", source, requires=requires)
    exposures = [Exposure([pages["open"]], enter) for _ in range(2)]

    named = [exposure.unused(lambda: [pages["open"]]) for exposure in exposures]
    assert ["never_routed" in str(each) for each in named] == [True, True]


def test_a_guard_in_a_package_that_the_app_imports_is_named_where_no_route_uses_it() -> None:
    views = module("shop.views", "@requires()\ndef hidden(request): ...", requires=requires)
    pages = module("site_of_it", "def open(request): ...", shop=ModuleType("shop"))
    exposure = Exposure([pages["open"]], enter)

    assert any("hidden" in each for each in exposure.unused(lambda: [pages["open"]]))
    assert views["hidden"]


def test_a_function_that_is_public_is_not_bare_for_what_a_guard_elsewhere_reaches() -> None:
    view = public(new_view())
    guarded = requires()(without_wraps(view))

    assert Routes([without_wraps(view)]).bare() == [()]
    del guarded


def test_an_endpoint_that_is_routed_later_is_bare_as_any() -> None:
    exposure = Exposure([], enter)
    view = new_view()
    guarded = requires()(without_wraps(view))

    assert len(exposure.bare(without_wraps(view))) == 1
    del guarded


def test_a_proxy_is_followed_to_what_it_says_that_it_wraps() -> None:
    views = [new_view()]

    class Proxy:
        @property
        def __wrapped__(self) -> Any:
            return views[0]

        def __call__(self, request: Any) -> Any:
            return self.__wrapped__(request)

    guarded = requires()(views[0])

    assert [len(bare) for bare in Routes([Proxy()]).bare()] == [1]
    del guarded


def test_a_frameworks_own_view_is_guarded_for_each_route_alone() -> None:
    serve = module("django.views.static", "def serve(request): ...")["serve"]

    assert Routes([requires()(serve), with_wraps(serve)]).bare() == [(), ()]


def test_a_helper_keeps_the_guard_where_nothing_else_can() -> None:
    parts = module("parts", "def view(request): ...\ndef log(request): ...")

    class Slotted:
        __slots__ = ("log", "view")

        def __init__(self) -> None:
            self.view, self.log = parts["view"], parts["log"]

        def __call__(self, request: Any) -> Any: ...

    routes = Routes()
    requires()(routes.route(Slotted()))
    gc.collect()

    assert [len(bare) for bare in routes.bare()] == [1]


def test_what_a_guard_above_another_apps_route_reaches_proves_nothing_here() -> None:
    helper = new_view()

    def guarded_view(request: Any) -> Any:
        return helper(request)

    def open_view(request: Any) -> Any:
        return helper(request)

    first = Routes()
    requires()(first.route(guarded_view))
    assert [len(bare) for bare in first.bare()] == [1]
    assert Routes([open_view]).bare() == [()]


def test_of_two_endpoints_that_are_routed_later_each_is_bare() -> None:
    exposure = Exposure([], enter)
    views = [new_view(), new_view()]
    guarded = [requires()(without_wraps(view)) for view in views]

    assert [len(exposure.bare(without_wraps(view))) for view in views] == [1, 1]
    del guarded


def test_two_objects_of_one_method_are_one_endpoint() -> None:
    views = Views()
    guarded = requires()(views.one)

    assert [len(bare) for bare in Routes([views.one]).bare()] == [1]
    del guarded


def test_an_object_with_one_slot_is_followed() -> None:
    class Slotted:
        __slots__ = "view"

        def __init__(self, view: Any) -> None:
            self.view = view

        def __call__(self, request: Any) -> Any:
            return self.view(request)

    view = new_view()
    guarded = requires()(view)

    assert [len(bare) for bare in Routes([Slotted(view)]).bare()] == [1]
    del guarded


def test_a_list_of_a_hundred_is_followed() -> None:
    handlers = [new_view() for _ in range(100)]
    guarded = requires()(handlers[0])

    def dispatch(request: Any) -> Any:
        return handlers[0](request)

    assert [len(bare) for bare in Routes([dispatch]).bare()] == [1]
    del guarded


def test_a_modules_function_keeps_the_guard_that_stands_on_its_wrapper() -> None:
    parts = module("parts", "def view(request): ...")
    requires()(with_wraps(parts["view"]))
    gc.collect()

    assert [len(bare) for bare in Routes([parts["view"]]).bare()] == [1]


def test_an_object_without_functions_has_the_place_of_its_class() -> None:
    class Limiter:
        __call__ = len

    assert place_of(Limiter()).endswith(".Limiter")
