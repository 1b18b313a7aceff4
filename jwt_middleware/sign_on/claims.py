"""Whom a sign-on token names, and what the partner says of them.

Every fault of the claims is named at once, by the claim's path and never with its value. An absent
claim leaves the directory as it is; one that is present, even if empty, replaces what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..errors import InvalidClaim, InvalidClaims, RequestError
from ..principal import frozen
from ..verification.issuer import IssuerVerifier
from .addresses import normal_email
from .integrations import BY_EMAIL, Integration

MOST_ORDER_ID = 32
"""Characters of a credit's ``orderId``."""
MOST_GROUP_ID = 255
"""Characters of a group's textual id; every database holds as many."""
MOST_INTEGER = 2**63 - 1
"""Databases hold no larger integer."""

GroupId = str | int

# What is wrong with a registered claim (RFC 7519, 4.1), in words for an integrator.
_LIFE = 60.0
_TIMES = ("exp", "nbf", "iat")
_RULES: Mapping[tuple[str, str], str] = {
    ("exp", "missing"): (
        "missing, and iat too, so the token would live for ever. Add iat, the second since 1970 "
        "in which the token is made, or exp, the one in which it ends"
    ),
    ("iat", "missing"): (
        "missing. Add it, the second since 1970 in which the token is made: this integration's "
        "max_age counts from there"
    ),
    ("aud", "type"): "neither a string nor an array of strings",
    ("aud", "unexpected"): "present, and this integration has no audience",
    ("aud", "mismatch"): "not this integration's audience",
    ("iss", "mismatch"): "not this integration's issuer",
}
_REASONS: Mapping[str, str] = {
    "missing": "missing",
    "type": "not a string",
    "implausible": "not in seconds since 1970, but in smaller units",
}


class Credit(NamedTuple):
    """One entry of the claim ``credits``; ``order_id`` is its ``orderId``."""

    order_id: str
    id: int


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A person whom a genuine token names. Deeply read-only; its repr shows no claim.

    Attributes:
        integration: the id of the integration whose token it is.
        email: in the one spelling of ``normal_email``.
        meta: the partner's own data; None: the token says nothing, so the old data stays.
        groups: ids of groups, none twice; None: leave them alone; ``()``: remove all.
        credits: None: leave them alone; ``()``: remove all.
        onboard: whether a new user goes to the onboarding page.
        subject: the claim ``sub``, where there is one.
        token_id: the claim ``jti``, where there is one.
        by_email: whether the account is found by the address alone, as the integration's entry
            says, and not by integration and address.

    """

    integration: str
    email: str
    meta: Mapping[str, Any] | None = None
    groups: tuple[GroupId, ...] | None = None
    credits: tuple[Credit, ...] | None = None
    onboard: bool = False
    subject: str | None = None
    token_id: str | None = None
    by_email: bool = False

    @property
    def realm(self) -> str:
        """The integration whose own user this is; empty for a user found by address alone."""
        return "" if self.by_email else self.integration

    def __repr__(self) -> str:
        return f"<Profile by {self.integration}>"


def read_profile(integration: Integration, claims: Mapping[str, Any]) -> Profile:
    """Return what the verified claims of an integration's token say.

    Raises ``InvalidClaims`` with every fault.
    """
    reading = _Reading(claims)
    profile = Profile(
        integration=integration.id,
        email=reading.email(),
        meta=reading.meta(),
        groups=reading.groups(),
        credits=reading.credits(),
        onboard=bool(reading.claim("onboard", bool, "a boolean")),
        subject=reading.claim("sub", str, "a string"),
        token_id=reading.claim("jti", str, "a string"),
        by_email=integration.accounts == BY_EMAIL,
    )
    if reading.faults:
        raise InvalidClaims(reading.faults)
    return profile


class _Reading:
    """Reads the claims; each method collects the faults and returns what is usable."""

    def __init__(self, claims: Mapping[str, Any]) -> None:
        self._claims = claims
        self.faults: list[str] = []

    def fault(self, path: str, what: str) -> None:
        self.faults.append(f"{path}: {what}")

    def claim(self, name: str, kind: type, called: str) -> Any:
        """Return a claim of the one type; None where it is absent. A null is not absent."""
        return self._typed(self._claims[name], name, kind, called) if name in self._claims else None

    def required(self, values: Mapping[str, Any], path: str, kind: type, called: str) -> Any:
        name = path.rpartition(".")[2]
        if name in values:
            return self._typed(values[name], path, kind, called)
        self.fault(path, "missing")
        return None

    def _typed(self, value: Any, path: str, kind: type, called: str) -> Any:
        if type(value) is kind:  # so that a boolean is no integer
            return value
        self.fault(path, f"not {called}")
        return None

    def email(self) -> str:
        text = self.required(self._claims, "email", str, "a string")
        email = None if text is None else normal_email(text)
        if text is not None and email is None:
            self.fault("email", "not an email address")
        return email or ""

    def meta(self) -> Mapping[str, Any] | None:
        value = self.claim("meta", dict, "an object")
        if _holds_nul(value):
            self.fault("meta", "holds a NUL")
        return None if value is None else frozen(value)

    def groups(self) -> tuple[GroupId, ...] | None:
        groups = self._list("groups", self._group)
        return None if groups is None else tuple(dict.fromkeys(groups))

    def credits(self) -> tuple[Credit, ...] | None:
        return self._list("credits", self._credit)

    def _list(self, name: str, read: Callable[[str, Any], Any]) -> tuple[Any, ...] | None:
        entries = self.claim(name, list, "an array")
        if entries is None:
            return None
        return tuple(read(f"{name}[{number}]", entry) for number, entry in enumerate(entries))

    def _group(self, path: str, value: Any) -> GroupId:
        if type(value) is int:
            return self._integer(path, value)
        if type(value) is not str:
            self.fault(path, "neither a string nor an integer")
            return ""
        if not value or len(value) > MOST_GROUP_ID or "\x00" in value:
            self.fault(path, f"not 1 to {MOST_GROUP_ID} characters without a NUL")
        return value

    def _credit(self, path: str, entry: Any) -> Credit | None:
        if type(entry) is not dict:
            self.fault(path, "not an object")
            return None
        at = f"{path}.orderId"
        order_id = self.required(entry, at, str, "a string") or ""
        if len(order_id) > MOST_ORDER_ID:
            self.fault(at, f"longer than {MOST_ORDER_ID} characters")
        elif "\x00" in order_id:
            self.fault(at, "holds a NUL")
        at = f"{path}.id"
        number = self.required(entry, at, int, "an integer")
        return Credit(order_id, self._integer(at, number or 0))

    def _integer(self, path: str, value: int) -> int:
        if not -MOST_INTEGER <= value <= MOST_INTEGER:
            self.fault(path, "an integer beyond 64 bits")
        return value


def _holds_nul(value: Any) -> bool:
    """Whether any text of a JSON value holds a NUL, which PostgreSQL cannot store."""
    if type(value) is str:
        return "\x00" in value
    if type(value) is dict:
        return any(_holds_nul(name) or _holds_nul(item) for name, item in value.items())
    return type(value) is list and any(map(_holds_nul, value))


def every_fault(
    first: InvalidClaim,
    integration: Integration,
    claims: Mapping[str, Any],
    issuer: IssuerVerifier,
    now: float,
) -> list[str]:
    """Return every fault in the claims of a genuine token of which ``first`` is known.

    ``issuer`` reports one fault at a time, so that claim is corrected and the rest checked again.
    """
    good: dict[str, Any] = {"iat": now, "exp": now + _LIFE}
    if issuer.policy.issuers:
        good["iss"] = issuer.policy.issuers[0]
    if isinstance(issuer.policy.audiences, tuple) and issuer.policy.audiences:
        good["aud"] = issuer.policy.audiences[0]
    corrected = dict(claims)
    faults: dict[str, str] = {}
    error: InvalidClaim | None = first
    while error is not None and error.claim not in faults:
        name = error.claim
        faults[name] = _in_words(error)
        corrected.pop(name, None)
        corrected |= {name: good[name]} if name in good else {}
        error = _next_fault(issuer, corrected, now)
    try:
        read_profile(integration, corrected)
    except InvalidClaims as others:
        return [*faults.values(), *others.faults]
    return list(faults.values())


def _next_fault(
    issuer: IssuerVerifier, claims: Mapping[str, Any], now: float
) -> InvalidClaim | None:
    try:
        issuer.policy.check(claims, now)
    except InvalidClaim as error:
        return error
    except RequestError:  # an expired or future token is no fault of its form
        pass
    return None


def _in_words(error: InvalidClaim) -> str:
    rule = _RULES.get((error.claim, error.reason)) or _REASONS.get(error.reason, error.reason)
    if error.reason == "type" and error.claim in _TIMES:
        rule = "not a number"
    return f"{error.claim}: {rule}"
