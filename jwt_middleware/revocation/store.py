"""What a store does, the store in a process's memory, and the readers of stores."""

from __future__ import annotations

import hashlib
import heapq
import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Protocol

from ..background.forks import ForkLock
from ..background.living import Living
from .denials import Denial, Identity, Made, in_force, joined
from .deny_list import Entry

CLOCKS_APART = 60.0
"""Seconds that a use is remembered beyond the token's end: by another machine's clock the token may
still be good."""

LOG_SIZE = 50_000
"""Changes that a store remembers; a reader that has missed more reads everything anew."""

AT_ONCE = 500
"""Denials in one answer of a store, so that no answer takes long or much memory."""

CLEAR_AT_ONCE = 64
"""Ended denials that one change clears away, and old uses that one new use does: more than one, so
that they never pile up."""


class Changes(NamedTuple):
    """What has changed in a store since a position of a reader.

    Attributes:
        position: where its log stands after these changes; only the store reads it.
        entries: the changes in their order, at most ``AT_ONCE`` of them; none: nothing more has
            changed; None: the store cannot tell, and the reader reads everything anew.
        is_another: the store was emptied, replaced, or brought back to an earlier state.

    """

    position: object
    entries: Sequence[Entry] | None = ()
    is_another: bool = False


class Feed(Protocol):
    """A store's denials, as a reader follows them."""

    def changes(self, since: object | None) -> Changes:
        """Return what has changed since a position; cheap. None: the reader has read nothing."""
        ...

    def everything(self) -> Iterator[Sequence[Entry]]:
        """Yield the denials in force, ``AT_ONCE`` at a time.

        What changes meanwhile may be in it or not: it is among the changes since its beginning.
        """
        ...


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


class ListedStore(Store, Feed, Protocol):
    """A store of this package: it can be followed, and a person may list it.

    What it keeps for them, no request reads.
    """

    def deny_many(self, denials: Iterable[Denial]) -> list[Denial]:
        """Keep several denials, all of them or none; a reader sees them at one look.

        Return each denial once, as it is kept: joined with an earlier one of the same name.
        """
        ...

    def made(self) -> dict[Identity, Made]:
        """Return when and by whom denials were made, by their ``identity``, where it is known."""
        ...


class Reader(Protocol):
    """Keeps a store's denials; ``look_now`` reads them again in this thread and never raises."""

    @property
    def store_name(self) -> str: ...
    def look_now(self) -> None: ...


_readers: Living[Reader] = Living()


def add_reader(reader: Reader) -> None:
    """Have a reader look again after each change that this process makes."""
    _readers.add(reader)


def remove_reader(reader: Reader) -> None:
    """Have a reader look no more: its store may be out of reach by now."""
    _readers.discard(reader)


def changed(store_name: str) -> None:
    """Have every reader of a store look again, before the caller goes on."""
    for reader in _readers:
        if reader.store_name == store_name:
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
        self._denials_end: list[tuple[float, Identity]] = []
        self._identity = new_revision()
        self._sequence = 0
        self._log: deque[Identity] = deque(maxlen=LOG_SIZE)
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
        self.deny_many([denial])

    def deny_many(self, denials: Iterable[Denial]) -> list[Denial]:
        now = self._clock()
        with self._lock:
            self._clear_ended(now)
            kept = joined(denials, now, lambda each: self._denials.get(each.identity))
            for identity, denial in kept.items():
                self._denials[identity] = denial
                heapq.heappush(self._denials_end, (denial.until or 0.0, identity))
                self._changed(identity)
        changed(self.name)
        return list(kept.values())

    def allow(self, denial: Denial) -> bool:
        now = self._clock()
        with self._lock:
            self._clear_ended(now)
            gone = [
                place for place in denial.identities if self._denials.pop(place, None) is not None
            ]
            for place in gone:
                self._changed(place)
        changed(self.name)
        return bool(gone)

    def denials(self) -> tuple[Denial, ...]:
        with self._lock:
            return by_end(in_force(self._denials.values(), self._clock()))

    def changes(self, since: object | None) -> Changes:
        with self._lock:
            missed = self._sequence - since if isinstance(since, int) else LOG_SIZE + 1
            if missed > len(self._log):
                return Changes(self._sequence, None)
            first = len(self._log) - missed
            places = list(islice(self._log, first, first + AT_ONCE))
            entries = [self._entry(place) for place in places]
            return Changes(self._sequence - missed + len(places), entries)

    def everything(self) -> Iterator[Sequence[Entry]]:
        with self._lock:
            places = list(self._denials)
        for first in range(0, len(places), AT_ONCE):
            with self._lock:
                entries = [self._entry(place) for place in places[first : first + AT_ONCE]]
            yield entries

    def made(self) -> dict[Identity, Made]:
        now = self._clock()
        return {denial.identity: denial.made(now) for denial in self.denials()}

    def revision(self) -> str:
        return f"{self._identity} {self._sequence}"

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

    def _changed(self, place: Identity) -> None:
        self._sequence += 1
        self._log.append(place)

    def _entry(self, place: Identity) -> Entry:
        denial = self._denials.get(place)
        if denial is None:
            return (*place, None, None)
        return (*place, denial.issued_before, denial.until)

    def _clear_ended(self, now: float) -> None:
        while self._denials_end and self._denials_end[0][0] <= now:
            _, place = heapq.heappop(self._denials_end)
            denial = self._denials.get(place)
            if denial is not None and not denial.is_in_force(now):
                del self._denials[place]
                self._changed(place)
