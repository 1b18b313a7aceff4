"""From header lines to an unverified token: everything that needs no key.

What comes out here is only a candidate. Nothing in it may be believed before its signature holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..errors import DuplicateHeader, MalformedToken, TokenTooLarge
from ..gateways import WireFormat
from ..keys.encoding import decode_object, decode_segment

Segments = tuple[bytes, bytes, bytes, bytes]
"""Header, payload, signature and signing input of a compact JWS (RFC 7515, 7.1), as received."""

MAX_TOKEN_SIZE = 16_384
"""Bytes of the longest token, where ``max_token_size`` says nothing else."""


def single_line(lines: Sequence[bytes | str]) -> bytes | str | None:
    """Return the one header line, or None where there is none.

    Raises:
        DuplicateHeader: two lines or more, identical or not: gateways and proxies disagree about
            which one counts.

    """
    if not lines:
        return None
    if len(lines) > 1:
        raise DuplicateHeader(f"{len(lines)} header lines")
    return lines[0]


def raw_token(line: bytes | str, max_size: int) -> bytes:
    """Return the token's bytes from one header line.

    The size is looked at before anything else, so that refusing costs the same whatever its
    length. Only SP and HTAB are stripped, only at the ends.
    """
    if len(line) > max_size:
        raise TokenTooLarge("longer than max_token_size")
    if type(line) is not bytes:
        line = _as_bytes(line)
    token = line.strip(b" \t")
    if not token:
        raise MalformedToken("the header is empty")
    return token


def _as_bytes(line: Any) -> bytes:
    if not isinstance(line, str):
        return bytes(line)  # a server may give a bytearray or a memoryview
    try:
        return line.encode("ascii")
    except UnicodeEncodeError:
        raise MalformedToken("the header is not ASCII") from None


def refuse_joined(line: bytes | str) -> None:
    """Raise for a value that is not one token: lines joined by a comma, or words by a blank.

    It is asked only of what is refused or must wait, which spares every good value the search.

    Raises:
        DuplicateHeader: there is a comma.
        MalformedToken: there is a blank.

    """
    token = line.encode("utf-8", "replace") if isinstance(line, str) else line
    if b"," in token:
        # No token holds a comma: it is two lines that a server or a proxy has joined.
        raise DuplicateHeader("header lines were joined by a comma")
    if b" " in token or b"\t" in token:
        token = token.strip(b" \t")
        if b" " not in token and b"\t" not in token:
            return  # they stand at its ends, where they may
        if token[:7].lower() == b"bearer ":
            raise MalformedToken("this header holds the token alone, without 'Bearer '")
        raise MalformedToken("a blank inside the token")


def split(token: bytes) -> Segments:
    """Split a compact JWS; raise ``MalformedToken`` unless it has three segments."""
    first = token.find(b".")
    last = token.rfind(b".")
    if first <= 0 or last <= first + 1 or token.find(b".", first + 1) != last:
        raise MalformedToken("not three segments")
    return token[:first], token[first + 1 : last], token[last + 1 :], token[:last]


def decode_header(header_segment: bytes, wire: WireFormat) -> dict[str, Any]:
    """Read the header of a token; raise ``MalformedToken`` for anything but a JWS."""
    try:
        header = decode_object(decode_segment(header_segment, wire.relaxed_base64))
    except ValueError:
        raise MalformedToken("the header segment is not a strict JSON object") from None
    _check_header(header)
    return header


def decode_claims(payload_segment: bytes, wire: WireFormat) -> dict[str, Any]:
    """Read the payload of a token; raise ``MalformedToken`` unless it is a strict JSON object."""
    try:
        return decode_object(decode_segment(payload_segment, wire.relaxed_base64))
    except ValueError:
        raise MalformedToken("the payload segment is not a strict JSON object") from None


_REFUSED: Final = frozenset({"crit", "b64", "enc", "zip"})


def _check_header(header: Mapping[str, Any]) -> None:
    if type(header.get("alg")) is not str:
        raise MalformedToken("alg is not a string")
    for name in ("kid", "x5t", "x5t#S256"):
        if type(header.get(name, "")) is not str:
            raise MalformedToken(f"{name} is not a string")
    if _REFUSED.isdisjoint(header):
        return
    if "crit" in header:
        # We understand no extension, so a critical one is always refused (RFC 7515, 4.1.11).
        raise MalformedToken("crit is not supported")
    if header.get("b64", True) is not True:
        raise MalformedToken("b64=false is not supported (RFC 7797)")
    if "enc" in header or "zip" in header:
        raise MalformedToken("encrypted and compressed tokens are not supported")
