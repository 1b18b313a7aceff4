"""How often the log says one thing: what callers can cause at will is bounded, and counted."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ..background.forks import ForkLock

logger = logging.getLogger("jwt_middleware")

BURST = 20
"""Lines of one kind a minute."""

_MOST_KINDS = 1_024


class LogRate:
    """Counts lines by their kind; at most ``burst`` of one kind are written a minute.

    The next line after a silence says how many were left out.
    """

    def __init__(self, burst: int = BURST, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._clock = clock
        self._lock = ForkLock()
        self._windows: dict[str, tuple[float, int]] = {}

    def admit(self, kind: str) -> str | None:
        """Return what the line says of those left out, or None to leave this one out."""
        now = self._clock()
        with self._lock:
            start, count = self._windows.get(kind, (now, 0))
            before = ""
            if now - start >= 60:
                if count > self._burst:
                    before = f" ({count - self._burst} more of this code were not written)"
                start, count = now, 0
            if len(self._windows) >= _MOST_KINDS:
                self._windows.clear()  # kinds are of the app's code, so few come so far
            self._windows[kind] = (start, count + 1)
            if count + 1 == self._burst:
                return before + " (more of this code are only counted for the rest of the minute)"
            return before if count < self._burst else None


_rate = LogRate()


def log_bounded(level: int, message: str, *args: object, rate: LogRate | None = None) -> None:
    """Write a line of the app's own mistakes, which each request may repeat; its text is its kind.

    ``args`` are formatted into the message; only names of the app's code belong there. ``rate`` is
    the process's own where left out.
    """
    if not logger.isEnabledFor(level):
        return
    text = message % args
    left_out = (rate or _rate).admit(text)
    if left_out is not None:
        logger.log(level, "%s%s", text, left_out)
