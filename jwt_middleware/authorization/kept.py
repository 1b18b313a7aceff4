"""What a callable keeps: the functions and objects that it could call.

A decorator keeps the function that it wraps in a closure, with or without ``functools.wraps``, in a
default argument, a partial, a bound method, an attribute of a callable object, or a list in one of
these. Globals, classes, apps, routers and plain objects are not followed: through them everything
reaches everything.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

from .guards import GuardedBy, guard_of, handler_of, safe_attribute

FRAMEWORKS = ("django", "fastapi", "flask", "rest_framework", "starlette", "werkzeug")
"""Their objects, such as an app or a router, know every handler and wrap none."""
Key = int | tuple[int, int]
"""An identity: a bound method is a new object each time that it is read."""
_CONTAINERS = (list, tuple, set, frozenset, deque, dict)
_MOST_HELD = 100
"""A container of more is a registry or data: a decorator wraps one function."""
_DEEPEST = 3
KEPT = "__jwt_middleware_guard_"
"""The prefix of the attributes by which functions keep their guards alive; they wrap nothing."""


def key_of(node: Any) -> Key:
    """Return the identity of a callable."""
    if type(node) is MethodType:
        return (id(node.__func__), id(node.__self__))
    return id(node)


def kept_by(node: Any) -> list[Any]:
    """Return the callables that a callable keeps, those in containers too, each once."""
    kept: dict[Key, Any] = {}
    for value in kept_values(node):
        for item in flat(value) if is_container(value) else (value,):
            if is_object(item):
                kept[key_of(item)] = item
    return list(kept.values())


def kept_values(node: Any) -> list[Any]:
    """Return what a callable keeps, except the object that a method is bound to."""
    if issubclass(type(node), functools.partial):
        return [node.func, *node.args, *node.keywords.values(), *attributes_of(node)]
    if type(node) is FunctionType:
        return _of_function(node)
    if type(node) is MethodType:
        # Not the function itself: all objects of the class share it.
        return _of_function(node.__func__)
    return [*attributes_of(node), *_of_function(call_of(node))]


def _of_function(function: Any) -> list[Any]:
    """Return what a function keeps: closure, defaults, and attributes such as ``__wrapped__``."""
    if guard_of(function) is not None:
        return [handler_of(function)]
    if type(function) is not FunctionType:
        return []
    kept: list[Any] = []
    names = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    for name, cell in names:
        kept += [value for value in contents_of(cell) if not _is_beside(function, name, value)]
    kept += function.__defaults__ or ()
    kept += (function.__kwdefaults__ or {}).values()
    # functools.wraps copies the attributes of the wrapped function, which are not the wrapper's.
    copied = getattr(vars(function).get("__wrapped__"), "__dict__", {})
    own = {name: value for name, value in vars(function).items() if copied.get(name) is not value}
    return [*kept, *_without_guards(own)]


def contents_of(*cells: CellType) -> Iterator[Any]:
    """Yield what the cells of a closure hold; nothing for one that is not assigned yet."""
    for cell in cells:
        with suppress(ValueError):
            yield cell.cell_contents


def _is_beside(function: FunctionType, name: str, value: Any) -> bool:
    """Whether a closure refers by its name to a function that is defined beside this one.

    The handlers in an app factory do so; what a decorator wraps comes from elsewhere.
    """
    while guard_of(value) is not None:
        value = handler_of(value)
    if type(value) is not FunctionType:
        return False
    code, other = function.__code__, value.__code__
    return (
        name == other.co_name
        and code.co_filename == other.co_filename
        and code.co_qualname.rpartition(".")[0] == other.co_qualname.rpartition(".")[0]
    )


def _without_guards(attributes: dict[str, Any]) -> list[Any]:
    return [value for name, value in attributes.items() if not name.startswith(KEPT)]


def attributes_of(value: Any) -> list[Any]:
    """Return what an object keeps in its own attributes, as far as they can be read."""
    own = safe_attribute(value, "__dict__")
    kept = _without_guards(own) if isinstance(own, dict) else []
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        names = (slots,) if isinstance(slots, str) else slots
        kept += [safe_attribute(value, name) for name in names if not name.startswith("__")]
    if hasattr(type(value), "__wrapped__"):  # a proxy, such as wrapt's
        kept.append(safe_attribute(value, "__wrapped__"))
    return kept


def call_of(value: Any) -> Any:
    """Return the function by which an object is called."""
    calls = (kind.__dict__.get("__call__") for kind in type(value).__mro__)
    return next((call for call in calls if call is not None), None)


def is_container(value: Any) -> bool:
    """Whether a value is a list or the like."""
    return issubclass(type(value), _CONTAINERS)


def flat(container: Any, depth: int = 0) -> list[Any]:
    """Return what a small container holds, a few levels deep; nothing of a large one."""
    if len(container) > _MOST_HELD or depth > _DEEPEST:
        return []
    items: list[Any] = []
    for value in list(container.values() if isinstance(container, dict) else container):
        items += flat(value, depth + 1) if is_container(value) else [value]
    return items


def is_followed(value: Any) -> bool:
    """Whether a function, a partial or a bound method may wrap a handler, or be one."""
    kind = type(value)
    if kind is FunctionType:
        # A framework's plain functions, such as run_in_threadpool, wrap nothing of themselves.
        return bool(value.__closure__) or not _is_of_framework(value.__globals__.get("__name__"))
    return kind is MethodType or issubclass(kind, functools.partial)


def is_object(value: Any) -> bool:
    """Whether a value is an object that can be called and may wrap a handler."""
    return callable(value) and not is_closed(value)


def is_closed(value: Any) -> bool:
    """Whether an object cannot wrap a handler: a class, a module, an app, a router."""
    kind = type(value)
    if issubclass(kind, type | ModuleType | GuardedBy):
        return True
    return any(_is_of_framework(base.__module__) for base in kind.__mro__)


def _is_of_framework(module: object) -> bool:
    return str(module).partition(".")[0] in FRAMEWORKS


def is_global(function: Any) -> bool:
    """Whether a module has this function under its own name, as it has helpers.

    A decorated function is no longer there, and was not yet there when it was decorated.
    """
    names = globals_of(function)
    return bool(names) and names.get(function.__name__) is function


def globals_of(function: Any) -> dict[str, Any]:
    """Return the globals of a function's module; none of other callables."""
    return function.__globals__ if type(function) is FunctionType else {}
