"""The two encodings inside a token, read strictly: base64 segments and JSON objects.

Strictness here is what makes two tokens that differ in one byte two different tokens: every value
has exactly one accepted spelling of each form, and every JSON text exactly one meaning.
"""

from __future__ import annotations

import binascii
import json
import math
from typing import Any, NoReturn

from ..errors import MalformedToken

_URLSAFE_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
# The last character of a partial group carries unused low bits, which must be zero (RFC 4648,
# section 3.5): four of them after two characters, two after three.
_CANONICAL_LAST = {
    2: frozenset(_ALPHABET[i] for i in range(0, 64, 16)),
    3: frozenset(_ALPHABET[i] for i in range(0, 64, 4)),
}

MAX_DEPTH = 64
MAX_NUMBER_LENGTH = 64


def decode_segment(segment: bytes, *, any_alphabet: bool, padding: bool) -> bytes:
    """Decode one base64 segment; raise ``MalformedToken`` unless it is spelled exactly so.

    ``any_alphabet``: the standard or the url-safe alphabet, one of them in a segment; else the
    url-safe one only. ``padding``: ``=`` may fill the last group exactly, or be left out; else
    there is none (RFC 7515, section 2).
    """
    data = segment.rstrip(b"=") if segment.endswith(b"=") else segment
    padded = len(segment) - len(data)
    partial = len(data) & 3
    if partial == 1:
        raise MalformedToken("a segment has an impossible length")
    if padded and (not padding or padded != -len(data) & 3):
        raise MalformedToken("a segment's padding is wrong")
    if b"-" in data or b"_" in data:
        if b"+" in data or b"/" in data:
            raise MalformedToken("a segment mixes two base64 alphabets")
        data = data.translate(_URLSAFE_TO_STANDARD)
    elif not any_alphabet and (b"+" in data or b"/" in data):
        raise MalformedToken("a segment is not base64url")
    if partial:
        if data[-1] not in _CANONICAL_LAST[partial]:
            raise MalformedToken("a segment is not canonical base64")
        data += b"=" * (4 - partial)
    try:
        return binascii.a2b_base64(data, strict_mode=True)
    except ValueError:
        raise MalformedToken("a segment is not base64") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate member name")
    return found


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _integer(text: str) -> int:
    if len(text) > MAX_NUMBER_LENGTH:
        raise ValueError("a number is too long")
    return int(text)


def _real(text: str) -> float:
    if len(text) > MAX_NUMBER_LENGTH:
        raise ValueError("a number is too long")
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


_decoder = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_constant=_refuse_constant,
    parse_int=_integer,
    parse_float=_real,
)


def _check_depth(value: Any, left: int) -> None:
    if not left:
        raise ValueError("nested too deep")
    for item in value.values() if type(value) is dict else value:
        if type(item) is dict or type(item) is list:
            _check_depth(item, left - 1)


def decode_object(text: bytes) -> dict[str, Any]:
    """Decode one JSON object from UTF-8; raise ``ValueError`` for anything less.

    Refused: other encodings and byte order marks, duplicate member names at any depth (old WSO2
    versions build JSON without escaping, so a user attribute could add a member), NaN and
    Infinity, numbers of more than 64 characters or beyond a float, more than 64 levels, lone
    surrogates, and anything after the object.
    """
    decoded = text.decode("utf-8")
    try:
        value: Any = _decoder.decode(decoded)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    _check_depth(value, MAX_DEPTH)
    if "\\u" in decoded:
        # Only an escape can spell a surrogate that has no partner; UTF-8 has none.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    found: dict[str, Any] = value
    return found
