"""What the token verifiers of both packages share: one ``Verifier``, and its principals."""

from __future__ import annotations

import math
from typing import Any

from jwt_middleware.background.waiting import drive_async
from jwt_middleware.errors import (
    ConfigurationError,
    InvalidClaim,
    MissingToken,
    RequestError,
    Unavailable,
)
from jwt_middleware.options.checks import AnyAudience
from jwt_middleware.principal import Principal, thawed
from jwt_middleware.verification.options import VerifierOptions
from jwt_middleware.verification.verifier import Verifier


class TokenVerifierOptions(VerifierOptions, total=False):
    """The options of a verifier, or a ready one."""

    verifier: Verifier


class Verifying:
    """Verifies tokens, and says what an access token of the packages says of a principal."""

    def __init__(self, options: TokenVerifierOptions) -> None:
        self.verifier = _verifier_of(options)
        gateway = self.verifier.gateway
        self._scheme = f"{gateway.scheme} " if gateway.writes_scheme else ""
        policies = [issuer.policy for issuer in self.verifier.issuers]
        self._leeway = policies[0].leeway  # the same for all
        self._audiences = {
            audience
            for policy in policies
            if not isinstance(policy.audiences, AnyAudience)
            for audience in policy.audiences
        }

    async def principal_of(self, token: str) -> Principal | None:
        """Return the principal of a token, or None where it is refused; an event says why.

        Raises:
            Unavailable: it cannot be verified now.

        """
        try:
            # As the line that it was: the package has removed the scheme, and a second one is none.
            outcome = self.verifier.begin_line(self._scheme + token)
            principal = outcome if isinstance(outcome, Principal) else await drive_async(outcome)
            if principal.client_id is None and principal.subject is None:
                # The packages bind sessions and their state to client, issuer and subject.
                raise self.verifier.audit.refused(InvalidClaim("sub", "missing"))
        except Unavailable:
            raise
        except RequestError:
            return None
        return principal

    def members_of(self, principal: Principal) -> dict[str, Any]:
        """Return the members of ``AccessToken``, apart from the token."""
        ends = principal.expires_at
        return {
            # Never the subject instead: a person could have the name of a client.
            "client_id": principal.client_id or "",
            "subject": principal.subject,
            "scopes": sorted(principal.permissions),
            # When the verifier begins to refuse it: the packages allow no leeway of their own.
            "expires_at": None if ends is None else math.ceil(ends + self._leeway),
            "resource": self._resource_of(principal),
            "claims": thawed(principal.claims),
        }

    def _resource_of(self, principal: Principal) -> str | None:
        """Return the audience by which the token was accepted, for ``validate_token_resource``."""
        audience = principal.claims.get("aud")
        if isinstance(audience, str):
            return audience
        return next((each for each in audience or () if each in self._audiences), None)


def _verifier_of(options: TokenVerifierOptions) -> Verifier:
    others: dict[str, Any] = dict(options)
    ready = others.pop("verifier", None)
    if ready is None:
        others.setdefault("gateway", "bearer")
        return Verifier(**others)
    if not isinstance(ready, Verifier):
        raise ConfigurationError(f"verifier: a Verifier, not {type(ready).__name__}")
    if others:
        raise ConfigurationError(
            f"verifier: {', '.join(sorted(others))} beside it; a ready verifier has its own"
        )
    return ready


def principal_or_none(token: Any) -> Principal | None:
    """Return the principal of an access token that one of our verifiers has made; else None.

    None also for one that was written down and read again, which loses its principal.
    """
    principal = getattr(token, "principal", None)
    return principal if isinstance(principal, Principal) else None


def principal_of(token: Any) -> Principal:
    """Return the principal of an access token that one of our verifiers has made.

    Raises:
        MissingToken: there is no token, or it is another verifier's.

    """
    principal = principal_or_none(token)
    if principal is None:
        raise MissingToken(
            "this message has no token that JWTTokenVerifier has verified; behind JWTMiddleware, "
            "current_principal is that of jwt_middleware_starlette"
        )
    return principal
