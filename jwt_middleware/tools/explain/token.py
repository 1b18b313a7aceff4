"""What a token is, whether it verifies and, if not, which check failed and what would help."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ...errors import RequestError, TokenTooLarge
from ...events.fields import readable
from ...keys.encoding import json_segment
from ...principal import Principal, thawed
from ...verification.compact import decode_header, split
from ...verification.verifier import Verifier
from .claims import grouped
from .facts import generations, key_facts, spelling, time_facts
from .faults import fault_of
from .times import distance, moment

_LONGEST = 65_536
"""Characters. No gateway writes a tenth of it, and a person waits for the answer."""
_AROUND = " \t\n\"'`"


class Inspection(NamedTuple):
    """What a token is, and whether it verifies.

    Attributes:
        facts: its properties by name, in order.
        header: None where it cannot be read; ``claims`` likewise.
        code: ``accepted``, an error's stable code, or None where there was no verifier.
        explanation: one sentence or two.
        principal: who calls, where the token verifies.
        hint: what would help; empty where nothing is wrong.

    """

    facts: dict[str, str]
    header: Mapping[str, Any] | None
    claims: Mapping[str, Any] | None
    code: str | None
    explanation: str
    principal: Principal | None = None
    hint: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return all of it but the claims and the principal."""
        return {n: getattr(self, n) for n in ("code", "explanation", "hint", "facts", "header")}

    def lines(self) -> Iterator[str]:
        """Yield all of it for a terminal.

        Nothing of it is verified: a kid may hold what clears the screen and writes a verdict.
        """
        verdict = self.explanation if self.code is None else f"{self.code}: {self.explanation}"
        yield readable(verdict)
        if self.hint:
            yield readable(self.hint)
        yield ""
        for name, value in self.facts.items():
            yield f"  {name:<14} {readable(value)}"
        for group, claims in grouped(self.claims or {}).items():
            yield f"\n  {group}"
            for claim in claims:
                meaning = f"  ({claim.meaning})" if claim.meaning else ""
                value = json.dumps(claim.value, ensure_ascii=False)
                yield f"    {readable(claim.name)} = {readable(value)}{meaning}"


def principal_as_json(principal: Principal) -> dict[str, Any]:
    """Return a principal without its claims."""
    return {
        "subject": principal.subject,
        "client_id": principal.client_id,
        "issuer": principal.issuer,
        "roles": sorted(principal.roles),
        "permissions": sorted(principal.permissions),
        "attributes": thawed(principal.attributes),
        "expires_at": principal.expires_at,
        "token_id": principal.token_id,
        "key_id": principal.key_id,
    }


def find_token(text: str) -> str:
    """Return the token in a pasted text: without a header's name, quotes and line breaks."""
    token = "".join(text.split("\n")) if text.count(".") == 2 else text
    token = token.replace("\r", "").strip(_AROUND)
    name, colon, value = token.partition(":")
    if colon and "." not in name and name.replace("-", "").isalnum():
        token = value.strip()
    scheme, blank, value = token.partition(" ")
    if blank and scheme.lower() in ("bearer", "jwt"):
        token = value
    return token.strip(_AROUND)


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
        facts["spelling"] = spelling(segments)
        header = decode_header(segments[0], relaxed=True)
        facts |= key_facts(header)
        claims = json_segment(segments[1], True, "payload")
        facts |= time_facts(claims, now)
        facts["form"] = generations(segments, header, claims)
    except UnicodeEncodeError:
        facts["spelling"] = "not ASCII, as a token must be"
    except RequestError as error:
        facts["unreadable"] = error.reason
    if verifier is None:
        unverified = "Nothing was verified, because no keys were given."
        return Inspection(facts, header, claims, None, unverified)
    try:
        principal = verifier.verify(token)
    except RequestError as error:
        explanation, hint = fault_of(error, token, header or {}, claims or {}, verifier, now)
        return Inspection(facts, header, claims, error.code, explanation, hint=hint)
    ends = principal.expires_at or now
    explanation = f"It verifies. Its life ends at {moment(ends)}, {distance(ends - now)}."
    return Inspection(facts, header, claims, "accepted", explanation, principal)
