"""The request that is being served, for code that was not passed it."""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Generic, TypeVar

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
