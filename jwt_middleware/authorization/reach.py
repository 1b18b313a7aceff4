"""What a handler can reach: the functions that its decorators keep, however they keep them.

A decorator keeps the function that it wraps in a closure, with or without ``functools.wraps``, in a
default argument, a partial, a bound method, an attribute of a callable object, or a list in one of
these. Globals, classes, apps, routers and plain objects are not followed: through them everything
reaches everything.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

from .guards import Guard, GuardedBy, guard_of, handler_of

FRAMEWORKS = ("django", "fastapi", "flask", "rest_framework", "starlette", "werkzeug")
"""Their objects, such as an app or a router, know every handler and wrap none."""

_ROUTE_BY_CLOSURES = ("fasthtml", "nicegui", "ninja")
"""They route to functions of their own, which keep helpers of theirs beside the app's function."""

Key = int | tuple[int, int]
"""An identity: a bound method is another object each time that it is asked for."""

_CONTAINERS = (list, tuple, set, frozenset, deque, dict)
_MOST_HELD = 100
"""A container of more is a registry or data: a decorator wraps one function."""
_DEEPEST = 3
_LONGEST = 100
_DECORATES_METHODS = "django.utils.decorators"
KEPT = "__jwt_middleware_guard_"
"""How the attributes begin by which functions keep their guards alive; nobody wraps by these."""


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


def key_of(node: Any) -> Key:
    """Return the identity of something callable."""
    if type(node) is MethodType:
        return (id(node.__func__), id(node.__self__))
    return id(node)


def reach_of(handler: Any) -> Reach:
    """Follow a handler to the functions that it wraps, and those beneath them."""
    before: dict[Key, Any] = {}
    behind: dict[Key, Any] = {}
    pending: list[tuple[Any, bool]] = [(handler, False)]
    holders: list[tuple[_Holder, bool]] = []
    while pending or holders:
        if pending:
            node, is_behind = pending.pop()
            key = key_of(node)
            if key in before or (is_behind and key in behind):
                continue
            (behind if is_behind else before)[key] = node
            values, owner = _kept(node), None
            is_behind = is_behind or bool(guards_at(node))
            if type(node) is MethodType:
                owner = node.__self__
        else:
            # The smallest first: a registry knows what the wrapper beside it wraps, and more.
            holders.sort(key=lambda each: len(each[0].callables))
            holder, is_behind = holders.pop(0)
            if any(key_of(each) in before or key_of(each) in behind for each in holder.callables):
                continue  # it refers to what we come from: a registry, not a wrapper
            values, owner = holder.values, None
            if holder.owner is not None:
                pending.append((holder.owner, is_behind))
                continue
        for value in values:
            if _is_container(value):
                holders.append((_Holder(_flat(value)), is_behind))
            elif is_followed(value):
                pending.append((value, is_behind))
            elif _is_object(value):
                holders.append((_Holder(_kept(value), value), is_behind))
        if owner is not None and not _is_closed(owner):
            holders.append((_Holder(_attributes(owner)), is_behind))
    return Reach(before, behind)


def is_of_one_request(handler: Any) -> bool:
    """Whether Django's method_decorator has bound a method anew, as it does for each request."""
    return any(
        isinstance(node, functools.partial)
        and type(node.func) is MethodType
        and hasattr(node, "__wrapped__")
        for node in chain_of(handler)
    )


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
        node = _call_of(node)
    guard = guard_of(node)
    return _applied(node) if guard is None else (guard,)


class _Holder:
    """An object or a container that may hold what is wrapped; ``owner`` can itself be called."""

    __slots__ = ("callables", "owner", "values")

    def __init__(self, values: list[Any], owner: Any = None) -> None:
        self.values = values
        self.owner = owner
        self.callables = [each for each in values if is_followed(each) or _is_object(each)]


def _kept(node: Any) -> list[Any]:
    """Return what a callable keeps, but for a bound method's own object."""
    if guard_of(node) is not None:
        return [handler_of(node)]
    if issubclass(type(node), functools.partial):
        return [node.func, *node.args, *node.keywords.values(), *_attributes(node)]
    if type(node) is FunctionType:
        return _of_function(node)
    if type(node) is MethodType:
        # Not the method's function itself: all objects of its class share it.
        return _of_function(node.__func__)
    return [*_attributes(node), *_of_function(_call_of(node))]


def _of_function(function: Any) -> list[Any]:
    """Return what a function keeps: closure, defaults, and attributes such as ``__wrapped__``."""
    if guard_of(function) is not None:
        return [handler_of(function)]
    if type(function) is not FunctionType:
        return []
    found: list[Any] = []
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
        if not _is_beside(function, name, value):
            found.append(value)
    found += function.__defaults__ or ()
    found += (function.__kwdefaults__ or {}).values()
    # functools.wraps copies what the wrapped one has: that is not the wrapper's own.
    copied = getattr(vars(function).get("__wrapped__"), "__dict__", {})
    found += [
        each
        for name, each in vars(function).items()
        if copied.get(name) is not each and not name.startswith(KEPT)
    ]
    return found


def _is_beside(function: FunctionType, name: str, value: Any) -> bool:
    """Whether a closure refers to a function defined beside this one, by its own name.

    So do the handlers in an app factory; what a decorator wraps comes from elsewhere.
    """
    if type(value) is not FunctionType:
        return False
    code, other = function.__code__, value.__code__
    return (
        name == other.co_name
        and code.co_filename == other.co_filename
        and code.co_qualname.rpartition(".")[0] == other.co_qualname.rpartition(".")[0]
    )


def _attributes(value: Any) -> list[Any]:
    """Return what an object keeps in attributes of its own."""
    found = [each for name, each in _own(value).items() if not name.startswith(KEPT)]
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if not name.startswith("__"):
                found.append(getattr(value, name, None))
    if hasattr(type(value), "__wrapped__"):  # a proxy, such as wrapt's
        found.append(value.__wrapped__)
    return found


def _own(value: Any) -> dict[str, Any]:
    own: dict[str, Any] = getattr(value, "__dict__", {})
    return own


def _call_of(value: Any) -> Any:
    """Return the function by which an object is called."""
    calls = (kind.__dict__.get("__call__") for kind in type(value).__mro__)
    return next((each for each in calls if each is not None), None)


def _is_container(value: Any) -> bool:
    return issubclass(type(value), _CONTAINERS)


def _flat(container: Any, depth: int = 0) -> list[Any]:
    """Return what a small container holds, at a few depths; nothing of a large one."""
    if len(container) > _MOST_HELD:
        return []
    found: list[Any] = []
    for value in list(container.values() if isinstance(container, dict) else container):
        if _is_container(value):
            if depth < _DEEPEST:
                found += _flat(value, depth + 1)
        else:
            found.append(value)
    return found


def is_followed(value: Any) -> bool:
    """Whether a function, a partial or a bound method may wrap a handler, or be one."""
    kind = type(value)
    if kind is FunctionType:
        # A framework's plain functions, such as run_in_threadpool, wrap nothing of themselves.
        return bool(value.__closure__) or not _is_of_framework(value.__globals__.get("__name__"))
    return kind is MethodType or issubclass(kind, functools.partial)


def _is_object(value: Any) -> bool:
    return callable(value) and not _is_closed(value)


def _is_closed(value: Any) -> bool:
    """Whether an object is none that may wrap a handler: a class, a module, an app, a router."""
    kind = type(value)
    if issubclass(kind, type | ModuleType | GuardedBy):
        return True
    return any(_is_of_framework(each.__module__) for each in kind.__mro__)


def _is_of_framework(module: object) -> bool:
    return str(module).partition(".")[0] in FRAMEWORKS


def _applied(node: Any) -> tuple[Guard, ...]:
    """Return the guards that Django's method_decorator puts around a method at each call."""
    if type(node) is not FunctionType or node.__globals__.get("__name__") != _DECORATES_METHODS:
        return ()
    found: list[Guard] = []
    for cell in node.__closure__ or ():
        try:
            values = cell.cell_contents
        except ValueError:
            continue
        for value in values if isinstance(values, list | tuple) else (values,):
            if isinstance(value, GuardedBy):
                found.append(value.guard)
    return tuple(found)


def _next(handler: Any) -> Any:
    if guard_of(handler) is not None:
        return handler_of(handler)
    wrapped = getattr(handler, "__wrapped__", None)
    if wrapped is not None:
        return wrapped
    if type(handler) is MethodType:
        return handler.__func__
    found = kept_by(handler)
    package = _package_of(handler)
    if package in _ROUTE_BY_CLOSURES:
        found = [each for each in found if _package_of(each) != package]
    return found[0] if len(found) == 1 else None


def _package_of(function: Any) -> str:
    names = getattr(function, "__globals__", {})
    return str(names.get("__name__", "")).partition(".")[0]


def is_global(function: Any) -> bool:
    """Whether a module has this function under its own name, as it has helpers.

    A function that is decorated there is so no more, and was not yet so when it was decorated.
    """
    names = getattr(function, "__globals__", {})
    return names.get(getattr(function, "__name__", None)) is function


def kept_by(node: Any) -> list[Any]:
    """Return the callables that one keeps, those in containers too, each once."""
    found = {
        key_of(each): each
        for value in _kept(node)
        for each in (_flat(value) if _is_container(value) else (value,))
        if is_followed(each) or _is_object(each)
    }
    return list(found.values())
