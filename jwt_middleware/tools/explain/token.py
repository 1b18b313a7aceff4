"""What a token is, whether it verifies and, if not, the exact check that failed, in plain words.

For people at a terminal or a page of their own: what is told here may quote the token's claims, and
belongs in no log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ...errors import RequestError, TokenTooLarge
from ...gateways import WireFormat
from ...principal import Principal
from ...verification.compact import decode_claims, decode_header, split
from ...verification.verifier import Verifier
from .facts import generations, key_facts, spelling, time_facts
from .faults import mend_of, why
from .times import distance, moment

_LONGEST = 65_536
"""Characters; no gateway writes a tenth of it, and somebody waits for the answer."""
_LOOSEST = WireFormat(relaxed_base64=True, milliseconds=True, text_exp=True)


class Inspection(NamedTuple):
    """What was found out about a token.

    ``facts``: what it is, in order, by name. ``code`` is ``accepted``, an error's stable code, or
    None where there was no verifier to ask. ``explanation``: one sentence or two for a colleague;
    ``mend``: what would help, empty where nothing is wrong.
    """

    facts: dict[str, str]
    header: Mapping[str, Any] | None
    claims: Mapping[str, Any] | None
    code: str | None
    explanation: str
    principal: Principal | None = None
    mend: str = ""


def found_in(text: str) -> str:
    """Return the token in what a person pasted: without a header's name, quotes or line breaks."""
    found = "".join(text.split("\n")) if text.count(".") == 2 else text
    found = found.replace("\r", "").strip(" \t\n\"'`")
    name, colon, value = found.partition(":")
    if colon and "." not in name and name.replace("-", "").isalnum():
        found = value.strip()
    kind, blank, value = found.partition(" ")
    if blank and kind.lower() in ("bearer", "jwt"):
        found = value
    return found.strip(" \t\n\"'`")


def inspect(raw: str, verifier: Verifier | None, now: float) -> Inspection:
    """Take a token apart, and verify it where there is a verifier. Never raises for a token."""
    token = raw.strip(" \t\r\n")
    facts = {"length": f"{len(token):,} characters"}
    header: Mapping[str, Any] | None = None
    claims: Mapping[str, Any] | None = None
    try:
        if len(token) > _LONGEST:
            raise TokenTooLarge("too long to be taken apart")
        segments = split(token.encode("ascii"))
        facts["spelled"] = spelling(segments)
        header = decode_header(segments[0], _LOOSEST)
        facts |= key_facts(header)
        claims = decode_claims(segments[1], _LOOSEST)
        facts |= time_facts(claims, now)
        facts["written as by"] = generations(segments, header, claims)
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
        told = why(error, token, header, claims, verifier, now)
        mend = mend_of(error, header, claims)
        return Inspection(facts, header, claims, error.code, told, mend=mend)
    left = (principal.expires_at or now) - now
    told = f"It verifies. Its life ends at {moment(principal.expires_at or now)}, {distance(left)}."
    return Inspection(facts, header, claims, "accepted", told, principal)
