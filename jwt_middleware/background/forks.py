"""What a forked child begins anew: locks, connections and polling threads.

A child has none of its parent's threads. A lock that one of them held would stay held for ever.
"""

from __future__ import annotations

import os
import queue
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from .living import Living


class Renewed(Protocol):
    """Something that a forked child cannot use as it is; ``renew`` makes it usable there.

    What must not be in use during a fork has ``before_fork`` and ``after_fork`` as well, both of
    which run in the parent.
    """

    def renew(self) -> None: ...


# In the order of their making, so that the parts of a thing are renewed before it.
_owners: Living[Renewed] = Living()


def at_fork(owner: Renewed) -> None:
    """Have something renewed in forked children, while it lives."""
    _owners.add(owner)


def _caller_of(method: str) -> Callable[[], None]:
    """Return a function that calls a method of every owner that has it."""

    def call() -> None:
        for owner in list(_owners):
            getattr(owner, method, _nothing)()

    return call


def _nothing() -> None: ...


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(
        before=_caller_of("before_fork"),
        after_in_parent=_caller_of("after_fork"),
        after_in_child=_caller_of("renew"),
    )


class ForkLock:
    """A ``threading.Lock``, used by ``with``, that is free in a forked child."""

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        self.renew()
        at_fork(self)

    def renew(self) -> None:
        """Make it free."""
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class Poller:
    """A thread that calls a method every few seconds, until the method's object is gone.

    It keeps nothing alive while it sleeps. After a long call the pause is up to twice as long, so
    that the calls take no more than a quarter of the time.
    """

    def __init__(self, look: Callable[[], object], every: float, name: str) -> None:
        self._look: weakref.WeakMethod[Any] = weakref.WeakMethod(look, lambda _: self.stop())
        self._every = every
        self._name = name
        self._ends = False
        self._starting = ForkLock()
        self.renew()
        at_fork(self)

    def renew(self) -> None:
        """Start a thread of its own in a forked child."""
        # A queue, not an event: stop() may run in the garbage collector or at the interpreter's
        # end, where a thread that no longer runs could hold an event's lock.
        self._woken: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.thread: threading.Thread | None = None
        self.start()

    def start(self) -> bool:
        """Start the thread unless it runs; False where none can be started now."""
        with self._starting:
            if self.thread is None and not self._ends:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # no more threads now, or no more at all
                    return False
                self.thread = thread
        return True

    def hurry(self) -> bool:
        """Call now instead of after the pause; False where no thread can be started now."""
        self._woken.put(None)
        return self.start()

    def stop(self) -> None:
        """Stop calling."""
        self._ends = True
        self._woken.put(None)

    def _run(self) -> None:
        pause = self._every
        while True:
            with suppress(queue.Empty):
                self._woken.get(timeout=pause)
                while True:  # this call serves everybody who has asked so far
                    self._woken.get_nowait()
            look = self._look()
            if look is None or self._ends:
                return
            began = time.monotonic()
            look()
            del look
            took = time.monotonic() - began
            pause = min(max(self._every, 3 * took), 2 * self._every)
