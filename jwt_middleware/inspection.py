"""What a token is, whether it verifies and, if not, the exact check that failed, in plain words.

For people at a terminal or a page of their own: what is told here may quote the token's claims, and
belongs in no log.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .errors import InvalidClaim, KeysUnavailable, RequestError
from .principal import Principal
from .testing import FORMS, TokenForm
from .trust import Trust
from .verification import (
    MILLISECONDS_FROM,
    AnyAudience,
    Segments,
    WireFormat,
    decode_claims,
    decode_header,
    read_thumbprint,
    split,
)
from .verifier import Verifier

_LOOSEST = WireFormat(relaxed_base64=True, milliseconds=True, text_exp=True)
_TIMES = ("exp", "nbf", "iat")


class Inspection(NamedTuple):
    """What was found out about a token.

    ``facts``: what it is, in order, by name. ``code`` is ``accepted``, an error's stable code, or
    None where there was no verifier to ask. ``explanation``: one sentence or two for a colleague.
    """

    facts: dict[str, str]
    header: Mapping[str, Any] | None
    claims: Mapping[str, Any] | None
    code: str | None
    explanation: str
    principal: Principal | None = None


def inspect(raw: str, verifier: Verifier | None, now: float) -> Inspection:
    """Take a token apart, and verify it where there is a verifier. Never raises for a token."""
    token = raw.strip(" \t\r\n")
    facts = {"length": f"{len(token):,} characters"}
    header: Mapping[str, Any] | None = None
    claims: Mapping[str, Any] | None = None
    try:
        segments = split(token.encode("ascii"))
        facts["spelled"] = _spelling(segments)
        header = decode_header(segments[0], _LOOSEST)
        facts |= _key_facts(header)
        claims = decode_claims(segments[1], _LOOSEST)
        facts |= _time_facts(claims, now)
        facts["written as by"] = _generation(segments, header, claims)
    except UnicodeEncodeError:
        facts["spelled"] = "not in ASCII, as every token is"
    except RequestError as error:
        facts["unreadable"] = error.reason
    if verifier is None:
        told = "Nothing was verified: no keys were named."
        return Inspection(facts, header, claims, None, told)
    try:
        principal = verifier.verify(token)
    except RequestError as error:
        told = _why(error, token, header, claims, verifier, now)
        return Inspection(facts, header, claims, error.code, told)
    left = (principal.expires_at or now) - now
    told = f"It verifies. Its life ends at {_moment(principal.expires_at or now)}, {_in(left)}."
    return Inspection(facts, header, claims, "accepted", told, principal)


def _spelling(segments: Segments) -> str:
    payload = segments[1]
    if any(mark in segment for segment in segments[:3] for mark in (b"-", b"_")):
        alphabet = "url-safe base64"
    elif any(mark in segment for segment in segments[:3] for mark in (b"+", b"/")):
        alphabet = "standard base64"
    else:
        alphabet = "base64 of either alphabet"
    if any(segment.endswith(b"=") for segment in segments[:3]):
        return f"{alphabet}, padded"
    fits = all(len(segment) % 4 == 0 for segment in (segments[0], payload, segments[2]))
    return alphabet if fits else f"{alphabet}, not padded"


def _key_facts(header: Mapping[str, Any]) -> dict[str, str]:
    facts = {"algorithm": str(header["alg"])}
    if "kid" in header:
        facts["kid"] = str(header["kid"])
    for name in ("x5t", "x5t#S256"):
        if name in header:
            facts[name] = _shape(str(header[name]))
    return facts


def _shape(text: str) -> str:
    thumbprint = read_thumbprint(text)
    if thumbprint is None:
        return "no thumbprint of any known shape"
    digest = "SHA-1" if len(thumbprint) == 20 else "SHA-256"
    written = "the hex text of" if len(text.rstrip("=")) > 50 else "the bytes of"
    return f"{written} {digest} {thumbprint.hex()}"


def _time_facts(claims: Mapping[str, Any], now: float) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in _TIMES:
        seconds = _seconds(claims.get(name))
        if seconds is None:
            if name in claims:
                found[name] = f"{claims[name]!r}, which is no time"
            continue
        moment = f"{_moment(seconds)}, {_in(seconds - now)}"
        if float(claims[name]) >= MILLISECONDS_FROM:
            year = 1970 + float(claims[name]) / 31_556_952
            moment += f"; in milliseconds (read as seconds: the year {year:.0f})"
        found[name] = moment
    return found


def _seconds(value: Any) -> float | None:
    if type(value) is str and value.isascii() and value.isdigit() and len(value) <= 16:
        value = int(value)
    if type(value) is not int and type(value) is not float:
        return None
    return value / 1000 if value >= MILLISECONDS_FROM else float(value)


def _generation(segments: Segments, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    found = [name for name, form in FORMS.items() if _is_of(form, segments, header, claims)]
    return " or ".join(found) or "no gateway known here"


def _is_of(
    form: TokenForm, segments: Segments, header: Mapping[str, Any], claims: Mapping[str, Any]
) -> bool:
    text = b".".join(segments[:3])
    wrong_marks = (b"-", b"_") if form.alphabet == "standard" else (b"+", b"/")
    if any(mark in text for mark in wrong_marks):
        return False
    needs_padding = any(len(segment.rstrip(b"=")) % 4 for segment in segments[:3])
    if needs_padding and (b"=" in text) is not form.padded:
        return False
    if form.algorithm_name not in (None, header["alg"]):
        return False
    x5t = header.get("x5t")
    if (x5t is not None) is not (form.hex_x5t is not None):
        return False
    if x5t is not None and (len(str(x5t).rstrip("=")) > 50) is not form.hex_x5t:
        return False
    expires = claims.get("exp")
    if (type(expires) is str) is not form.text_exp:
        return False
    seconds = _seconds(expires)
    in_milliseconds = seconds is not None and float(expires or 0) >= MILLISECONDS_FROM
    return in_milliseconds is form.milliseconds


def _why(
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
            told = f"alg is {named!r}; {accepted} would be accepted here (algorithms=[...])"
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
        case "keys_unavailable" if isinstance(error, KeysUnavailable):
            told = f"there are no keys to verify it with now: {error.reason}"
        case _:
            told = f"{error.reason or error.code}"
    start = f"{signed}; " if signed else ""
    sentence = start + told
    return sentence[0].upper() + sentence[1:] + "."


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
        name = "nbf" if (_seconds(claims.get("nbf")) or 0) > now else "iat"
        begins = _seconds(claims.get(name)) or now
        return (
            f"{name} is {_moment(begins)}, {_in(begins - now)}: the clocks differ, or it is early"
        )
    unit = ""
    expires = _seconds(claims.get("exp"))
    if error.reason != "exp is over" or expires is None:
        issued = _seconds(claims.get("iat")) or now
        return (
            f"it was issued at {_moment(issued)}, {_length(now - issued)} ago, and max_age is "
            f"{trust.policy.max_age:g} s"
        )
    if float(claims["exp"]) >= MILLISECONDS_FROM:
        unit = "is in milliseconds and "
    return f"exp {unit}was over at {_moment(expires)}; {_length(now - expires)} too late"


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


def _moment(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"{seconds:g} s after 1970, beyond any calendar"


def _in(seconds: float) -> str:
    return f"in {_length(seconds)}" if seconds >= 0 else f"{_length(-seconds)} ago"


def _length(seconds: float) -> str:
    """Return a length of time as a person says it."""
    for unit, size in (("year", 31_556_952), ("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number:,} {unit}{'' if number == 1 else 's'}"
    number = int(max(0, seconds))
    return f"{number} second{'' if number == 1 else 's'}"
