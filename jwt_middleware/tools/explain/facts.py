"""What a token is: how it is spelled, what names its key, its times, and whose form that is."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from ...gateways.forms import FORMS, TokenForm
from ...keys.key import read_thumbprint
from ...verification.claims import MILLISECONDS_FROM
from ...verification.compact import Segments
from .times import distance, moment, seconds_of

_TIMES = ("exp", "nbf", "iat")
_JCA_NAMES = frozenset(form.algorithm_name for form in FORMS.values())


def spelling(segments: Segments) -> str:
    """Return the alphabet and the padding of a token."""
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


def key_facts(header: Mapping[str, Any]) -> dict[str, str]:
    """Return what its header says of the signature and of the key."""
    facts = {"algorithm": str(header["alg"])}
    if "kid" in header:
        kid = str(header["kid"])
        facts["kid"] = f"{kid} ({_KID_SHAPES[_kid_shape(kid)]})"
    for name in ("x5t", "x5t#S256"):
        if name in header:
            facts[name] = _shape(str(header[name]))
    return facts


_KID_SHAPES = {
    "x5t": "made of x5t and the algorithm, as WSO2 3.2 does",
    "sha256": "the certificate's SHA-256, as WSO2 4.2 does where it is told to",
    "serial": "the certificate's issuer and serial number, as WSO2 4.3 does",
    None: "a name",
}


def _kid_shape(kid: str) -> str | None:
    """Return what a ``kid`` is made of, in the words of ``TokenForm.kid``."""
    if kid.endswith("_RS256"):
        return "x5t"
    try:
        text = base64.urlsafe_b64decode(kid + "=" * (-len(kid) % 4)).decode("ascii")
    except ValueError:
        return None
    if re.fullmatch("[0-9a-f]{64}", text):
        return "sha256"
    issuer, mark, serial = text.rpartition("#")
    return "serial" if mark and "=" in issuer and serial.isdecimal() else None


def _shape(text: str) -> str:
    thumbprint = read_thumbprint(text)
    if thumbprint is None:
        return "no thumbprint of any known shape"
    digest = "SHA-1" if len(thumbprint) == 20 else "SHA-256"
    written = "the hex text of" if len(text.rstrip("=")) > 50 else "the bytes of"
    return f"{written} {digest} {thumbprint.hex()}"


def time_facts(claims: Mapping[str, Any], now: float) -> dict[str, str]:
    """Return its times, with both readings of one in milliseconds."""
    found: dict[str, str] = {}
    for name in _TIMES:
        seconds = seconds_of(claims.get(name))
        if seconds is None:
            if name in claims:
                found[name] = f"{claims[name]!r}, which is no time"
            continue
        told = f"{moment(seconds)}, {distance(seconds - now)}"
        if float(claims[name]) >= MILLISECONDS_FROM:
            year = 1970 + float(claims[name]) / 31_556_952
            told += f"; in milliseconds (read as seconds: the year {year:.0f})"
        found[name] = told
    return found


def generations(segments: Segments, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """Return the gateways that write such a token."""
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
    named = header["alg"]
    if named != form.algorithm_name and (form.algorithm_name or named in _JCA_NAMES):
        return False
    is_wso2 = form.names_certificate
    kid = header.get("kid")
    if is_wso2 and (None if kid is None else _kid_shape(str(kid))) != form.kid:
        return False
    if is_wso2 and ("iat" in claims) is not form.issued_at:
        return False
    x5t = header.get("x5t")
    if (x5t is not None) is not (form.hex_x5t is not None):
        return False
    if x5t is not None and (len(str(x5t).rstrip("=")) > 50) is not form.hex_x5t:
        return False
    expires = claims.get("exp")
    if (type(expires) is str) is not form.text_exp:
        return False
    seconds = seconds_of(expires)
    in_milliseconds = seconds is not None and float(expires or 0) >= MILLISECONDS_FROM
    return in_milliseconds is form.milliseconds
