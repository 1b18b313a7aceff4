"""What is noted of one request on its way, until it is told as one ``Decided``.

A door makes it where there are listeners, and puts it into the request's scope or environ; the
audit notes in it what is decided; the door tells it when the answer begins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol

from ..errors import Decision, InvalidClaim, RequestError
from .kinds import Decided
from .log import Announcer

FindRoute = Callable[[str, str], str | None]
"""An adapter's way to find a route's template, by method (``WEBSOCKET`` for one) and path."""

TRAIL_KEY = "jwt_middleware.trail"
"""Where a request carries what is noted of it for the audit, while somebody listens."""


class Caller(Protocol):
    """What events say of a principal."""

    @property
    def subject(self) -> str | None:
        """Who calls."""

    @property
    def client_id(self) -> str | None:
        """The client that calls."""

    @property
    def application(self) -> str | None:
        """The client's name, for people."""

    @property
    def issuer(self) -> str | None:
        """Who says so."""

    @property
    def token_id(self) -> str | None:
        """The token's id."""

    @property
    def key_id(self) -> str | None:
        """The key that signed it."""


class Request(Protocol):
    """What events say of a request, and where they find what is noted of it."""

    @property
    def method(self) -> str:
        """The method."""

    @property
    def path(self) -> str:
        """The decoded path."""

    @property
    def route(self) -> str | None:
        """The route's template."""

    def carried(self, key: str) -> Any:
        """Return what the middleware keeps with the request under a key."""


_current: ContextVar[Trail | None] = ContextVar("jwt_middleware_trail", default=None)


class _Refusal(NamedTuple):
    """Why a request is refused."""

    code: str
    reason: str
    reference: str
    key_id: str | None
    decision: Decision | None


class Trail:
    """The decisions on one request, by one middleware; ``announce`` is how it tells them.

    It holds texts: neither the request's scope or environ (``carrier``), nor its principal. The
    ``route`` is the template, None where nobody knows it; a framework that routes late sets it.
    ``principal_key``: where the carrier has a principal that was put in by other means.
    """

    __slots__ = (
        "_before",
        "_cached",
        "_outer",
        "_principal_key",
        "_protocol",
        "_refusal",
        "_who",
        "_would_refuse",
        "announce",
        "guarded",
        "has_ended",
        "is_told",
        "method",
        "path",
        "request_id",
        "route",
    )

    def __init__(
        self,
        announce: Announcer,
        carrier: MutableMapping[str, Any],
        request: Request,
        request_id: str,
        principal_key: str,
        find_route: FindRoute | None = None,
        protocol: str = "http",
    ) -> None:
        self.announce = announce
        self.method = request.method
        # As it is now: a mount takes its part away, and gives it back to nobody.
        self.path = request.path
        self._outer: Trail | None = carrier.get(TRAIL_KEY)
        self.request_id = request_id if self._outer is None else self._outer.request_id
        self.route: str | None = None
        if find_route is not None:
            method = "WEBSOCKET" if protocol == "websocket" else self.method
            self.route = find_route(method, self.path)
        self.is_told = False
        self.has_ended = False
        self.guarded = False
        self._protocol = protocol
        self._who: dict[str, Any] | None = None
        self._cached: bool | None = None
        self._refusal: _Refusal | None = None
        self._would_refuse: tuple[str, ...] = ()
        self._principal_key = principal_key
        self._before = _current.get()
        carrier[TRAIL_KEY] = self
        _current.set(self)

    def verified(self, principal: Caller, *, cached: bool) -> None:
        """Note who calls."""
        self._who = _caller(principal)
        self._cached = cached

    def refused(
        self, error: RequestError, principal: Caller | None, decision: Decision | None
    ) -> None:
        """Note why it is refused; the first reason counts, for others may follow from it."""
        if self._refusal is None:
            # Not the error itself: it holds the frames that it was raised in.
            self._refusal = _Refusal(
                error.code, reason_of(error), error.reference, error.key_id, decision
            )
            if principal is not None:
                self._who = _caller(principal)

    def would_refuse(self, code: str) -> None:
        """Note what shadow mode has let in."""
        self._would_refuse += (code,)

    def tell(self, status: int | None, carrier: Mapping[str, Any]) -> None:
        """Tell what was decided, once, as the answer begins with this status."""
        if self.is_told:
            return
        self.is_told = True
        refusal = self._refusal
        principal: Caller | None = carrier.get(self._principal_key)
        who = self._who
        if who is None:
            # A principal that was put in by other means, or nobody.
            who = {"key_id": refusal.key_id if refusal else None}
            who = who if principal is None else _caller(principal)
        self.announce(
            Decided(
                allowed=refusal is None,
                method=self.method,
                route=self.route,
                path=self.path if self.route is None else None,
                status=status,
                request_id=self.request_id,
                guarded=self.guarded,
                protocol=self._protocol,
                **who,
                cached=self._cached,
                code=None if refusal is None else refusal.code,
                reason=None if refusal is None else refusal.reason,
                reference=None if refusal is None else refusal.reference,
                would_refuse=self._would_refuse,
                decision=None if refusal is None else refusal.decision,
            )
        )

    def leave(self, carrier: MutableMapping[str, Any]) -> None:
        """End with the request; tell it now where no answer was seen."""
        self.tell(None, carrier)
        self.has_ended = True
        _current.set(self._before)
        if self._outer is not None:
            carrier[TRAIL_KEY] = self._outer


def trail_of(request: Request | None, announce: Announcer) -> Trail | None:
    """Return the request's trail, where these listeners will be told of it."""
    trail: Trail | None = None if request is None else request.carried(TRAIL_KEY)
    return trail if trail is not None and trail.announce is announce and not trail.is_told else None


def current_trail() -> Trail | None:
    """Return the trail of the request that is served now; None where nobody listens.

    A task that was begun in a request, and outlives it, has none.
    """
    trail = _current.get()
    return None if trail is None or trail.has_ended else trail


def place_of(request: Request | None) -> dict[str, Any]:
    """Return what an event says of a request."""
    if request is None:
        return {}
    return {"method": request.method, "path": request.path, "route": request.route}


def identity_of(principal: Caller | None) -> dict[str, Any]:
    """Return what an event says of a caller."""
    if principal is None:
        return {}
    return {
        "subject": principal.subject,
        "client_id": principal.client_id,
        "application": principal.application,
        "token_id": principal.token_id,
    }


def _caller(principal: Caller) -> dict[str, Any]:
    return {**identity_of(principal), "issuer": principal.issuer, "key_id": principal.key_id}


def reason_of(error: RequestError) -> str:
    """Return why a request is refused, for the operator."""
    return str(error) if isinstance(error, InvalidClaim) else error.reason
