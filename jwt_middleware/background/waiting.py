"""Background work, and how requests wait for it: in a thread, or in an asyncio or trio task.

The work runs on daemon threads of its own. Threads wait on an event; asyncio and trio tasks are
woken on their own loop, without a thread per task. Cancelling a waiter affects neither the work nor
the other waiters.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

from .forks import at_fork
from .lanes import Lanes

T = TypeVar("T")


class Flight:
    """Running work; any number of callers may wait for its end."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: dict[Callable[[], None], None] = {}

    def land(self) -> None:
        """Wake every waiter, once."""
        with self._lock:
            self._done.set()
            callbacks, self._callbacks = list(self._callbacks), {}
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
            import trio

            woken: Any = trio.Event()
            forget = self._call_back(trio.lowlevel.current_trio_token().run_sync_soon, woken.set)
        else:
            import asyncio

            woken = asyncio.Event()
            forget = self._call_back(asyncio.get_running_loop().call_soon_threadsafe, woken.set)
        try:
            await _at_most(seconds, woken.wait)
        except TimeoutError:
            pass
        finally:
            forget()
        return self._done.is_set()

    def _call_back(self, call: Callable[[Any], object], wake: Any) -> Callable[[], None]:
        """Have a loop wake its task when the work ends; return a function that cancels this."""

        def callback() -> None:
            try:
                call(wake)
            except RuntimeError:  # the loop is closed, so its task is gone
                pass

        def forget() -> None:
            with self._lock:
                self._callbacks.pop(callback, None)

        with self._lock:
            if not self._done.is_set():
                self._callbacks[callback] = None
                return forget
        callback()
        return lambda: None


class SingleFlight:
    """Runs one job at a time; ``lock`` protects the owner's fields, never held during I/O."""

    def __init__(self, work: Callable[[], None], lanes: Lanes) -> None:
        self.lock = threading.Lock()
        self.running: Flight | None = None
        self._work = work
        self._lanes = lanes
        at_fork(self)

    def start(self, *, has_failed: bool = False) -> Flight:
        """Start the work, or queue it; the caller holds ``lock``, and ``running`` is None.

        ``has_failed``: it failed the last time, so others go first.
        """
        flight = self.running = Flight()
        if not self._lanes.add(partial(self._run, flight), has_failed=has_failed):
            # The interpreter is shutting down: no work can start.
            self.running = None
            flight.land()
        return flight

    def join(self) -> Flight | None:
        """Return the work that runs or is queued, if there is any; the caller holds ``lock``."""
        if self.running is not None:
            self._lanes.hurry()
        return self.running

    def _run(self, flight: Flight) -> None:
        try:
            self._work()
        finally:
            with self.lock:
                if self.running is flight:
                    self.running = None
            flight.land()

    def renew(self) -> None:
        """Reset in a forked child, which does not have the worker's thread."""
        self.lock = threading.Lock()
        self.running = None


async def in_thread(call: Callable[[], T], seconds: float = math.inf) -> T:
    """Run a blocking call in another thread and await it.

    Raises:
        TimeoutError: it took longer; if it had not started, it never will.

    """
    if in_trio():
        import trio

        gives_up = seconds < math.inf
        return await _at_most(
            seconds, lambda: trio.to_thread.run_sync(call, abandon_on_cancel=gives_up)
        )
    import asyncio

    return await _at_most(seconds, lambda: asyncio.to_thread(call))


async def _at_most(seconds: float, wait: Callable[[], Awaitable[T]]) -> T:
    if in_trio():
        import trio

        with trio.move_on_after(max(0.0, seconds)):
            return await wait()
        raise TimeoutError
    import asyncio

    async with asyncio.timeout(max(0.0, seconds) if seconds < math.inf else None):
        return await wait()


def in_trio() -> bool:
    """Whether this task runs on trio; otherwise it runs on asyncio."""
    if "trio" not in sys.modules:
        return False
    import trio

    try:
        trio.lowlevel.current_trio_token()
    except RuntimeError:
        return False
    return True


class Waitable(Protocol):
    """Running work; threads and tasks may wait for its end."""

    def wait(self, seconds: float) -> bool:
        """Wait in this thread; return whether it has ended."""
        ...

    async def wait_async(self, seconds: float) -> bool:
        """Wait in this task, on asyncio or trio; return whether it has ended."""
        ...


class Wait(NamedTuple):
    """Work that a request may wait for, and for how many seconds.

    ``already_running``: the work was already running when asked for, so it may miss a recent
    change.
    """

    work: Waitable
    budget: float
    already_running: bool


Steps = Generator[Wait, bool, T]
"""A generator that does no I/O: it yields each Wait and is sent True if the work ended in time."""


def drive(steps: Steps[T]) -> T:
    """Run steps to their end, waiting in this thread; the first wait's budget covers them all."""
    try:
        pending = next(steps)
        ends = time.monotonic() + pending.budget
        while True:
            has_ended = pending.work.wait(max(0.0, ends - time.monotonic()))
            pending = steps.send(has_ended)
    except StopIteration as end:
        result: T = end.value
        return result


async def drive_async(steps: Steps[T]) -> T:
    """Do as ``drive``, waiting in this task, on asyncio or trio."""
    try:
        pending = next(steps)
        ends = time.monotonic() + pending.budget
        while True:
            has_ended = await pending.work.wait_async(max(0.0, ends - time.monotonic()))
            pending = steps.send(has_ended)
    except StopIteration as end:
        result: T = end.value
        return result
