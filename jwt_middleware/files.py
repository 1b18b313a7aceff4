"""A watched file that keeps its last good reading.

A file is looked at about once a second, on a thread of its own: replaced in place, by rename, or by
the symlink swap of a mounted Kubernetes secret. A replacement that cannot be read changes nothing,
and says so. One thread a process looks while no request comes, so that the first one after a quiet
night finds what was written in the evening.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from .fork_lock import ForkLock
from .single_flight import Flight, SingleFlight

T = TypeVar("T")

LOOK_EVERY = 1.0
"""Seconds between two looks at a file."""


_UNREAD = object()


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
        self._mark: object = self._look()
        self._failure: tuple[object, str] | None = None
        self.reading = read(path.read_bytes())
        self._next_look = clock() + LOOK_EVERY
        self._looking = ForkLock()
        self._flight = SingleFlight("jwt_middleware-file", self._look_again)
        _watch.add(self)

    def current(self) -> T:
        """Return the last good reading, at once; look again in the background now and then."""
        if self._clock() >= self._next_look:
            self.look_now()
        return self.reading

    def fresh(self) -> T:
        """Look at the file on this thread first: for what must count from the next request on.

        It costs a ``stat``, and I/O belongs on no event loop. A broken change keeps the old one.
        """
        self._look_again()
        return self.reading

    def look_now(self) -> Flight | None:
        """Look at the file on another thread; None within a second of the last look."""
        with self._flight.lock:
            if self._flight.running is not None:
                return self._flight.running
            if self._clock() < self._next_look:
                return None
            self._next_look = self._clock() + LOOK_EVERY
            _watch.wake()
            return self._flight.start()

    def _look(self) -> tuple[int, ...] | None:
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return found.st_ino, found.st_dev, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def _look_again(self) -> None:
        with self._looking:
            self._read_changes()

    def _read_changes(self) -> None:
        mark = self._look()
        if mark == self._mark:
            return
        # Marked before it is read: a change while it is read is a change to the next look.
        self._mark = mark
        try:
            reading = self._read(self.path.read_bytes())
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the old one serves
            # What was wrong may lie elsewhere, as a file that this one names and that comes later:
            # it is read again at the next look, and told once.
            self._mark = _UNREAD
            failure = (mark, str(error))
            if failure != self._failure:
                self._failure = failure
                self._heard(error)
            return
        self._failure = None
        self.reading = reading
        self._heard(reading)


class _Watch:
    """The thread that looks at files for which nobody asks."""

    def __init__(self) -> None:
        self._files: weakref.WeakSet[WatchedFile[Any]] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, file: WatchedFile[Any]) -> None:
        with self._lock:
            self._files.add(file)
        self.wake()

    def wake(self) -> None:
        """Start the thread where there is none: at first, and in a forked process."""
        with self._lock:
            if self._thread is not None:
                return
            self._thread = threading.Thread(
                target=self._run, name="jwt_middleware-watch", daemon=True
            )
            try:
                self._thread.start()
            except RuntimeError:  # no more threads now; requests look, and try again
                self._thread = None

    def forked(self) -> None:
        """Forget the parent's thread, which this process does not have, and start one of its own.

        Else the first request of a worker that had none for long would find old readings.
        """
        self._lock = threading.Lock()
        self._thread = None
        if self._files:
            self.wake()

    def _run(self) -> None:
        while self._look_at_all():
            pass

    def _look_at_all(self) -> bool:
        """Look at every file, after a while; return whether there are any."""
        time.sleep(LOOK_EVERY)  # first, so that nothing is kept alive by a sleeping thread
        with self._lock:
            files = list(self._files)
            if not files:
                self._thread = None
                return False
        for file in files:
            file.current()
        return True


_watch = _Watch()
if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_watch.forked)
