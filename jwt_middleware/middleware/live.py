"""What is live in this process: its middlewares, and the request that is being served.

A test may substitute the verifiers of the middlewares.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any, Generic, Protocol, TypeVar

from ..background.forks import ForkLock
from ..background.living import Living
from ..verification.verifier import Verifier
from .settings import Settings


class SeenMiddleware(Protocol):
    """What this module needs of a middleware."""

    settings: Settings
    verifier: Verifier

    def use(self, verifier: Verifier) -> None:
        """Use this verifier from now on."""


_live: Living[SeenMiddleware] = Living()
"""Every middleware of this process."""

_substitutes: list[tuple[Callable[[Any], object], Callable[[Any], Verifier]]] = []
"""What checks a middleware that is made while ``substituted`` is active, and makes its verifier."""

_headers: tuple[str, ...] = ()
"""The headers of every middleware that this process has made; replaced as a whole."""

_registering = ForkLock()


def register(middleware: SeenMiddleware) -> None:
    """Add a new middleware to those of this process."""
    global _headers
    _live.add(middleware)
    with _registering:
        _headers = tuple(dict.fromkeys([*_headers, *middleware.settings.headers]))
    if _substitutes:
        check, make = _substitutes[-1]
        check(middleware)
        middleware.use(make(middleware))


def header_names() -> tuple[str, ...]:
    """Return the name of each header that a middleware of this process reads."""
    return _headers


@contextmanager
def substituted(
    make: Callable[[Any], Verifier],
    middlewares: Iterable[SeenMiddleware] | None = None,
    *,
    check: Callable[[Any], object] = lambda _: None,
) -> Generator[None]:
    """Let these middlewares use verifiers that ``make`` makes, until the context ends: for tests.

    If ``middlewares`` is None, all middlewares of the process, and any that is made meanwhile:
    Django makes one for each handler at a time of its own. ``check`` may refuse one of the latter.
    """
    before = {
        middleware: middleware.verifier
        for middleware in (_live if middlewares is None else middlewares)
    }
    others = {middleware: make(middleware) for middleware in before}
    for middleware, verifier in others.items():
        middleware.use(verifier)
    if middlewares is None:
        _substitutes.append((check, make))
    try:
        yield
    finally:
        for middleware, verifier in before.items():
            middleware.use(verifier)
        if middlewares is None:
            _substitutes.remove((check, make))
            for middleware in [each for each in _live if each not in before]:
                middleware.use(
                    _substitutes[-1][1](middleware)
                    if _substitutes
                    else middleware.settings.verifier
                )


_WITHIN = ("app", "wsgi_app", "asgi_app", "application", "middleware_stack")
"""Where an app or a middleware keeps the app inside it."""


def middlewares_of(app: Any, visit: Callable[[Any], object] = lambda _: None) -> Iterator[Any]:
    """Yield the middlewares of an app and of all that it wraps or mounts; ``visit`` each layer."""
    seen: set[int] = set()
    waiting: list[Any] = [app]
    while waiting:
        layer = waiting.pop()
        if layer is None or id(layer) in seen:
            continue
        seen.add(id(layer))
        middleware = getattr(layer, "middleware", None)
        if middleware is not None and middleware in tuple(_live):
            yield middleware
        visit(layer)
        waiting += [getattr(layer, name, None) for name in _WITHIN]
        for name in ("extensions", "mounts"):  # Flask's, and those of werkzeug's dispatcher
            inner = getattr(layer, name, None)
            waiting += inner.values() if isinstance(inner, Mapping) else ()
        routes = getattr(layer, "routes", None)
        waiting += [getattr(r, "app", None) for r in routes] if isinstance(routes, list) else []


T = TypeVar("T")

Begun = tuple[list[T], Token[list[T] | None]]
"""What ``Current.begin`` returns, to be passed to ``end``."""


class Current(Generic[T]):
    """A context variable whose value ends with ``end``, also in tasks and threads that have a copy.

    A task that a request begins keeps the request's context for as long as it runs.
    """

    def __init__(self, name: str) -> None:
        self.variable: ContextVar[list[T] | None] = ContextVar(name, default=None)
        """Holds a list with the value; copies of the context share the list."""

    def begin(self, value: T) -> Begun[T]:
        """Set the current value."""
        cell = [value]
        return cell, self.variable.set(cell)

    def end(self, begun: Begun[T]) -> None:
        """End what ``begin`` returned; copies of the context then have None."""
        cell, token = begun
        cell.clear()
        self.variable.reset(token)

    def get(self) -> T | None:
        """Return the current value."""
        cell = self.variable.get()
        return cell[0] if cell else None
