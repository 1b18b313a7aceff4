"""Objects that any thread may add and go through, each for as long as it lives elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")


class Living(Generic[T]):
    """Objects by identity, in the order in which they were added, without keeping them alive.

    Unlike a ``WeakSet`` before Python 3.14, it may be gone through while other threads add objects
    and let go of them.
    """

    def __init__(self) -> None:
        self._references: WeakValueDictionary[int, T] = WeakValueDictionary()

    def add(self, item: T) -> None:
        """Add an object; one that is here already stays where it is."""
        self._references[id(item)] = item

    def discard(self, item: T) -> None:
        """Let go of an object, if it is here."""
        self._references.pop(id(item), None)

    def __iter__(self) -> Iterator[T]:
        # The references are copied at once, so that nothing changes what is gone through.
        for reference in self._references.valuerefs():
            item = reference()
            if item is not None:
                yield item
