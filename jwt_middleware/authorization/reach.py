"""What a handler can reach: the functions that its decorators keep, and what those keep."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Iterator
from heapq import heappop, heappush
from types import FunctionType, MethodType
from typing import Any, NamedTuple

from .guards import Guard, asked, guard_of, handler_of
from .kept import (
    KEPT,
    Key,
    attributes_of,
    call_of,
    flat,
    globals_of,
    is_closed,
    is_container,
    is_followed,
    is_global,
    is_object,
    kept_by,
    kept_values,
    key_of,
    own_attributes,
)

_ROUTE_BY_CLOSURES = ("fasthtml", "nicegui", "ninja")
"""They route to functions of their own, which keep helpers of theirs beside the app's function."""


_LONGEST = 100
_DECORATES_METHODS = "django.utils.decorators"
_DEEPEST_DECORATORS = 20
APPLIED = "__jwt_middleware_applied_"
"""How the attributes begin by which method_decorator learns what a decorator asks."""


_order = itertools.count()


class Reach(NamedTuple):
    """What can be called when a handler is called.

    ``before``: without passing a guard; the guards' own wrappers are the last of these. ``behind``:
    only behind one.
    """

    before: dict[Key, Any]
    behind: dict[Key, Any]

    def wrappers(self) -> Iterator[FunctionType]:
        """Yield the guards' wrappers among them."""
        for each in (*self.before.values(), *self.behind.values()):
            if guard_of(each) is not None:
                yield each


def reach_of(handler: Any) -> Reach:
    """Follow a handler to the functions that it wraps, and those beneath them."""
    before: dict[Key, Any] = {}
    behind: dict[Key, Any] = {}
    pending: list[tuple[Any, bool]] = [(handler, False)]
    holders: list[tuple[int, int, _Holder, bool]] = []

    def look_into_later(holder: _Holder, is_behind: bool) -> None:
        # The smallest first: a registry knows what the wrapper beside it wraps, and more.
        heappush(holders, (len(holder.callables), next(_order), holder, is_behind))

    while pending or holders:
        if pending:
            node, is_behind = pending.pop()
            key = key_of(node)
            if key in before or (is_behind and key in behind):
                continue
            (behind if is_behind else before)[key] = node
            values, owner = kept_values(node), None
            if type(node) is MethodType:
                owner = node.__self__
                if guard_of(node.__func__) is not None:
                    (behind if is_behind else before)[id(node.__func__)] = node.__func__
            is_behind = is_behind or bool(guards_at(node))
        else:
            _, _, holder, is_behind = heappop(holders)
            if any(key_of(each) in before or key_of(each) in behind for each in holder.callables):
                continue  # it refers to what we come from: a registry, not a wrapper
            values, owner = holder.values, None
            if holder.owner is not None:
                pending.append((holder.owner, is_behind))
                continue
        for value in values:
            if is_container(value):
                look_into_later(_Holder(flat(value)), is_behind)
            elif is_followed(value):
                pending.append((value, is_behind))
            elif is_object(value):
                look_into_later(_Holder(kept_values(value), value), is_behind)
        if owner is not None and not is_closed(owner):
            look_into_later(_Holder(attributes_of(owner)), is_behind)
    return Reach(before, behind)


def is_of_one_request(handler: Any) -> bool:
    """Whether Django's method_decorator has bound a method anew, as it does for each request."""
    return any(
        isinstance(node, functools.partial)
        and type(node.func) is MethodType
        and own_attributes(node).get("__wrapped__") is not None
        for node in chain_of(handler)
    ) and _is_called_by(_DECORATES_METHODS)


def is_sample(handler: Any) -> bool:
    """Whether method_decorator decorates a function only to see which attributes that adds."""
    codes = (getattr(node, "__code__", None) for node in chain_of(handler))
    return any(
        code is not None and code.co_qualname == "_update_method_wrapper.<locals>.dummy"
        for code in codes
    )


def _is_called_by(module: str) -> bool:
    frame = inspect.currentframe()
    for _ in range(_DEEPEST_DECORATORS):
        frame = None if frame is None else frame.f_back
        if frame is not None and frame.f_globals.get("__name__") == module:
            return True
    return False


def behind_and_before(handler: Any) -> list[Any]:
    """Return everything that can be called when a handler is called, the handler first."""
    reach = reach_of(handler)
    return [*reach.before.values(), *reach.behind.values()]


def chain_of(handler: Any) -> Iterator[Any]:
    """Yield a handler and what it wraps, one below the other, as long as there is one way only."""
    seen: set[Key] = set()
    while handler is not None and key_of(handler) not in seen and len(seen) < _LONGEST:
        seen.add(key_of(handler))
        yield handler
        handler = _next(handler)


def guards_at(node: Any) -> tuple[Guard, ...]:
    """Return the guards that are asked whenever this very function is called."""
    if type(node) is MethodType:
        node = node.__func__
    elif type(node) is not FunctionType:
        node = call_of(node)
    guard = guard_of(node)
    return _applied(node) if guard is None else (guard,)


class _Holder:
    """An object or a container that may hold what is wrapped; ``owner`` can itself be called."""

    __slots__ = ("callables", "owner", "values")

    def __init__(self, values: list[Any], owner: Any = None) -> None:
        self.values = values
        self.owner = owner
        self.callables = [each for each in values if is_object(each)]


def _applied(node: Any) -> tuple[Guard, ...]:
    """Return the guards that Django's method_decorator puts around a method at each call."""
    if type(node) is not FunctionType or node.__globals__.get("__name__") != _DECORATES_METHODS:
        return ()
    # Its decorators have marked the sample, from which it copies.
    return tuple(each for name, each in vars(node).items() if name.startswith(APPLIED))


def _next(handler: Any) -> Any:
    if guard_of(handler) is not None:
        return handler_of(handler)
    if type(handler) is MethodType:
        return handler.__func__
    wrapped = asked(handler, "__wrapped__")
    if wrapped is not None:
        return wrapped
    found = kept_by(handler)
    package = _package_of(handler)
    if package in _ROUTE_BY_CLOSURES:
        found = [each for each in found if _package_of(each) != package]
    return found[0] if len(found) == 1 else None


def _package_of(function: Any) -> str:
    return str(globals_of(function).get("__name__", "")).partition(".")[0]


_MOST_OF_A_HELPER = 8
"""A helper of many decorators would keep the guards of all of them for ever."""
_MOST = 100
"""A function that is decorated anew at each call would keep a guard for each."""


def keep_with(wrapper: FunctionType, handler: Any) -> None:
    """Have the functions that a guard stands on keep its wrapper.

    Each wrapper has an attribute of its own: one name would be replaced where a decorator copies
    the attributes of another function.

    Raises:
        TypeError: nothing there takes an attribute, so a route below would be open.

    """
    sure = {key_of(each) for each in chain_of(handler)}
    before = reach_of(handler).before
    helpers = {key for key, node in before.items() if key not in sure and is_global(node)}
    is_kept = False
    for key in sorted(before, key=lambda key: key in helpers):
        node = before[key]
        if type(node) is FunctionType and not is_followed(node):
            is_kept = True  # a framework's own, such as a static view: each route is guarded alone
        elif key not in helpers or not is_kept:
            is_kept |= _keep(wrapper, node, _MOST if key in sure else _MOST_OF_A_HELPER)
    if not is_kept:
        raise TypeError(
            f"@requires: {handler!r} takes no attribute, so a route that stands below would be "
            "open; decorate a plain function"
        )


def _keep(wrapper: FunctionType, node: Any, most: int) -> bool:
    keeper = node.__self__ if type(node) is MethodType else node
    if not hasattr(keeper, "__dict__"):
        keeper = getattr(node, "__func__", node)
    own: dict[str, Any] = getattr(keeper, "__dict__", {})
    kept = [each for name, each in own.items() if name.startswith(KEPT)]
    if len(kept) >= most or any(_asks_the_same(each, wrapper) for each in kept):
        return True
    try:
        setattr(keeper, f"{KEPT}{id(wrapper):x}", wrapper)
    except (AttributeError, TypeError):
        return False
    return True


def _asks_the_same(one: FunctionType, other: FunctionType) -> bool:
    first, second = guard_of(one), guard_of(other)
    return (
        first is not None
        and second is not None
        and first.predicate == second.predicate
        and (first.enforce, first.routed) == (second.enforce, second.routed)
        and handler_of(one) is handler_of(other)
    )
