"""The newest deny list, read by one thread a process and never by a request.

The thread looks a few times a second whether the store has changed. A request reads what it found,
without a lock; it waits only where nothing is known yet, or this process was stopped for long.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from ..background.forks import ForkLock
from ..background.waiting import Flight
from ..errors import StoreUnavailable
from ..events.kinds import (
    ConfigurationWarning,
    DenialsLoaded,
    Event,
    StoreFailed,
    StoreRecovered,
)
from .changes import hear_changes
from .deny_list import DenyList
from .store import Store

LOOK_EVERY = 0.25
"""Seconds between two looks: a denial that another process made is known in half a second."""

USABLE_FOR = 5.0
"""Seconds for which a list counts while the store is out, where it fails closed.

As long as a Redis or a disk takes to come back after a short fault, such as a restart: no request
is refused for that. A denial made elsewhere is missed for no longer.
"""

_LONGEST_PAUSE = 0.5

_ANOTHER = (
    "it was emptied or replaced by another store: what was denied in it, or used once, may be "
    "accepted again; deny it anew"
)


class DenialWatch:
    """Keeps the deny list of a store. Starts at once, ends with the process or with ``close``.

    Args:
        store: whose denials.
        fails_open: the last known list serves however old it is.
        announce: hears of each new list, of an outage once, and of its end.
        clock: seconds of a monotonic clock.

    """

    def __init__(
        self,
        store: Store,
        *,
        fails_open: bool,
        announce: Callable[[Event], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.store_name = store.name
        self._fails_open = fails_open
        self._announce = announce
        self._clock = clock
        self._lock = ForkLock()
        self._list = DenyList()
        self._revision: str | None = None
        self._identity = ""
        self._read_at = self._usable_until = -float("inf")
        self._failing_since: float | None = None
        self._last_error: str | None = None
        self._next_look = Flight()
        self._worker: _Worker | None = None
        self._is_closed = not store.is_shared
        self.current: Callable[[], DenyList | None] = self._if_usable
        """Returns the newest list; None where none may be used, as the store is out."""
        if fails_open or not store.is_shared:
            self.current = self._last_known
        hear_changes(self)
        self.look_now()
        if store.is_shared:
            self._worker = _Worker(self)
            _watches.add(self)

    def _last_known(self) -> DenyList | None:
        return self._list

    def _if_usable(self) -> DenyList | None:
        return self._list if self._clock() < self._usable_until else None

    @property
    def is_failing(self) -> bool:
        """Whether the last look at the store failed."""
        return self._failing_since is not None

    def next_look(self) -> Flight | None:
        """Return the end of the next look, to wait for; None where the store is known to be out."""
        if self.is_failing or self._is_closed:
            return None
        flight = self._next_look
        if self._worker is None or self._worker.has_ended:
            self._worker = _Worker(self)  # no thread could be started before
        self._worker.hurry()
        return flight

    def look_now(self) -> None:
        """Look at the store, in this thread; what was read is in use when this returns."""
        events: list[Event] = []
        with self._lock:
            flight = self._next_look
            self._look(events)
            self._next_look = Flight()
        flight.land()
        for event in events:
            self._announce(event)

    def _look(self, events: list[Event]) -> None:
        began = self._clock()
        try:
            revision = self.store.revision()
            if revision != self._revision:
                # The revision is older than the list, or as old: what comes between is read again.
                identity = self.store.identity()
                self._list = DenyList(self.store.denials())
                if self._identity and identity != self._identity:
                    events.append(ConfigurationWarning(f"{self.store_name}: {_ANOTHER}"))
                self._identity, self._revision = identity, revision
                events.append(DenialsLoaded(self.store_name, len(self._list)))
        except Exception as error:  # noqa: BLE001 - an app's own store may fail as it likes
            told = error.reason if isinstance(error, StoreUnavailable) else type(error).__name__
            self._last_error = told
            if self._failing_since is None:
                self._failing_since = began
                fail = "open" if self._fails_open else "closed"
                events.append(StoreFailed(self.store_name, told, fail))
            return
        self._read_at = began
        self._usable_until = began + USABLE_FOR
        if self._failing_since is not None:
            events.append(StoreRecovered(self.store_name, began - self._failing_since))
            self._failing_since = self._last_error = None

    def close(self) -> None:
        """Look no more; the list becomes too old, unless it may be of any age."""
        self._is_closed = True
        if self._worker is not None:
            self._worker.stop()
            _watches.discard(self)

    def health(self) -> dict[str, Any]:
        """Return what is known of the store. ``age``: seconds since the last good look."""
        found: dict[str, Any] = {
            "store": self.store_name,
            "fail": "open" if self._fails_open else "closed",
            "denials": len(self._list),
            "usable": self.current() is not None,
        }
        if self._revision is not None and self.store.is_shared:
            found["age"] = self._clock() - self._read_at
        if self._last_error is not None:
            found["last_error"] = self._last_error
        return found

    def forked(self) -> None:
        """Begin anew in a forked child, which has none of its parent's threads."""
        self._next_look = Flight()
        self._worker = _Worker(self)


class _Worker:
    """The thread of one watch; it keeps nothing alive while it sleeps."""

    def __init__(self, watch: DenialWatch) -> None:
        self._woken = threading.Event()
        self.has_ended = False
        self._watch = weakref.ref(watch, lambda _: self.stop())
        self.thread = threading.Thread(target=self._run, name="jwt_middleware-denials", daemon=True)
        try:
            self.thread.start()
        except RuntimeError:  # no more threads now, or no more at all
            self.has_ended = True

    def hurry(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        self.has_ended = True
        self._woken.set()

    def _run(self) -> None:
        pause = LOOK_EVERY
        while True:
            self._woken.wait(pause)
            self._woken.clear()
            watch = self._watch()
            if watch is None or self.has_ended:
                return
            began = time.monotonic()
            watch.look_now()
            del watch
            # A list of very many denials takes a while to read, and may take no more than a
            # quarter of the time.
            pause = min(max(LOOK_EVERY, 3 * (time.monotonic() - began)), _LONGEST_PAUSE)


_watches: weakref.WeakSet[DenialWatch] = weakref.WeakSet()


def _forked() -> None:
    for watch in list(_watches):
        watch.forked()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_forked)
