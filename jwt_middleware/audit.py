"""The audit trail of decisions: each becomes one event, with identifiers and no claim's content."""

from __future__ import annotations

from .authorization import Dropped
from .decision import Decision
from .errors import InvalidClaim, PermissionDenied, RequestError
from .events import Refused, ValuesDropped, Verified, WouldRefuse
from .listeners import Announcer
from .principal import Principal
from .request_view import RequestView


class Audit:
    """Tells listeners what was decided. ``would_have_refused`` counts what shadow mode let in."""

    def __init__(self, announce: Announcer) -> None:
        self._announce = announce
        self.would_have_refused = 0

    def refused(
        self,
        error: RequestError,
        request: RequestView | None = None,
        principal: Principal | None = None,
    ) -> None:
        """Announce a refusal, once, with the reference that the caller gets."""
        if error.announced:
            return
        if not self._announce.hears_refused():
            return
        error.announced = True
        principal = principal or error.principal
        decision = error.decision if isinstance(error, PermissionDenied) else None
        self._announce(
            Refused(
                error.code,
                str(error) if isinstance(error, InvalidClaim) else error.reason,
                error.reference,
                subject=None if principal is None else principal.subject,
                client_id=None if principal is None else principal.client_id,
                token_id=None if principal is None else principal.token_id,
                key_id=error.key_id if principal is None else principal.key_id,
                decision=decision if isinstance(decision, Decision) else None,
                request=request,
            )
        )

    def would_refuse(
        self, decision: Decision, principal: Principal, request: RequestView | None
    ) -> None:
        """Announce and count what a rule in shadow mode would have refused."""
        self.would_have_refused += 1
        self._announce(
            WouldRefuse(
                decision.code,
                principal.subject,
                principal.client_id,
                principal.token_id,
                principal.key_id,
                decision,
                request,
            )
        )

    def verified(self, principal: Principal, request: RequestView | None, *, cached: bool) -> None:
        """Announce that a token was verified, or recalled."""
        self._announce(
            Verified(
                principal.subject,
                principal.client_id,
                principal.issuer,
                principal.token_id,
                principal.key_id,
                cached,
                request,
            )
        )

    def dropped(self, principal: Principal, dropped: Dropped, request: RequestView | None) -> None:
        self._announce(
            ValuesDropped(
                principal.client_id or "",
                dropped.claim,
                dropped.values,
                dropped.reason,
                principal.subject,
                principal.token_id,
                request,
            )
        )
