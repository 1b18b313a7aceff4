"""Which check of a token failed, in a sentence for a person, and what would help."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...errors import InvalidClaim, RequestError
from ...keys.encoding import decode_segment, json_fault
from ...keys.per_kid import PEMPerKid
from ...options.checks import AnyAudience
from ...principal import written
from ...verification.compact import split
from ...verification.issuer import IssuerVerifier
from ...verification.verifier import Verifier
from .recognition import effective_claims
from .times import distance, is_milliseconds, length, moment, seconds_of

_WHAT = {
    "unacceptable_algorithm": "its alg is {alg!r}; accepted here: {algorithms} (algorithms=[...])",
    "unknown_key": "no key here {fits} ({reason}; known: {known}): another "
    "gateway signed it, or the keys here are old",
    "bad_signature": "the signature does not hold: the token was changed on its way, or signed by "
    "another key than {tried}",
    "client_mismatch": "its client is bound to other keys or to another issuer ({reason})",
    "unknown_client": "{reason} (clients=)",
    "client_disabled": "{reason} (clients=)",
    "token_revoked": "it is revoked: {reason}",
    "token_reused": "it was used before, and each token counts once here (one_time=True)",
    "store_unavailable": "whether it is revoked or used cannot be checked now: {reason}",
    "keys_unavailable": "there are no keys to verify it with now: {reason}",
}
"""What is wrong, by code, where the error's own reason does not say enough."""

_CLAIM_FAULTS = {
    "missing": "the claim {name} is missing{required}",
    "mismatch": "the claim {name} is {value!r}{required}",
    "unexpected": "the claim {name} is {value!r}, and no audience is configured: name yours by "
    "audience=",
    "implausible": "{name} is {value!r}: in milliseconds, which this gateway= does not write",
}
"""What is wrong with a claim, by the error's reason."""

_HINTS = {
    "malformed_token": "Send the value byte by byte as the gateway wrote it: one token, whole.",
    "duplicate_header": "Let the gateway, or the proxy behind it, replace the caller's header.",
    "token_too_large": "Let the gateway write fewer claims, or raise max_token_size.",
    "unacceptable_algorithm": "Name the algorithm in algorithms= if it is the gateway's own.",
    "unknown_key": "Give the app the keys of the gateway that signed it (keys=).",
    "bad_signature": "Send it unchanged; if it is, give the app the gateway's newest keys (keys=).",
    "token_expired": "Call through the gateway again: it makes a new one.",
    "token_immature": "Correct both machines' clocks, or wait; leeway= is the tolerance.",
    "invalid_claim": "Call the API that this service is, or correct the option that requires it.",
    "token_revoked": "jwt-assertion revocations lists denials; revoke --take-back ends one.",
    "token_reused": "Ask the gateway for a new one; if it repeats tokens, drop one_time.",
    "store_unavailable": "Start the store that revocations= names, or correct the URL.",
    "client_mismatch": "Sign with the client's own keys, or correct [clients.ID.trust].",
    "unknown_client": "Add [clients.ID] to the registry, or call as a client that it has.",
    "client_disabled": "Set enabled = true in the client's entry if it may call again.",
    "keys_unavailable": "Correct keys= or the key endpoint; the next request asks again.",
}


def fault_of(
    error: RequestError,
    token: str,
    header: Mapping[str, Any],
    claims: Mapping[str, Any],
    verifier: Verifier,
    now: float,
) -> tuple[str, str]:
    """Return which check failed, and what would help (empty where nothing general does)."""
    issuer = _issuer_of(claims, verifier)
    claims = effective_claims(issuer.gateway, header, claims)
    if error.code == "token_expired":
        what = _expired(error, claims, issuer, now)
    elif error.code == "token_immature":
        what = _immature(claims, now)
    elif isinstance(error, InvalidClaim):
        what = _claim_fault(error, claims, issuer)
    elif error.code == "unknown_key" and isinstance(issuer.keys.source, PEMPerKid):
        what = _no_key_of_its_own(header.get("kid"), issuer.keys.source)
    else:
        keys = issuer.keys.current()
        key_ids = () if keys is None else keys.key_ids
        is_named = not {"kid", "x5t", "x5t#S256"}.isdisjoint(header)
        json = _json_fault(error, token, issuer)
        what = _WHAT.get(error.code, "{reason}").format(
            fits="is the one that it names" if is_named else "fits it, and it names none",
            tried="the one that it names" if header.get("kid") in key_ids else "those known here",
            reason=(error.reason or error.code) + (f": {json}" if json else ""),
            alg=header.get("alg"),
            algorithms=", ".join(issuer.algorithms),
            known=", ".join(key_ids) or ("none" if keys is None else f"{len(keys)} without kid"),
        )
        if error.code == "keys_unavailable":
            what += _last_errors(issuer)
    sentence = f"the signature is good; {what}" if _is_signed(token, verifier, now) else what
    return sentence[0].upper() + sentence[1:] + ".", _hint(
        error, token, header, claims, issuer, now
    )


def _no_key_of_its_own(kid: str | None, source: PEMPerKid) -> str:
    """Say why a source with a URL for each key has no key for a token."""
    if kid is None:
        return f"it has no kid, by which its key would be fetched from {source.name}"
    if not source.takes(kid):
        return f"its kid {kid!r} has not the form of a key's id, so no key was fetched"
    return f"there is no key for its kid {kid!r} at {source.name}"


def _last_errors(issuer: IssuerVerifier) -> str:
    """Return why the last fetches of an issuer's keys failed; nothing where none has ended yet."""
    errors = [source.get("last_error") for source in issuer.keys.health()]
    known = [error for error in errors if error]
    return f"; the last fetch failed: {'; '.join(known)}" if known else ""


def _issuer_of(claims: Mapping[str, Any], verifier: Verifier) -> IssuerVerifier:
    """Return the issuer that a token names, or else the first."""
    named = (each for each in verifier.issuers if claims.get("iss") in each.policy.issuers)
    return next(named, verifier.issuers[0])


_BEGINNING = "eyJ"
"""How the base64 of a JSON object begins."""
_OPTION_OF = {"iss": "issuer", "aud": "audience", "signer": "signer"}


def shape_hint(token: str, reason: str) -> str:
    """Return what would help if a text cannot be read as a token; empty if nothing would."""
    is_cut = token.count(".") < 2 or "impossible length" in reason
    if reason and token.startswith(_BEGINNING) and is_cut:
        return (
            f"It begins as an assertion does, and ends early: {len(token):,} characters arrived. "
            "Look for what cuts it: a terminal, a log, or the limit of a server or a proxy."
        )
    if reason and re.fullmatch(r"[\w+/=~-]{16,}", token):
        return (
            "It looks like an access token: call through the gateway, which sends a signed "
            "assertion in its place."
        )
    return ""


def _hint(
    error: RequestError,
    token: str,
    header: Mapping[str, Any],
    claims: Mapping[str, Any],
    issuer: IssuerVerifier,
    now: float,
) -> str:
    """Return what would help: where a value is to be looked up, or the preset of an old gateway."""
    if error.code == "malformed_token" and (mend := shape_hint(token, error.reason)):
        return mend
    algorithm = str(header.get("alg"))
    if error.code == "unacceptable_algorithm" and algorithm == "SHA256withRSA":
        return "Set gateway='wso2-1.4': old gateways call RS256 by its Java name."
    if error.code == "unacceptable_algorithm" and algorithm.lower() == "none":
        return "Switch signing on in the gateway: an unsigned token proves nothing."
    if isinstance(error, InvalidClaim) and error.claim == "exp" and type(claims.get("exp")) is str:
        return "Set gateway='wso2-3.1' if it is one: only those write exp as a text."
    if error.code == "malformed_token" and _json_fault(error, token, issuer):
        return (
            "The gateway writes a value of its own or of a user unescaped, twice, or in another "
            "encoding: correct it there, or update the gateway."
        )
    if error.code == "unknown_key" and _is_signed_by_any(token, issuer, now):
        return (
            "A key that is known here signed it under another name, as WSO2 3.1 and 3.2 do: give "
            "the app the gateway's certificate (PEM), which has no kid, in place of its JWKS."
        )
    if error.code == "unknown_client" and "names no client" in error.reason:
        return (
            "Name the claim that tells clients apart by client_claim=, such as "
            "'http://wso2.org/claims/applicationname', or call as a client."
        )
    if isinstance(error, InvalidClaim) and (mend := _claim_hint(error, claims, issuer)):
        return mend
    option = _OPTION_OF.get(error.claim, "") if isinstance(error, InvalidClaim) else ""
    if option in issuer.gateway.needs:
        return f"If {option}= is wrong, correct it: it is {issuer.gateway.needs[option]}."
    return _HINTS.get(error.code, "")


def _json_fault(error: RequestError, token: str, issuer: IssuerVerifier) -> str:
    """Return why a segment is no strict JSON object; empty where that is not the fault."""
    name, _, rest = error.reason.partition(" segment is not a strict JSON")
    if not rest:
        return ""
    segments = split(token.encode("ascii"))
    segment = segments[0] if name.endswith("header") else segments[1]
    return json_fault(decode_segment(segment, issuer.is_relaxed))


def _claim_hint(error: InvalidClaim, claims: Mapping[str, Any], issuer: IssuerVerifier) -> str:
    """Return the option by which a claim would be read; empty where none is known."""
    name, gateway = error.claim, issuer.gateway
    if error.reason == "type" and type(claims.get(name)) is int and name not in _TIMES:
        return "For ids that are numbers, set numeric_ids=True in the ClaimNames of gateway=."
    if error.reason == "type":
        return "Have the gateway write it in its usual type, or name another claim for it."
    if error.reason == "missing" and gateway.dialect and name.startswith(gateway.dialect):
        ending = "/" + name.removeprefix(gateway.dialect)
        other = next((each for each in claims if each.endswith(ending) and each != name), None)
        if other is not None:
            return f"It has {other}: set claim_dialect={other.removesuffix(ending)!r}."
    if name in {written(each) for each in gateway.required} or (name == "iss" and gateway.issuer):
        # No option of the app asks for it.
        return (
            f"Send the token that {gateway.title or gateway.name} writes into "
            f"{gateway.headers[0]}: that one has it."
        )
    if error.reason == "missing" and name == "exp":
        return "Every token needs an end: let the gateway write exp" + (
            "." if name in gateway.header_claims else ", or set max_age= if it writes iat."
        )
    return ""


_TIMES = frozenset({"exp", "nbf", "iat"})


def _is_signed_by_any(token: str, issuer: IssuerVerifier, now: float) -> bool:
    """Whether a known key signed the token, whichever it names."""
    segments = split(token.encode("ascii"))
    keys = issuer.signers(segments, now, named=False)
    return bool(keys) and issuer.signed(segments, keys)


def _is_signed(token: str, verifier: Verifier, now: float) -> bool:
    """Whether a key of the verifier signed the token, whatever else is wrong with it."""
    try:
        segments = split(token.encode("ascii"))
        for issuer in verifier.issuers:
            keys = issuer.signers(segments, now)
            if keys and issuer.signed(segments, keys):
                return True
    except (RequestError, UnicodeEncodeError):
        pass
    return False


def _expired(
    error: RequestError, claims: Mapping[str, Any], issuer: IssuerVerifier, now: float
) -> str:
    policy = issuer.policy
    expires, issued = seconds_of(claims.get("exp")), seconds_of(claims.get("iat"))
    # In the order in which the policy checks them.
    max_age = policy.max_age
    if max_age is not None and issued is not None and now > issued + max_age + policy.leeway:
        return (
            f"it was issued at {moment(issued)}, {distance(issued - now)}, and max_age is "
            f"{max_age:g} s"
        )
    if expires is not None and now >= expires:
        unit = " (exp is in milliseconds)" if is_milliseconds(claims["exp"]) else ""
        terms = _in_vendors_terms("exp", issuer)
        return f"it expired at {moment(expires)}, {length(now - expires)} ago{unit}{terms}"
    return error.reason or error.code


def _immature(claims: Mapping[str, Any], now: float) -> str:
    name = "nbf" if (seconds_of(claims.get("nbf")) or 0) > now else "iat"
    begins = seconds_of(claims.get(name)) or now
    when = f"{name} is {moment(begins)}, {distance(begins - now)}"
    return f"{when}: the clocks differ, or the token is early"


def _claim_fault(error: InvalidClaim, claims: Mapping[str, Any], issuer: IssuerVerifier) -> str:
    policy = issuer.policy
    name, value = error.claim, claims.get(error.claim)
    audiences = () if isinstance(policy.audiences, AnyAudience) else policy.audiences
    required = {written(each): values for each, values in policy.required.items()}
    option, wanted = {
        "iss": ("issuer", policy.issuers),
        "aud": ("audience", audiences),
        policy.context_claim: ("api", policy.contexts),
    }.get(name, (name, sorted(required.get(name) or ())))
    needs = f"; {option}={' or '.join(wanted)} is required" if wanted else ""
    sentence = _CLAIM_FAULTS.get(error.reason, "the claim {name} has an impossible type: {type}")
    said = sentence.format(name=name, value=value, required=needs, type=type(value).__name__)
    return said + _in_vendors_terms(name, issuer)


def _in_vendors_terms(name: str, issuer: IssuerVerifier) -> str:
    """Return what the gateway's vendor calls a claim; nothing where it has no word of its own."""
    term = issuer.gateway.terms.get(name)
    return "" if term is None else f"; {name} is {term}"
