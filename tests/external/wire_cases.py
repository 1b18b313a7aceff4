"""Good tokens changed in what no vendor's page lists: how they are written, and at edges of time.

What a change is made of are the bytes of the JOSE header and of the payload, which are then signed
again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from jwt_middleware.testing import SigningKey, TokenForm
from jwt_middleware.testing.minting import compact

from ..corpus.workshop import decode, encode
from ..gateways.test_vendor_checks import another_key

Change = Callable[[bytes], bytes]


def _as_it_is(content: bytes) -> bytes:
    return content


def _with(**members: Any) -> Change:
    """Set members of a JSON object; ``...`` takes one away."""

    def change(content: bytes) -> bytes:
        found = {**json.loads(content), **members}
        left = {name: value for name, value in found.items() if value is not ...}
        return json.dumps(left, separators=(",", ":")).encode()

    return change


def _moved(name: str, seconds: int) -> Change:
    """Move a time of a JSON object, where it has one."""

    def change(content: bytes) -> bytes:
        found = json.loads(content)
        return _with(**{name: found[name] + seconds})(content) if name in found else content

    return change


def _twice(name: str, first: Any) -> Change:
    """Write a member twice, first with this value."""

    def change(content: bytes) -> bytes:
        return b'{"%s":%s,' % (name.encode(), json.dumps(first).encode()) + content[1:]

    return change


def _lower_alg(content: bytes) -> bytes:
    return _with(alg=json.loads(content)["alg"].lower())(content)


def _milliseconds(later: int) -> Change:
    """Write ``exp`` in milliseconds, after so many seconds are added."""

    def change(content: bytes) -> bytes:
        found = json.loads(content)
        return _with(exp=(found["exp"] + later) * 1000)(content) if "exp" in found else content

    return change


def _among_others(content: bytes) -> bytes:
    """Put another audience before those that the token has."""
    found = json.loads(content)
    if "aud" not in found:
        return content
    own = found["aud"] if isinstance(found["aud"], list) else [found["aud"]]
    return _with(aud=["https://theirs.example", *own])(content)


def _without_signature(token: str) -> str:
    return token.rpartition(".")[0] + "."


def _bits_left_over(token: str) -> str:
    """Set a bit at the end of the signature that no byte needs; ES384 leaves none."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    bare = token.rstrip("=")
    if len(bare.rpartition(".")[2]) % 4 == 0:
        return token
    last = letters[letters.index(bare[-1]) + 1]
    return bare[:-1] + last + token[len(bare) :]


def _in_der(token: str) -> str:
    """Write an ECDSA signature as most libraries make it (RFC 3279, 2.2.3)."""
    before, _, signature = token.rpartition(".")
    both = decode_any(signature)
    if len(both) > 96:
        return token
    half = len(both) // 2
    r, s = (int.from_bytes(part, "big") for part in (both[:half], both[half:]))
    return f"{before}.{encode(encode_dss_signature(r, s))}"


def decode_any(segment: str) -> bytes:
    """Decode a segment in any gateway's spelling."""
    return decode(segment.rstrip("=").translate({ord("+"): "-", ord("/"): "_"}))


@dataclass(frozen=True, kw_only=True)
class WireCase:
    """One change of a good token.

    Attributes:
        header: changes its JOSE header; ``payload`` likewise.
        flips: what of the form's ``TokenForm`` is turned round: ``padded`` or ``alphabet``.
        signer: ``embedded`` for another key, which the header brings along; ``public`` for the
            public key's PEM as the secret of HS256.
        changed: changes the signed token.

    A form in which all this changes nothing has no such case.

    """

    name: str
    header: Change = _as_it_is
    payload: Change = _as_it_is
    flips: str = ""
    signer: str = ""
    changed: Callable[[str], str] = str


def _time(name: str, seconds: int, text: str) -> WireCase:
    """A time that is so many seconds later, in the header and in the payload."""
    change = _moved(name, seconds)
    return WireCase(name=f"{name}: {text}", header=change, payload=change)


def _claim(name: str, value: Any, text: str) -> WireCase:
    return WireCase(name=f"{name}: {text}", payload=_with(**{name: value}))


def _member(name: str, value: Any, text: str) -> WireCase:
    return WireCase(name=f"header: {name} is {text}", header=_with(**{name: value}))


LIFETIME = 900
"""Seconds that a good token is good for."""


def wire_cases(now: float) -> tuple[WireCase, ...]:
    """Return every case, for tokens that are made now.

    No time reaches a judge's tolerance (none, 30 s or 60 s) within the next 15 seconds.
    """
    moment = int(now)
    return (
        _member("typ", ..., "missing"),
        _member("typ", "at+jwt", "at+jwt"),
        _member("typ", 5, "a number"),
        _member("crit", ["made-up"], "an extension that nobody knows"),
        _member("crit", ["exp"], "a claim"),
        _member("crit", [], "an empty list"),
        _member("b64", False, "false, not critical"),
        WireCase(name="header: b64 is false, and critical", header=_with(b64=False, crit=["b64"])),
        _member("zip", "DEF", "DEF"),
        _member("kid", 5, "a number"),
        _member("kid", "", "empty"),
        _member("kid", "01234567-89ab-4def-8123-456789abcdef", "that of no key"),
        _member("kid", ..., "missing"),
        _member("jku", "http://127.0.0.1:9/jwks", "a stranger's"),
        # AWS's gateways write claims there; for all others these are members that nobody knows.
        _member("exp", "9999999999", "a text"),
        _member("iss", "https://theirs.example", "somebody else's"),
        _member("signer", 7, "a number"),
        _member("client", "their-client", "another"),
        WireCase(name="header: alg is in lower case", header=_lower_alg),
        WireCase(name="header: jwk is another key, which signed it", signer="embedded"),
        WireCase(name="header: HS256 by the public key", header=_with(alg="HS256"),
                 signer="public"),
        WireCase(name="header: alg twice", header=_twice("alg", "none")),
        WireCase(name="payload: a claim twice", payload=_twice("note", "theirs")),
        WireCase(name="payload: a list", payload=lambda content: b"[" + content + b"]"),
        WireCase(name="payload: a byte order mark",
                 payload=lambda content: b"\xef\xbb\xbf" + content),
        WireCase(name="payload: not UTF-8",
                 payload=lambda content: content[:-1] + b',"name":"J\xfcrgen"}'),
        WireCase(name="written: padding that this gateway does not write, or leaves out",
                 flips="padded"),
        WireCase(name="written: in the other alphabet", flips="alphabet"),
        WireCase(name="written: no signature", changed=_without_signature),
        WireCase(name="written: bits left over", changed=_bits_left_over),
        WireCase(name="written: an ECDSA signature in DER", changed=_in_der),
        WireCase(name="written: a fourth segment", changed=lambda token: token + ".x"),
        WireCase(name="written: a dot before", changed=lambda token: "." + token),
        _time("exp", -LIFETIME - 10, "10 s ago"),
        _time("exp", -LIFETIME - 45, "45 s ago"),
        _time("exp", -LIFETIME - 90, "90 s ago"),
        WireCase(name="exp: in milliseconds", header=_milliseconds(0), payload=_milliseconds(0)),
        WireCase(name="exp: in milliseconds, an hour ago", header=_milliseconds(-LIFETIME - 3600),
                 payload=_milliseconds(-LIFETIME - 3600)),
        _claim("exp", "9999999999", "a text"),
        _claim("exp", None, "null"),
        _claim("iat", moment + 15, "in 15 s"),
        _claim("iat", moment + 45, "in 45 s"),
        _claim("iat", "1700000000", "a text"),
        _claim("nbf", moment + 15, "in 15 s"),
        _claim("nbf", moment + 45, "in 45 s"),
        _claim("nbf", moment + 90, "in 90 s"),
        _claim("nbf", "1700000000", "a text"),
        _claim("aud", "https://theirs.example", "somebody else's"),
        WireCase(name="aud: ours among others", payload=_among_others),
        _claim("aud", [], "an empty list"),
        _claim("aud", None, "null"),
        _claim("sub", 7, "a number"),
        _claim("iss", 5, "a number"),
    )  # fmt: skip


def changed_token(case: WireCase, token: str, form: TokenForm, key: SigningKey) -> str | None:
    """Make a case of a good token of this form and key; None where the form has no such case."""
    *before, _ = map(decode_any, token.split("."))
    flipped: dict[str, dict[str, Any]] = {
        "": {},
        "padded": {"padded": not form.padded},
        "alphabet": {"alphabet": "standard" if form.alphabet == "urlsafe" else "urlsafe"},
    }
    made = [case.header(before[0]), case.payload(before[1])]
    if case.signer == "embedded":
        key = another_key(key.algorithm, key.key_id)
        made[0] = _with(jwk=key.jwk())(made[0])
    if case.signer == "public":
        key = SigningKey("HS256", private=key.public_pem.encode())
    signed = compact(key, *made, form._replace(**flipped[case.flips]))
    found = case.changed(signed)
    is_changed = made != before or case.flips or found != signed
    return found if is_changed else None
