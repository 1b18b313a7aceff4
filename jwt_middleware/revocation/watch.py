"""The newest deny list, read by one thread a process and never by a request.

The thread looks a few times a second whether the store has changed. A request reads its newest list
without a lock; it waits only where nothing is known yet, or this process was stopped for long.
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
from .denials import DenyList
from .store import Store, add_reader

LOOK_EVERY = 0.25
"""Seconds between two looks: a denial that another process made is known in half a second."""

USABLE_FOR = 5.0
"""Seconds for which a list serves while the store is out, where it fails closed.

A Redis or a disk that is restarted comes back within this time, and no request is refused for it. A
denial made elsewhere is missed for no longer.
"""

_ANOTHER = (
    "it was emptied or replaced by another store: what was denied in it, or used once, may be "
    "accepted again; deny it anew"
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
        self._clock = clock
        self._lock = ForkLock()
        self._list = DenyList()
        self._revision: str | None = None
        self._identity = ""
        self._usable_for = math.inf if fails_open or not store.is_shared else USABLE_FOR
        self._usable_until = math.inf if self._usable_for == math.inf else -math.inf
        self._read_at = -math.inf
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
        """Return the newest list; None where none may be used, as the store is out."""
        return self._list if self._clock() < self._usable_until else None

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
                # The revision first: a change after it is read at the next look.
                identity = self.store.identity()
                self._list = DenyList(self.store.denials())
                if self._identity and identity != self._identity:
                    events.append(ConfigurationWarning(f"{self.store_name}: {_ANOTHER}"))
                self._identity, self._revision = identity, revision
                events.append(DenialsLoaded(self.store_name, len(self._list)))
        except Exception as error:  # noqa: BLE001 - an app's own store may fail as it likes
            reason = error.reason if isinstance(error, StoreUnavailable) else type(error).__name__
            self._last_error = reason
            if self._failing_since is None:
                self._failing_since = began
                events.append(StoreFailed(self.store_name, reason, self._fail))
            return
        self._read_at = began
        self._usable_until = began + self._usable_for
        if self._failing_since is not None:
            events.append(StoreRecovered(self.store_name, began - self._failing_since))
            self._failing_since = self._last_error = None

    def close(self) -> None:
        """Stop looking; the list expires, unless it may be of any age."""
        if self._poller is not None:
            self._poller.stop()
            self._poller = None

    def health(self) -> dict[str, Any]:
        """Return the state of the store. ``age``: seconds since the last good look."""
        state: dict[str, Any] = {
            "store": self.store_name,
            "fail": self._fail,
            "denials": len(self._list),
            "usable": self.current() is not None,
        }
        if self._revision is not None and self.store.is_shared:
            state["age"] = self._clock() - self._read_at
        if self._last_error is not None:
            state["last_error"] = self._last_error
        return state

    def renew(self) -> None:
        """Begin anew in a forked child, which has none of its parent's threads."""
        self._next_look = Flight()
