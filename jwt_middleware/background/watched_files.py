"""A watched file that keeps its last good reading.

Each file is checked about once a second, so a replacement in place, by rename, or by the symlink
swap of a mounted Kubernetes secret is seen. One that cannot be read changes nothing, and is
reported. Two threads check all files of a process, even while no request comes, so that the first
request after a quiet night gets what was written in the evening: one asks for the checks each
second, the other makes them. Where a file hangs, as on a lost network, another thread goes on with
the others.
"""

from __future__ import annotations

import hashlib
import os
import queue
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from .forks import ForkLock, Poller, at_fork
from .living import Living
from .waiting import Flight

T = TypeVar("T")

LOOK_EVERY = 1.0
"""Seconds between two looks at a file."""

HANGS_AFTER = 2.0
"""Seconds that one file may take before another thread goes on with the others."""

_UNREAD = object()


class Watched(Generic[T]):
    """A reading that is renewed in the background, while the last good one serves.

    A subclass sets ``reading`` before it calls this constructor.
    """

    reading: T

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._next_look = clock() + self.every()
        self._asking = ForkLock()
        self._flight: Flight | None = None
        _watch.add(self)

    def every(self) -> float:
        """Return the seconds between two looks."""
        return LOOK_EVERY

    def check(self) -> None:
        """Renew the reading where it is due, and report; what it raises was reported too."""
        raise NotImplementedError

    def current(self) -> T:
        """Return the last good reading, at once; have it checked in the background if due."""
        if self._clock() >= self._next_look:
            self.look_now()
        return self.reading

    def look_now(self) -> Flight | None:
        """Have it checked in the background; None so soon after the last check."""
        with self._asking:
            if self._flight is not None:
                return self._flight
            if self._clock() < self._next_look:
                return None
            self._next_look = self._clock() + self.every()
            flight = self._flight = Flight()
        if not _watch.look_at(self):
            self._land()  # no more threads now; a later request tries again
        return flight

    def look(self) -> None:
        """Check it on this thread, for everybody who waits for it."""
        try:
            self.check()
        except Exception:  # noqa: BLE001, S110 - it was reported, and the last reading serves
            pass
        finally:
            self._land()

    def renew(self) -> None:
        """Begin anew in a forked child, which has none of its parent's threads."""
        self._flight = None

    def _land(self) -> None:
        with self._asking:
            flight, self._flight = self._flight, None
        if flight is not None:
            flight.land()


class WatchedFile(Watched[T]):
    """The reading of a file, renewed when the file changes.

    Args:
        path: symlinks are followed at each look.
        read: makes the reading from the content, or raises.
        on_change: called with the new reading, or with the error that kept the old one.

    Raises:
        OSError, or what ``read`` raises: the first reading fails.

    """

    def __init__(
        self,
        path: Path,
        read: Callable[[bytes], T],
        on_change: Callable[[T | Exception], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._read = read
        self._on_change = on_change
        self._mark: object = self._stat()
        self._failure: tuple[object, str] | None = None
        content = path.read_bytes()
        self.reading = read(content)
        self._digest = _digest(content)
        self.version = self._version(self._mark)
        """The version of the file that was read; the same in all processes."""
        self._reading = ForkLock()
        super().__init__(clock)

    def fresh(self) -> T:
        """Read the file on this thread, which may block, so that changes count from now on.

        The content is compared: two changes within one tick of the clock may leave the same times
        and size.

        Raises:
            OSError, or what ``read`` raises: the file cannot be read as it is now.

        """
        with self._reading:
            mark = self._stat()
            if mark != self._mark or _digest(self.path.read_bytes()) != self._digest:
                self._take(mark)
            return self.reading

    def check(self) -> None:
        """Read the file anew where it has changed."""
        if self._stat() != self._mark:
            self.fresh()

    def _stat(self) -> tuple[int, ...] | None:
        try:
            stat = os.stat(self.path)
        except OSError:
            return None
        return stat.st_ino, stat.st_dev, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns

    def _version(self, mark: object) -> str:
        return f"{self.path} {mark} {self._digest.hex()}"

    def _take(self, mark: object) -> None:
        """Read the file. ``mark`` is older, so a change since then is seen at the next look."""
        try:
            content = self.path.read_bytes()
            reading = self._read(content)
        except Exception as error:
            # Read it again at the next look, as the fault may be elsewhere, such as in a file that
            # this one names; report it once.
            self._mark = _UNREAD
            failure = (mark, str(error))
            if failure != self._failure:
                self._failure = failure
                self._on_change(error)
            raise
        self._mark = mark
        self._digest = _digest(content)
        self.version = self._version(mark)
        self._failure = None
        self.reading = reading
        self._on_change(reading)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


class _Watch:
    """Has every file of the process checked, on as few threads as possible."""

    def __init__(self) -> None:
        self._files: Living[Watched[Any]] = Living()
        self._lock = ForkLock()
        self._clock: Poller | None = None
        self.renew()
        at_fork(self)

    def renew(self) -> None:
        """Drop the parent's queue in a forked child, and who works it off."""
        self._asked: queue.SimpleQueue[Watched[Any]] = queue.SimpleQueue()
        self._looker: _Looker | None = None
        for file in self._files:
            file.renew()

    def add(self, file: Watched[Any]) -> None:
        self._files.add(file)
        with self._lock:
            if self._clock is None:
                self._clock = Poller(self.look_at_all, LOOK_EVERY, "jwt_middleware-watch")
            self._clock.start()

    def look_at(self, file: Watched[Any]) -> bool:
        """Queue a file; False where no thread can be started."""
        self._asked.put(file)
        return self._hurry()

    def look_at_all(self) -> None:
        """Queue every file that is due."""
        self._hurry()  # in case one hangs and no other is due
        for file in self._files:
            file.current()

    def _hurry(self) -> bool:
        """Have the queue worked off, by another thread where a file hangs."""
        with self._lock:
            if self._looker is not None and self._looker.hangs():
                self._looker.end()
                self._looker = None
            if self._looker is None:
                self._looker = _Looker(self._asked)
            return self._looker.hurry() and self._clock is not None and self._clock.start()


class _Looker:
    """A thread that works a queue off, until another one takes its place as a file hangs."""

    def __init__(self, asked: queue.SimpleQueue[Watched[Any]]) -> None:
        self._asked = asked
        self._began: float | None = None
        self._has_ended = False
        self._poller = Poller(self._look, LOOK_EVERY, "jwt_middleware-file")

    def hangs(self) -> bool:
        """Whether one file takes too long."""
        began = self._began
        return began is not None and time.monotonic() - began > HANGS_AFTER

    def hurry(self) -> bool:
        """Begin now; False where no thread can be started."""
        return self._poller.hurry()

    def end(self) -> None:
        """End after the file that hangs."""
        self._has_ended = True
        self._poller.stop()

    def _look(self) -> None:
        while not self._has_ended:
            try:
                file = self._asked.get_nowait()
            except queue.Empty:
                return
            self._began = time.monotonic()
            file.look()
            self._began = None


_watch = _Watch()
