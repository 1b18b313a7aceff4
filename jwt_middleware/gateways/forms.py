"""How each generation of a gateway spells a token, as data.

Sources: the ``DEFAULT`` generators of wso2/carbon-apimgt (``AbstractJWTGenerator`` and, for the
header, ``APIUtil`` and ``JWTUtil``) at the release that each form names, and real tokens where a
comment says so. A form only writes; the preset that it names is what accepts its tokens.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import serialization


class TokenForm(NamedTuple):
    """How one gateway version spells a token.

    Attributes:
        alphabet: ``standard`` or ``urlsafe``.
        padded: segments are padded with ``=``.
        milliseconds: times are in milliseconds, else in seconds.
        text_exp: ``exp`` is a string.
        hex_x5t: ``x5t`` encodes the thumbprint's hex text, or its bytes; None leaves it out.
        algorithm_name: what ``alg`` says, where it is not the name of RFC 7518.
        padded_x5t: ``x5t`` is padded with ``=``.
        kid: what the gateway derives a ``kid`` from: ``x5t``, ``sha256`` or ``serial`` of the
            certificate; None writes none.
        issued_at: there is an ``iat``.
        preset: the ``gateway=`` that reads it.

    """

    alphabet: str = "standard"
    padded: bool = True
    milliseconds: bool = False
    text_exp: bool = False
    hex_x5t: bool | None = True
    algorithm_name: str | None = None
    padded_x5t: bool = True
    kid: str | None = None
    issued_at: bool = False
    preset: str = "wso2"

    def encode(self, content: bytes) -> bytes:
        """Encode one segment."""
        encode = base64.b64encode if self.alphabet == "standard" else base64.urlsafe_b64encode
        return encode(content) if self.padded else encode(content).rstrip(b"=")

    def time(self, seconds: float) -> int:
        """Return a time in this form's unit."""
        return round(seconds * 1000) if self.milliseconds else int(seconds)

    @property
    def names_certificate(self) -> bool:
        """Whether the header has members that are derived from the key's certificate."""
        return self.hex_x5t is not None or self.kid is not None

    def names_of(self, certificate: x509.Certificate) -> dict[str, str]:
        """Return the header members that name this certificate."""
        members = {"x5t": self.x5t_of(certificate), "kid": self.key_id_of(certificate)}
        return {name: text for name, text in members.items() if text is not None}

    def x5t_of(self, certificate: x509.Certificate) -> str | None:
        """Return the certificate's thumbprint as this form writes it; None where it writes none."""
        if self.hex_x5t is None:
            return None
        text = thumbprint(certificate, as_hex=self.hex_x5t)
        return text if self.padded_x5t else text.rstrip("=")

    def key_id_of(self, certificate: x509.Certificate) -> str | None:
        """Return the ``kid`` that this form derives from a certificate; None where it has none."""
        match self.kid:
            case "x5t":
                return f"{self.x5t_of(certificate)}_RS256"
            case "sha256":
                digest = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER))
                return _unpadded(digest.hexdigest())
            case "serial":
                issuer = certificate.issuer.rfc4514_string()
                return _unpadded(f"{issuer}#{certificate.serial_number}")
            case _:
                return None


def thumbprint(certificate: x509.Certificate, *, as_hex: bool) -> str:
    """Return a certificate's SHA-1 thumbprint, or its hex text, in padded base64."""
    der = certificate.public_bytes(serialization.Encoding.DER)
    digest = hashlib.sha1(der, usedforsecurity=False)
    content = digest.hexdigest().encode() if as_hex else digest.digest()
    return base64.urlsafe_b64encode(content).decode()


def _unpadded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


FORMS: Mapping[str, TokenForm] = MappingProxyType(
    {
        # A token of 2013, from a public reader of the header: alg is the JCA name.
        "wso2-1.4": TokenForm(milliseconds=True, algorithm_name="SHA256withRSA", preset="wso2-1.4"),
        # carbon-apimgt 1.2.0 (axiom's Base64Utils), and UCSD's and TACC's real tokens.
        "wso2-1.9": TokenForm(milliseconds=True),
        # carbon-apimgt 6.0.4 (2.0 to 2.5) and a real token: Nimbus, so seconds; x5t of RFC 7515.
        "wso2-2.0": TokenForm(hex_x5t=False, padded_x5t=False),
        # carbon-apimgt 3bfb62c2f65; issues 5535 and 5884 there.
        "wso2-2.6": TokenForm(padded_x5t=False),
        # carbon-apimgt ce4f1e0cc68: java.util.Base64.getUrlEncoder(), which pads.
        "wso2-3.0": TokenForm(alphabet="urlsafe"),
        # carbon-apimgt 08ea54ec6be, the gateway's path, for JWT access tokens; product-apim 8802.
        "wso2-3.1": TokenForm(
            alphabet="urlsafe", milliseconds=True, text_exp=True, preset="wso2-3.1"
        ),
        # The same release, the key manager's path, for opaque access tokens.
        "wso2-3.1-number": TokenForm(alphabet="urlsafe"),
        # carbon-apimgt cb3daa44148: kid is x5t and the algorithm.
        "wso2-3.2": TokenForm(alphabet="urlsafe", kid="x5t"),
        # carbon-apimgt 14aa6c57649 (4.0, 4.1): the kid is gone (75c51e8943f), iat is new.
        "wso2-4.0": TokenForm(alphabet="urlsafe", issued_at=True),
        # carbon-apimgt 9619f06f56c: Base64.getEncoder().withoutPadding(); api-manager 1528.
        "wso2-4.2": TokenForm(padded=False, issued_at=True),
        # The same release with useKid: the certificate's SHA-256 as kid, and no x5t.
        "wso2-4.2-kid": TokenForm(padded=False, hex_x5t=None, kid="sha256", issued_at=True),
        # carbon-apimgt 374bfdc117af: use_kid_property, its default, makes kid of issuer and serial.
        "wso2-4.3": TokenForm(padded=False, kid="serial", issued_at=True),
        # RFC 7515, section 2, and RFC 7519.
        "standard": TokenForm(alphabet="urlsafe", padded=False, hex_x5t=None, preset="standard"),
    }
)
"""The forms by gateway and version."""


def form_of_version(version: str) -> str:
    """Return the name of the form in which this version of WSO2 API Manager writes.

    ``4.2`` and ``4.2.1`` are ``wso2-4.2``, and so is any version up to the next form's; the name of
    a form, with or without ``wso2-``, is that form.

    Raises:
        ValueError: this is not a version.

    """
    for name in (version, f"wso2-{version}"):
        if name in FORMS:
            return name
    parts = version.split(".")
    known = all(part.isdecimal() and len(part) < 6 for part in parts)
    if not known or not 1 <= int(parts[0]) <= 4:
        raise ValueError(
            f"not a version: {version[:40]!r}; write a version of 1.4 to 4.6, or a form's name: "
            + ", ".join(FORMS)
        )
    asked = [*map(int, parts), 0]  # 2 is 2.0
    form = "wso2-1.4"
    for name in FORMS:
        number = name.removeprefix("wso2-")
        if number.replace(".", "").isdecimal() and [int(n) for n in number.split(".")] <= asked:
            form = name
    return form
