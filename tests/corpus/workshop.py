"""Where the corpus is made: keys, their JWKS, and tokens spelled to the byte."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, NamedTuple

from jwt_middleware.testing import SigningKey

ISSUER: Final = "https://issuer.example.edu"
AUDIENCES: Final = ("https://orders.example.edu", "orders")
LEEWAY: Final = 30
"""Seconds, of both verifiers."""


class ByRFC(Enum):
    """What the RFCs say of a token, for a service that is configured as ``workshop`` has it."""

    GOOD = "to be accepted"
    BAD = "to be refused"
    OPEN = "for the service to decide"


class Case(NamedTuple):
    name: str
    token: str
    by_rfc: ByRFC


def good(name: str, token: str) -> Case:
    return Case(name, token, ByRFC.GOOD)


def bad(name: str, token: str) -> Case:
    return Case(name, token, ByRFC.BAD)


def open_(name: str, token: str) -> Case:
    return Case(name, token, ByRFC.OPEN)


class Workshop:
    """Keys that both verifiers trust, keys that nobody should, and what a sound token says."""

    def __init__(self, now: float) -> None:
        self.now = int(now)
        self.rsa = SigningKey("RS256", key_id="rsa")
        self.pss = SigningKey("PS256", key_id="rsa", private=self.rsa.private)
        self.rs256_only = SigningKey("RS256", key_id="rs256-only")
        self.ec = SigningKey("ES256", key_id="ec")
        self.ec384 = SigningKey("ES384", key_id="ec384")
        self.ed = SigningKey("EdDSA", key_id="ed")
        self.for_encryption = SigningKey("RS256", key_id="for-encryption")
        self.for_wrapping = SigningKey("RS256", key_id="for-wrapping")
        self.stranger = SigningKey("RS256", key_id="stranger")
        self.sound_keys = {"RS256": self.rsa, "PS256": self.pss, "ES256": self.ec, "EdDSA": self.ed}

    @property
    def jwks(self) -> dict[str, Any]:
        """The keys of the issuer; three of them may serve no, or not every, signature."""
        return {
            "keys": [
                self.rsa.jwk(),
                self.rs256_only.jwk(alg="RS256", use="sig"),
                self.ec.jwk(alg="ES256", use="sig"),
                self.ec384.jwk(),
                self.ed.jwk(alg="EdDSA"),
                self.for_encryption.jwk(use="enc"),
                self.for_wrapping.jwk(key_ops=["wrapKey"]),
            ]
        }

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a sound token; ``...`` takes one away."""
        found = {
            "iss": ISSUER,
            "sub": "ana",
            "aud": AUDIENCES[0],
            "exp": self.now + 600,
            "iat": self.now,
        }
        return _changed(found, changes)

    def header(self, key: SigningKey | None = None, **changes: Any) -> dict[str, Any]:
        """The header of a sound token; ``...`` takes a member away."""
        signer = key or self.rsa
        found = {"alg": signer.algorithm, "typ": "JWT", "kid": signer.key_id}
        return _changed(found, changes)

    def token(
        self,
        header: Mapping[str, Any] | bytes | None = None,
        claims: Mapping[str, Any] | bytes | None = None,
        key: SigningKey | None = None,
    ) -> str:
        """Sign any header and any payload; what is not given is sound."""
        signer = key or self.rsa
        head = self.header(signer) if header is None else header
        body = self.claims() if claims is None else claims
        signing_input = f"{encode(written(head))}.{encode(written(body))}"
        return f"{signing_input}.{encode(signer.sign(signing_input.encode()))}"

    def with_header(self, key: SigningKey | None = None, **changes: Any) -> str:
        return self.token(header=self.header(key, **changes), key=key)

    def with_claims(self, **changes: Any) -> str:
        return self.token(claims=self.claims(**changes))


def encode(content: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def written(value: Mapping[str, Any] | bytes) -> bytes:
    if isinstance(value, bytes):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _changed(found: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**found, **changes}.items() if value is not ...}
