"""The signature algorithms of RFC 7518, RFC 8037 and RFC 9864, each bound to one type of key.

``none`` has no entry and no code path. A key can serve an algorithm only if its type and curve are
the ones named here, so key material can never be read as another family's (RFC 8725, 3.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from ..errors import BadSignature

Check = Callable[[bytes, bytes], object]
"""``(signature, data)``; raises ``InvalidSignature``."""

Prepare = Callable[[Any], Check]
"""Takes the key material and does once what needs no token."""


T = TypeVar("T")


def verify_signature(checks: Iterable[tuple[T, Check]], signature: bytes, data: bytes) -> T:
    """Return the key under whose check the signature holds; raise ``BadSignature`` for none."""
    for key, check in checks:
        try:
            check(signature, data)
        except InvalidSignature:
            continue
        return key
    raise BadSignature("the signature does not hold under the chosen key")


class Algorithm(NamedTuple):
    """One JWS algorithm.

    ``key_type`` is the JWK ``kty`` that it is bound to, ``curves`` the possible JWK ``crv``, and
    ``hash_size`` the least length of an HMAC secret in bytes (RFC 7518, section 3.2).
    """

    name: str
    key_type: str
    curves: tuple[str, ...]
    hash_size: int
    prepare: Prepare


def _rsa(pad: padding.AsymmetricPadding, hash_: hashes.HashAlgorithm) -> Prepare:
    def prepare(key: Any) -> Check:
        size = (key.key_size + 7) // 8
        verify = key.verify

        def check(signature: bytes, data: bytes) -> None:
            # RFC 8017, 8.2.2: a signature is as long as the modulus, with no zero bytes left out.
            if len(signature) != size:
                raise InvalidSignature
            verify(signature, data, pad, hash_)

        return check

    return prepare


def _pss(hash_: hashes.HashAlgorithm) -> Prepare:
    # RFC 7518, 3.5: MGF1 with the same hash, and a salt exactly as long as the hash.
    return _rsa(padding.PSS(padding.MGF1(hash_), salt_length=hash_.digest_size), hash_)


def _ecdsa(hash_: hashes.HashAlgorithm, coordinate_size: int) -> Prepare:
    method = ec.ECDSA(hash_)

    def prepare(key: Any) -> Check:
        verify = key.verify

        def check(signature: bytes, data: bytes) -> None:
            # RFC 7518, 3.4: r and s side by side, each of the curve's full length; never DER.
            if len(signature) != 2 * coordinate_size:
                raise InvalidSignature
            r = int.from_bytes(signature[:coordinate_size])
            s = int.from_bytes(signature[coordinate_size:])
            verify(encode_dss_signature(r, s), data, method)

        return check

    return prepare


def _hmac(hash_: hashes.HashAlgorithm) -> Prepare:
    def prepare(key: Any) -> Check:
        keyed = hmac.HMAC(key, hash_)

        def check(signature: bytes, data: bytes) -> None:
            mac = keyed.copy()
            mac.update(data)
            mac.verify(signature)  # in constant time, and only at full length

        return check

    return prepare


def _verify_of(key: Any) -> Check:
    verify: Check = key.verify
    return verify


def _families(bits: str, hash_: hashes.HashAlgorithm, curve: str, size: int) -> list[Algorithm]:
    """Return the algorithms of one hash; ``size`` is that of the curve's coordinates, in bytes."""
    return [
        Algorithm("RS" + bits, "RSA", (), 0, _rsa(padding.PKCS1v15(), hash_)),
        Algorithm("PS" + bits, "RSA", (), 0, _pss(hash_)),
        Algorithm("ES" + bits, "EC", (curve,), 0, _ecdsa(hash_, size)),
        Algorithm("HS" + bits, "oct", (), hash_.digest_size, _hmac(hash_)),
    ]


_ALL = [
    *_families("256", hashes.SHA256(), "P-256", 32),
    *_families("384", hashes.SHA384(), "P-384", 48),
    *_families("512", hashes.SHA512(), "P-521", 66),
    Algorithm("EdDSA", "OKP", ("Ed25519", "Ed448"), 0, _verify_of),
    # RFC 9864 names the curve in the algorithm, and deprecates EdDSA, which leaves it open. Each is
    # a name of its own: a list, a JWK's alg and a token mean the one that they say.
    Algorithm("Ed25519", "OKP", ("Ed25519",), 0, _verify_of),
    Algorithm("Ed448", "OKP", ("Ed448",), 0, _verify_of),
]
ALGORITHMS: Mapping[str, Algorithm] = MappingProxyType(
    {algorithm.name: algorithm for algorithm in _ALL}
)
