"""What is served now, for code that has no request at hand."""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Generic, TypeVar

T = TypeVar("T")


class _Cell(Generic[T]):
    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value: T | None = value


class Current(Generic[T]):
    """A context variable whose value ends with ``end``, also in tasks and threads that have a copy.

    A task that a request begins keeps the request's context for as long as it runs.
    """

    def __init__(self, name: str) -> None:
        self._cell: ContextVar[_Cell[T] | None] = ContextVar(name, default=None)

    def begin(self, value: T) -> Token[_Cell[T] | None]:
        """Make this the current value."""
        return self._cell.set(_Cell(value))

    def end(self, token: Token[_Cell[T] | None]) -> None:
        """Take back what ``begin`` returned this token for: whoever has a copy gets None."""
        cell = self._cell.get()
        if cell is not None:
            cell.value = None
        self._cell.reset(token)

    def get(self) -> T | None:
        """Return the current value."""
        cell = self._cell.get()
        return None if cell is None else cell.value
