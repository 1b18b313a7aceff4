"""Claims of event loops, which may not wait for a store: one thread a process makes them.

They are made one after the other, as a store makes them anyway. A claim that nobody waits for any
more when its turn comes is not made.
"""

from __future__ import annotations

import os
import queue
import threading
import time
import weakref
from collections.abc import Callable

from ..background.forks import ForkLock
from ..background.waiting import Flight


class _Job:
    def __init__(self, work: Callable[[], None], ends: float) -> None:
        self.work = work
        self.ends = ends
        self.flight = Flight()


_Jobs = queue.SimpleQueue["_Job | None"]


class ClaimThread:
    """Makes claims on a thread of its own, which starts with the first of them."""

    def __init__(self) -> None:
        self._lock = ForkLock()
        self._jobs: _Jobs | None = None
        _threads.add(self)

    def submit(self, work: Callable[[], None], seconds: float) -> Flight:
        """Do some work, which does not raise, unless more than these seconds pass before."""
        job = _Job(work, time.monotonic() + seconds)
        with self._lock:
            try:
                self._jobs = self._jobs or _start(self)
                self._jobs.put(job)
            except RuntimeError:  # no more threads now: it is not made, and nobody waits for it
                job.flight.land()
        return job.flight

    def forked(self) -> None:
        """Begin anew in a forked child."""
        self._jobs = None


def _start(owner: ClaimThread) -> _Jobs:
    jobs: _Jobs = queue.SimpleQueue()
    threading.Thread(target=_run, args=(jobs,), name="jwt_middleware-claims", daemon=True).start()
    weakref.finalize(owner, jobs.put, None)
    return jobs


def _run(jobs: _Jobs) -> None:
    while (job := jobs.get()) is not None:
        if time.monotonic() < job.ends:
            job.work()
        job.flight.land()
        del job  # nothing is kept alive by a waiting thread


_threads: weakref.WeakSet[ClaimThread] = weakref.WeakSet()


def _forked() -> None:
    for thread in list(_threads):
        thread.forked()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_forked)
