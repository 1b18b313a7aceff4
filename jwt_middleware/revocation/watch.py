"""The deny list in use, kept by one thread a process and never by a request.

The thread asks a few times a second what has changed in the store. A request reads the list without
a lock; it waits only where nothing is known yet, or this process was stopped for long.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from ..background.forks import ForkLock, Poller, at_fork
from ..background.waiting import Flight
from ..errors import StoreUnavailable
from ..events.kinds import (
    ConfigurationWarning,
    DenialsLoaded,
    Event,
    StoreFailed,
    StoreRecovered,
)
from .deny_list import DenyList
from .following import Following
from .store import Store, add_reader, remove_reader

LOOK_EVERY = 0.25
"""Seconds between two looks: a denial that another process made is known in half a second."""

USABLE_FOR = 5.0
"""Seconds for which a list serves while the store is out, where it fails closed.

A Redis or a disk that is restarted comes back within this time, and no request is refused for it. A
denial made elsewhere is missed for no longer.
"""

READINGS = 3
"""How often a look reads everything where the store changes too much meanwhile."""

_ANOTHER = (
    "it was emptied or replaced by another store, or is back at an earlier state, as after a "
    "failover or from a backup: what was denied in it, or used once, may be accepted again; deny "
    "it anew"
)


class DenialWatch:
    """Keeps the deny list of a store. Starts at once, ends with the process or with ``close``.

    ``fails_open``: the last known list serves however old it is. ``announce`` is called with each
    new list, once with an outage, and with its end. ``clock`` is monotonic, in seconds.
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
        self._fail = "open" if fails_open else "closed"
        self._announce = announce
        self.clock = clock
        self._lock = ForkLock()
        self.following = Following(store)
        self._is_reading = False
        self._usable_for = math.inf if fails_open or not store.is_shared else USABLE_FOR
        self.usable_until = math.inf if self._usable_for == math.inf else -math.inf
        """By ``clock``; from then on the list may not be used, as the store is out."""
        self._read_at = self._looked_at = -math.inf
        self._failing_since: float | None = None
        self._last_error: str | None = None
        self._next_look = Flight()
        add_reader(self)
        at_fork(self)
        self.look_now()
        self._poller: Poller | None = None
        if store.is_shared:
            self._poller = Poller(self.look_now, LOOK_EVERY, "jwt_middleware-denials")

    def current(self) -> DenyList | None:
        """Return the list; None where it may not be used, as the store is out.

        Read its mark before it, so that a change in between counts.
        """
        return self.following.list if self.clock() < self.usable_until else None

    @property
    def is_failing(self) -> bool:
        """Whether the last look at the store failed."""
        return self._failing_since is not None

    def next_look(self) -> Flight | None:
        """Return the next look, to wait for; None where the store is known to be out."""
        poller, flight = self._poller, self._next_look
        if self.is_failing or poller is None:
            return None
        poller.hurry()
        return flight

    def look_now(self) -> None:
        """Look at the store, in this thread; what has changed counts when this returns."""
        events: list[Event] = []
        for _ in range(READINGS):
            with self._lock:
                went_well = self._look(events)
                reads = went_well and self.following.is_behind and not self._is_reading
                self._is_reading = self._is_reading or reads
            if not reads or self._read(events):
                break
        with self._lock:
            flight = None
            if self.is_failing or not self.following.is_behind:
                flight, self._next_look = self._next_look, Flight()
        if flight is not None:
            flight.land()
        for event in events:
            self._announce(event)

    def _look(self, events: list[Event]) -> bool:
        """Ask what has changed; return whether the store answered. The caller holds the lock."""
        began, following = self.clock(), self.following
        self._looked_at = began
        try:
            look = following.look()
        except Exception as error:  # noqa: BLE001 - an app's own store may fail as it likes
            self._failed(error, began, events)
            return False
        if look.is_another:
            events.append(ConfigurationWarning(f"{self.store_name}: {_ANOTHER}"))
        if not following.is_behind:
            self._went_well(began, events)
        elif self._is_reading and began < self.usable_until and not self.is_failing:
            # A long reading is no outage: the last list goes on, with all that is denied from now.
            self.usable_until = began + self._usable_for
        if look.has_changed:
            events.append(DenialsLoaded(self.store_name, len(following.list)))
        return True

    def _read(self, events: list[Event]) -> bool:
        """Read everything, without the lock; return whether nothing is left to be read."""
        usable_until = self.usable_until

        def meanwhile() -> None:
            if self.clock() >= self._looked_at + LOOK_EVERY and usable_until > -math.inf:
                with self._lock:
                    self._look(events)

        began = self.clock()
        try:
            adopt = self.following.read(meanwhile)
            with self._lock:
                began = self.clock()  # a look of its own: the reading may have taken long
                is_whole = adopt()
                if is_whole:
                    self._went_well(began, events)
                    count = len(self.following.list)
                    events.append(DenialsLoaded(self.store_name, count))
            return is_whole
        except Exception as error:  # noqa: BLE001 - an app's own store may fail as it likes
            with self._lock:
                # A list that cannot be read whole is no newer for the looks meanwhile.
                self.usable_until = usable_until
                self._failed(error, began, events)
            return True
        finally:
            with self._lock:
                self._is_reading = False

    def _failed(self, error: Exception, began: float, events: list[Event]) -> None:
        reason = error.reason if isinstance(error, StoreUnavailable) else type(error).__name__
        self._last_error = reason
        if self._failing_since is None:
            self._failing_since = began
            events.append(StoreFailed(self.store_name, reason, self._fail))

    def _went_well(self, began: float, events: list[Event]) -> None:
        self._read_at = began
        self.usable_until = began + self._usable_for
        if self._failing_since is not None:
            events.append(StoreRecovered(self.store_name, began - self._failing_since))
            self._failing_since = self._last_error = None

    def close(self) -> None:
        """Stop looking; the list expires, unless it may be of any age."""
        remove_reader(self)
        if self._poller is not None:
            self._poller.stop()
            self._poller = None

    def health(self) -> dict[str, Any]:
        """Return the state of the store. ``age``: seconds since the last good look."""
        state: dict[str, Any] = {
            "store": self.store_name,
            "fail": self._fail,
            "denials": len(self.following.list),
            "usable": self.current() is not None,
        }
        if self._read_at > -math.inf and self.store.is_shared:
            state["age"] = self.clock() - self._read_at
        if self._last_error is not None:
            state["last_error"] = self._last_error
        return state

    def renew(self) -> None:
        """Begin anew in a forked child, which has none of its parent's threads."""
        self._next_look = Flight()
        self._is_reading = False
