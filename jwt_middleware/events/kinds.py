"""Audit events: what is told of each decision and each change of keys and clients.

An event is a frozen value of texts and numbers, from which nothing else can be reached. It carries
identifiers (subject, client, token id, key id) but never a token, a header, a key or a claim's
content; the one exception is ``decision``, which stays on the event object and is not written
anywhere.

What happens in a request has its ``method``, decoded ``path`` and, where it is followed, the
``route``'s template, as they came: whoever writes them bounds and escapes them.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ..errors import Decision


class Decided(NamedTuple):
    """What became of one request: allowed or denied, told once, before the answer begins.

    It sums up what ``Verified``, ``Refused`` and ``WouldRefuse`` told of the same request as it
    happened; they carry its ``request_id``. A door tells it only where there are listeners.

    ``route`` is the template, as the framework writes it; ``path`` is there only where nobody knows
    the template. ``status`` is the answer's, 101 for a websocket that was accepted, and None where
    none was seen, as the app failed. ``guarded``: a guard of the route was asked. ``cached``: the
    token was verified before; None without a token. ``would_refuse``: the codes of shadow mode.
    """

    allowed: bool
    method: str
    route: str | None
    path: str | None
    status: int | None
    request_id: str
    guarded: bool
    protocol: str = "http"
    subject: str | None = None
    client_id: str | None = None
    application: str | None = None
    issuer: str | None = None
    token_id: str | None = None
    key_id: str | None = None
    cached: bool | None = None
    code: str | None = None
    reason: str | None = None
    reference: str | None = None
    would_refuse: tuple[str, ...] = ()
    decision: Decision | None = None


class Verified(NamedTuple):
    """A token was verified, or found among the tokens verified before (``cached``).

    ``request_id`` is that of the ``Decided`` which follows, as in ``Refused`` and ``WouldRefuse``;
    None where no door serves the request. ``seconds``: what verifying anew took, from the raw
    value to the principal, without any wait for keys; None where it was cached.
    """

    subject: str | None
    client_id: str | None
    issuer: str | None
    token_id: str | None
    key_id: str | None
    cached: bool
    method: str | None = None
    path: str | None = None
    route: str | None = None
    application: str | None = None
    request_id: str | None = None
    seconds: float | None = None


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
    method: str | None = None
    path: str | None = None
    route: str | None = None
    application: str | None = None
    request_id: str | None = None


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


class WouldRefuse(NamedTuple):
    """A rule or policy in shadow mode (``enforce=False``) let a request in that it does not allow.

    ``decision`` says why, as that of ``Refused`` does.
    """

    code: str
    subject: str | None
    client_id: str | None
    token_id: str | None
    key_id: str | None
    decision: Decision
    method: str | None = None
    path: str | None = None
    route: str | None = None
    application: str | None = None
    request_id: str | None = None


class ValuesDropped(NamedTuple):
    """A token carries values that its client is not granted; told when the token is verified.

    ``values``: how many. ``reason``: ``namespace``, they are outside the client's; or ``level``,
    it is not declared.
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


class ClientsLoaded(NamedTuple):
    """The registry of clients was read: at start-up, or after it changed."""

    source: str
    clients: int


class ClientsKept(NamedTuple):
    """The registry changed into something unusable; the last good reading stays."""

    source: str
    reason: str


class DenialsLoaded(NamedTuple):
    """The deny list was read: at start-up, or after it changed."""

    store: str
    denials: int


class StoreFailed(NamedTuple):
    """A store of revocations is out; told once an outage.

    ``fail``: ``closed``, in a few seconds no token is taken until it is back; or ``open``, the last
    known list serves meanwhile, and tokens may be used twice.
    """

    store: str
    reason: str
    fail: str


class StoreRecovered(NamedTuple):
    """A store of revocations is back. ``seconds``: how long it was out."""

    store: str
    seconds: float


class IntegrationsLoaded(NamedTuple):
    """The integrations of sign-on were read: at start-up, or after they changed."""

    source: str
    integrations: int


class IntegrationsKept(NamedTuple):
    """The integrations changed, and are wrong: ``reason``. The last good reading serves."""

    source: str
    reason: str


class SignedOn(NamedTuple):
    """Somebody was signed in by a token. ``user_id`` is the directory's; ``created``: a new one."""

    integration: str
    user_id: str
    created: bool
    subject: str | None = None
    token_id: str | None = None
    key_id: str | None = None
    method: str | None = None
    path: str | None = None


class AccountCreated(NamedTuple):
    """The directory has created a user for a sign-on."""

    integration: str
    user_id: str


class AccountUpdated(NamedTuple):
    """The directory has brought a user up to what a sign-on token says."""

    integration: str
    user_id: str


class GoRefused(NamedTuple):
    """The ``go`` of a sign-on was no path of this site; the person is sent to ``/`` instead."""

    integration: str
    reason: str
    method: str | None = None
    path: str | None = None


class ConfigurationWarning(NamedTuple):
    """The configuration works, but leaves a danger open."""

    reason: str


class ChecksWeakened(NamedTuple):
    """A middleware was made, with options that weaken the check: each with its value."""

    options: tuple[str, ...]


Event = (
    Decided
    | Verified
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
    | WouldRefuse
    | ValuesDropped
    | ClientsLoaded
    | ClientsKept
    | DenialsLoaded
    | StoreFailed
    | StoreRecovered
    | IntegrationsLoaded
    | IntegrationsKept
    | SignedOn
    | AccountCreated
    | AccountUpdated
    | GoRefused
    | ConfigurationWarning
    | ChecksWeakened
)


class Listener(Protocol):
    """Anything that can be called with an event. It runs on the request's own thread or loop."""

    def __call__(self, event: Event, /) -> object:
        """Take one event."""
