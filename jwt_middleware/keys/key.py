"""One verification key, and the rules by which a service takes or refuses it."""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from ..errors import MalformedToken
from .algorithms import ALGORITHMS, Algorithm, Check
from .encoding import decode_segment

_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


class UnusableKey(ValueError):
    """Key material that can never verify anything here. The text says why, without the key."""


UNREADABLE = (ValueError, UnsupportedAlgorithm, x509.InvalidVersion)
"""What cryptography raises where it cannot read a key or a certificate."""


class Key:
    """One verification key, prepared once (RFC 7517's words).

    Attributes:
        key_id: the JWK's ``kid``; keys of a PEM file or a keystore have none.
        key_type: ``RSA``, ``EC``, ``OKP`` or ``oct``.
        algorithm: the only algorithm that it may serve, where the JWK names one.
        thumbprints: SHA-1 and SHA-256 of its certificate, as bytes.
        spki: SHA-256 of the SubjectPublicKeyInfo in hex; for a secret, of the secret.

    """

    __slots__ = (
        "_material",
        "algorithm",
        "certificate",
        "curve",
        "key_id",
        "key_type",
        "spki",
        "thumbprints",
    )

    def __init__(
        self,
        material: Any,
        *,
        key_id: str | None = None,
        algorithm: str | None = None,
        certificate: x509.Certificate | None = None,
        thumbprints: Iterable[bytes] = (),
    ) -> None:
        self._material = material
        self.key_type, self.curve = _kind(material)
        self.key_id = key_id
        self.algorithm = algorithm
        self.certificate = certificate
        found = set(thumbprints)
        if certificate is not None:
            found.update(certificate_thumbprints(certificate))
        self.thumbprints = frozenset(found)
        self.spki = hashlib.sha256(_encoded(material)).hexdigest()

    @property
    def made_of(self) -> tuple[Any, ...]:
        """What two keys must share to be the same key under the same rules."""
        return self.spki, self.key_id, self.algorithm, self.thumbprints

    @classmethod
    def of_certificate(cls, certificate: x509.Certificate) -> Key:
        """Return the key that a certificate certifies."""
        return cls(certificate.public_key(), certificate=certificate)

    def named(self, key_id: str) -> Key:
        """Return the same key with a ``kid``."""
        return Key(
            self._material,
            key_id=key_id,
            algorithm=self.algorithm,
            certificate=self.certificate,
            thumbprints=self.thumbprints,
        )

    def is_of(self, algorithm: Algorithm) -> bool:
        """Whether the type and the curve are those of this algorithm."""
        return self.key_type == algorithm.key_type and (
            not algorithm.curves or self.curve in algorithm.curves
        )

    def fits(self, algorithm: Algorithm) -> bool:
        """Whether the type, curve, own ``alg`` and a secret's length allow this algorithm."""
        return (
            self.is_of(algorithm)
            and (self.algorithm is None or self.algorithm == algorithm.name)
            and (self.key_type != "oct" or len(self._material) >= algorithm.hash_size)
        )

    def check_for(self, algorithm: Algorithm) -> Check:
        """Return what checks a signature by this key."""
        return algorithm.prepare(self._material)

    def weakness(self, minimum_rsa_bits: int) -> str | None:
        """Say what is wrong with the key's strength, or None."""
        if self.key_type == "RSA":
            numbers = self._material.public_numbers()
            if self._material.key_size < minimum_rsa_bits:
                return (
                    f"RSA key of {self._material.key_size} bits, fewer than "
                    f"minimum_rsa_bits={minimum_rsa_bits}"
                )
            if numbers.e < 3 or numbers.e % 2 == 0:
                return f"RSA public exponent {numbers.e}, not odd and at least 3"
        if self.key_type == "OKP" and _has_small_order(self._material, self.curve):
            return "a point of small order, under which anything verifies"
        if self.key_type == "oct":
            name = self.algorithm or "HS256"
            least = ALGORITHMS[name].hash_size
            if len(self._material) < least:
                return f"secret of {len(self._material)} bytes; {name} needs {least} or more"
        return None

    def wso2_default_version(self) -> str | None:
        """The WSO2 version that ships this very key with its private half, or None."""
        return WSO2_DEFAULT_KEYS.get(self.spki)

    @property
    def kind(self) -> str:
        """Type and size as a person says them, such as ``RSA 2048`` or ``EC P-256``."""
        if self.key_type == "RSA":
            return f"RSA {self._material.key_size}"
        if self.key_type == "oct":
            return f"secret of {len(self._material)} bytes"
        return f"{self.key_type} {self.curve}"

    def is_within_dates(self, now: float) -> bool:
        """Whether the key's certificate, if it has one, is inside its dates."""
        if self.certificate is None:
            return True
        return (
            self.certificate.not_valid_before_utc.timestamp()
            <= now
            <= self.certificate.not_valid_after_utc.timestamp()
        )

    def __repr__(self) -> str:
        return f"<Key {self.key_type} {self.spki[:12] if self.key_type != 'oct' else ''}>"


class KeyNote(NamedTuple):
    """What a person should know about one entry of a key source; ``skipped`` ones serve nothing."""

    key_id: str | None
    reason: str
    skipped: bool


PRIVATE_NOTE = KeyNote(
    None, "a private key; only its public half is used. Keep private keys at the gateway", False
)


class KeyRules(NamedTuple):
    """What this service asks of a key, beyond being one."""

    minimum_rsa_bits: int = 2048
    allow_wso2_default_keys: bool = False
    check_certificate_dates: bool = False

    def objection(self, key: Key) -> str | None:
        """Say why the key is not used, or None."""
        weakness = key.weakness(self.minimum_rsa_bits)
        if weakness is not None:
            return weakness
        version = key.wso2_default_version()
        if version is not None and not self.allow_wso2_default_keys:
            return (
                f"the default key of WSO2 API Manager {version}; its private half is public, so "
                "anybody can sign with it. Give the gateway a key of its own"
            )
        return None


def certificate_thumbprints(certificate: x509.Certificate) -> tuple[bytes, bytes]:
    """SHA-1 and SHA-256 of the DER certificate (RFC 7515, 4.1.7 and 4.1.8)."""
    der = certificate.public_bytes(serialization.Encoding.DER)
    # SHA-1 is only a name for a certificate that we hold already: a collision gains nothing.
    return hashlib.sha1(der, usedforsecurity=False).digest(), hashlib.sha256(der).digest()


def read_thumbprint(text: str) -> bytes | None:
    """Read ``x5t`` in any shape that WSO2 has emitted, or None where it is no thumbprint.

    RFC 7515 says base64url of the digest. WSO2 1.x, 2.6 and 3.x encode the digest's *hex* text
    instead, in either alphabet, padded or not; App Manager writes that hex in upper case.
    """
    try:
        raw = decode_segment(text.encode("ascii"), relaxed=True)
    except (ValueError, MalformedToken):
        return None
    if len(raw) in (20, 32):
        return raw
    if len(raw) in (40, 64):
        try:
            return binascii.unhexlify(raw)
        except ValueError:
            return None
    return None


def _kind(material: Any) -> tuple[str, str | None]:
    match material:
        case bytes():
            return "oct", None
        case rsa.RSAPublicKey():
            return "RSA", None
        case ec.EllipticCurvePublicKey() if material.curve.name in _CURVES:
            return "EC", _CURVES[material.curve.name]
        case ed25519.Ed25519PublicKey():
            return "OKP", "Ed25519"
        case ed448.Ed448PublicKey():
            return "OKP", "Ed448"
        case _:
            raise UnusableKey("its type or curve has no JWS algorithm here")


# The y coordinates of the points whose order is 8 or less (4 for Ed448), by curve and field prime.
# A public key that is one of them accepts signatures of anybody's making.
_ED25519_PRIME, _ED448_PRIME = 2**255 - 19, 2**448 - 2**224 - 1
_ED25519_Y8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL_ORDER_Y = {
    "Ed25519": {0, 1, _ED25519_PRIME - 1, _ED25519_Y8, _ED25519_PRIME - _ED25519_Y8},
    "Ed448": {0, 1, _ED448_PRIME - 1},
}


def _has_small_order(material: Any, curve: str | None) -> bool:
    encoded = int.from_bytes(material.public_bytes_raw(), "little")
    if curve == "Ed25519":
        return encoded % 2**255 % _ED25519_PRIME in _SMALL_ORDER_Y["Ed25519"]
    return encoded % 2**455 % _ED448_PRIME in _SMALL_ORDER_Y["Ed448"]


def _encoded(material: Any) -> bytes:
    if isinstance(material, bytes):
        return material
    encoded: bytes = material.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


WSO2_DEFAULT_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "da909c62b1bdd210c5c70382b15c9aef0a5b423aa1072dce3ec172c93fbbd74f": "1.x to 2.x",
        "ab9dbc9c2104a2799538f3ad93737ddf97b57adee210e70b175525404710b6ab": "3.0.0",
        "caa08ab78bb6223dd7f464a988b788e2fbd5a5899033b1cdf19f8727def145e3": "3.1.0 to 4.1",
        "b42a33122de66ccd94f7bc4ec3095a182675012cb7b03026cb33f559c56dd1d3": "4.2.0",
        "bbf5e12f2cda252921a6d4dee7814a22c489af71b8e849511e12b58fdba9f7e7": "4.3.0 and later",
        "131376aa6c47751f0abd56b73a7d84fa7f90edeb7c2e26b8ff07df33af3c3632": "4.6.0",
        "914b840fcfd7194c2c278c6a9aecca5e7e7019ebb549107e75f61eb5d1a0d046": "4.7",
        "ad874c42382e2a464a3dba787fb3a0b5e2de30100545742758a6fbf0cb6aca5e": "carbon-apimgt's tests",
    }
)
"""SPKI SHA-256 in hex, and the WSO2 API Manager version that ships the key."""
