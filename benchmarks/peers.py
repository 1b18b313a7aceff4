"""The peers, each configured fairly: keys prepared once, ``exp`` required, nothing else on.

Where a peer refuses the gateway's true token, or reads its milliseconds as seconds, the table says
so, and the peer is timed on the same claims in a form that it reads.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

from .material import Material

Decode = Callable[[str], Any]


class Peer(NamedTuple):
    """A peer, and what makes its decoder for a key; it raises ``ImportError`` if not installed."""

    name: str
    distribution: str
    prepare: Callable[[Material], Decode]

    @property
    def version(self) -> str | None:
        """Its version, or None where it is not installed."""
        try:
            return version(self.distribution)
        except PackageNotFoundError:
            return None


def _pyjwt(kind: Material) -> Decode:
    import jwt

    key: Any = kind.key.secret if kind.algorithm == "HS256" else _public(kind)
    options = {"require": ["exp"], "verify_aud": False, "enforce_minimum_key_length": False}
    algorithms = [kind.algorithm]
    return lambda token: jwt.decode(token, key, algorithms=algorithms, options=options)


def _pyjwk_client(kind: Material) -> Decode:
    import jwt

    document = {"keys": [kind.key.jwk(alg=kind.algorithm)]}

    class InMemory(jwt.PyJWKClient):
        def fetch_data(self) -> Any:
            if self.jwk_set_cache is not None:
                self.jwk_set_cache.put(document)
            return document

    client = InMemory("https://gateway.example.edu/jwks", cache_keys=True)
    options = {"require": ["exp"], "verify_aud": False}
    algorithms = [kind.algorithm]

    def decode(token: str) -> Any:
        key = client.get_signing_key_from_jwt(token)
        return jwt.decode(token, key, algorithms=algorithms, options=options)

    return decode


def _joserfc(kind: Material) -> Decode:
    from joserfc import jwt
    from joserfc.jwk import JWKRegistry

    key = JWKRegistry.import_key(kind.key.jwk())
    registry = jwt.JWTClaimsRegistry(exp={"essential": True})
    algorithms = [kind.algorithm]

    def decode(token: str) -> Any:
        found = jwt.decode(token, key, algorithms=algorithms)
        registry.validate(found.claims)
        return found.claims

    return decode


def _authlib(kind: Material) -> Decode:
    with warnings.catch_warnings(record=True):  # it tells of its deprecation
        from authlib.jose import JsonWebKey, JsonWebToken

    decoder = JsonWebToken([kind.algorithm])
    key = JsonWebKey.import_key(kind.key.jwk())

    def decode(token: str) -> Any:
        claims = decoder.decode(token, key, claims_options={"exp": {"essential": True}})
        claims.validate()
        return claims

    return decode


def _oxyjwt(kind: Material) -> Decode:
    import oxyjwt

    pem = b"" if kind.algorithm == "HS256" else kind.key.public_pem.encode()
    make = {
        "HS256": lambda: oxyjwt.DecodingKey.from_secret(kind.key.secret),
        "ES256": lambda: oxyjwt.DecodingKey.from_ec_pem(pem),
        "EdDSA": lambda: oxyjwt.DecodingKey.from_ed_pem(pem),
    }.get(kind.algorithm, lambda: oxyjwt.DecodingKey.from_rsa_pem(pem))
    key = make()
    options = {"require": ["exp"], "verify_aud": False}
    algorithms = [kind.algorithm]
    return lambda token: oxyjwt.decode(token, key, algorithms=algorithms, options=options)


def _public(kind: Material) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    return load_pem_public_key(kind.key.public_pem.encode())


PEERS = (
    Peer("PyJWT", "PyJWT", _pyjwt),
    Peer("PyJWT + PyJWKClient", "PyJWT", _pyjwk_client),
    Peer("joserfc", "joserfc", _joserfc),
    Peer("Authlib", "Authlib", _authlib),
    Peer("oxyjwt", "oxyjwt", _oxyjwt),
)


class Reading(NamedTuple):
    """How a peer does on one token: what it is timed on, and what is to be said of it."""

    decode: Decode
    token: str
    note: str


def reading(peer: Peer, kind: Material) -> Reading:
    """Try the true token on a peer; where it fails, take the same claims in url-safe form."""
    decode = peer.prepare(kind)
    if kind.size != "wso2":
        decode(kind.token)
        return Reading(decode, kind.token, "")
    try:
        claims = decode(kind.token)
    except Exception as error:  # noqa: BLE001 - any failure is a refusal
        decode(kind.url_safe)
        return Reading(
            decode, kind.url_safe, f"refuses the true token ({type(error).__name__}); url-safe here"
        )
    misread = "reads exp in ms as seconds" if claims["exp"] > 1e11 else ""
    return Reading(decode, kind.token, misread)
