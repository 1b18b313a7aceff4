"""A watched file that keeps its last good reading.

A file is looked at about once a second: replaced in place, by rename, or by the symlink swap of a
mounted Kubernetes secret. A replacement that cannot be read changes nothing, and says so. Two
threads a process do so for all its files, while no request comes too, so that the first one after a
quiet night finds what was written in the evening: one says each second that it is time, the other
looks. Where a file does not answer, such as one on a network that is gone, the other files get
another thread that looks.
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from .forks import ForkLock
from .single_flight import Flight

T = TypeVar("T")

LOOK_EVERY = 1.0
"""Seconds between two looks at a file."""

HANGS_AFTER = 2.0
"""Seconds that one file may take before the others are looked at by another thread."""

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
        self._mark: object = self._stat()
        self._failure: tuple[object, str] | None = None
        content = path.read_bytes()
        self.reading = read(content)
        self._digest = _digest(content)
        self._next_look = clock() + LOOK_EVERY
        self._reading = ForkLock()
        self._asking = ForkLock()
        self._flight: Flight | None = None
        _watch.add(self)

    def current(self) -> T:
        """Return the last good reading, at once; look again in the background now and then."""
        if self._clock() >= self._next_look:
            self.look_now()
        return self.reading

    def fresh(self) -> T:
        """Read the file as it is now, on this thread: for what must count from this request on.

        It goes by the content: two changes within one tick of the clock leave the same times and
        size. It blocks, and I/O belongs on no event loop.

        Raises:
            OSError, or what ``read`` raises: the file as it is now is no good.

        """
        with self._reading:
            mark = self._stat()
            if mark != self._mark or _digest(self.path.read_bytes()) != self._digest:
                self._take(mark)
            return self.reading

    def look_now(self) -> Flight | None:
        """Have the file looked at in the background; None within a second of the last look."""
        with self._asking:
            if self._flight is not None:
                return self._flight
            if self._clock() < self._next_look:
                return None
            self._next_look = self._clock() + LOOK_EVERY
            flight = self._flight = Flight()
        if not _watch.look_at(self):
            self._land()  # no more threads now; a later request tries again
        return flight

    def look(self) -> None:
        """Look at the file on this thread, for all who wait for it."""
        try:
            with self._reading:
                mark = self._stat()
                if mark != self._mark:
                    self._take(mark)
        except Exception:  # noqa: BLE001, S110 - it was told, and the last good reading serves
            pass
        finally:
            self._land()

    def renew(self) -> None:
        """Begin anew in a forked child, where nobody looks any more."""
        self._flight = None

    def _land(self) -> None:
        with self._asking:
            flight, self._flight = self._flight, None
        if flight is not None:
            flight.land()

    def _stat(self) -> tuple[int, ...] | None:
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return found.st_ino, found.st_dev, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def _take(self, mark: object) -> None:
        """Read the file. ``mark`` is older: what changes meanwhile is a change to the next look."""
        try:
            content = self.path.read_bytes()
            reading = self._read(content)
        except Exception as error:
            # What was wrong may lie elsewhere, as a file that this one names and that comes later:
            # it is read again at the next look, and told once.
            self._mark = _UNREAD
            failure = (mark, str(error))
            if failure != self._failure:
                self._failure = failure
                self._heard(error)
            raise
        self._mark = mark
        self._digest = _digest(content)
        self._failure = None
        self.reading = reading
        self._heard(reading)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


_Files = queue.SimpleQueue[WatchedFile[Any] | None]


class _Looker:
    """The thread that looks at one file after the other."""

    def __init__(self, files: _Files) -> None:
        self._files = files
        self._since: float | None = None
        self._has_ended = False
        thread = threading.Thread(target=self._run, name="jwt_middleware-file", daemon=True)
        thread.start()

    def hangs(self) -> bool:
        """Whether the file that it looks at does not answer."""
        since = self._since
        return since is not None and time.monotonic() - since > HANGS_AFTER

    def end(self) -> None:
        """Look at no further file."""
        self._has_ended = True
        self._files.put(None)

    def _run(self) -> None:
        while not self._has_ended:
            file = self._files.get()
            if file is not None:
                self._since = time.monotonic()
                file.look()
                self._since = None
            del file  # nothing is kept alive by a waiting thread


class _Watch:
    """Has every file of the process looked at, on as few threads as can be."""

    def __init__(self) -> None:
        self._files: weakref.WeakSet[WatchedFile[Any]] = weakref.WeakSet()
        self._forget_threads()

    def _forget_threads(self) -> None:
        self._lock = threading.Lock()
        self._asked: _Files = queue.SimpleQueue()
        self._looker: _Looker | None = None
        self._thread: threading.Thread | None = None

    def add(self, file: WatchedFile[Any]) -> None:
        with self._lock:
            self._files.add(file)
        self.wake()

    def look_at(self, file: WatchedFile[Any]) -> bool:
        """Have a file looked at, after those that were asked for before; False: nobody can."""
        if not self.wake():
            return False
        self._asked.put(file)
        return True

    def wake(self) -> bool:
        """Start what does not run: at first, in a forked process, and where a file hangs."""
        with self._lock:
            try:
                if self._looker is None or self._looker.hangs():
                    hanging, self._looker = self._looker, _Looker(self._asked)
                    if hanging is not None:
                        hanging.end()
                if self._thread is None:
                    thread = threading.Thread(
                        target=self._run, name="jwt_middleware-watch", daemon=True
                    )
                    thread.start()
                    self._thread = thread
            except RuntimeError:  # no more threads now
                return False
        return True

    def forked(self) -> None:
        """Forget the parent's threads, which this process does not have, and start others.

        Else the first request of a worker that had none for long would find old readings.
        """
        self._forget_threads()
        for file in list(self._files):
            file.renew()
        if self._files:
            self.wake()

    def _run(self) -> None:
        while self._look_at_all():
            pass

    def _look_at_all(self) -> bool:
        """Have every file looked at, after a while; return whether there are any."""
        time.sleep(LOOK_EVERY)  # first, so that nothing is kept alive by a sleeping thread
        with self._lock:
            files = list(self._files)
            if not files:
                if self._looker is not None:
                    self._looker.end()
                self._looker = self._thread = None
                return False
        self.wake()  # where one hangs, and no other is due
        for file in files:
            file.current()
        return True


_watch = _Watch()
if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_watch.forked)
