"""The two encodings inside a token, read strictly: base64 segments and JSON objects.

Strictness here is what makes two tokens that differ in one byte two different tokens: every value
has exactly one accepted spelling of each form, and every JSON text exactly one meaning.

With the ``speed`` extra (pybase64, orjson) the verdicts and the values are the same. Those
libraries are less strict, so what they read counts only where it is proven to be the one meaning;
any other text goes the way of the standard library. They are loaded by ``use_speed``, when the
first verifier is made, so that importing the package stays cheap.
"""

from __future__ import annotations

import binascii
import json
import math
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from ..errors import MalformedToken

# To the standard alphabet, whose own two letters become none: a segment has one alphabet.
_FROM_URL_SAFE = bytes.maketrans(b"-_+/", b"+/..")
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
# The last character of a partial group carries unused low bits, which must be zero (RFC 4648,
# section 3.5): four of them after two characters, two after three.
_CANONICAL_LAST = {
    2: frozenset(_ALPHABET[i] for i in range(0, 64, 16)),
    3: frozenset(_ALPHABET[i] for i in range(0, 64, 4)),
}

_FILL = ord("=")
MAX_DEPTH = 64
MAX_NUMBER_LENGTH = 64


def decode_segment(segment: bytes, relaxed: bool) -> bytes:
    """Decode one base64 segment; raise ``MalformedToken`` unless it is spelled exactly so.

    ``relaxed``: the standard or the url-safe alphabet, one of them in a segment, and ``=`` may fill
    the last group exactly, or be left out. Else the url-safe alphabet, and no padding (RFC 7515,
    section 2).
    """
    size = len(segment)
    padded = segment
    if size and segment[-1] == _FILL:
        # One or two; a third is no letter, and is refused as such below.
        size -= 2 if segment[-2:] == b"==" else 1
        if not relaxed or len(segment) - size != -size & 3:
            raise MalformedToken("a segment's padding is wrong")
    partial = size & 3
    if partial:
        if partial == 1:
            raise MalformedToken("a segment has an impossible length")
        if segment[size - 1] not in _CANONICAL_LAST[partial]:
            raise MalformedToken("a segment is not canonical base64")
        if padded[-1] != _FILL:
            padded = segment + (b"==" if partial == 2 else b"=")
    if relaxed:
        try:
            return _from_base64(padded, None, True)
        except ValueError:
            pass  # it may be in the other alphabet
    try:
        return _from_base64(padded.translate(_FROM_URL_SAFE), None, True)
    except ValueError:
        raise MalformedToken("a segment is not base64, or mixes two alphabets") from None


def share_names(members: dict[str, Any]) -> None:
    """Have an object share its names with the others that are kept: a gateway repeats long ones.

    orjson does so by itself.
    """
    if _loads is None:
        shared = {sys.intern(name): value for name, value in members.items()}
        members.clear()
        members.update(shared)


def json_segment(segment: bytes, relaxed: bool, name: str) -> dict[str, Any]:
    """Decode a segment that holds a JSON object, as the header and the payload of a token do.

    Raises:
        MalformedToken: it is no strict base64, or holds no strict JSON object.

    """
    try:
        return decode_object(decode_segment(segment, relaxed))
    except ValueError:
        raise MalformedToken(f"the {name} segment is not a strict JSON object") from None


def _strictly(data: bytes, _: None, validate: bool) -> bytes:
    return binascii.a2b_base64(data, strict_mode=validate)


_from_base64: Callable[[bytes, None, bool], bytes] = _strictly
_loads: Callable[[bytes], Any] | None = None
_dumps: Callable[[Any], bytes] = bytes


def use_speed() -> bool:
    """Use orjson and pybase64 from now on where they are installed; return whether they are."""
    global _from_base64, _loads, _dumps
    try:
        import orjson
        import pybase64
    except ImportError:
        return False
    # Strict, it knows the alphabet; where padding may stand was looked at before.
    # Last what is asked for: another thread may be decoding.
    _from_base64, _dumps, _loads = pybase64.b64decode, orjson.dumps, orjson.loads
    return True


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

    Refused as ``decode_strictly`` says, with the same values.
    """
    # With few brackets it is not nested too deep. To count them takes longer than to find none.
    is_flat = text.find(b"{", 1) < 0 and text.find(b"[") < 0
    if _loads is not None and (is_flat or text.count(b"{") + text.count(b"[") <= MAX_DEPTH):
        try:
            value = _loads(text)
            written = _dumps(value)
        except ValueError:
            return decode_strictly(text)
        # What ``dumps`` writes has no member twice, and one spelling of each value: a text that is
        # the same, or the same with each / escaped (WSO2 2.x), has only this meaning.
        same = written == text or (b"\\/" in text and written.replace(b"/", b"\\/") == text)
        if same and type(value) is dict:
            return value
    return decode_strictly(text)


def decode_strictly(text: bytes) -> dict[str, Any]:
    """Decode one JSON object from UTF-8; raise ``ValueError`` for anything less.

    Refused: other encodings and byte order marks, duplicate member names at any depth (old WSO2
    versions build JSON without escaping, so a user attribute could add a member), NaN and
    Infinity, numbers of more than 64 characters or beyond a float, more than 64 levels, lone
    surrogates, and anything after the object.
    """
    decoded = text.decode("utf-8").strip(" \t\n\r")
    try:
        value, end = _decoder.raw_decode(decoded)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if end != len(decoded) or not isinstance(value, dict):
        raise ValueError("not one JSON object")
    is_flat = text.find(b"{", 1) < 0 and text.find(b"[") < 0
    if not is_flat and text.count(b"{") + text.count(b"[") > MAX_DEPTH:
        _check_depth(value, MAX_DEPTH)
    if "\\u" in decoded:
        # Only an escape can spell a surrogate that has no partner; UTF-8 has none.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    found: dict[str, Any] = value
    return found


def json_fault(body: bytes) -> str:
    """Say why a body is no strict JSON object, without repeating it."""
    start = body.lstrip()[:64].lower()
    if not start:
        return "it is empty"
    if body.startswith(b"\xef\xbb\xbf"):
        return "it begins with a byte order mark"
    if body.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in body[:64]:
        return "it is UTF-16, and JSON is UTF-8"
    if start.startswith(b"<"):
        return "it is HTML or XML; a login page?"
    if start.startswith(b"-----begin"):
        return "it is PEM"
    if start.startswith(b"["):
        return 'it is a list; a JWKS is an object with a "keys" list'
    try:
        decode_object(body)
    except UnicodeDecodeError as error:
        return f"byte {error.start} is no UTF-8"
    except json.JSONDecodeError as error:
        return f"an error at line {error.lineno}, column {error.colno}"
    except UnicodeError:
        return "it has a lone surrogate"
    except ValueError as error:
        return str(error)
    return "it is one"
