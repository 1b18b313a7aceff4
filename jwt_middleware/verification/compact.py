"""From header lines to an unverified token: everything that needs no key.

Nothing in the result may be trusted before its signature is verified.
"""

from __future__ import annotations

from typing import Any, Final

from ..errors import DuplicateHeader, MalformedToken, RequestError, TokenTooLarge
from ..keys.encoding import json_segment
from ..options.catalogue import OPTIONS

Segments = tuple[bytes, bytes, bytes, bytes]
"""Header, payload, signature and signing input of a compact JWS (RFC 7515, 7.1), as received."""

MAX_TOKEN_SIZE: int = OPTIONS["max_token_size"].default
"""Bytes of the longest token, unless ``max_token_size`` is set."""


def raw_token(line: bytes | str, max_size: int) -> bytes:
    """Return the token's bytes from one header line.

    The size is checked first, so that a refusal costs the same for any length. Only SP and HTAB are
    stripped, only at the ends.
    """
    if len(line) > max_size:
        raise TokenTooLarge("longer than max_token_size")
    if type(line) is not bytes:
        line = as_bytes(line)
    token = line.strip(b" \t")
    if not token:
        raise MalformedToken("the header is empty")
    return token


def as_bytes(line: Any) -> bytes:
    """Return a header line in bytes; raise ``MalformedToken`` if it is not ASCII."""
    if not isinstance(line, str):
        return bytes(line)  # a server may give a bytearray or a memoryview
    try:
        return line.encode("ascii")
    except UnicodeEncodeError:
        raise MalformedToken("the header is not ASCII") from None


def joined_fault(line: bytes | str) -> RequestError | None:
    """Return the error of a value with a comma or a blank in it, which is no single token.

    Only called for refused or waiting requests, so good tokens do not pay for the search.
    """
    token = line.encode("utf-8", "replace") if isinstance(line, str) else line
    # find(), because "in" takes twice the time on bytes.
    if token.find(b",") >= 0:
        # No token has a comma: a server or a proxy has joined two lines.
        return DuplicateHeader("header lines were joined by a comma")
    token = token.strip(b" \t")  # blanks at the ends are allowed
    if token.find(b" ") < 0 and token.find(b"\t") < 0:
        return None
    if token[:7].lower() == b"bearer ":
        return MalformedToken(
            "the value starts with 'Bearer '; this header must hold the bare token"
        )
    return MalformedToken("a blank inside the token")


def split(token: bytes) -> Segments:
    """Split a compact JWS; raise ``MalformedToken`` unless it has three segments."""
    signing_input, _, signature = token.rpartition(b".")
    header, _, payload = signing_input.partition(b".")
    if not header or not payload or payload.find(b".") >= 0:
        raise MalformedToken("not three segments")
    return header, payload, signature, signing_input


_REFUSED: Final = frozenset({"crit", "b64", "enc", "zip"})


def decode_header(header_segment: bytes, relaxed: bool) -> dict[str, Any]:
    """Read the header of a token; raise ``MalformedToken`` if it is not that of a JWS."""
    header = json_segment(header_segment, relaxed, "header")
    if type(header.get("alg")) is not str:
        raise MalformedToken("alg is missing or not a string")
    for name in ("kid", "x5t", "x5t#S256"):
        if name in header and type(header[name]) is not str:
            raise MalformedToken(f"{name} is not a string")
    if _REFUSED.isdisjoint(header):
        return header
    if "crit" in header:
        # We understand no extension, so a critical one is always refused (RFC 7515, 4.1.11).
        raise MalformedToken("crit is not supported")
    if header.get("b64", True) is not True:
        raise MalformedToken("b64=false is not supported (RFC 7797)")
    if "enc" in header or "zip" in header:
        raise MalformedToken("encrypted and compressed tokens are not supported")
    return header
