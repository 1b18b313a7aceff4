"""What a store does, and the one that is a process's own memory."""

from __future__ import annotations

import hashlib
import heapq
import os
import time
from collections.abc import Callable
from typing import Protocol

from ..background.forks import ForkLock
from .changes import tell_change
from .denials import Denial, in_force


class Store(Protocol):
    """Denials, and what was used once. Safe to share between threads; a forked child may go on.

    Every method but ``close`` raises ``StoreUnavailable`` where the store is out, within seconds.

    Attributes:
        name: how a person knows it: its URL, without a password.
        is_shared: whether other processes may change it.

    """

    @property
    def name(self) -> str:
        """How a person knows it."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether other processes may change it, so that one must look now and then."""
        ...

    def claim(self, key: str, until: float) -> bool:
        """Use something once: True for exactly one caller until then (seconds since 1970).

        One of all threads and processes that share the store. The key is stored as its SHA-256
        alone, so it may be a token.
        """
        ...

    def is_claimed(self, key: str) -> bool:
        """Whether it was claimed, and still is; claims nothing."""
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


def digest(key: str) -> str:
    """Return what is stored of a claimed key: nothing that it is made of can be read from it."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def new_revision() -> str:
    """Return a revision that no store has had: a counter would begin anew in an emptied one."""
    return os.urandom(8).hex()


def by_end(denials: tuple[Denial, ...]) -> tuple[Denial, ...]:
    """Return them in the order in which they end."""
    return tuple(sorted(denials, key=lambda each: (each.until or 0.0, each.identity)))


class MemoryStore:
    """The memory of one process, for one worker and for tests: no other process sees it."""

    name = "process-memory"
    is_shared = False

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = ForkLock()
        self._denials: dict[tuple[str, str, str, bool], Denial] = {}
        self._revision = self._identity = new_revision()
        self._claims: dict[str, float] = {}
        self._ends: list[tuple[float, str]] = []

    def claim(self, key: str, until: float) -> bool:
        """Use something once, as ``Store.claim``."""
        stored = digest(key)
        with self._lock:
            self._forget_old_claims()
            if stored in self._claims:
                return False
            self._claims[stored] = until
            heapq.heappush(self._ends, (until, stored))
            return True

    def is_claimed(self, key: str) -> bool:
        """Whether it was claimed, and still is."""
        with self._lock:
            self._forget_old_claims()
            return digest(key) in self._claims

    def deny(self, denial: Denial) -> None:
        """Keep a denial until its end."""
        now = self._clock()
        with self._lock:
            kept = {each.identity: each for each in in_force(self._denials.values(), now)}
            kept[denial.identity] = denial.ending(now).joined(kept.get(denial.identity))
            self._denials, self._revision = kept, new_revision()
        tell_change(self.name)

    def allow(self, denial: Denial) -> bool:
        """Take back every denial of the same name."""
        now = self._clock()
        with self._lock:
            found = in_force(self._denials.values(), now)
            kept = {each.identity: each for each in found if each.name != denial.name}
            self._denials, self._revision = kept, new_revision()
        tell_change(self.name)
        return len(kept) < len(found)

    def denials(self) -> tuple[Denial, ...]:
        """Return those in force."""
        return by_end(in_force(self._denials.values(), self._clock()))

    def revision(self) -> str:
        """Return a text that is another one after each change."""
        return self._revision

    def identity(self) -> str:
        """Return what it was given when it was made."""
        return self._identity

    def close(self) -> None:
        """Do nothing: what it holds goes with the process."""

    def _forget_old_claims(self) -> None:
        now = self._clock()
        while self._ends and self._ends[0][0] <= now:
            _, stored = heapq.heappop(self._ends)
            if self._claims.get(stored, now + 1) <= now:
                del self._claims[stored]
