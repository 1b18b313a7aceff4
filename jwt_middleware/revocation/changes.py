"""Who in this process reads a store: they hear of a change that was made here at once."""

from __future__ import annotations

import weakref
from typing import Protocol

from ..background.forks import ForkLock


class Reader(Protocol):
    """Somebody who keeps what a store says."""

    @property
    def store_name(self) -> str:
        """The store's name."""
        ...

    def look_now(self) -> None:
        """Read it again, in this thread. Never raises."""
        ...


_readers: weakref.WeakSet[Reader] = weakref.WeakSet()
_lock = ForkLock()


def hear_changes(reader: Reader) -> None:
    """Let a reader hear of changes, as long as it lives."""
    with _lock:
        _readers.add(reader)


def tell_change(store_name: str) -> None:
    """Let every reader of a store look again, before the caller goes on."""
    with _lock:
        readers = [each for each in _readers if each.store_name == store_name]
    for reader in readers:
        reader.look_now()
