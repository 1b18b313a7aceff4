"""Who gets the events: the log, at a bounded rate, and the app's own listeners."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from ..background.forks import ForkLock
from ..background.once import Once
from .fields import MOST, fields_of, printable
from .kinds import Event, Line, Listener

logger = logging.getLogger("jwt_middleware")

BURST = 20
"""Lines of one kind a minute."""

_MOST_KINDS = 1_024
_FIELD = re.compile(r"{(\w+)")


class LogRate:
    """Admits at most ``burst`` lines of one kind a minute.

    The next line after a silence says how many were left out.
    """

    def __init__(self, burst: int = BURST, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._clock = clock
        self._lock = ForkLock()
        self._windows: dict[str, tuple[float, int]] = {}

    def admit(self, kind: str) -> str | None:
        """Return what the line adds about lines left out, or None to leave this one out."""
        now = self._clock()
        with self._lock:
            start, count = self._windows.get(kind, (now, 0))
            before = ""
            if now - start >= 60:
                if count > self._burst:
                    before = f" ({count - self._burst} more of this code were not written)"
                start, count = now, 0
            if len(self._windows) >= _MOST_KINDS:
                self._windows.clear()  # kinds come from the app's code: this many are rare
            self._windows[kind] = (start, count + 1)
            if count + 1 == self._burst:
                return before + " (more of this code are only counted for the rest of the minute)"
            return before if count < self._burst else None


_rate = LogRate()


def log_bounded(level: int, message: str, *args: object) -> None:
    """Log a mistake of the app's own code, which any request may repeat, at a bounded rate.

    ``args`` are formatted into the message; only names of the app's code belong there.
    """
    if not logger.isEnabledFor(level):
        return
    text = message % args
    left_out = _rate.admit(text)
    if left_out is not None:
        logger.log(level, "%s%s", text, left_out)


class LogListener:
    """Writes events to the ``jwt_middleware`` logger, at most ``burst`` of one code a minute.

    Each record carries the event's fields under the names of ``fields``, such as ``enduser.id``,
    for structlog's ``ExtraAdder`` and formatters of JSON. Other listeners get every event.
    """

    def __init__(self, burst: int = BURST, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = LogRate(burst, clock)

    def __call__(self, event: Event, /) -> None:
        """Write one event."""
        line: Line = getattr(event, "line", (logging.INFO, type(event).__name__))
        level, template = line
        if not logger.isEnabledFor(level):
            return
        left_out: str | None = ""
        sentence, is_bounded, _ = template.partition(" code=")
        if is_bounded:
            left_out = self._rate.admit(f"{sentence} {getattr(event, 'code', None)}")
        if left_out is not None:
            message = _message(event, template)
            logger.log(level, "%s%s", message, left_out, extra=fields_of(event, printable))


def _message(event: Event, template: str) -> str:
    words: list[str] = []
    for word in template.split(" "):
        field = _FIELD.search(word)
        if field is not None:
            value = _printable(getattr(event, field[1]))
            if value in (None, ""):
                continue
            word = word.format_map({field[1]: value})
        words.append(word)
    return " ".join(words)


def _printable(value: Any) -> Any:
    if isinstance(value, tuple):
        return "; ".join(printable(item, 400) for item in value[:MOST])
    return printable(value, 400) if isinstance(value, str) else value


def _always(level: int) -> bool:  # noqa: ARG001 - a listener gets events of every level
    return True


def _never(level: int) -> bool:  # noqa: ARG001 - nobody listens
    return False


class Announcer:
    """Hands each event to the log and to every listener; a failing listener changes nothing.

    Not if it ``is_silent``: for a verifier that works for another one, which announces.
    """

    def __init__(self, listeners: Iterable[Listener] = (), *, is_silent: bool = False) -> None:
        self.listeners = tuple(listeners)
        """The listeners beside the log."""
        self.has_listeners = bool(self.listeners)
        self._all: tuple[Listener, ...] = () if is_silent else (LogListener(), *self.listeners)
        self._broken = Once()
        self.wants: Callable[[int], bool] = logger.isEnabledFor
        if self.listeners or is_silent:
            self.wants = _never if is_silent else _always
        """``wants(level)``: whether anybody would get an event of this level now.

        Otherwise it need not be made. A request asks it more than once, so it is no method.
        """

    def __call__(self, event: Event) -> None:
        """Hand on one event."""
        for listener in self._all:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 - the app's own code; it changes nothing
                if self._broken.is_new(id(listener)):
                    # Neither message nor stack: either could hold what the event holds.
                    logger.error(
                        "a listener failed with %s; its further failures are not logged",
                        type(error).__name__,
                    )
