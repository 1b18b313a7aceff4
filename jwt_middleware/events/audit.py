"""The audit trail of decisions: each becomes one event, with identifiers and no claim's content."""

from __future__ import annotations

from ..errors import Decision, PermissionDenied, RequestError
from .kinds import Refused, ValuesDropped, Verified, WouldRefuse
from .log import Announcer
from .record import Caller, Request, identity_of, place_of, reason_of, trail_of


class Audit:
    """Tells listeners what was decided. ``would_have_refused`` counts what shadow mode let in."""

    def __init__(self, announce: Announcer) -> None:
        self._announce = announce
        self.would_have_refused = 0

    def refused(
        self,
        error: RequestError,
        request: Request | None = None,
        principal: Caller | None = None,
    ) -> None:
        """Announce a refusal, once, with the reference that the caller gets."""
        if not self._announce.hears_refused():
            return  # nor does anybody follow the request
        principal = principal or error.principal
        decision = error.decision if isinstance(error, PermissionDenied) else None
        trail = trail_of(request, self._announce)
        if trail is not None:
            trail.refused(error, principal, decision)
        if error.announced:
            return
        error.announced = True
        self._announce(
            Refused(
                error.code,
                reason_of(error),
                error.reference,
                **identity_of(principal),
                key_id=error.key_id if principal is None else principal.key_id,
                decision=decision,
                **place_of(request),
                request_id=None if trail is None else trail.request_id,
            )
        )

    def would_refuse(self, decision: Decision, principal: Caller, request: Request | None) -> None:
        """Announce and count what a rule in shadow mode would have refused."""
        self.would_have_refused += 1
        trail = trail_of(request, self._announce)
        if trail is not None:
            trail.would_refuse(decision.code)
        self._announce(
            WouldRefuse(
                decision.code,
                **identity_of(principal),
                key_id=principal.key_id,
                decision=decision,
                **place_of(request),
                request_id=None if trail is None else trail.request_id,
            )
        )

    def verified(
        self,
        principal: Caller,
        request: Request | None,
        *,
        cached: bool,
        seconds: float | None = None,
    ) -> None:
        """Announce that a token was verified, or recalled."""
        trail = trail_of(request, self._announce)
        if trail is not None:
            trail.verified(principal, cached=cached)
        self._announce(
            Verified(
                **identity_of(principal),
                issuer=principal.issuer,
                key_id=principal.key_id,
                cached=cached,
                **place_of(request),
                request_id=None if trail is None else trail.request_id,
                seconds=seconds,
            )
        )

    def dropped(
        self, principal: Caller, claim: str, values: int, reason: str, request: Request | None
    ) -> None:
        """Announce that values of a claim are not granted: how many, and why."""
        trail = trail_of(request, self._announce)
        self._announce(
            ValuesDropped(
                principal.client_id or "",
                claim,
                values,
                reason,
                principal.subject,
                principal.token_id,
                **place_of(request),
                request_id=None if trail is None else trail.request_id,
            )
        )
