"""The decorators ``requires`` and ``public`` of every adapter."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

from .guards import Enter, Guard, GuardedBy, register, safe_attribute
from .predicate import Predicate, authenticated, is_async

_PUBLIC = "__jwt_middleware_public__"

Handler = TypeVar("Handler", bound=Callable[..., Any])
"""A function that handles requests, sync or async; decorating keeps its type."""


class GuardDecorator(GuardedBy):
    """What ``requires(predicate)`` returns: it wraps a handler in its guard."""

    def __init__(self, guard: Guard, enter: Enter) -> None:
        self.guard = guard
        self._enter = enter

    def __call__(self, handler: Handler) -> Handler:
        """Return the guarded handler."""
        # Imported here: an app without guards does not need it.
        from .reach import APPLIED, is_of_one_request, is_sample, keep_with

        _check_handler(handler, "requires")
        guard, enter = self.guard, self._enter

        @functools.wraps(handler)
        async def enter_async(*args: Any, **kwargs: Any) -> Any:
            enter(guard, args, kwargs)
            return await handler(*args, **kwargs)

        @functools.wraps(handler)
        def enter_sync(*args: Any, **kwargs: Any) -> Any:
            enter(guard, args, kwargs)
            return handler(*args, **kwargs)

        wrapper: Any = enter_async if is_async(handler) else enter_sync
        if is_sample(handler):
            setattr(wrapper, f"{APPLIED}{id(guard):x}", guard)
        elif not is_of_one_request(handler):
            register(wrapper, guard, enter)
            keep_with(wrapper, handler)
        return cast("Handler", wrapper)

    def __repr__(self) -> str:
        return repr(self.guard)


class Requires(Protocol):
    """The type of an adapter's ``requires``."""

    def __call__(
        self, predicate: Predicate = ..., *, enforce: bool = True, routed: bool = True
    ) -> GuardDecorator: ...


def requires_by(enter: Enter) -> Requires:
    """Return an adapter's ``requires``; ``enter`` checks the guard of a request."""

    def requires(
        predicate: Predicate = authenticated, *, enforce: bool = True, routed: bool = True
    ) -> GuardDecorator:
        """Let a handler serve only a proven caller for whom the predicate holds.

        Args:
            predicate: what must hold; where it is left out, any proven caller will do.
            enforce: False is shadow mode: what it would refuse is let in, and logged.
            routed: False for a function that no route serves, such as one that handlers call.

        """
        return GuardDecorator(Guard(predicate, enforce, routed), enter)

    return requires


def public(handler: Handler) -> Handler:
    """Mark a handler as open on purpose: whoever passes the middleware may call it."""
    _check_handler(handler, "public")
    if not hasattr(handler, "__dict__"):
        raise TypeError(f"@public: {handler!r} takes no mark; decorate a plain function")
    # Not the functions below: another route may serve them as they are.
    setattr(handler, _PUBLIC, True)
    return handler


def is_public(handler: Any) -> bool:
    """Whether the handler is marked by ``public``."""
    return safe_attribute(handler, _PUBLIC) is True


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
