"""The listeners of audit events: the log, and whoever else is told.

A listener runs on the request's own thread or loop; one that fails changes nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterable, MutableMapping
from contextlib import contextmanager
from typing import Any

from .fields import fields_of, printable
from .kinds import (
    AccountCreated,
    AccountUpdated,
    ChecksWeakened,
    ClientsKept,
    ClientsLoaded,
    ConfigurationWarning,
    Decided,
    DenialsLoaded,
    Event,
    GoRefused,
    IntegrationsKept,
    IntegrationsLoaded,
    KeyAdded,
    KeyChanged,
    KeyFetchFailed,
    KeyRemoved,
    KeysFetched,
    KeySkipped,
    KeysLoaded,
    KeyWarning,
    Listener,
    Refused,
    SignedOn,
    StaleKeysServed,
    StoreFailed,
    StoreRecovered,
    ValuesDropped,
    Verified,
    WouldRefuse,
)
from .log_rate import BURST, LogRate

logger = logging.getLogger("jwt_middleware")


@contextmanager
def silent_log() -> Generator[None, None, None]:
    """Write nothing to the log for a while: for commands, whose answer says it all."""
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


class _WithFields(logging.LoggerAdapter[logging.Logger]):
    """The logger, for the lines of one event: each record has the event's fields beside."""

    def __init__(self, event: Event) -> None:
        super().__init__(logger)
        self._event = event

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Add the fields; it is asked only where the line is written."""
        return msg, {**kwargs, "extra": fields_of(self._event, printable)}


class LogListener:
    """Write events to the ``jwt_middleware`` logger, a flood of one kind at a bounded rate.

    Each record carries the event's fields under the names of ``event_fields``, such as
    ``enduser.id``, for structlog's ``ExtraAdder`` and formatters of JSON. ``Decided`` is not
    written, but its parts, as they happen.

    At most ``burst`` refusals of one code are written a minute; the next line after a silence says
    how many were left out. Every other listener hears them all.
    """

    def __init__(self, burst: int = BURST, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = LogRate(burst, clock)

    def __call__(self, event: Event, /) -> None:
        """Write one event."""
        logger = _WithFields(event)
        match event:
            case Decided():
                pass  # its parts are written as they happen
            case Refused():
                told = {"reference": event.reference, "reason": event.reason}
                self._bounded("refused", event.code, told, event)
            case WouldRefuse():
                self._bounded("would refuse", event.code, {}, event)
            case ValuesDropped():
                told = {"claim": event.claim, "reason": event.reason, "values": str(event.values)}
                self._bounded("not granted", "values_dropped", told, event)
            case Verified():
                if not logger.isEnabledFor(logging.DEBUG):
                    return  # each request has one
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
            case ClientsLoaded():
                logger.info("%s: %d clients in use", printable(event.source), event.clients)
            case IntegrationsLoaded():
                logger.info("%s: %d integrations", printable(event.source), event.integrations)
            case SignedOn() | AccountCreated() | AccountUpdated():
                done = {
                    SignedOn: "signed on",
                    AccountCreated: "account created",
                    AccountUpdated: "account updated",
                }
                logger.info(
                    "%s user=%s integration=%s",
                    done[type(event)],
                    printable(event.user_id),
                    printable(event.integration),
                )
            case GoRefused():
                told = {"integration": event.integration, "reason": event.reason}
                self._bounded("not followed", "go_refused", told, event)
            case ClientsKept() | IntegrationsKept():
                logger.error(
                    "%s: the last good reading stays: %s",
                    printable(event.source),
                    printable("; ".join(line.strip() for line in event.reason.splitlines()), 2000),
                )
            case DenialsLoaded():
                logger.info("%s: %d denials in force", printable(event.store), event.denials)
            case StoreFailed():
                logger.error(
                    "%s; %s",
                    printable(event.reason, 400),
                    "in a few seconds no token is taken until it is back (fail='closed')"
                    if event.fail == "closed"
                    else "the last known denials serve until it is back (fail='open')",
                )
            case StoreRecovered():
                logger.warning(
                    "%s: it is back, after %.0f s", printable(event.store), event.seconds
                )
            case ChecksWeakened():
                options = "; ".join(printable(option, 400) for option in event.options)
                logger.info("weakened by %s", options)
            case ConfigurationWarning():
                logger.warning("%s", printable(event.reason, 400))

    def _bounded(
        self,
        what: str,
        code: str,
        told: dict[str, str],
        event: Refused | WouldRefuse | ValuesDropped | GoRefused,
    ) -> None:
        """Write what a request may cause any number of times: bounded, with its identifiers."""
        if not logger.isEnabledFor(logging.WARNING):
            return
        left_out = self._rate.admit(f"{what} {code}")
        if left_out is None:
            return
        who = {
            "request": None if event.method is None else f"{event.method} {event.path}",
            "subject": getattr(event, "subject", None),
            "client": getattr(event, "client_id", None),
            "token_id": getattr(event, "token_id", None),
            "key_id": getattr(event, "key_id", None),
        }
        pairs = [f"{name}={printable(value, 200)}" for name, value in (told | who).items() if value]
        _WithFields(event).warning("%s code=%s %s%s", what, code, " ".join(pairs), left_out)


class Announcer:
    """Hand each event to the log and to every listener; a failing listener changes nothing."""

    __slots__ = ("_broken", "_listeners", "has_listeners")

    def __init__(self, listeners: Iterable[Listener] = ()) -> None:
        self._listeners: tuple[Listener, ...] = (LogListener(), *listeners)
        self.has_listeners = len(self._listeners) > 1
        """Whether anybody beside the log is told."""
        self._broken: set[int] = set()

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """The listeners beside the log."""
        return self._listeners[1:]

    def hears_verified(self) -> bool:
        """Whether anybody would take a ``Verified`` event now: they are not built for nobody."""
        return self.has_listeners or logger.isEnabledFor(logging.DEBUG)

    def hears_refused(self) -> bool:
        """Whether anybody would take a ``Refused`` event now."""
        return self.has_listeners or logger.isEnabledFor(logging.WARNING)

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
