"""What a store does, the one that is a process's own memory, and who reads a store here."""

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
from .denials import Denial, in_force

CLOCKS_APART = 60.0
"""Seconds that a use is remembered beyond the token's end: the clocks of several machines differ,
and a token that has ended here may still be accepted there."""


class Store(Protocol):
    """Denials, and what was used once. Safe to share between threads; a forked child may go on.

    What is said of a method here holds for it in every kind of store. Each but ``close`` raises
    ``StoreUnavailable`` where the store is out, within seconds.
    """

    @property
    def name(self) -> str:
        """How a person knows it: its URL, without a password."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether other processes may change it, so that one must look now and then."""
        ...

    def use_once(self, key: str, until: float) -> bool:
        """Use something once: True for exactly one caller until then (seconds since 1970).

        One of all threads and processes that share the store. The key is stored as its SHA-256
        alone, so it may be a token.
        """
        ...

    def was_used(self, key: str) -> bool:
        """Whether it was used, and that is still remembered; uses nothing."""
        ...

    def deny(self, denial: Denial) -> None:
        """Keep a denial until its end, beside what is denied already: it lets nothing in."""
        ...

    def allow(self, denial: Denial) -> bool:
        """Take back every denial of the same name, whatever its times; return whether any was."""
        ...

    def denials(self) -> tuple[Denial, ...]:
        """Return those in force, in the order in which they end."""
        ...

    def revision(self) -> str:
        """Return a text that is another one after each change of the denials; cheap."""
        ...

    def identity(self) -> str:
        """Return what the store was given when it was made, and no other has; empty before that.

        It is asked after a change only: another one than before means that this is another store,
        whose denials are others.
        """
        ...

    def close(self) -> None:
        """Give back what it holds of the system."""
        ...


class Reader(Protocol):
    """Somebody who keeps what a store says."""

    @property
    def store_name(self) -> str: ...

    def look_now(self) -> None:
        """Read the store again, in this thread. Never raises."""
        ...


_readers: weakref.WeakSet[Reader] = weakref.WeakSet()
_lock = ForkLock()


def add_reader(reader: Reader) -> None:
    """Have a reader look again after each change that is made in this process, while it lives."""
    with _lock:
        _readers.add(reader)


def changed(store_name: str) -> None:
    """Have every reader of a store look again, before the caller goes on."""
    with _lock:
        readers = [reader for reader in _readers if reader.store_name == store_name]
    for reader in readers:
        reader.look_now()


def digest(key: str) -> str:
    """Return what is stored of a used key: nothing that it is made of can be read from it."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def new_revision() -> str:
    """Return a revision that no store has had: a counter would begin anew in an emptied one."""
    return os.urandom(8).hex()


def by_end(denials: tuple[Denial, ...]) -> tuple[Denial, ...]:
    """Return them in the order in which they end."""
    return tuple(sorted(denials, key=lambda denial: (denial.until or 0.0, denial.identity)))


class MemoryStore:
    """The memory of one process, for one worker and for tests: no other process sees it."""

    name = "process-memory"
    is_shared = False

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = ForkLock()
        self._denials: dict[tuple[str, str, str, bool], Denial] = {}
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
            kept[denial.identity] = denial.ending(now).joined(kept.get(denial.identity))
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

    def revision(self) -> str:
        return self._revision

    def identity(self) -> str:
        return self._identity

    def close(self) -> None:
        """Do nothing: what it holds goes with the process."""

    def _forget_old_uses(self) -> None:
        now = self._clock()
        while self._ends and self._ends[0][0] <= now:
            _, stored = heapq.heappop(self._ends)
            if self._used.get(stored, math.inf) <= now:
                del self._used[stored]
