"""Shared secrets for HMAC, and what must never be taken for one."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from contextlib import suppress

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

from .key import Key, UnusableKey
from .key_set import KeySet

JKS_MAGIC = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")
"""How Java's keystores begin: JKS and JCEKS."""


def read_secret(value: str | bytes, key_id: str | None = None) -> KeySet:
    """Read a shared secret for HS256, HS384 or HS512; ``key_id`` is its ``kid`` in tokens.

    A value that parses as a key, a certificate or a JWK is refused: verifying HMAC with public
    material is the oldest way to forge a token (RS/HS confusion).
    """
    if not isinstance(value, str | bytes):
        raise UnusableKey(f"a secret is text or bytes, not a {type(value).__name__}")
    try:
        content = value.encode() if isinstance(value, str) else value
        return KeySet([Key(checked_secret(content), key_id=key_id)])
    except UnicodeEncodeError:
        raise UnusableKey("it holds characters that UTF-8 cannot encode") from None


def checked_secret(value: bytes) -> bytes:
    """Return the secret; raise ``UnusableKey`` where it cannot be one."""
    if not value.strip(b"\x00"):
        raise UnusableKey("it is empty")  # HMAC pads with zeros, so all zeros are no secret
    if _is_key_material(value, depth=3):
        raise UnusableKey(
            "it is a key, a certificate or a JWK, not a secret; pass it as keys=... itself"
        )
    return value


def _is_key_material(value: bytes, depth: int) -> bool:
    """Whether it is a key in any encoding that a person may have copied."""
    plain = value.replace(b"\x00", b"").strip(b" \t\r\n\x0b\x0c\xef\xbb\xbf\xff\xfe")
    marks = (b"-----BEGIN", b"-----END", b"ssh-rsa ", b"ssh-ed25519 ", b"ecdsa-sha2-")
    if any(mark in plain for mark in marks) or value[:4] in JKS_MAGIC:
        return True
    if plain[:1] in (b"{", b"["):
        return _is_jwk_text(plain)
    if _is_der_key(value) or _is_der_key(plain):
        return True
    return depth > 0 and any(_is_key_material(inner, depth - 1) for inner in _decodings(plain))


def _is_jwk_text(text: bytes) -> bool:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    entries = value if isinstance(value, list) else [value]
    return any(isinstance(entry, dict) and {"kty", "keys"} & set(entry) for entry in entries)


def _decodings(text: bytes) -> Iterator[bytes]:
    squeezed = b"".join(text.split())
    standard = squeezed.translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
    with suppress(ValueError):
        yield base64.b64decode(standard + b"=" * (-len(standard) % 4), validate=True)
    with suppress(ValueError):
        yield binascii.unhexlify(squeezed)


def _is_der_sequence(content: bytes) -> bool:
    """Whether it is one DER SEQUENCE of exactly its length (X.690, 8.1.3)."""
    if len(content) < 3 or content[0] != 0x30:
        return False
    size = content[1]
    if size < 0x80:
        return len(content) == 2 + size
    width = size & 0x7F
    return len(content) == 2 + width + int.from_bytes(content[2 : 2 + width])


def _is_der_key(content: bytes) -> bool:
    if not _is_der_sequence(content):
        return False
    loaders: tuple[Callable[[bytes], object], ...] = (
        serialization.load_der_public_key,
        x509.load_der_x509_certificate,
        lambda der: serialization.load_der_private_key(der, None),
        pkcs7.load_der_pkcs7_certificates,
        lambda der: pkcs12.load_pkcs12(der, None),
    )
    for load in loaders:
        try:
            load(content)
        except (TypeError, x509.InvalidVersion):  # an encrypted private key, an odd certificate
            return True
        except (ValueError, UnsupportedAlgorithm) as error:
            if "password" in str(error).lower():  # a keystore that asks for its password
                return True
        else:
            return True
    return False
