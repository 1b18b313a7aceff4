"""What is said of how a gateway spells a token and publishes its keys.

A form only writes; the gateway that it names is what accepts its tokens.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ..principal import ClaimName, path_of
from .gateway import Gateway
from .presets import PRESETS

NAME = "{name}"
"""What stands for the caller's name in ``TokenForm.person`` and ``TokenForm.service``."""

EMAIL = "{email}"
"""What stands for an email address there: the name, if it is one, or else it at example.com."""

_DOMAIN = "example.com"
_NONE: Mapping[str, Any] = MappingProxyType({})


class TokenForm(NamedTuple):
    """How one gateway version spells a token, and where it publishes its keys.

    Attributes:
        alphabet: ``standard`` or ``urlsafe``.
        padded: segments are padded with ``=``.
        milliseconds: times are in milliseconds, else in seconds.
        text_exp: ``exp`` is a string.
        hex_x5t: ``x5t`` encodes the thumbprint's hex text, or its bytes; None leaves it out.
        algorithm_name: what ``alg`` says, where it is not the name of RFC 7518.
        padded_x5t: ``x5t`` is padded with ``=``.
        kid: what the gateway derives a ``kid`` from: ``x5t``, ``sha256`` or ``serial`` of the
            certificate, ``uuid`` or ``hex`` of the public key; None derives none.
        issued_at: there is an ``iat``.
        preset: the ``gateway=`` that reads it, by its name or as an object. Its ``header_claims``
            are written into the JOSE header.
        repeated: those of them that the payload has too.
        begins: there is an ``nbf``.
        token_id: there is a ``jti``.
        names_keys: published keys have a ``kid``, and tokens that of their key.
        claims: claims that every token has, where a test gives no others.
        call: claims of every call where a test gives no others, which name nobody, and by which the
            gateway is not told from others.
        person: claims that name a person, with ``{name}`` or ``{email}`` where the name or an
            address stands; where it is None, the gateway's last claim for the subject.
        service: likewise for an application or a service account that acts for itself; None for a
            gateway whose tokens are of people only.
        client: whether a person's token names the client too, in the gateway's claim for it.
        publishes: the shape of what stands at each path of the key endpoint, a name in
            ``testing.publishing.SHAPES``. ``keys=`` takes the first path.

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
    preset: str | Gateway = "wso2"
    repeated: tuple[str, ...] = ()
    begins: bool = False
    token_id: bool = False
    names_keys: bool = True
    claims: Mapping[str, Any] = _NONE
    call: Mapping[str, Any] = _NONE
    person: Mapping[str, Any] | None = None
    service: Mapping[str, Any] | None = None
    client: bool = True
    publishes: Mapping[str, str] = MappingProxyType({"/jwks": "jwks"})

    @property
    def gateway(self) -> Gateway:
        """The gateway that reads it."""
        return PRESETS[self.preset] if isinstance(self.preset, str) else self.preset

    @property
    def algorithm(self) -> str:
        """The algorithm that it signs with, unless a key has another one."""
        return self.gateway.algorithms[0]

    def person_claims(self, name: str) -> dict[str, Any]:
        """Return the claims that name a person."""
        if self.person is not None:
            return _filled(self.person, name)
        claims: dict[str, Any] = {}
        put_claim(claims, self.gateway.names.subject[-1], name)
        return claims

    def service_claims(self, name: str) -> dict[str, Any]:
        """Return the claims that name an application or a service account.

        Raises:
            ValueError: the gateway's tokens are of people only.

        """
        if self.service is None:
            raise ValueError(
                f"service: tokens of the gateway {self.gateway.name!r} are of people only"
            )
        return _filled(self.service, name)

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
            case "uuid":
                return str(uuid.UUID(bytes=_spki_digest(certificate)[:16], version=4))
            case "hex":
                return _spki_digest(certificate).hex()
            case _:
                return None


def thumbprint(certificate: x509.Certificate, *, as_hex: bool) -> str:
    """Return a certificate's SHA-1 thumbprint, or its hex text, in padded base64."""
    der = certificate.public_bytes(serialization.Encoding.DER)
    digest = hashlib.sha1(der, usedforsecurity=False)
    content = digest.hexdigest().encode() if as_hex else digest.digest()
    return base64.urlsafe_b64encode(content).decode()


def put_claim(claims: dict[str, Any], name: ClaimName, value: Any) -> None:
    """Put a claim at its name or path; objects on the way are made."""
    *way, last = path_of(name)
    for member in way:
        claims = claims.setdefault(member, {})
    claims[last] = value


def _filled(template: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a template with the caller's name in it."""
    return {member: _filled_value(value, name) for member, value in template.items()}


def _filled_value(template: Any, name: str) -> Any:
    if isinstance(template, Mapping):
        return _filled(template, name)
    if isinstance(template, list):
        return [_filled_value(value, name) for value in template]
    if not isinstance(template, str):
        return template
    return template.replace(NAME, name).replace(EMAIL, name if "@" in name else f"{name}@{_DOMAIN}")


def _spki_digest(certificate: x509.Certificate) -> bytes:
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    key = certificate.public_key().public_bytes(serialization.Encoding.DER, spki)
    return hashlib.sha256(key).digest()


def _unpadded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
