"""What every ``requires`` and ``public`` is made of.

A guard both wraps a handler and marks the functions under it. Whichever of ``requires`` and the
route's decorator stands above the other, the mark is on the function that the app routes to, so an
adapter can find a guard that no wrapper enforces (``outstanding``).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from types import CellType, FunctionType, MethodType
from typing import Any, NamedTuple, TypeVar, cast

from ..decision import Decision
from ..errors import MissingToken, PermissionDenied
from ..principal import Principal
from ..request_view import RequestView
from .algebra import Predicate, Situation

_GUARDS = "__jwt_middleware_guards__"
_ENFORCES = "__jwt_middleware_enforces__"
_PUBLIC = "__jwt_middleware_public__"
# Their functions are shared by all views of all apps: a mark there would guard every one of them.
NOT_THE_APPS = ("django", "fastapi", "flask", "rest_framework", "starlette", "werkzeug")

Handler = TypeVar("Handler", bound=Callable[..., Any])
"""A function that handles requests, sync or async; decorating keeps its type."""

Enter = Callable[["Guard", tuple[Any, ...], dict[str, Any]], None]
"""An adapter's way to check one guard for the current request; it raises to refuse."""


class Guard:
    """One use of ``requires``: authenticated first, then the predicate.

    Without ``enforce`` (shadow mode) a proven caller passes, and what the predicate would have
    refused is told.
    """

    __slots__ = ("enforce", "predicate")

    def __init__(self, predicate: Predicate, enforce: bool = True) -> None:
        if not isinstance(predicate, Predicate):
            raise TypeError(
                f"requires() takes a predicate, not a {type(predicate).__name__}: write "
                "requires(has_role('...')), requires(policy('...')), "
                "requires(predicate(your_function)), or requires(authenticated) for any proven "
                "caller"
            )
        if not isinstance(enforce, bool):
            raise TypeError(f"enforce is True or False, not {enforce!r}")
        self.predicate = predicate
        self.enforce = enforce

    def check(self, principal: Principal | None, request: RequestView | None) -> Decision | None:
        """Let pass, or refuse; return what a rule in shadow mode would have refused.

        Raises:
            MissingToken: there is no principal, whatever the predicate says.
            PermissionDenied: the predicate is not True.

        """
        if principal is None:
            raise MissingToken("the route requires a principal")
        situation = Situation(principal, request)
        decision = self.predicate.refusal(situation)
        if decision is None:
            return self.predicate.would_refuse(situation)
        if not self.enforce:
            return decision
        # Not even what was needed: with ``~`` it would say what the token holds.
        raise PermissionDenied("a guard does not hold", decision=decision)

    def is_same(self, other: Guard) -> bool:
        """Whether another guard asks the same in the same way."""
        return self.predicate == other.predicate and self.enforce == other.enforce

    def __repr__(self) -> str:
        shadow = "" if self.enforce else ", enforce=False"
        return f"requires({self.predicate!r}{shadow})"


class _Enforced(NamedTuple):
    """The mark of a wrapper that enforces a guard whenever it is called."""

    guard: Guard
    wrapper: object


def guarded(
    predicate: Predicate, enter: Enter, *, enforce: bool = True
) -> Callable[[Handler], Handler]:
    """Return the decorator that an adapter's ``requires(predicate)`` is."""
    guard = Guard(predicate, enforce)

    def decorate(handler: Handler) -> Handler:
        _check_handler(handler, "requires")
        for function in _markable(handler):
            marks: tuple[Guard, ...] = getattr(function, _GUARDS, ())
            if not any(guard.is_same(mark) for mark in marks):
                setattr(function, _GUARDS, (*marks, guard))

        @functools.wraps(handler)
        async def enter_async(*args: Any, **kwargs: Any) -> Any:
            enter(guard, args, kwargs)
            return await handler(*args, **kwargs)

        @functools.wraps(handler)
        def enter_sync(*args: Any, **kwargs: Any) -> Any:
            enter(guard, args, kwargs)
            return handler(*args, **kwargs)

        wrapper: Any = enter_async if _is_async(handler) else enter_sync
        # Not the marks that functools.wraps has copied: they may be of another route's guard.
        setattr(wrapper, _GUARDS, (guard,))
        setattr(wrapper, _ENFORCES, _Enforced(guard, wrapper))
        return cast("Handler", wrapper)

    return decorate


def public(handler: Handler) -> Handler:
    """Mark a handler as open on purpose: whoever passes the middleware may call it."""
    _check_handler(handler, "public")
    if not hasattr(handler, "__dict__"):
        raise TypeError(f"@public: {handler!r} takes no mark; decorate a plain function")
    # Not the functions below: another route may serve them as they are.
    setattr(handler, _PUBLIC, True)
    return handler


def is_public(handler: Any) -> bool:
    """Whether ``public`` stands on the handler."""
    return bool(getattr(handler, _PUBLIC, False))


def guards_of(handler: Any) -> tuple[Guard, ...]:
    """Return every guard of a routed handler, each once."""
    marked, enforced = _marks(handler)
    return tuple({id(guard): guard for guard in (*enforced, *marked)}.values())


def outstanding(handler: Any) -> tuple[Guard, ...]:
    """Return the guards that are marked on a routed handler and that no wrapper enforces.

    They come from a ``requires`` that stands above the route's decorator: the app routes to the
    bare function.
    """
    marked, enforced = _marks(handler)
    done = {id(guard) for guard in enforced}
    return tuple({id(guard): guard for guard in marked if id(guard) not in done}.values())


def guards_to_ask(handler: Any) -> tuple[Guard, ...]:
    """Return the guards to ask before a routed handler is called.

    None where the handler is itself the wrapper that asks. Another decorator between the route and
    ``requires``, such as a cache, may answer without calling it.
    """
    mark: _Enforced | None = getattr(handler, _ENFORCES, None)
    if mark is not None and mark.wrapper is handler:
        return outstanding(handler)
    return guards_of(handler)


def _marks(handler: Any) -> tuple[list[Guard], list[Guard]]:
    """Return the guards marked on a handler, and those that its wrappers enforce.

    A ``requires`` above the route marks the routed function, and with it our outermost wrapper. A
    mark that stands only below that wrapper is of another route that shares the function.
    """
    marked: list[Guard] = []
    enforced: list[Guard] = []
    for function in _chain(handler):
        if not enforced:
            marked += getattr(function, _GUARDS, ())
        mark: _Enforced | None = getattr(function, _ENFORCES, None)
        # A wrapper of somebody else's has copied the mark, but it may answer without calling us.
        if mark is not None and mark.wrapper is function:
            enforced.append(mark.guard)
    return marked, enforced


def _check_handler(handler: Any, decorator: str) -> None:
    if inspect.isclass(handler):
        raise TypeError(
            f"@{decorator} stands on a class, {handler.__qualname__}: put it on the methods that "
            "handle requests (in Django: method_decorator with name='dispatch')"
        )
    if not callable(handler):
        raise TypeError(
            f"@{decorator} stands on {type(handler).__name__}, which is no function: put it "
            "below the decorators that return something else"
        )


def _chain(handler: Any) -> Iterator[Any]:
    seen: set[int] = set()
    while handler is not None and id(handler) not in seen:
        seen.add(id(handler))
        yield handler
        if isinstance(handler, functools.partial):
            handler = handler.func
        elif isinstance(handler, MethodType):
            handler = handler.__func__
        else:
            handler = getattr(handler, "__wrapped__", None)


def _markable(handler: Any) -> list[Any]:
    """Return the app's own functions along a handler, at least one of them."""
    inner = handler.func if isinstance(handler, functools.partial) else None
    if isinstance(inner, MethodType) and hasattr(handler, "__wrapped__"):
        # Django's method_decorator wraps a bound method anew on each request. The class was marked
        # when it was made; a mark on the method would reach every class that inherits it.
        return []
    found: list[Any] = []
    for function in _chain(handler):
        if isinstance(function, functools.partial | MethodType) or inspect.isclass(function):
            continue
        if str(getattr(function, "__module__", "")).partition(".")[0] in NOT_THE_APPS:
            continue
        if hasattr(function, "__dict__"):
            found += [function, *_enclosed(function)]
    if not found and not _is_frameworks(handler):
        raise TypeError(
            f"@requires: {handler!r} takes no mark, so a route that stands below would be open; "
            "decorate a plain function"
        )
    return found


def _is_frameworks(handler: Any) -> bool:
    modules = (str(getattr(each, "__module__", "")) for each in _chain(handler))
    return any(module.partition(".")[0] in NOT_THE_APPS for module in modules)


def _enclosed(function: Any) -> list[Any]:
    """Return the functions that a decorator without functools.wraps has closed over."""
    if hasattr(function, "__wrapped__") or not getattr(function, "__closure__", None):
        return []
    contents = [cell.cell_contents for cell in function.__closure__ if cell != CellType()]
    return [each for each in contents if isinstance(each, FunctionType)]


def _is_async(handler: Any) -> bool:
    while isinstance(handler, functools.partial):
        handler = handler.func
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(
        getattr(handler, "__call__", None)  # noqa: B004 - an object with an async __call__
    )
