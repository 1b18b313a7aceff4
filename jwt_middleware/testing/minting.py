"""Keys and tokens as gateways make them, for tests and the demo. Never for production."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import NameOID

from ..gateways.forms import FORMS, TokenForm
from ..gateways.token_form import thumbprint

_FULLY_SPECIFIED = ("Ed25519", "Ed448")


_BEGINS = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_DAYS = 30 * 365


class SigningKey:
    """A gateway's signing key, with its certificate and its JWK.

    Args:
        algorithm: the JWS algorithm that it signs with.
        key_id: the ``kid`` that its JWK and its tokens carry, if any.
        bits: the size of an RSA key.
        curve: ``Ed25519`` or ``Ed448`` for the algorithm EdDSA.
        private: a private key of ``cryptography``, or the secret of HS*, instead of a new one.

    """

    def __init__(
        self,
        algorithm: str = "RS256",
        *,
        key_id: str | None = None,
        bits: int = 2048,
        curve: str = "Ed25519",
        private: Any = None,
    ) -> None:
        self.algorithm = algorithm
        self.key_id = key_id
        self.private: Any = private or _generate(
            algorithm, bits, algorithm if algorithm in _FULLY_SPECIFIED else curve
        )

    @classmethod
    def from_pem(
        cls,
        private: str | bytes,
        certificate: str | bytes | None = None,
        algorithm: str = "RS256",
        *,
        key_id: str | None = None,
    ) -> SigningKey:
        """Take an unencrypted private key, and its certificate, which gives tokens their x5t."""
        loaded = serialization.load_pem_private_key(_bytes(private), None)
        key = cls(algorithm, key_id=key_id, private=loaded)
        if certificate is not None:
            key.__dict__["certificate"] = x509.load_pem_x509_certificate(_bytes(certificate))
        return key

    def sign(self, data: bytes) -> bytes:
        """Sign the bytes."""
        signature: bytes = self._handler.sign(data, self.private)
        return signature

    @property
    def _handler(self) -> Any:
        # PyJWT knows the two of RFC 9864 by their old name only.
        name = "EdDSA" if self.algorithm in _FULLY_SPECIFIED else self.algorithm
        return jwt.get_algorithm_by_name(name)

    @property
    def secret(self) -> bytes:
        """The shared secret of an HS* key."""
        secret: bytes = self.private
        return secret

    @property
    def public_pem(self) -> str:
        """The public key, SPKI in PEM."""
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        return str(
            self.private.public_key().public_bytes(serialization.Encoding.PEM, spki), "ascii"
        )

    @property
    def private_pem(self) -> str:
        """The private key, PKCS#8 in PEM, unencrypted."""
        form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return str(self.private.private_bytes(serialization.Encoding.PEM, form, plain), "ascii")

    @cached_property
    def certificate(self) -> x509.Certificate:
        """A self-signed certificate, valid from 2020 to 2049.

        The same RSA key always gets the same one, so that its thumbprints stay valid.
        """
        return self.certify(_BEGINS, days=_DAYS)

    @property
    def certificate_pem(self) -> str:
        """The certificate in PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def certify(
        self, begins: datetime.datetime | None = None, days: int = 3650
    ) -> x509.Certificate:
        """Make a self-signed certificate of this key."""
        begins = begins or datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway.example.edu")])
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.private.public_key())
            .serial_number(_serial_number(self.public_pem, begins, days))
            .not_valid_before(begins)
            .not_valid_after(begins + datetime.timedelta(days=days))
        )
        no_hash = isinstance(self.private, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
        return builder.sign(self.private, None if no_hash else hashes.SHA256())

    def jwk(self, **members: Any) -> dict[str, Any]:
        """Return the public JWK (for HS*, the secret one); ``members`` are added, or replace."""
        handler = self._handler
        key = self.private if isinstance(self.private, bytes) else self.private.public_key()
        jwk: dict[str, Any] = {**handler.to_jwk(key, as_dict=True)}
        jwk.pop("key_ops", None)
        named = {} if self.key_id is None else {"kid": self.key_id}
        return jwk | named | members

    def jwks(self) -> dict[str, Any]:
        """Return a JWKS that holds this key alone."""
        return {"keys": [self.jwk()]}

    def x5t(self, *, as_hex: bool) -> str:
        """Return the certificate's SHA-1 thumbprint, padded, as WSO2 writes it."""
        return thumbprint(self.certificate, as_hex=as_hex)


def _serial_number(*parts: object) -> int:
    """Return a serial number that follows from the parts (RFC 5280, 4.1.2.2: 20 bytes at most)."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:16], "big") or 1


def mint(
    key: SigningKey,
    claims: Mapping[str, Any],
    *,
    form: str | TokenForm = "wso2-1.9",
    lifetime: float = 900,
    now: float | None = None,
    header: Mapping[str, Any] | None = None,
    without: Iterable[str] = (),
) -> str:
    """Make a signed token.

    Args:
        key: signs it.
        claims: they replace those that the form would add: its ``claims``, ``exp``, ``iat`` and so
            on. Where the gateway writes a claim into the JOSE header, it is written there.
        form: a name in ``FORMS``, or a form of your own.
        lifetime: seconds until ``exp``; negative makes an expired token.
        now: seconds since the epoch; the clock's where None.
        header: header members that replace the form's own or, where None, remove them. The payload
            stays as it is, so a claim that a form writes into both may differ between them.
        without: claims that the form would add, and that are to be missing everywhere.

    """
    spelled = FORMS[form] if isinstance(form, str) else form
    moment = time.time() if now is None else now
    given = {*claims, *without}
    added = {**spelled.claims, **_own_claims(spelled, moment, lifetime)}
    body = {**claims, **{name: value for name, value in added.items() if name not in given}}
    head: dict[str, Any] = {"typ": "JWT", "alg": spelled.algorithm_name or key.algorithm}
    if spelled.names_certificate and not isinstance(key.private, bytes):
        head |= spelled.names_of(key.certificate)
    if key.key_id is not None:
        head["kid"] = key.key_id
    for name in spelled.gateway.header_claims:
        if name in body:
            head[name] = body[name] if name in spelled.repeated else body.pop(name)
    head |= header or {}
    members = {name: value for name, value in head.items() if value is not None}
    return compact(key, _json(members), _json(body), spelled)


def _own_claims(form: TokenForm, moment: float, lifetime: float) -> dict[str, Any]:
    """Return the claims that differ from one token of a form to the next."""
    expires = form.time(moment + lifetime)
    claims: dict[str, Any] = {"exp": str(expires) if form.text_exp else expires}
    if form.issued_at:
        claims["iat"] = form.time(moment)
    if form.begins:
        claims["nbf"] = form.time(moment)
    if form.token_id:
        claims["jti"] = str(uuid.uuid4())
    return claims


def compact(key: SigningKey, header: bytes, payload: bytes, form: TokenForm) -> str:
    """Sign any header and payload bytes, well-formed or not."""
    signing_input = form.encode(header) + b"." + form.encode(payload)
    return (signing_input + b"." + form.encode(key.sign(signing_input))).decode()


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


_CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


def _generate(algorithm: str, bits: int, curve: str) -> Any:
    match algorithm[:2]:
        case "RS" | "PS":
            return rsa.generate_private_key(65537, bits)
        case "ES":
            return ec.generate_private_key(_CURVES[algorithm])
        case "HS":
            return os.urandom(int(algorithm[2:]) // 8)
        case _:
            kind = ed448.Ed448PrivateKey if curve == "Ed448" else ed25519.Ed25519PrivateKey
            return kind.generate()


def _bytes(pem: str | bytes) -> bytes:
    return pem.encode() if isinstance(pem, str) else pem
