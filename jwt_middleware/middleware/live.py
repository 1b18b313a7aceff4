"""The middlewares of this process, whose verifiers a test may substitute."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any, Protocol
from weakref import WeakSet

from ..verification.verifier import Verifier
from .settings import Settings


class SeenMiddleware(Protocol):
    """What this module needs of a middleware."""

    settings: Settings
    verifier: Verifier

    def use(self, verifier: Verifier) -> None:
        """Use this verifier from now on."""


_live: WeakSet[SeenMiddleware] = WeakSet()
"""Every middleware of this process."""

_substitutes: list[Callable[[Any], Verifier]] = []
"""Makers of verifiers for middlewares that are made while ``substituted`` is active."""


def register(middleware: SeenMiddleware) -> None:
    """Add a new middleware to those of this process."""
    _live.add(middleware)
    if _substitutes:
        middleware.use(_substitutes[-1](middleware))


@contextmanager
def substituted(
    make: Callable[[Any], Verifier], middlewares: Iterable[SeenMiddleware] | None = None
) -> Generator[None]:
    """Let these middlewares use verifiers that ``make`` makes, until the context ends: for tests.

    If ``middlewares`` is None, all middlewares of the process, and any that is made meanwhile:
    Django makes one for each handler at a time of its own.
    """
    before = {
        middleware: middleware.verifier
        for middleware in (_live if middlewares is None else middlewares)
    }
    others = {middleware: make(middleware) for middleware in before}
    for middleware, verifier in others.items():
        middleware.use(verifier)
    if middlewares is None:
        _substitutes.append(make)
    try:
        yield
    finally:
        for middleware, verifier in before.items():
            middleware.use(verifier)
        if middlewares is None:
            _substitutes.remove(make)
            for middleware in [each for each in _live if each not in before]:
                middleware.use(
                    _substitutes[-1](middleware) if _substitutes else middleware.settings.verifier
                )
