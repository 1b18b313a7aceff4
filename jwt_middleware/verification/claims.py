"""Which claims a token must have to be accepted by this service now (RFC 7519, section 4.1).

Pure functions of a policy, the claims of a token whose signature holds, and the time. A malformed
claim is never treated as an absent claim.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from ..authorization.request import is_plain
from ..errors import InvalidClaim, TokenExpired, TokenImmature
from ..gateways import WireFormat
from ..options.checks import ANY as ANY
from ..options.checks import MILLISECONDS_FROM as MILLISECONDS_FROM
from ..options.checks import AnyAudience as AnyAudience
from ..principal import (
    ABSENT,
    NO_NAMES,
    ClaimName,
    ClaimNames,
    claim_at,
    is_list_of_text,
    listed_at,
    path_of,
    written,
)

Claims = Mapping[str, Any]

_TEXT: Final = frozenset({str})
_ID_TYPES: Final = frozenset({str, int})
_NUMBERS: Final = frozenset({int, float})
"""Exact types; ``isinstance`` would accept ``True``."""


@dataclass(frozen=True, kw_only=True)
class ClaimsPolicy:
    """The rules for a token's claims. Work that needs no token is done once, when it is made.

    ``leeway`` and ``max_age`` are in seconds. ``presumed_max_age`` applies if ``max_age`` is not
    set and the token has ``iat``. ``contexts``: the ``context_claim`` must equal one of these or be
    a path below one. ``required``: claims that must be there, each with its possible values, or
    None if any will do that is not empty. ``names`` lists the claims that hold the subject, the
    client and so on, which must have the right types.
    """

    wire: WireFormat
    issuers: Sequence[str] = ()
    audiences: tuple[str, ...] | AnyAudience = ()
    contexts: tuple[str, ...] = ()
    context_claim: str = ""
    leeway: float = 30
    max_age: float | None = None
    presumed_max_age: float | None = None
    required: Mapping[ClaimName, frozenset[str] | None] = field(default_factory=dict)
    names: ClaimNames = NO_NAMES
    check: Callable[[Claims, float], float] = field(init=False, repr=False, compare=False)
    """``check(claims, now)`` returns the time at which the token expires, without leeway.

    Times are in seconds since the epoch.

    Raises:
        InvalidClaim: a claim is missing, malformed or does not match the options.
        TokenExpired: ``exp``, or ``iat`` plus ``max_age``, has passed.
        TokenImmature: ``nbf`` or ``iat`` is in the future.

    """

    check_shapes: Callable[[Claims], None] = field(init=False, repr=False, compare=False)
    """``check_shapes(claims)`` raises ``InvalidClaim`` if a claim of ``names`` is malformed."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "check_shapes", shapes_rule(self.names))
        object.__setattr__(self, "check", self._compiled())

    def issued_at(self, claims: Claims) -> float | None:
        """Return ``iat`` of checked claims in seconds since 1970; None if they have none."""
        issued: float | None = claims.get("iat")
        return issued / 1000 if issued is not None and issued >= MILLISECONDS_FROM else issued

    def _compiled(self) -> Callable[[Claims, float], float]:
        issuers, audiences = self.issuers, self.audiences
        check_times = self._times_rule()
        check_audience = self._audience_rule()
        check_context = self._context_rule() if self.contexts else None
        check_required = self._required_rule() if self.required else None
        check_shapes = self.check_shapes

        def check_claims(claims: Claims, now: float) -> float:
            issuer = claims.get("iss", ABSENT)
            if issuer is ABSENT:
                if issuers:
                    raise InvalidClaim("iss", "missing")
            elif type(issuer) is not str:
                raise InvalidClaim("iss", "type")
            elif issuers and issuer not in issuers:
                raise InvalidClaim("iss", "mismatch")
            ends = check_times(claims, now)
            if audiences or "aud" in claims:
                check_audience(claims)
            if check_context is not None:
                check_context(claims)
            if check_required is not None:
                check_required(claims)
            check_shapes(claims)
            return ends

        return check_claims

    def _times_rule(self) -> Callable[[Claims, float], float]:
        leeway, required_age, presumed_age = self.leeway, self.max_age, self.presumed_max_age
        text_exp, milliseconds = self.wire.text_exp, self.wire.milliseconds

        def check_times(claims: Claims, now: float) -> float:
            times: dict[str, float] = {}
            for name in ("exp", "nbf", "iat"):
                value = claims.get(name, ABSENT)
                if value is ABSENT:
                    continue
                if name == "exp" and text_exp and _is_digits(value):
                    value = int(value)
                if type(value) not in _NUMBERS:
                    raise InvalidClaim(name, "type")
                if value >= MILLISECONDS_FROM:
                    if not milliseconds:
                        raise InvalidClaim(name, "implausible")
                    value = value / 1000
                times[name] = float(value)
            expires, begins, issued = times.get("exp"), times.get("nbf"), times.get("iat")
            ends = math.inf if expires is None else expires
            max_age = presumed_age if required_age is None and issued is not None else required_age
            if max_age is not None:
                if issued is None:
                    raise InvalidClaim("iat", "missing")
                # A token may be exactly max_age old.
                if now > issued + max_age + leeway:
                    raise TokenExpired("older than max_age")
                ends = min(ends, issued + max_age)
            elif expires is None:
                raise InvalidClaim("exp", "missing")
            if expires is not None and now >= expires + leeway:
                raise TokenExpired("exp has passed")
            if begins is not None and now < begins - leeway:
                raise TokenImmature("nbf is in the future")
            if issued is not None and issued > now + leeway:
                raise TokenImmature("iat is in the future")
            return ends

        return check_times

    def _audience_rule(self) -> Callable[[Claims], None]:
        is_any = isinstance(self.audiences, AnyAudience)
        accepted = frozenset(() if isinstance(self.audiences, AnyAudience) else self.audiences)

        def check_audience(claims: Claims) -> None:
            audience = claims.get("aud", ABSENT)
            if audience is ABSENT:
                if accepted:
                    raise InvalidClaim("aud", "missing")
                return
            entries = audience if type(audience) is list else [audience]
            if not _TEXT.issuperset(map(type, entries)):
                raise InvalidClaim("aud", "type")
            if is_any:
                return
            if not accepted:
                raise InvalidClaim("aud", "unexpected")
            if accepted.isdisjoint(entries):
                raise InvalidClaim("aud", "mismatch")

        return check_audience

    def _required_rule(self) -> Callable[[Claims], None]:
        required = tuple(self.required.items())

        def check_required(claims: Claims) -> None:
            for name, values in required:
                _check_value(written(name), claim_at(claims, name), values)

        return check_required

    def check_header(self, header: Claims, names: tuple[str, ...]) -> None:
        """Check those required claims, of ``names``, that stand in the JOSE header.

        Raises:
            InvalidClaim: one of them is missing or another.

        """
        for name, values in self.required.items():
            if name in names and values is not None:
                _check_value(written(name), header.get(name, ABSENT), values)

    def with_header(
        self, claims: dict[str, Any], header: Claims, names: tuple[str, ...]
    ) -> dict[str, Any]:
        """Return the claims of a gateway that writes some of them, ``names``, into the JOSE header.

        Those count instead of the payload's of the same name, which is the identity provider's. An
        ``exp`` or ``iss`` of the payload is checked too: its ``iss`` is a text (RFC 7519, 4.1.1),
        whether or not issuers are configured.

        Raises:
            InvalidClaim: the header has no ``exp``, or the payload's ``exp`` or ``iss`` is wrong.

        """
        payload = {name: claims.pop(name) for name in names if name in claims}
        claims |= {name: header[name] for name in names if name in header}
        if "exp" in names:
            if "exp" not in claims:
                raise InvalidClaim("exp", "missing")
            claims["exp"] = _earlier(claims["exp"], payload.get("exp", claims["exp"]))
        issuer = payload.get("iss", ABSENT)
        if issuer is not ABSENT:
            if type(issuer) is not str:
                raise InvalidClaim("iss", "type")
            if self.issuers and issuer not in self.issuers:
                raise InvalidClaim("iss", "mismatch")
        return claims

    def _context_rule(self) -> Callable[[Claims], None]:
        name, contexts = self.context_claim, frozenset(self.contexts)
        below = tuple(f"{context}/" for context in self.contexts)

        def check_context(claims: Claims) -> None:
            context = claims.get(name, ABSENT)
            if context is ABSENT:
                raise InvalidClaim(name, "missing")
            if type(context) is not str:
                raise InvalidClaim(name, "type")
            if context in contexts:
                return
            if not context.startswith(below) or not _has_one_reading(context):
                raise InvalidClaim(name, "mismatch")

        return check_context


def _check_value(name: str, value: Any, values: frozenset[str] | None) -> None:
    if value is ABSENT or (value == "" and values is None):  # as an empty sub names nobody
        raise InvalidClaim(name, "missing")
    if values is not None and (type(value) is not str or value not in values):
        raise InvalidClaim(name, "mismatch")


def _earlier(first: Any, second: Any) -> Any:
    """Return the earlier of two ``exp``; a value that is no plausible time is returned first."""
    for value in (first, second):
        if type(value) not in _NUMBERS or value >= MILLISECONDS_FROM:
            return value
    return min(first, second)


def shapes_rule(names: ClaimNames) -> Callable[[Claims], None]:
    """Return a function that raises ``InvalidClaim`` for a claim in a shape it cannot have.

    A list that is null counts as absent: serializers write null for "none".
    """
    paths = [path_of(name) for name in (*names.subject, *names.client_id, "jti")]
    texts = tuple(path[0] for path in paths if len(path) == 1)
    deep_texts = tuple(path for path in paths if len(path) > 1)
    every_list = (*names.roles, *names.permissions)
    lists = tuple(path_of(each.name)[0] for each in every_list if len(path_of(each.name)) == 1)
    deep_lists = tuple(each for each in every_list if len(path_of(each.name)) > 1)
    text_types = _ID_TYPES if names.numeric_ids else _TEXT

    def check_shapes(claims: Claims) -> None:
        get = claims.get
        for name in texts:
            if type(get(name, "")) not in text_types:
                raise InvalidClaim(name, "type")
        for name in lists:
            value = get(name)
            if value is not None and type(value) is not str and not is_list_of_text(value):
                raise InvalidClaim(name, "type")
        for path in deep_texts:
            value = claim_at(claims, path)
            if value is not ABSENT and type(value) not in text_types:
                raise InvalidClaim(written(path), "type")
        for each in deep_lists:
            listed_at(claims, each)

    return check_shapes


def _has_one_reading(context: str) -> bool:
    """Whether every program reads the same path: ``/orders/../admin`` is not below ``/orders``."""
    decoded = unquote(context)
    return "%" not in decoded and is_plain(decoded)


def _is_digits(value: Any) -> bool:
    """Whether the value is a text of digits, as WSO2 3.1 writes ``exp``."""
    return type(value) is str and len(value) <= 16 and value.isascii() and value.isdigit()
