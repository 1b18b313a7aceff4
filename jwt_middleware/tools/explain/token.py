"""What a token is, whether it verifies and, if not, which check failed and what would help."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ...errors import RequestError, TokenTooLarge
from ...events.fields import readable
from ...gateways import Gateway
from ...keys.encoding import json_segment
from ...principal import Principal, written
from ...verification.compact import decode_header, split
from ...verification.verifier import Verifier
from .claims import grouped
from .facts import generations, key_facts, spelling, time_facts
from .faults import fault_of, shape_hint
from .recognition import effective_claims, recognised, title_of
from .times import distance, moment

_LONGEST = 65_536
"""Characters. No gateway writes a tenth of it, and a person waits for the answer."""
_AROUND = " \t\n\"'`"
_CLOSING = "\"'`,;}])"
_TOKEN = re.compile(
    r"""(?:^|(?<=[\s"'`:(]))e[wy][\w+/=-]*\.[\w+/=-]+\.[\w+/=-]*(?=[\s"'`,;)}\]]|$)""", re.ASCII
)
"""A token in other text. The first segment is an object's base64: of ``{`` and a quote or blank."""
_PIECE = re.compile(r"""[\w+/=.-]+["'`,;)}\]]*""", re.ASCII)
"""A line that can be a part of a token, and the end of what surrounds it."""


class Inspection(NamedTuple):
    """What a token is, and whether it verifies.

    Attributes:
        facts: its properties by name, in order.
        header: None where it cannot be read; ``claims``, those of the payload, likewise.
        code: ``accepted``, an error's stable code, or None where there was no verifier.
        explanation: one sentence or two.
        principal: who calls, where the token verifies.
        hint: what would help; empty where nothing is wrong.
        gateway: whose token it is by its marks, or else the app's gateway; None where neither is
            known.

    """

    facts: dict[str, str]
    header: Mapping[str, Any] | None
    claims: Mapping[str, Any] | None
    code: str | None
    explanation: str
    principal: Principal | None = None
    hint: str = ""
    gateway: Gateway | None = None

    @property
    def all_claims(self) -> dict[str, Any]:
        """The claims with those that the gateway writes into the JOSE header; empty for none."""
        claims = self.claims or {}
        if self.gateway is None:
            return dict(claims)
        return effective_claims(self.gateway, self.header or {}, claims)

    def as_json(self) -> dict[str, Any]:
        """Return all of it but the claims and the principal."""
        names = ("code", "explanation", "hint", "facts", "header")
        name = None if self.gateway is None else self.gateway.name
        return {n: getattr(self, n) for n in names} | {"gateway": name}

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
        for group, claims in grouped(self.all_claims, gateway=self.gateway).items():
            yield f"\n  {group}"
            for claim in claims:
                meaning = f"  ({claim.meaning})" if claim.meaning else ""
                value = json.dumps(claim.value, ensure_ascii=False)
                yield f"    {readable(claim.name)} = {readable(value)}{meaning}"


def principal_as_json(principal: Principal) -> dict[str, Any]:
    """Return a principal without its claims, which are shown by themselves."""
    shown = principal.to_dict()
    del shown["claims"], shown["original"]
    return shown


def principal_lines(principal: Principal) -> Iterator[str]:
    """Yield what a principal has, for a terminal; what is empty is left out."""
    for name, value in principal_as_json(principal).items():
        if name == "expires_at" and value is not None:
            text = moment(value)
        elif isinstance(value, list):
            text = ", ".join(value)
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if value not in (None, [], {}, ""):
            yield f"{name:<12} {readable(text)}"


def holds_token(text: str) -> bool:
    """Whether a text is a token, or has one in it."""
    return _TOKEN.search(text) is not None


def find_token(text: str) -> str:
    """Return the token in a pasted text.

    Left out are a header's name, an authentication scheme, quotes, line breaks with indentation,
    and all that surrounds a token in a ``curl`` line, a block of headers or a line of JSON.
    """
    unfolded = _unfolded(text)
    tokens = set(_TOKEN.findall(unfolded))
    if len(tokens) == 1:
        return str(tokens.pop())
    # What is no token is shown as it is, without what people often copy with one.
    token = unfolded if text.count(".") == 2 else text
    token = token.replace("\r", "").strip(_AROUND)
    name, colon, value = token.partition(":")
    if colon and "." not in name and name.replace("-", "").isalnum():
        token = value.strip()
    scheme, blank, value = token.partition(" ")
    if blank and scheme.replace("-", "").isalnum() and value.count(".") == 2:
        token = value
    return token.strip(_AROUND)


def _unfolded(text: str) -> str:
    """Join lines that hold a piece of a token to the line before."""
    lines: list[list[str]] = [[]]
    for line in map(str.strip, text.split("\n")):
        before = lines[-1][-1][-1:] if lines[-1] else ""
        if before and before not in _CLOSING and _PIECE.fullmatch(line):
            lines[-1].append(line)
        else:
            lines.append([line])
    return "\n".join("".join(line) for line in lines).strip("\n")


def inspect(raw: str, verifier: Verifier | None, now: float) -> Inspection:
    """Take a token apart, and verify it where there is a verifier. Never raises for a token."""
    token = raw.strip(" \t\r\n")
    facts = {"length": f"{len(token):,} characters"}
    header: Mapping[str, Any] | None = None
    claims: Mapping[str, Any] | None = None
    own = [] if verifier is None else [issuer.gateway for issuer in verifier.issuers]
    found: list[Gateway] = []
    gateway = own[0] if own else None
    try:
        if len(token) > _LONGEST:
            raise TokenTooLarge("too long to be taken apart")
        segments = split(token.encode("ascii"))
        facts["encoding"] = spelling(segments)
        header = decode_header(segments[0], relaxed=True)
        facts |= key_facts(header)
        claims = json_segment(segments[1], True, "payload")
        found = recognised(header, claims, own)
        gateway = found[0] if found else gateway
        known = claims if gateway is None else effective_claims(gateway, header, claims)
        facts |= time_facts(known, now)
        if found:
            facts["gateway"] = title_of(found[0])
        facts["form"] = generations(segments, header, known, found)
    except UnicodeEncodeError:
        facts["encoding"] = "not ASCII, as a token must be"
    except RequestError as error:
        facts["unreadable"] = error.reason
    if verifier is None:
        unverified = "Nothing was verified, because no keys were given."
        if found:
            unverified = f"This is a token of {title_of(found[0])}. {unverified}"
        hint = shape_hint(token, facts.get("unreadable", ""))
        return Inspection(facts, header, claims, None, unverified, hint=hint, gateway=gateway)
    try:
        principal = verifier.verify(token)
    except RequestError as error:
        explanation, hint = fault_of(error, token, header or {}, claims or {}, verifier, now)
        if found and {each.name for each in found}.isdisjoint(each.name for each in own):
            expected = " or ".join(dict.fromkeys(each.name for each in own))
            explanation += f" The app expects {expected}, and this is a token of {found[0].name}."
            hint = (
                f"Send the token of {expected}, or set gateway={found[0].name!r} in the app if it "
                f"is behind {title_of(found[0])}."
            )
        return Inspection(
            facts, header, claims, error.code, explanation, hint=hint, gateway=gateway
        )
    ends = principal.expires_at or now
    explanation = f"The token verifies. It expires at {moment(ends)}, {distance(ends - now)}."
    hint = _unread(principal, verifier)
    return Inspection(facts, header, claims, "accepted", explanation, principal, hint, gateway)


_NAMES_OF_ROLES = ("role", "roles", "groups", "permissions")


def _unread(principal: Principal, verifier: Verifier) -> str:
    """Return what would help where claims named as roles are, are not read; empty elsewhere."""
    if verifier.clients is not None:
        return ""  # the client's entry says which claims count
    names = [issuer.gateway.names for issuer in verifier.issuers]
    read = {written(claim.name) for each in names for claim in (*each.roles, *each.permissions)}
    claims = [n for n in principal.claims if n in _NAMES_OF_ROLES and n not in read]
    if not claims:
        return ""
    return (
        f"Nothing here reads its {' and '.join(claims)}: name such a claim by an entry of a "
        "registry (clients=) or by a gateway of your own."
    )
