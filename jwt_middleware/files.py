"""A watched file that keeps its last good reading.

A file is looked at again when somebody asks for it, at most once a second, on a thread of its own:
replaced in place, by rename, or by the symlink swap of a mounted Kubernetes secret. A replacement
that cannot be read changes nothing, and says so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from .single_flight import Flight, SingleFlight

T = TypeVar("T")

LOOK_EVERY = 1.0
"""Seconds between two looks at a file."""


class WatchedFile(Generic[T]):
    """What a file says, read anew when the file changes.

    Args:
        path: followed through symlinks at each look.
        read: makes the reading from the content; raises where it is no good.
        heard: called with the new reading, or with the error that kept the old one.

    Raises:
        OSError, or what ``read`` raises: there is no good first reading.

    """

    def __init__(
        self,
        path: Path,
        read: Callable[[bytes], T],
        heard: Callable[[T | Exception], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._read = read
        self._heard = heard
        self._clock = clock
        self._mark = self._look()
        self.reading = read(path.read_bytes())
        self._next_look = clock() + LOOK_EVERY
        self._flight = SingleFlight("jwt_middleware-file", self._look_again)

    def current(self) -> T:
        """Return the last good reading, at once; look again in the background now and then."""
        if self._clock() >= self._next_look:
            self.look_now()
        return self.reading

    def look_now(self) -> Flight | None:
        """Look at the file on another thread; None within a second of the last look."""
        with self._flight.lock:
            if self._flight.running is not None:
                return self._flight.running
            if self._clock() < self._next_look:
                return None
            self._next_look = self._clock() + LOOK_EVERY
            return self._flight.start()

    def _look(self) -> tuple[int, ...] | None:
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return found.st_ino, found.st_dev, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def _look_again(self) -> None:
        mark = self._look()
        if mark == self._mark:
            return
        # Marked before it is read: a change while it is read is a change to the next look.
        self._mark = mark
        try:
            reading = self._read(self.path.read_bytes())
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the old one serves
            self._heard(error)
            return
        self.reading = reading
        self._heard(reading)
