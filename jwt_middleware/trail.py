"""What is noted of one request on its way, until it is told as one ``Decided``.

A door makes it where there are listeners, and puts it into the request's scope or environ; the
audit notes in it what is decided; the door tells it when the answer begins.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from contextvars import ContextVar
from typing import Any, NamedTuple

from .decision import Decision
from .errors import InvalidClaim, RequestError
from .events import Decided
from .listeners import Announcer
from .principal import PRINCIPAL_KEY, Principal
from .request_ids import request_id_of
from .request_view import TRAIL_KEY, RequestView

FindRoute = Callable[[str, str], str | None]
"""An adapter's way to find a route's template, by method (``WEBSOCKET`` for one) and path."""

_current: ContextVar[Trail | None] = ContextVar("jwt_middleware_trail", default=None)


class _Refusal(NamedTuple):
    """Why a request is refused."""

    code: str
    reason: str
    reference: str
    key_id: str | None
    decision: Decision | None


class Trail:
    """The decisions on one request, by one middleware; ``announce`` is how it tells them."""

    __slots__ = (
        "_before",
        "_cached",
        "_carrier",
        "_find_route",
        "_outer",
        "_principal",
        "_protocol",
        "_refusal",
        "_would_refuse",
        "announce",
        "guarded",
        "is_told",
        "method",
        "path",
        "request_id",
    )

    def __init__(
        self,
        announce: Announcer,
        carrier: MutableMapping[str, Any],
        request: RequestView,
        find_route: FindRoute | None = None,
        protocol: str = "http",
    ) -> None:
        self.announce = announce
        self.method = request.method
        # As it is now: a mount takes its part away, and gives it back to nobody.
        self.path = request.path
        self._outer: Trail | None = carrier.get(TRAIL_KEY)
        self.request_id = request_id_of(request) if self._outer is None else self._outer.request_id
        self.is_told = False
        self.guarded = False
        self._find_route = find_route
        self._protocol = protocol
        self._principal: Principal | None = None
        self._cached: bool | None = None
        self._refusal: _Refusal | None = None
        self._would_refuse: tuple[str, ...] = ()
        self._carrier = carrier
        self._before = _current.get()
        carrier[TRAIL_KEY] = self
        _current.set(self)

    @property
    def route(self) -> str | None:
        """The route's template; None where nobody knows it."""
        if self._find_route is None:
            return None
        method = "WEBSOCKET" if self._protocol == "websocket" else self.method
        return self._find_route(method, self.path)

    def verified(self, principal: Principal, *, cached: bool) -> None:
        """Note who calls."""
        self._principal = principal
        self._cached = cached

    def refused(
        self, error: RequestError, principal: Principal | None, decision: Decision | None
    ) -> None:
        """Note why it is refused; the first reason counts, for others may follow from it."""
        if self._refusal is None:
            # Not the error itself: it holds the frames that it was raised in.
            self._refusal = _Refusal(
                error.code, reason_of(error), error.reference, error.key_id, decision
            )
            self._principal = principal or self._principal

    def would_refuse(self, code: str) -> None:
        """Note what shadow mode has let in."""
        self._would_refuse += (code,)

    def tell(self, status: int | None) -> None:
        """Tell what was decided, once, as the answer begins with this status."""
        if self.is_told:
            return
        self.is_told = True
        refusal = self._refusal
        route = self.route
        who: Principal | None = self._principal or self._carrier.get(PRINCIPAL_KEY)
        key_id = refusal.key_id if who is None and refusal is not None else None
        self.announce(
            Decided(
                allowed=refusal is None,
                method=self.method,
                route=route,
                path=self.path if route is None else None,
                status=status,
                request_id=self.request_id,
                guarded=self.guarded,
                protocol=self._protocol,
                **identity_of(who),
                issuer=None if who is None else who.issuer,
                key_id=key_id if who is None else who.key_id,
                cached=self._cached,
                code=None if refusal is None else refusal.code,
                reason=None if refusal is None else refusal.reason,
                reference=None if refusal is None else refusal.reference,
                would_refuse=self._would_refuse,
                decision=None if refusal is None else refusal.decision,
            )
        )

    def __enter__(self) -> Trail:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """End with the request; tell it now where no answer was seen."""
        self.tell(None)
        _current.set(self._before)
        if self._outer is not None:
            self._carrier[TRAIL_KEY] = self._outer
        # The carrier holds this trail, and the way to a route may hold the request: no circle is
        # left for the garbage collector, which would cost every request.
        self._carrier = {}
        self._find_route = None


def trail_of(request: RequestView | None, announce: Announcer) -> Trail | None:
    """Return the request's trail, where these listeners will be told of it."""
    trail: Trail | None = None if request is None else request.carried(TRAIL_KEY)
    return trail if trail is not None and trail.announce is announce and not trail.is_told else None


def current_trail() -> Trail | None:
    """Return the trail of the request that is served now; None where nobody listens."""
    return _current.get()


def identity_of(principal: Principal | None) -> dict[str, Any]:
    """Return what an event says of a caller."""
    if principal is None:
        return {}
    return {
        "subject": principal.subject,
        "client_id": principal.client_id,
        "application": principal.application,
        "token_id": principal.token_id,
    }


def reason_of(error: RequestError) -> str:
    """Return why a request is refused, for the operator."""
    return str(error) if isinstance(error, InvalidClaim) else error.reason
