"""The keys and tokens of the benchmarks: true WSO2 ones, and the same claims in url-safe form."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from jwt_middleware import PEM, SharedSecret, Verifier
from jwt_middleware.keys import encoding
from jwt_middleware.testing import SigningKey, TokenForm, mint, ucsd_claims

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA", "HS256")
API = "/echo/1.0.0"
LIFETIME = 6 * 3600.0
# As WSO2 1.9 writes it: padded standard base64, milliseconds, a hex x5t.
TRUE_FORM = TokenForm(milliseconds=True)
URL_SAFE = TokenForm(alphabet="urlsafe", padded=False, hex_x5t=None)


class Material(NamedTuple):
    """One key and one token by it, in its gateway's form and in a form that every peer reads."""

    algorithm: str
    size: str
    key: SigningKey
    token: str
    url_safe: str


@cache
def key_for(algorithm: str) -> SigningKey:
    """Return the one key of an algorithm; its tokens name it."""
    return SigningKey(algorithm, key_id="benchmark")


@cache
def material(algorithm: str, size: str) -> Material:
    """Return the 2.6 KB token (``wso2``), or the one of eight claims (``small``)."""
    key = key_for(algorithm)
    claims = large_claims() if size == "wso2" else small_claims()
    true_form = TRUE_FORM if size == "wso2" else URL_SAFE
    token = mint(key, claims, form=true_form, lifetime=LIFETIME)
    return Material(
        algorithm, size, key, token, mint(key, claims, form=URL_SAFE, lifetime=LIFETIME)
    )


def large_claims() -> dict[str, Any]:
    """Return UCSD's 24 claims with a longer list of roles, as real ones have."""
    roles = ",".join(f"Internal/jroe_Application{n}_PRODUCTION" for n in range(12))
    return ucsd_claims(role=roles)


def small_claims() -> dict[str, Any]:
    """Return eight claims, with ``exp`` and ``iat``."""
    return {
        "iss": "https://gateway.example.edu",
        "sub": "jroe",
        "client_id": "acme_corp",
        "jti": "0f0e0d0c0b0a",
        "scope": "read write",
        "roles": ["acme_buyer"],
    }


def raw_verify(kind: Material, token: str) -> Callable[[], object]:
    """Return the bare check of the signature over these bytes, by ``cryptography``."""
    signing_input, _, signature_text = token.rpartition(".")
    data = signing_input.encode()
    signature = encoding.decode_segment(signature_text.encode(), relaxed=True)
    if kind.algorithm == "HS256":
        secret = kind.key.secret

        def check() -> None:
            mac = hmac.HMAC(secret, hashes.SHA256())
            mac.update(data)
            mac.verify(signature)

        return check
    public: Any = serialization.load_pem_public_key(kind.key.public_pem.encode())
    if kind.algorithm == "EdDSA":
        return lambda: public.verify(signature, data)
    if kind.algorithm == "ES256":
        der = encode_dss_signature(
            int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        )
        method = ec.ECDSA(hashes.SHA256())
        return lambda: public.verify(der, data, method)
    pad = padding.PKCS1v15()
    if kind.algorithm == "PS256":
        pad = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=32)
    hashing = hashes.SHA256()
    return lambda: public.verify(signature, data, pad, hashing)


def verifier(kind: Material, **options: Any) -> Verifier:
    """Return a verifier with every rule of the contract on, for this key."""
    secret = kind.algorithm == "HS256"
    keys = SharedSecret(kind.key.secret) if secret else PEM(kind.key.certificate_pem)
    large = kind.size == "wso2"
    given = {
        "keys": keys,
        "gateway": "wso2" if large else "standard",
        "algorithms": [kind.algorithm],
        **({"api": API} if large else {"issuer": "https://gateway.example.edu"}),
        **options,
    }
    return Verifier(**given)


def with_speed() -> None:
    """Use the ``speed`` extra, where it is installed."""
    encoding.use_speed()


def without_speed() -> None:
    """Use the standard library, as where the extra is not installed."""
    encoding._from_base64, encoding._loads = encoding._strictly, None


HAS_SPEED = encoding.use_speed()
