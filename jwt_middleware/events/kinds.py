"""Audit events: every decision, and each change of keys, clients and stores.

An event is a frozen value of texts and numbers. It has identifiers (subject, client, token id, key
id), but never a token, a header, a key or a claim's content, except for ``decision``, which no
listener of ours writes. Texts are as they came: a listener bounds and escapes what it writes.

A new event is one class here. ``logged`` gives it its level and its sentence in the log.
"""

from __future__ import annotations

from collections.abc import Callable
from logging import DEBUG, ERROR, INFO, WARNING
from typing import Any, NamedTuple, Protocol, TypeVar

from ..errors import Decision

Kind = TypeVar("Kind", bound=type[Any])
Line = tuple[int, str]
"""A log level, and a template whose ``{name}`` is a field or a property of the event.

A word whose field has no value is left out, so each word has one field at most. Sentences with a
``code=`` are bounded in rate, since callers can cause any number of them.
"""


class Event(Protocol):
    """Any event: a named tuple, with a ``line`` of its own or from ``logged``."""

    def _asdict(self) -> dict[str, Any]: ...


Listener = Callable[[Event], object]
"""Any callable that takes an event. It runs on the request's own thread or loop."""


def logged(level: int, template: str) -> Callable[[Kind], Kind]:
    """Give a class of events its level and its sentence in the log."""

    def set_line(kind: Kind) -> Kind:
        kind.line = (level, template)
        return kind

    return set_line


_REQUEST = "request={method} {path} subject={subject} client={client_id} token_id={token_id}"
_WHO = _REQUEST + " key_id={key_id}"
_ALLOWED = f"allowed {_WHO} cached={{cached}}"
_REFUSED = f"refused code={{code}} reference={{reference}} reason={{reason}} {_WHO} guard={{guard}}"
_WOULD_REFUSE = f"would refuse code={{would_refuse}} {_WHO} guard={{guard}}"


class Decided(NamedTuple):
    """The outcome of one request, or of one call of a ``Verifier`` that is used alone.

    A door with listeners emits it once a request, as the answer begins; without listeners, a
    refusal is logged as it happens. A refusal after the answer began, as in a websocket's event
    handler, is one event more.

    Attributes:
        route: the template as the framework writes it; None where it is unknown.
        kind: ``service`` where an application or a service account acts for itself; else None.
        original: the subject, else the client, of the caller before the caller.
        status: 101 for an accepted websocket; None where the app failed before it answered.
        guarded: a guard of the route was asked.
        cached: the token had been verified before; None without a token.
        reference: also in the answer.
        would_refuse: codes of shadow mode.
        guard: the rule that refused, or would have, without the values that it asks for.
        decision: the whole decision, with those values.
        seconds: how long verifying anew took, from the raw value to the principal, without waits.

    """

    allowed: bool
    method: str | None = None
    route: str | None = None
    path: str | None = None
    status: int | None = None
    request_id: str | None = None
    guarded: bool | None = None
    protocol: str | None = None
    subject: str | None = None
    client_id: str | None = None
    application: str | None = None
    issuer: str | None = None
    token_id: str | None = None
    key_id: str | None = None
    kind: str | None = None
    original: str | None = None
    cached: bool | None = None
    code: str | None = None
    reason: str | None = None
    reference: str | None = None
    would_refuse: tuple[str, ...] = ()
    guard: str | None = None
    seconds: float | None = None
    decision: Decision | None = None

    @property
    def line(self) -> Line:
        """Refusals are warnings, and so is what shadow mode let in."""
        if not self.allowed:
            return WARNING, _REFUSED
        return (WARNING, _WOULD_REFUSE) if self.would_refuse else (DEBUG, _ALLOWED)


@logged(INFO, "{source}: keys in use: {keys}")
class KeysLoaded(NamedTuple):
    """A key source gave keys, at start-up or after a fetch; ``key_ids`` of those with a kid."""

    source: str
    keys: int
    key_ids: tuple[str, ...]


@logged(WARNING, "{source}: key {key_id} skipped: {reason}")
class KeySkipped(NamedTuple):
    """One entry of a key source is not used."""

    source: str
    key_id: str | None
    reason: str


@logged(WARNING, "{source}: key {key_id} warning: {reason}")
class KeyWarning(NamedTuple):
    """A key is used, but something about it should be corrected."""

    source: str
    key_id: str | None
    reason: str


class KeysFetched(NamedTuple):
    """A key endpoint gave good keys, after so many ``failures``; ``changed``: not the same ones."""

    source: str
    keys: int
    changed: bool
    failures: int = 0

    @property
    def line(self) -> Line:
        """The end of an outage is a warning, as its start was."""
        if self.failures:
            return WARNING, "{source}: fetched {keys} keys, after {failures} failed attempts"
        return DEBUG, "{source}: fetched {keys} keys"


@logged(WARNING, "{source}: {reason}; the first request after {retry_in:.0f} s asks again")
class KeyFetchFailed(NamedTuple):
    """An endpoint or a key file gave no usable keys; the old ones stay. ``retry_in``: seconds."""

    source: str
    reason: str
    retry_in: float


@logged(WARNING, "{source}: stale keys serve, {age:.0f} s old, for {usable_for:.0f} s more")
class StaleKeysServed(NamedTuple):
    """Keys serve that are stale, ``age`` seconds old, since the endpoint fails; once an outage.

    Without a good answer within ``usable_for`` seconds every token is refused (503).
    """

    source: str
    age: float
    usable_for: float = 0.0


@logged(ERROR, "{source}: no key serves any more, so every token is refused (503): {reason}")
class KeysGone(NamedTuple):
    """The last keys were too old to serve; once an outage. ``reason``: of the last fetch."""

    source: str
    reason: str


@logged(INFO, "{source}: key {key_id} added")
class KeyAdded(NamedTuple):
    """A new key. The ``key_id`` of one without a kid is the start of its SPKI hash."""

    source: str
    key_id: str


@logged(INFO, "{source}: key {key_id} changed")
class KeyChanged(NamedTuple):
    """A kid names another key than before."""

    source: str
    key_id: str


@logged(INFO, "{source}: key {key_id} removed")
class KeyRemoved(NamedTuple):
    """A key is gone; it no longer verifies any token, not even a cached one."""

    source: str
    key_id: str


@logged(
    WARNING,
    "not granted code=values_dropped claim={claim} reason={reason} values={values} " + _REQUEST,
)
class ValuesDropped(NamedTuple):
    """A verified token carries values of a claim that are not granted; ``values`` is their number.

    ``reason``: ``namespace`` (they are outside the client's) or ``level`` (it is not declared).
    """

    client_id: str
    claim: str
    values: int
    reason: str
    subject: str | None = None
    token_id: str | None = None
    method: str | None = None
    path: str | None = None
    route: str | None = None
    request_id: str | None = None


@logged(INFO, "{source}: {clients} clients in use")
class ClientsLoaded(NamedTuple):
    """The registry of clients was read: at start-up, or after it changed."""

    source: str
    clients: int


class Kept(NamedTuple):
    """The last good reading of a file stays in use."""

    source: str
    reason: str

    @property
    def faults(self) -> tuple[str, ...]:
        """The lines of the reason."""
        return tuple(line.strip() for line in self.reason.splitlines())


@logged(ERROR, "{source}: the last good reading stays: {faults}")
class ClientsKept(Kept):
    """The registry has changed and is unusable; the last good reading stays."""


@logged(INFO, "{store}: {denials} denials in force")
class DenialsLoaded(NamedTuple):
    """The deny list was read: at start-up, or after it changed."""

    store: str
    denials: int


class StoreFailed(NamedTuple):
    """A store of revocations is out; once an outage.

    ``fail``: ``closed`` (within seconds, every token is refused until the store is back) or
    ``open`` (the last known list serves meanwhile, and a token may be used twice).
    """

    store: str
    reason: str
    fail: str

    @property
    def line(self) -> Line:
        """The sentence says what the outage means for tokens."""
        meanwhile = "the last known denials serve until it is back (fail='open')"
        if self.fail == "closed":
            meanwhile = "in a few seconds no token is taken until it is back (fail='closed')"
        return ERROR, f"{{reason}}; {meanwhile}"


@logged(WARNING, "{store}: it is back, after {seconds:.0f} s")
class StoreRecovered(NamedTuple):
    """A store of revocations is back. ``seconds``: how long it was out."""

    store: str
    seconds: float


@logged(INFO, "stream ended with its token subject={subject} client={client_id} path={path}")
class StreamEnded(NamedTuple):
    """A websocket or a streaming answer was ended, since its token has (``end_streams``).

    ``protocol``: ``http`` or ``websocket``.
    """

    protocol: str
    path: str
    subject: str | None = None
    client_id: str | None = None
    token_id: str | None = None


@logged(WARNING, "{reason}")
class ConfigurationWarning(NamedTuple):
    """The configuration works, but leaves something unsafe."""

    reason: str


@logged(INFO, "weakened by {options}")
class ChecksWeakened(NamedTuple):
    """A middleware was made with ``options`` that weaken the check, each with its value."""

    options: tuple[str, ...]
