"""Which check failed, as a colleague would say it, and what would mend it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import InvalidClaim, KeysUnavailable, RequestError
from ...options.checks import AnyAudience
from ...verification.claims import MILLISECONDS_FROM
from ...verification.compact import split
from ...verification.issuer import Trust
from ...verification.verifier import Verifier
from .times import distance, length, moment, seconds_of


def why(
    error: RequestError,
    token: str,
    header: Mapping[str, Any] | None,
    claims: Mapping[str, Any] | None,
    verifier: Verifier,
    now: float,
) -> str:
    """Say which check failed, and what would mend it."""
    trust = verifier.trusts[0]
    signed = _signature(token, verifier, now)
    match error.code:
        case "token_expired" | "token_immature":
            told = _time_fault(error, claims or {}, trust, now)
        case "invalid_claim" if isinstance(error, InvalidClaim):
            told = _claim_fault(error, claims or {}, trust)
        case "unacceptable_algorithm":
            named = None if header is None else header["alg"]
            accepted = ", ".join(trust.algorithms)
            told = f"its alg is {named!r}; {accepted} would be accepted here (algorithms=[...])"
        case "unknown_key":
            keys = trust.keys.current()
            known = (
                "none" if keys is None else ", ".join(keys.key_ids) or f"{len(keys)} without kid"
            )
            told = (
                f"no key here is the one that it names ({error.reason}; known: {known}); it was "
                "signed by another gateway, or the keys are old"
            )
        case "bad_signature":
            told = (
                "the signature does not hold: the token was changed on its way, or signed by "
                "another key than the one that it names"
            )
        case "client_mismatch":
            told = f"its client is bound to other keys or another issuer ({error.reason})"
        case "unknown_client" | "client_disabled":
            told = f"{error.reason} (clients=)"
        case "token_revoked":
            told = f"it is revoked: {error.reason}"
        case "token_reused":
            told = "it was taken before, and each token is taken once here (one_time=True)"
        case "store_unavailable":
            told = f"whether it is revoked or used cannot be known now: {error.reason}"
        case "keys_unavailable" if isinstance(error, KeysUnavailable):
            told = f"there are no keys to verify it with now: {error.reason}"
        case _:
            told = f"{error.reason or error.code}"
    start = f"{signed}; " if signed else ""
    sentence = start + told
    return sentence[0].upper() + sentence[1:] + "."


_MENDS = {
    "malformed_token": "Send the value byte by byte as the gateway wrote it: one token, whole.",
    "duplicate_header": "Let the gateway, or the proxy after it, replace the caller's header.",
    "token_too_large": "Let the gateway say less in it, or raise max_token_size.",
    "unacceptable_algorithm": "Name the algorithm in algorithms=, if it is the gateway's own.",
    "unknown_key": "Give the app the keys of the gateway that signed it (keys=).",
    "bad_signature": "Send it unchanged; if it is, give the app the gateway's keys of now (keys=).",
    "token_expired": "Call through the gateway again: it makes a new one.",
    "token_immature": "Put both machines' clocks right, or wait; leeway= is what may differ.",
    "invalid_claim": "Call the API that this service is, or put the option right that asks for it.",
    "token_revoked": "jwt-assertion revocations lists what is; revoke --take-back ends it.",
    "token_reused": "Ask the gateway for a new one; with one that repeats them, drop one_time.",
    "store_unavailable": "Start the store that revocations= names, or put the URL right.",
    "client_mismatch": "Sign with the client's own keys, or mend [clients.ID.trust].",
    "unknown_client": "Add [clients.ID] to the registry, or call as a client that it has.",
    "client_disabled": "Set enabled = true in the client's entry, if it is to be let in again.",
    "keys_unavailable": "Start the key endpoint, or put keys= right; the app asks again by itself.",
}


def mend_of(
    error: RequestError, header: Mapping[str, Any] | None, claims: Mapping[str, Any] | None
) -> str:
    """Return what would help; for two quirks of old gateways, the preset that knows them."""
    algorithm = str((header or {}).get("alg"))
    if error.code == "unacceptable_algorithm" and algorithm == "SHA256withRSA":
        return "Set gateway='wso2-1.4': so old ones call RS256 by its Java name."
    if error.code == "unacceptable_algorithm" and algorithm.lower() == "none":
        return "Switch signing on in the gateway: what is not signed proves nothing."
    expires = (claims or {}).get("exp")
    if isinstance(error, InvalidClaim) and error.claim == "exp" and type(expires) is str:
        return "Set gateway='wso2-3.1', if it is one: only those write exp as a text."
    return _MENDS.get(error.code, "")


def _signature(token: str, verifier: Verifier, now: float) -> str:
    """Say what is known of the signature, where that is not what failed."""
    try:
        segments = split(token.encode("ascii"))
        for trust in verifier.trusts:
            keys = trust.signers(segments, now)
            if keys and trust.signed(segments, keys):
                return "the signature is good"
    except (RequestError, UnicodeEncodeError):
        pass
    return ""


def _time_fault(error: RequestError, claims: Mapping[str, Any], trust: Trust, now: float) -> str:
    if error.code == "token_immature":
        name = "nbf" if (seconds_of(claims.get("nbf")) or 0) > now else "iat"
        begins = seconds_of(claims.get(name)) or now
        begun = f"{name} is {moment(begins)}, {distance(begins - now)}"
        return f"{begun}: the clocks differ, or it is early"
    unit = ""
    expires = seconds_of(claims.get("exp"))
    if error.reason != "exp is over" or expires is None:
        issued = seconds_of(claims.get("iat")) or now
        return (
            f"it was issued at {moment(issued)}, {length(now - issued)} ago, and max_age is "
            f"{trust.policy.max_age:g} s"
        )
    if float(claims["exp"]) >= MILLISECONDS_FROM:
        unit = "is in milliseconds and "
    return f"exp {unit}was over at {moment(expires)}; {length(now - expires)} too late"


def _claim_fault(error: InvalidClaim, claims: Mapping[str, Any], trust: Trust) -> str:
    policy = trust.policy
    name, held = error.claim, claims.get(error.claim)
    wanted = {
        "iss": ("issuer", policy.issuers),
        "aud": ("audience", () if isinstance(policy.audiences, AnyAudience) else policy.audiences),
        policy.context_claim: ("api", policy.contexts),
    }.get(name, ("", ()))
    option, values = wanted
    asked = f"; {option}={' or '.join(values)} is asked for" if values else ""
    match error.reason:
        case "missing":
            return f"the claim {name} is missing{asked}"
        case "mismatch":
            return f"the claim {name} is {held!r}{asked}"
        case "unexpected":
            return (
                f"the claim {name} is {held!r}, and no audience is configured: name yours by "
                "audience="
            )
        case "implausible":
            return f"{name} is {held!r}: in milliseconds, which this gateway= does not write"
        case _:
            return f"the claim {name} has a type that it cannot have: {type(held).__name__}"
