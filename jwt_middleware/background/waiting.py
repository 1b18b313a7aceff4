"""What a request waits for: work under way, and one budget for all waits of a request."""

from __future__ import annotations

import time
from typing import NamedTuple, Protocol


class Waitable(Protocol):
    """Work under way, whose end threads and tasks may wait for."""

    def wait(self, seconds: float) -> bool:
        """Wait in this thread; return whether it has ended."""
        ...

    async def wait_async(self, seconds: float) -> bool:
        """Wait in this task, on asyncio or trio; return whether it has ended."""
        ...


class Wait(NamedTuple):
    """What a request may wait for, and for how many seconds.

    ``joined``: the work had begun before it was asked for, so it may miss what has just changed.
    """

    work: Waitable
    budget: float
    joined: bool


class MustWait(Exception):
    """Work decides it, such as a fetch of keys: wait for its end, and try again."""

    def __init__(self, pending: Wait) -> None:
        self.pending = pending


class WaitBudget:
    """How long one request has waited, whether it may wait for keys again, and what for it did.

    One budget covers every wait. A fetch that had begun before the request asked may have missed
    the very key that it needs; then the request may wait for one more.
    """

    def __init__(self) -> None:
        self.answered = True
        self.may_wait = True
        self.work: Waitable | None = None
        self._ends: float | None = None

    def begin(self, pending: Wait) -> float:
        """Return the seconds for which this work may be waited for."""
        self.work = pending.work
        first = self._ends is None
        now = time.monotonic()
        if self._ends is None:
            self._ends = now + pending.budget
        self.may_wait = first and pending.joined
        return max(0.0, self._ends - now)
