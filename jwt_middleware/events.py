"""Audit events, and the listeners that hear them.

An event is a frozen value. It carries identifiers (subject, client, token id, key id) but never a
token, a key or a claim's content; the one exception is ``Refused.decision``, which stays on the
event object and is not logged.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from .decision import Decision
from .request_view import RequestView

logger = logging.getLogger("jwt_middleware")


class Verified(NamedTuple):
    """A token was verified, or found among the tokens verified before (``cached``)."""

    subject: str | None
    client_id: str | None
    issuer: str | None
    token_id: str | None
    key_id: str | None
    cached: bool
    request: RequestView | None = None


class Refused(NamedTuple):
    """A request was refused. ``reference`` also stands in the answer that the caller got."""

    code: str
    reason: str
    reference: str
    subject: str | None = None
    client_id: str | None = None
    token_id: str | None = None
    key_id: str | None = None
    decision: Decision | None = None
    request: RequestView | None = None


class KeysLoaded(NamedTuple):
    """A key source gave keys: at start-up, or after a fetch. ``key_ids`` are those with a kid."""

    source: str
    keys: int
    key_ids: tuple[str, ...]


class KeySkipped(NamedTuple):
    """One entry of a key source is not used."""

    source: str
    key_id: str | None
    reason: str


class KeyWarning(NamedTuple):
    """A key is used, but something about it should be mended."""

    source: str
    key_id: str | None
    reason: str


class KeysFetched(NamedTuple):
    """A key endpoint gave a good answer. ``changed``: it says other than the one before.

    ``failures``: how many attempts before it had failed.
    """

    source: str
    keys: int
    changed: bool
    failures: int = 0


class KeyFetchFailed(NamedTuple):
    """An endpoint gave no usable answer, or a key file no usable content; the old keys stay.

    ``retry_in``: seconds until the next attempt.
    """

    source: str
    reason: str
    retry_in: float


class StaleKeysServed(NamedTuple):
    """Keys serve although they are no longer fresh, as the endpoint fails; told once an outage.

    ``age``: seconds since the last good answer.
    """

    source: str
    age: float


class KeyAdded(NamedTuple):
    """A key that was not there before. Keys without a kid go by the start of their SPKI hash."""

    source: str
    key_id: str


class KeyChanged(NamedTuple):
    """Another key under a kid that was there before."""

    source: str
    key_id: str


class KeyRemoved(NamedTuple):
    """A key that is no longer there; it has stopped verifying, cached tokens too."""

    source: str
    key_id: str


class ConfigurationWarning(NamedTuple):
    """The configuration works, but leaves a danger open."""

    reason: str


Event = (
    Verified
    | Refused
    | KeysLoaded
    | KeysFetched
    | KeyFetchFailed
    | StaleKeysServed
    | KeyAdded
    | KeyChanged
    | KeyRemoved
    | KeySkipped
    | KeyWarning
    | ConfigurationWarning
)


class Listener(Protocol):
    """Anything that can be called with an event. It runs on the request's own thread or loop."""

    def __call__(self, event: Event, /) -> object:
        """Take one event."""


def printable(text: object, limit: int = 128) -> str:
    """Escape control characters and bound the length, so that a kid cannot forge a log line."""
    raw = str(text)
    cut = raw if len(raw) <= limit else raw[:limit] + "..."
    return cut.encode("unicode_escape", "backslashreplace").decode("ascii")


class LogListener:
    """Write events to the ``jwt_middleware`` logger, a flood of refusals at a bounded rate.

    At most ``burst`` refusals of one code are written a minute; the next line after a silence says
    how many were left out. Every other listener hears them all.
    """

    def __init__(self, burst: int = 20, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[float, int]] = {}

    def __call__(self, event: Event, /) -> None:
        """Write one event."""
        match event:
            case Refused():
                self._refused(event)
            case Verified():
                logger.debug(
                    "verified subject=%s client=%s token_id=%s key_id=%s cached=%s",
                    printable(event.subject),
                    printable(event.client_id),
                    printable(event.token_id),
                    printable(event.key_id),
                    event.cached,
                )
            case KeysLoaded():
                logger.info("%s: %d keys in use", printable(event.source), event.keys)
            case KeySkipped() | KeyWarning():
                skipped = "skipped" if isinstance(event, KeySkipped) else "warning"
                logger.warning(
                    "%s: key%s %s: %s",
                    printable(event.source),
                    "" if event.key_id is None else " " + printable(event.key_id),
                    skipped,
                    printable(event.reason, 400),
                )
            case KeysFetched():
                level = logging.WARNING if event.failures else logging.DEBUG
                logger.log(
                    level,
                    "%s: fetched %d keys%s",
                    printable(event.source),
                    event.keys,
                    f", after {event.failures} failed attempts" if event.failures else "",
                )
            case KeyFetchFailed():
                logger.warning(
                    "%s: %s; next attempt in %.0f s",
                    printable(event.source),
                    printable(event.reason, 400),
                    event.retry_in,
                )
            case StaleKeysServed():
                logger.warning(
                    "%s: stale keys serve, %.0f s old", printable(event.source), event.age
                )
            case KeyAdded() | KeyChanged() | KeyRemoved():
                logger.info(
                    "%s: key %s %s",
                    printable(event.source),
                    printable(event.key_id),
                    type(event).__name__.removeprefix("Key").lower(),
                )
            case ConfigurationWarning():
                logger.warning("%s", printable(event.reason, 400))

    def _refused(self, event: Refused) -> None:
        if not logger.isEnabledFor(logging.WARNING):
            return
        left_out = self._admit(event.code)
        if left_out is None:
            return
        request = event.request
        told = {
            "reason": event.reason,
            "request": None if request is None else f"{request.method} {request.path}",
            "subject": event.subject,
            "client": event.client_id,
            "token_id": event.token_id,
            "key_id": event.key_id,
        }
        pairs = [f"{name}={printable(value, 200)}" for name, value in told.items() if value]
        logger.warning(
            "refused code=%s reference=%s %s%s",
            event.code,
            event.reference,
            " ".join(pairs),
            left_out,
        )

    def _admit(self, code: str) -> str | None:
        """Return what the line says of those left out, or None to leave this one out."""
        now = self._clock()
        with self._lock:
            start, count = self._windows.get(code, (now, 0))
            before = ""
            if now - start >= 60:
                if count > self._burst:
                    before = f" ({count - self._burst} more of this code were not written)"
                start, count = now, 0
            self._windows[code] = (start, count + 1)
            if count + 1 == self._burst:
                return before + " (more of this code are only counted for the rest of the minute)"
            return before if count < self._burst else None


class Announcer:
    """Hand each event to the log and to every listener; a failing listener changes nothing."""

    __slots__ = ("_broken", "_listeners")

    def __init__(self, listeners: Iterable[Listener] = ()) -> None:
        self._listeners: tuple[Listener, ...] = (LogListener(), *listeners)
        self._broken: set[int] = set()

    def hears_verified(self) -> bool:
        """Whether anybody would take a ``Verified`` event now: they are not built for nobody."""
        return len(self._listeners) > 1 or logger.isEnabledFor(logging.DEBUG)

    def __call__(self, event: Event) -> None:
        """Tell every listener."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 - the app's own code; it changes nothing
                if id(listener) not in self._broken:
                    self._broken.add(id(listener))
                    # No message and no stack: either could hold what the event held.
                    logger.error(
                        "a listener failed with %s; further failures of it are not told",
                        type(error).__name__,
                    )
