"""What a handler can reach: the functions that its decorators keep, and what those keep."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Iterator
from heapq import heappop, heappush
from types import FunctionType, MethodType
from typing import Any, NamedTuple

from .guards import Guard, Use, guard_of, handler_of, safe_attribute, use_of
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
)

_ROUTE_BY_CLOSURES = ("fasthtml", "nicegui", "ninja")
"""They route to their own functions, which keep their own helpers beside the app's function."""
_LONGEST = 100
_DECORATES_METHODS = "django.utils.decorators"
_DEEPEST_DECORATORS = 20
APPLIED = "__jwt_middleware_applied_"
"""The prefix of the attributes by which method_decorator learns what a decorator enforces."""
_MOST_OF_A_HELPER = 8
"""A helper of many decorators would keep the guards of all of them for ever."""
_MOST = 100
"""A function that is decorated anew at each call would keep a guard for each."""


class Reach(NamedTuple):
    """What can be called when a handler is called.

    ``before``: without passing a guard; the guards' own wrappers are the last of these. ``behind``:
    only behind one.
    """

    before: dict[Key, Any]
    behind: dict[Key, Any]

    def uses(self) -> list[Use]:
        """Return the uses of guards whose wrappers are among them."""
        uses = map(use_of, (*self.before.values(), *self.behind.values()))
        return [use for use in uses if use is not None]


def reach_of(handler: Any) -> Reach:
    """Follow a handler to the functions that it wraps, and those beneath them."""
    before: dict[Key, Any] = {}
    behind: dict[Key, Any] = {}
    pending: list[tuple[Any, bool]] = [(handler, False)]
    holders: list[tuple[int, int, list[Any], list[Any], Any, bool]] = []
    numbers = itertools.count()

    def look_into_later(values: list[Any], owner: Any, is_behind: bool) -> None:
        """Note an object or a container that may hold what is wrapped; ``owner`` can be called."""
        callables = [value for value in values if is_object(value)]
        # The smallest first: a registry knows what the wrapper beside it wraps, and more.
        heappush(holders, (len(callables), next(numbers), callables, values, owner, is_behind))

    while pending or holders:
        if pending:
            node, is_behind = pending.pop()
            key = key_of(node)
            if key in before or (is_behind and key in behind):
                continue
            reached = behind if is_behind else before
            reached[key] = node
            values, bound_to = kept_values(node), None
            if type(node) is MethodType:
                bound_to = node.__self__
                if guard_of(node.__func__) is not None:
                    reached[id(node.__func__)] = node.__func__
            is_behind = is_behind or bool(guards_at(node))
        else:
            _, _, callables, values, owner, is_behind = heappop(holders)
            if any(key_of(value) in before or key_of(value) in behind for value in callables):
                continue  # it refers to what we come from: a registry, not a wrapper
            if owner is not None:
                pending.append((owner, is_behind))
                continue
            bound_to = None
        for value in values:
            if is_container(value):
                look_into_later(flat(value), None, is_behind)
            elif is_followed(value):
                pending.append((value, is_behind))
            elif is_object(value):
                look_into_later(kept_values(value), value, is_behind)
        if bound_to is not None and not is_closed(bound_to):
            look_into_later(attributes_of(bound_to), None, is_behind)
    return Reach(before, behind)


def is_of_one_request(handler: Any) -> bool:
    """Whether Django's method_decorator has bound a method anew, as it does for each request."""
    if not any(
        isinstance(node, functools.partial)
        and type(node.func) is MethodType
        and safe_attribute(node, "__wrapped__") is not None
        for node in chain_of(handler)
    ):
        return False
    frame = inspect.currentframe()
    for _ in range(_DEEPEST_DECORATORS):
        frame = None if frame is None else frame.f_back
        if frame is not None and frame.f_globals.get("__name__") == _DECORATES_METHODS:
            return True
    return False


def is_sample(handler: Any) -> bool:
    """Whether method_decorator decorates a function only to see which attributes that adds."""
    codes = (getattr(node, "__code__", None) for node in chain_of(handler))
    names = [code.co_qualname for code in codes if code is not None]
    return "_update_method_wrapper.<locals>.dummy" in names


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


def _next(handler: Any) -> Any:
    if guard_of(handler) is not None:
        return handler_of(handler)
    if type(handler) is MethodType:
        return handler.__func__
    wrapped = safe_attribute(handler, "__wrapped__")
    if wrapped is not None:
        return wrapped
    kept = kept_by(handler)
    package = _package_of(handler)
    if package in _ROUTE_BY_CLOSURES:
        kept = [value for value in kept if _package_of(value) != package]
    return kept[0] if len(kept) == 1 else None


def _package_of(function: Any) -> str:
    return str(globals_of(function).get("__name__", "")).partition(".")[0]


def guards_at(node: Any) -> tuple[Guard, ...]:
    """Return the guards that are checked whenever this very function is called."""
    if type(node) is MethodType:
        node = node.__func__
    elif type(node) is not FunctionType:
        node = call_of(node)
    guard = guard_of(node)
    if guard is not None:
        return (guard,)
    if type(node) is not FunctionType or node.__globals__.get("__name__") != _DECORATES_METHODS:
        return ()
    # Django's method_decorator guards at each call. Its decorators have marked the sample, whose
    # attributes it copies.
    return tuple(value for name, value in vars(node).items() if name.startswith(APPLIED))


def keep_with(wrapper: FunctionType, handler: Any) -> None:
    """Have the functions that a guard stands on keep its wrapper.

    Each wrapper has an attribute of its own: a common one would be replaced where a decorator
    copies the attributes of another function.

    Raises ``TypeError`` where nothing there takes an attribute, so a route below would be open.
    """
    sure = {key_of(node) for node in chain_of(handler)}
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
    kept = [value for name, value in own.items() if name.startswith(KEPT)]
    if len(kept) >= most or _enforces(wrapper) in map(_enforces, kept):
        return True
    try:
        setattr(keeper, f"{KEPT}{id(wrapper):x}", wrapper)
    except (AttributeError, TypeError):
        return False
    return True


def _enforces(wrapper: FunctionType) -> tuple[Any, ...]:
    """Return what a wrapper enforces, and on which handler: two that are equal are alike."""
    guard = guard_of(wrapper)
    assert guard is not None  # noqa: S101 - a wrapper is one that has a guard
    return guard.predicate, guard.enforce, guard.routed, id(handler_of(wrapper))
