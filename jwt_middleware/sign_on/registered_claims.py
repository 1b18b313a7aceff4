"""What is wrong with the claims that every token has (RFC 7519, 4.1), told to an integrator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from ..errors import InvalidClaim, RequestError
from ..verification.issuer import Trust

_LONGEST = 60.0
_TIMES = ("exp", "nbf", "iat")
_RULES: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("exp", "missing"): (
            "missing, and iat too, so the token would live for ever. Add iat, the second "
            "since 1970 in which the token is made, or exp, the one in which it ends"
        ),
        ("iat", "missing"): (
            "missing. Add it, the second since 1970 in which the token is made: this "
            "integration's max_age counts from there"
        ),
        ("aud", "type"): "neither a string nor an array of strings",
        ("aud", "unexpected"): "present, and this integration has no audience",
        ("aud", "mismatch"): "not this integration's audience",
        ("iss", "mismatch"): "not this integration's issuer",
    }
)
_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "missing": "missing",
        "type": "not a string",
        "implausible": "not in seconds since 1970, but in smaller units",
    }
)


def registered_faults(
    first: InvalidClaim, claims: Mapping[str, Any], trust: Trust, now: float
) -> tuple[list[str], dict[str, Any]]:
    """Return every such fault of a token whose signature holds, and its claims without them.

    A policy tells one fault at a time. So what is wrong is made good, and the policy asked again.
    """
    mended = dict(claims)
    found = [first]
    for another in _further(first, mended, trust, now):
        found.append(another)
    return [_told(each) for each in found], mended


def _further(
    error: InvalidClaim, mended: dict[str, Any], trust: Trust, now: float
) -> Iterator[InvalidClaim]:
    seen: set[str] = set()
    while error.claim not in seen:
        seen.add(error.claim)
        mended.pop(error.claim, None)
        mended |= _good(error.claim, trust, now)
        try:
            trust.policy.check(mended, now)
            trust.gateway.names.check(mended)
        except InvalidClaim as another:
            error = another
            if another.claim not in seen:
                yield another
        except RequestError:  # a time that is over, or has not come, is no fault of its form
            return
        else:
            return


def _good(claim: str, trust: Trust, now: float) -> dict[str, Any]:
    policy = trust.policy
    good: dict[str, Any] = {"iat": now, "exp": now + _LONGEST}
    if policy.issuers:
        good["iss"] = policy.issuers[0]
    if isinstance(policy.audiences, tuple) and policy.audiences:
        good["aud"] = policy.audiences[0]
    return {claim: good[claim]} if claim in good else {}


def _told(error: InvalidClaim) -> str:
    rule = _RULES.get((error.claim, error.reason)) or _REASONS.get(error.reason, error.reason)
    if error.reason == "type" and error.claim in _TIMES:
        rule = "not a number"
    return f"{error.claim}: {rule}"
