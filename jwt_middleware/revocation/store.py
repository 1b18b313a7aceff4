"""What a store does, the store in a process's memory, and the readers of stores."""

from __future__ import annotations

import hashlib
import heapq
import math
import os
import time
import weakref
from collections.abc import Callable
from typing import Protocol

from ..background.forks import ForkLock
from .denials import Denial, Identity, Made, in_force

CLOCKS_APART = 60.0
"""Seconds that a use is remembered beyond the token's end: by another machine's clock the token may
still be good."""


class Store(Protocol):
    """Denials, and what was used once. Safe to share between threads and across a fork.

    What a method promises here holds in every kind of store. Each but ``close`` raises
    ``StoreUnavailable`` within seconds where the store is out.
    """

    @property
    def name(self) -> str:
        """Its URL, without a password."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether other processes may change it, so that it must be polled."""
        ...

    def use_once(self, key: str, until: float) -> bool:
        """Use a key: True for exactly one caller until then (seconds since 1970).

        This counts all threads and processes that share the store. Only the key's SHA-256 is
        stored, so the key may be a token.
        """
        ...

    def was_used(self, key: str) -> bool:
        """Whether a key was used and this is still remembered; uses nothing."""
        ...

    def deny(self, denial: Denial) -> None:
        """Keep a denial until its end; it never weakens an earlier one."""
        ...

    def allow(self, denial: Denial) -> bool:
        """Remove every denial of the same name, whatever its times; return whether one was."""
        ...

    def denials(self) -> tuple[Denial, ...]:
        """Return those in force, in the order in which they end."""
        ...

    def revision(self) -> str:
        """Return a text that differs after each change of the denials; cheap."""
        ...

    def identity(self) -> str:
        """Return the id that the store was given when it was made; empty before that.

        A different one after a change means that this is another store, with other denials.
        """
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...


class ListedStore(Store, Protocol):
    """A store that a person may list. What it keeps for them, no request reads."""

    def made(self) -> dict[Identity, Made]:
        """Return when and by whom denials were made, by their ``identity``, where it is known."""
        ...


class Reader(Protocol):
    """Keeps a store's denials; ``look_now`` reads them again in this thread and never raises."""

    @property
    def store_name(self) -> str: ...
    def look_now(self) -> None: ...


_readers: weakref.WeakSet[Reader] = weakref.WeakSet()
_lock = ForkLock()


def add_reader(reader: Reader) -> None:
    """Have a reader look again after each change that this process makes."""
    with _lock:
        _readers.add(reader)


def changed(store_name: str) -> None:
    """Have every reader of a store look again, before the caller goes on."""
    with _lock:
        readers = [reader for reader in _readers if reader.store_name == store_name]
    for reader in readers:
        reader.look_now()


def digest(key: str) -> str:
    """Return what is stored of a used key, from which it cannot be read."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def new_revision() -> str:
    """Return a revision that is new: a counter would begin again in an emptied store."""
    return os.urandom(8).hex()


def by_end(denials: tuple[Denial, ...]) -> tuple[Denial, ...]:
    """Sort denials by their ends."""
    return tuple(sorted(denials, key=lambda denial: (denial.until or 0.0, denial.identity)))


class MemoryStore:
    """A store in this process's memory, for a single worker and for tests."""

    is_shared = False

    def __init__(
        self, *, clock: Callable[[], float] = time.time, name: str = "process-memory"
    ) -> None:
        self.name = name
        self._clock = clock
        self._lock = ForkLock()
        self._denials: dict[Identity, Denial] = {}
        self._revision = self._identity = new_revision()
        self._used: dict[str, float] = {}
        self._ends: list[tuple[float, str]] = []

    def use_once(self, key: str, until: float) -> bool:
        stored = digest(key)
        with self._lock:
            self._forget_old_uses()
            if stored in self._used:
                return False
            self._used[stored] = until
            heapq.heappush(self._ends, (until, stored))
            return True

    def was_used(self, key: str) -> bool:
        with self._lock:
            self._forget_old_uses()
            return digest(key) in self._used

    def deny(self, denial: Denial) -> None:
        now = self._clock()
        with self._lock:
            kept = {known.identity: known for known in in_force(self._denials.values(), now)}
            joined = denial.ending(now).joined(kept.get(denial.identity))
            kept[denial.identity] = joined.known_from(joined.made(now))
            self._denials, self._revision = kept, new_revision()
        changed(self.name)

    def allow(self, denial: Denial) -> bool:
        now = self._clock()
        with self._lock:
            known = in_force(self._denials.values(), now)
            kept = {other.identity: other for other in known if other.name != denial.name}
            self._denials, self._revision = kept, new_revision()
        changed(self.name)
        return len(kept) < len(known)

    def denials(self) -> tuple[Denial, ...]:
        return by_end(in_force(self._denials.values(), self._clock()))

    def made(self) -> dict[Identity, Made]:
        now = self._clock()
        return {denial.identity: denial.made(now) for denial in self.denials()}

    def revision(self) -> str:
        return self._revision

    def identity(self) -> str:
        return self._identity

    def close(self) -> None:
        """Do nothing: the memory goes with the process."""

    def _forget_old_uses(self) -> None:
        now = self._clock()
        while self._ends and self._ends[0][0] <= now:
            _, stored = heapq.heappop(self._ends)
            if self._used.get(stored, math.inf) <= now:
                del self._used[stored]
