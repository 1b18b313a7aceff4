"""A few threads that do the slow work of a whole process, one job after another.

However many endpoints there are, no more threads than ``most`` work for them at a time. A thread
ends when nothing is left to do, so that there is none at rest.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from .forks import ForkLock, at_fork

OVERDUE_AFTER = 10.0
"""Seconds after which a job no longer counts, so that some that hang do not stop the others."""

Job = Callable[[], None]


class Lanes:
    """Runs jobs, at most ``most`` at a time, the first one first.

    Jobs that failed the last time go after all others, and take at most half of the threads:
    endpoints that hang must not keep those that answer waiting.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._lock = ForkLock()
        self.renew()
        at_fork(self)

    def renew(self) -> None:
        """Begin anew in a forked child, which has none of its parent's threads."""
        self._waiting: deque[Job] = deque()
        self._failing: deque[Job] = deque()
        self._lanes: set[_Lane] = set()

    def add(self, job: Job, *, has_failed: bool = False) -> bool:
        """Have a job done; False where no thread does any, nor can be started."""
        with self._lock:
            jobs = self._failing if has_failed else self._waiting
            jobs.append(job)
            self._start()
            if not self._lanes:
                jobs.remove(job)
            return bool(self._lanes)

    def hurry(self) -> None:
        """Start another thread where jobs wait only for one that hangs."""
        with self._lock:
            self._start()

    def _start(self) -> None:
        if (self._waiting or self._failing) and len(self._in_time()) < self._most:
            lane = _Lane()
            thread = threading.Thread(target=self._work, args=(lane,), name=self._name, daemon=True)
            self._lanes.add(lane)
            try:
                thread.start()
            except RuntimeError:  # no more threads now, or no more at all
                self._lanes.discard(lane)

    def _in_time(self) -> list[_Lane]:
        overdue = time.monotonic() - OVERDUE_AFTER
        return [lane for lane in self._lanes if lane.began > overdue]

    def _work(self, lane: _Lane) -> None:
        job = self._next(lane)
        try:
            while job is not None:
                job()
                job = self._next(lane)
        finally:
            with self._lock:
                self._lanes.discard(lane)
                if job is not None:  # it raised; those that wait need another thread
                    self._start()

    def _next(self, lane: _Lane) -> Job | None:
        """Return the next job of a lane; None where it is to end."""
        with self._lock:
            lane.began, lane.has_failed = time.monotonic(), False
            # One more than there may be: another took the place of this one while it was overdue.
            if len(self._in_time()) <= self._most:
                if self._waiting:
                    return self._waiting.popleft()
                slow = sum(each.has_failed for each in self._in_time())
                if self._failing and slow < max(1, self._most // 2):
                    lane.has_failed = True
                    return self._failing.popleft()
            self._lanes.discard(lane)
            return None


class _Lane:
    """One thread: when it began its job, and whether that job had failed the last time."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.has_failed = False


MOST_AT_ONCE = 4
"""How many documents a process fetches at a time; others wait for their turn."""

FETCHING = Lanes(MOST_AT_ONCE, "jwt_middleware-fetch")
"""The lanes of all fetches from other hosts."""
