"""Reading key files: PEM, certificates, PKCS#12, and JWKS text.

Every reader returns a ``KeySet`` or raises ``UnusableKey``, which names the fault and the way out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from .encoding import decode_object
from .key import PRIVATE_NOTE, UNREADABLE, Key, KeyNote, UnusableKey
from .key_set import KeySet
from .shared_secrets import JKS_MAGIC

_PEM_BEGIN = b"-----BEGIN "
_DER_SEQUENCE = b"\x30"


def read_file(content: bytes, password: str | None = None) -> KeySet:
    """Read a key file by what is in it, never by its name: JWKS, PEM, PKCS#12 or DER."""
    if content[:4] in JKS_MAGIC:
        raise UnusableKey(
            "this is a Java keystore (JKS); export the certificate with "
            "'keytool -exportcert -rfc -alias ALIAS -keystore FILE -file gateway.pem' "
            "and name gateway.pem instead"
        )
    if b"-----BEGIN" in content:
        return read_pem(content, password)
    if content.lstrip()[:1] in (b"{", b"["):
        return read_jwks_text(content)
    if content[:1] == _DER_SEQUENCE:
        return _read_der(content, password)
    raise UnusableKey("it is neither PEM, PKCS#12, DER nor a JWKS")


def read_pem(content: bytes, password: str | None = None) -> KeySet:
    """Read every SPKI, PKCS#1 and certificate block; a private key serves by its public half."""
    keys: list[Key] = []
    notes: list[KeyNote] = []
    for label, block in _pem_blocks(content):
        if label.endswith("PARAMETERS"):  # openssl writes the curve's name before an EC key
            continue
        try:
            key, note = _pem_block(label, block, password)
        except UnusableKey:
            raise
        except TypeError:
            raise UnusableKey(
                f"its {label} block is encrypted; name the public key or the certificate instead, "
                "or use KeyFile(path, password=...)"
            ) from None
        except UNREADABLE:
            raise UnusableKey(f"its {label} block cannot be read") from None
        keys.append(key)
        if note is not None:
            notes.append(note)
    return KeySet(keys, notes)


def _pem_blocks(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield label and text of each block, in one pass: an unclosed one is found at once."""
    start = content.find(_PEM_BEGIN)
    if start < 0:
        raise UnusableKey("it holds no PEM block, which begins with -----BEGIN")
    while start >= 0:
        line_end = content.find(b"-----", start + len(_PEM_BEGIN))
        label = content[start + len(_PEM_BEGIN) : line_end]
        next_start = content.find(_PEM_BEGIN, line_end)
        closing = b"-----END " + label + b"-----"
        end = content.find(closing, line_end, next_start if next_start >= 0 else len(content))
        if line_end < 0 or end < 0:
            raise UnusableKey("a PEM block is incomplete; is its -----END line missing?")
        yield label.decode("ascii", "replace"), content[start : end + len(closing)] + b"\n"
        start = next_start


def _pem_block(label: str, text: bytes, password: str | None) -> tuple[Key, KeyNote | None]:
    if label in ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"):
        return Key.of_certificate(x509.load_pem_x509_certificate(text)), None
    if "PRIVATE KEY" in label:
        secret = None if password is None else password.encode()
        private: Any = serialization.load_pem_private_key(text, secret)
        return Key(private.public_key()), PRIVATE_NOTE
    return Key(serialization.load_pem_public_key(text)), None


def _read_der(content: bytes, password: str | None) -> KeySet:
    try:
        return KeySet([Key.of_certificate(x509.load_der_x509_certificate(content))])
    except UnusableKey:
        raise
    except UNREADABLE:
        pass
    try:
        return KeySet([Key(serialization.load_der_public_key(content))])
    except UnusableKey:
        raise
    except UNREADABLE:
        return _read_pkcs12(content, password)


def _read_pkcs12(content: bytes, password: str | None) -> KeySet:
    if password is not None and "\0" in password:
        raise UnusableKey("the password of a PKCS#12 keystore cannot hold NUL")
    try:
        store = pkcs12.load_pkcs12(content, None if password is None else password.encode())
        # WSO2 keeps its key pair and the certificates it trusts in different stores: where there
        # is a key pair, the others in the store are its chain and sign no token.
        if store.cert is not None:
            return KeySet([Key.of_certificate(store.cert.certificate)])
        if store.key is not None:
            return KeySet([Key(store.key.public_key())], [PRIVATE_NOTE])
        keys = [Key.of_certificate(entry.certificate) for entry in store.additional_certs]
    except UnusableKey:
        raise
    except UNREADABLE:
        how = "with this password"
        if password is None:
            how = "without a password; name it as KeyFile(path, password=...)"
        raise UnusableKey(
            "it is DER, but no certificate or public key; as a PKCS#12 keystore it does not open "
            + how
        ) from None
    if not keys:
        raise UnusableKey("the PKCS#12 keystore holds no certificate")
    return KeySet(keys)


def read_jwks_text(content: bytes) -> KeySet:
    """Read a JWKS document (RFC 7517, section 5), or one bare JWK."""
    try:
        document = decode_object(content)
    except UnicodeError:
        raise UnusableKey("it is no JWKS: no UTF-8") from None
    except ValueError:
        raise UnusableKey("it is no JWKS: no strict JSON object") from None
    from .jwk import read_jwks  # imported here: PyJWT is only needed for a JWKS

    return read_jwks(document)
