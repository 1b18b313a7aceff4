"""Which claims make a token good for this service, now (RFC 7519, section 4.1).

Pure: a policy, the claims of a token whose signature holds, and the time. A malformed claim is
never treated as an absent one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from ..authorization.paths import is_plain
from ..errors import InvalidClaim, TokenExpired, TokenImmature
from ..gateways import WireFormat
from ..options.checks import ANY as ANY
from ..options.checks import MILLISECONDS_FROM as MILLISECONDS_FROM
from ..options.checks import AnyAudience as AnyAudience


class ClaimsPolicy(NamedTuple):
    """What a token's claims must say.

    ``leeway`` and ``max_age`` are in seconds. ``presumed_max_age`` counts where ``max_age`` is not
    set and the token has ``iat``. ``contexts`` are API contexts, of which the claim
    ``context_claim`` must be one or lie below one.
    """

    wire: WireFormat
    issuers: tuple[str, ...] = ()
    audiences: tuple[str, ...] | AnyAudience = ()
    contexts: tuple[str, ...] = ()
    context_claim: str = ""
    leeway: float = 30
    max_age: float | None = None
    presumed_max_age: float | None = None

    def check(self, claims: Mapping[str, Any], now: float) -> float:
        """Return when the token's life ends, in seconds since the epoch, without leeway.

        Raises:
            InvalidClaim: a claim is missing, malformed or not what is asked for.
            TokenExpired: ``exp``, or ``iat`` plus ``max_age``, is over.
            TokenImmature: ``nbf`` or ``iat`` lies in the future.

        """
        if self.issuers or "iss" in claims:
            self._check_issuer(claims)
        ends = self._check_times(claims, now)
        if self.audiences or "aud" in claims:
            self._check_audience(claims)
        if self.contexts:
            self._check_context(claims)
        return ends

    def issued_at(self, claims: Mapping[str, Any]) -> float | None:
        """Return ``iat`` of checked claims in seconds since 1970; None where they have none."""
        return self._time(claims, "iat")

    def _check_issuer(self, claims: Mapping[str, Any]) -> None:
        issuer = _present(claims, "iss", required=bool(self.issuers))
        if issuer is None:
            return
        if type(issuer) is not str:
            raise InvalidClaim("iss", "type")
        if self.issuers and issuer not in self.issuers:
            raise InvalidClaim("iss", "mismatch")

    def _check_times(self, claims: Mapping[str, Any], now: float) -> float:
        expires = self._time(claims, "exp")
        begins = self._time(claims, "nbf")
        issued = self._time(claims, "iat")
        ends = math.inf if expires is None else expires
        max_age = self.max_age
        if max_age is None and issued is not None:
            max_age = self.presumed_max_age
        if max_age is not None:
            if issued is None:
                raise InvalidClaim("iat", "missing")
            # A token may be exactly max_age old.
            if now > issued + max_age + self.leeway:
                raise TokenExpired("older than max_age")
            ends = min(ends, issued + max_age)
        elif expires is None:
            raise InvalidClaim("exp", "missing")
        if expires is not None and now >= expires + self.leeway:
            raise TokenExpired("exp is over")
        if begins is not None and now < begins - self.leeway:
            raise TokenImmature("nbf has not come")
        if issued is not None and issued > now + self.leeway:
            raise TokenImmature("iat lies in the future")
        return ends

    def _time(self, claims: Mapping[str, Any], name: str) -> float | None:
        value = claims.get(name, _ABSENT)
        if value is _ABSENT:
            return None
        kind = type(value)
        if (kind is int or kind is float) and value < MILLISECONDS_FROM:
            return float(value)
        if (
            name == "exp"
            and self.wire.text_exp
            and type(value) is str
            and len(value) <= 16
            and value.isascii()
            and value.isdigit()
        ):
            value = int(value)
        if type(value) is not int and type(value) is not float:
            raise InvalidClaim(name, "type")
        if value >= MILLISECONDS_FROM:
            if not self.wire.milliseconds:
                raise InvalidClaim(name, "implausible")
            value = value / 1000
        return float(value)

    def _check_audience(self, claims: Mapping[str, Any]) -> None:
        audiences = self.audiences
        wanted = not isinstance(audiences, AnyAudience) and bool(audiences)
        audience = _present(claims, "aud", required=wanted)
        if audience is None:
            return
        entries = audience if type(audience) is list else [audience]
        if not all(type(entry) is str for entry in entries):
            raise InvalidClaim("aud", "type")
        if isinstance(audiences, AnyAudience):
            return
        if not audiences:
            raise InvalidClaim("aud", "unexpected")
        if not any(entry in audiences for entry in entries):
            raise InvalidClaim("aud", "mismatch")

    def _check_context(self, claims: Mapping[str, Any]) -> None:
        context = _present(claims, self.context_claim, required=True)
        if type(context) is not str:
            raise InvalidClaim(self.context_claim, "type")
        if context in self.contexts:
            return
        is_below = any(context.startswith(f"{own}/") for own in self.contexts)
        if not is_below or not _has_one_reading(context):
            raise InvalidClaim(self.context_claim, "mismatch")


def _has_one_reading(context: str) -> bool:
    """Whether no program reads the context as another path: ``/orders/../admin`` is no order."""
    decoded = unquote(context)
    return "%" not in decoded and is_plain(decoded)


_ABSENT: Final = object()


def _present(claims: Mapping[str, Any], name: str, *, required: bool) -> Any:
    """Return the claim, or None where it is absent and may be; null is malformed, not absent."""
    value = claims.get(name, _ABSENT)
    if value is _ABSENT:
        if required:
            raise InvalidClaim(name, "missing")
        return None
    if value is None:
        raise InvalidClaim(name, "type")
    return value
