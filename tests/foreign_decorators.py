"""Decorators as other people write them: each keeps the function that it wraps in its own way.

Their functions have no annotations, by which frameworks choose what to pass.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Iterator
from typing import Any

Decorate = Callable[[Any], Any]


def with_wraps(function: Any) -> Any:
    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return inner


def without_wraps(function: Any) -> Any:
    def inner(request):
        return function(request)

    return inner


class InAClass:
    def __init__(self, function: Any) -> None:
        self.function = function
        self.__name__ = "in_a_class"

    def __call__(self, request):
        return self.function(request)


def in_a_local_class(function: Any) -> Any:
    class Local:
        __name__ = "local"

        def __call__(self, request):
            return function(request)

    return Local()


class WithSlots:
    __slots__ = ("__name__", "function")

    def __init__(self, function: Any) -> None:
        self.function = function
        self.__name__ = "with_slots"

    def __call__(self, request):
        return self.function(request)


def _call(function: Any, request):
    return function(request)


def in_a_partial(function: Any) -> Any:
    return functools.partial(_call, function)


def in_a_bare_partial(function: Any) -> Any:
    return functools.partial(function)


def in_a_default(function: Any) -> Any:
    def inner(request, _function: Any = function):
        return _function(request)

    inner.__signature__ = inspect.signature(lambda request: None)  # type: ignore[attr-defined]
    return inner


def in_a_keyword_default(function: Any) -> Any:
    def inner(request, *, _function: Any = function):
        return _function(request)

    inner.__signature__ = inspect.signature(lambda request: None)  # type: ignore[attr-defined]
    return inner


def in_a_list(function: Any) -> Any:
    functions = [function]

    def inner(request):
        return functions[0](request)

    return inner


def in_a_dict_of_lists(function: Any) -> Any:
    steps = {"before": [], "view": [function]}

    def inner(request):
        return steps["view"][0](request)

    return inner


class Holder:
    def __init__(self, function: Any) -> None:
        self.function = function

    def call(self, request):
        return self.function(request)


def in_a_bound_method(function: Any) -> Any:
    return Holder(function).call


def in_an_attribute(function: Any) -> Any:
    def inner(request):
        return inner.original(request)  # type: ignore[attr-defined]

    inner.original = function  # type: ignore[attr-defined]
    return inner


def in_lru_cache(function: Any) -> Any:
    # It must be asked again each time: every request is another object.
    return functools.lru_cache(maxsize=None)(function)


def _note(*_: Any) -> None:
    """A helper that every use of the next decorator shares."""


def with_a_helper(function: Any, note: Any = _note) -> Any:
    def inner(request):
        note(request)
        return function(request)

    return inner


FOREIGN: dict[str, Decorate] = {
    each.__name__: each
    for each in (
        with_wraps,
        without_wraps,
        InAClass,
        in_a_local_class,
        WithSlots,
        in_a_partial,
        in_a_bare_partial,
        in_a_default,
        in_a_keyword_default,
        in_a_list,
        in_a_dict_of_lists,
        in_a_bound_method,
        in_an_attribute,
        in_lru_cache,
        with_a_helper,
    )
}
NAMED = ("with_wraps", "without_wraps", "InAClass", "in_a_partial", "in_a_default", "in_a_list",
         "in_a_bound_method")  # fmt: skip
"""The seven kinds of which every two are tried."""

GUARD, ROUTE = "requires", "route"


def arrangements(names: tuple[str, ...] = NAMED, most: int = 2) -> Iterator[tuple[str, ...]]:
    """Every order of ``requires``, the route's decorator and foreign ones, from the top down."""
    for count in range(most + 1):
        for foreign in itertools.product(names, repeat=count):
            for guard in range(count + 1):
                for route in range(count + 2):
                    order = list(foreign)
                    order.insert(guard, GUARD)
                    order.insert(route, ROUTE)
                    yield tuple(order)


def arrange(order: tuple[str, ...], view: Any, requires: Decorate, route: Decorate) -> Any:
    """Decorate a view in this order; ``route`` registers what it is given and returns it."""
    known = {**FOREIGN, GUARD: requires, ROUTE: route}
    for name in reversed(order):
        view = known[name](view)
    return view
