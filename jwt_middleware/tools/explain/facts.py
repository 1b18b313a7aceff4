"""What a token is: its spelling, what names its key, its times, and which gateways write it."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...gateways import Gateway
from ...gateways.forms import FORMS, TokenForm
from ...keys.key import read_thumbprint
from ...keys.per_kid import UUID
from ...verification.compact import Segments
from .times import distance, is_milliseconds, moment, seconds_of

_JCA_NAMES = frozenset(form.algorithm_name for form in FORMS.values())
_URL_SAFE = frozenset(b"-_")
_STANDARD = frozenset(b"+/")
_KID_SHAPES = {
    "x5t": "made of x5t and the algorithm, as WSO2 3.2 does",
    "sha256": "the certificate's SHA-256, as WSO2 4.2 does with useKid",
    "serial": "the certificate's issuer and serial number, as WSO2 4.3 does",
    "uuid": "a UUID, as the gateways of AWS write it",
    None: "a name",
}
_OF_CERTIFICATE = frozenset({"x5t", "sha256", "serial"})
"""The kids that are derived from a certificate, by which a version of WSO2 is known."""
_UUID = re.compile(UUID)


def spelling(segments: Segments) -> str:
    """Return the alphabet and the padding of a token."""
    text = b".".join(segments[:3])
    alphabet = "base64 of either alphabet"
    if _URL_SAFE.intersection(text):
        alphabet = "url-safe base64"
    elif _STANDARD.intersection(text):
        alphabet = "standard base64"
    if b"=" in text:
        return f"{alphabet}, padded"
    return f"{alphabet}, not padded" if _needs_padding(segments) else alphabet


def key_facts(header: Mapping[str, Any]) -> dict[str, str]:
    """Return what the header says about the signature and the key."""
    facts = {"algorithm": str(header["alg"])}
    if "kid" in header:
        kid = str(header["kid"])
        facts["kid"] = f"{kid} ({_KID_SHAPES[_kid_shape(kid)]})"
    return facts | {n: _x5t_shape(str(header[n])) for n in ("x5t", "x5t#S256") if n in header}


def time_facts(claims: Mapping[str, Any], now: float) -> dict[str, str]:
    """Return the token's times, with both readings of one in milliseconds."""
    facts: dict[str, str] = {}
    for name in ("exp", "nbf", "iat"):
        seconds = seconds_of(claims.get(name))
        if seconds is not None:
            facts[name] = f"{moment(seconds)}, {distance(seconds - now)}"
            if is_milliseconds(claims[name]):
                year = 1970 + float(claims[name]) / 31_556_952
                facts[name] += f"; in milliseconds (read as seconds: the year {year:.0f})"
        elif name in claims:
            facts[name] = f"{claims[name]!r}, which is not a time"
    return facts


def generations(
    segments: Segments,
    header: Mapping[str, Any],
    claims: Mapping[str, Any],
    gateways: Sequence[Gateway],
) -> str:
    """Return the forms that are spelled so, of the ``gateways`` by whose marks it is known."""
    text = b".".join(segments[:3])
    alg, exp = header["alg"], claims.get("exp")
    hex_x5t = _is_hex(str(header["x5t"])) if "x5t" in header else None
    kid = _kid_shape(str(header["kid"])) if "kid" in header else None
    in_milliseconds = seconds_of(exp) is not None and is_milliseconds(exp)
    known = {gateway.name for gateway in gateways}
    # Those whose tokens always have the marks by which they are known.
    sure = {form.gateway.name for form in FORMS.values() if form.claims} & known

    def writes(form: TokenForm) -> bool:
        gateway = form.gateway
        if sure or (form.claims and (known or gateway.marks)):
            is_possible = gateway.name in sure and alg in gateway.algorithms
        else:
            is_possible = not form.claims or alg in gateway.algorithms
        return (
            is_possible
            and not (_URL_SAFE if form.alphabet == "standard" else _STANDARD).intersection(text)
            and (not _needs_padding(segments) or (b"=" in text) is form.padded)
            and (alg == form.algorithm_name or not (form.algorithm_name or alg in _JCA_NAMES))
            and (
                not (form.hex_x5t is not None or form.kid in _OF_CERTIFICATE)
                or (kid == form.kid and ("iat" in claims) is form.issued_at)
            )
            and hex_x5t is form.hex_x5t
            and (type(exp) is str) is form.text_exp
            and in_milliseconds is form.milliseconds
        )

    forms = [name for name, form in FORMS.items() if writes(form)]
    return " or ".join(forms) or "of no known gateway"


def _needs_padding(segments: Segments) -> bool:
    return any(len(segment.rstrip(b"=")) % 4 for segment in segments[:3])


def _kid_shape(kid: str) -> str | None:
    """Return what a ``kid`` is made of, in the words of ``TokenForm.kid``."""
    if kid.endswith("_RS256"):
        return "x5t"
    if _UUID.fullmatch(kid):
        return "uuid"
    try:
        text = base64.urlsafe_b64decode(kid + "=" * (-len(kid) % 4)).decode("ascii")
    except ValueError:
        return None
    if re.fullmatch("[0-9a-f]{64}", text):
        return "sha256"
    issuer, mark, serial = text.rpartition("#")
    return "serial" if mark and "=" in issuer and serial.isdecimal() else None


def _x5t_shape(text: str) -> str:
    thumbprint = read_thumbprint(text)
    if thumbprint is None:
        return "no thumbprint of any known shape"
    digest = "SHA-1" if len(thumbprint) == 20 else "SHA-256"
    written = "hex text" if _is_hex(text) else "bytes"
    return f"{text}, the {written} of {digest} {thumbprint.hex()}"


def _is_hex(x5t: str) -> bool:
    return len(x5t.rstrip("=")) > 50
