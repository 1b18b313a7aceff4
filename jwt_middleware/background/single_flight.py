"""One piece of background work at a time, whose result any number of callers may wait for.

The work runs on a daemon thread of its own. Threads wait on an event; tasks of asyncio and trio are
woken on their own loop, without a thread each. Cancelling a waiter harms neither the work nor the
other waiters. After a fork the child starts anew: it has none of its parent's threads.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any


class Flight:
    """Work under way. ``joined`` tells whether it had begun before the caller asked for it."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []

    def land(self) -> None:
        """Wake every waiter, once."""
        with self._lock:
            self._done.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def wait(self, seconds: float) -> bool:
        """Wait in this thread; return whether the work has ended."""
        return self._done.wait(max(0.0, seconds))

    async def wait_async(self, seconds: float) -> bool:
        """Wait in this task; return whether the work has ended."""
        if self._done.is_set():
            return True
        if in_trio():
            return await self._wait_trio(seconds)
        return await self._wait_asyncio(seconds)

    async def _wait_asyncio(self, seconds: float) -> bool:
        import asyncio

        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        forget = self._call_back(_quietly(loop.call_soon_threadsafe, woken.set))
        try:
            await asyncio.wait_for(woken.wait(), max(0.0, seconds))
        except TimeoutError:
            return self._done.is_set()
        finally:
            forget()
        return True

    async def _wait_trio(self, seconds: float) -> bool:
        import trio

        token = trio.lowlevel.current_trio_token()
        woken = trio.Event()
        forget = self._call_back(_quietly(token.run_sync_soon, woken.set))
        try:
            with trio.move_on_after(max(0.0, seconds)):
                await woken.wait()
        finally:
            forget()
        return self._done.is_set()

    def _call_back(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back when the work ends, now if it has; return a function that takes this back."""
        with self._lock:
            if not self._done.is_set():
                self._callbacks.append(callback)
                return lambda: self._forget(callback)
        callback()
        return lambda: None

    def _forget(self, callback: Callable[[], None]) -> None:
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)


class SingleFlight:
    """Elects one worker at a time. ``lock`` guards the owner's few assignments, never I/O."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self.lock = threading.Lock()
        self.running: Flight | None = None
        self._name = name
        self._work = work
        _owners.add(self)

    def start(self) -> Flight:
        """Start the work; the caller holds ``lock`` and has seen that nothing is ``running``."""
        flight = self.running = Flight()
        thread = threading.Thread(target=self._run, args=(flight,), name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is shutting down: nothing will be fetched any more
            self.running = None
            flight.land()
        return flight

    def _run(self, flight: Flight) -> None:
        try:
            self._work()
        finally:
            with self.lock:
                if self.running is flight:
                    self.running = None
            flight.land()

    def renew(self) -> None:
        """Begin anew in a forked child, where the worker's thread does not exist."""
        self.lock = threading.Lock()
        self.running = None


_owners: weakref.WeakSet[SingleFlight] = weakref.WeakSet()


def _renew_all() -> None:
    for owner in list(_owners):
        owner.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)


def in_trio() -> bool:
    """Whether this task is one of trio's; asyncio's otherwise."""
    if "trio" not in sys.modules:
        return False
    import trio

    try:
        trio.lowlevel.current_trio_token()
    except RuntimeError:
        return False
    return True


def _quietly(call: Callable[[Any], object], argument: Any) -> Callable[[], None]:
    """Make a callback for a loop that may have closed while its waiter was forgotten."""

    def callback() -> None:
        try:
            call(argument)
        except RuntimeError:
            pass

    return callback
