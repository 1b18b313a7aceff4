"""A function of the app's own that is asked again now and then; the last good answer serves.

It is asked on the threads that look at watched files, even while no request comes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from .forks import ForkLock
from .watched_files import Watched

S = TypeVar("S")
T = TypeVar("T")


class WatchedCall(Watched[T]):
    """The reading of an answer, renewed when the answer is another object.

    Args:
        call: returns the answer, or raises.
        read: makes the reading of an answer, or raises.
        on_change: called with the new reading, with the error that kept the old one, or with the
            old one at the end of such errors.
        every: seconds between two calls; no fewer than one while no request comes.

    Raises what ``call`` or ``read`` raises at the first reading.
    """

    def __init__(
        self,
        call: Callable[[], S],
        read: Callable[[S], T],
        on_change: Callable[[T | Exception], None],
        *,
        every: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._call = call
        self._read = read
        self._on_change = on_change
        self._every = every
        self._failure: str | None = None
        self._asking_anew = ForkLock()
        self._answer = call()
        self.reading = read(self._answer)
        super().__init__(clock)

    def every(self) -> float:
        """Return the seconds between two calls."""
        return self._every

    def check(self) -> None:
        """Call anew."""
        with self._asking_anew:
            try:
                answer = self._call()
                is_new = answer is not self._answer
                reading = self._read(answer) if is_new else self.reading
            except Exception as error:
                if str(error) != self._failure:  # once for each fault
                    self._failure = str(error)
                    self._on_change(error)
                raise
            if is_new or self._failure is not None:
                self._answer, self.reading, self._failure = answer, reading, None
                self._on_change(reading)
