"""Reading a key file or a key document by its content: PEM, DER, PKCS#12, a JWKS, a map of PEM.

Every reader returns a ``KeySet`` or raises ``UnusableKey``, which names the fault and the way out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .encoding import decode_object, json_fault
from .key import PRIVATE_NOTE, UNREADABLE, Key, UnusableKey
from .key_set import KeySet
from .shared_secrets import JKS_MAGIC

_DER_SEQUENCE = b"\x30"
_PKCS7_SIGNED = bytes.fromhex("06092a864886f70d010702")  # the OID 1.2.840.113549.1.7.2


def _is_utf16(content: bytes) -> bool:
    has_mark = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    start = content.lstrip(b"\0\r\n ")[:9]
    return has_mark or start in (b"-\0-\0-\0-\0-", b'{\0"\0k\0e\0y')


def read_document(document: Mapping[str, Any], **options: Any) -> KeySet:
    """Read a JWKS (RFC 7517, section 5), one bare JWK, or a map of ``kid`` to PEM.

    The options are those of ``read_jwks``.
    """
    if "keys" not in document and "kty" not in document:
        from .pem import is_pem, read_pem_map  # imported here: most documents are a JWKS

        if any(map(is_pem, document.values())):
            return read_pem_map(document)
    from .jwk import read_jwks  # imported here: PyJWT is only needed for a JWKS

    return read_jwks(document, **options)


def read_file(content: bytes, password: str | None = None) -> KeySet:
    """Read a key file by what is in it, never by its name: JWKS, PEM, PKCS#12 or DER."""
    if content[:4] in JKS_MAGIC:
        raise UnusableKey(
            "this is a Java keystore (JKS); export the certificate with "
            "'keytool -exportcert -rfc -alias ALIAS -keystore FILE -file gateway.pem' "
            "and name gateway.pem instead"
        )
    if not content.strip():
        raise UnusableKey("it is empty")
    if _is_utf16(content):
        raise UnusableKey(
            "it is UTF-16, as PowerShell's > and Out-File write it; save it as ASCII or UTF-8, "
            "such as with 'Set-Content -Encoding ascii'"
        )
    if _PKCS7_SIGNED in content[:24]:
        from .pem import PKCS7

        raise UnusableKey(PKCS7)
    if b"-----BEGIN" in content and content.lstrip()[:1] != b"{":
        from .pem import read_pem

        return read_pem(content, password)
    if content.lstrip()[:1] in (b"{", b"["):
        return read_jwks_text(content)
    if content[:1] == _DER_SEQUENCE:
        return _read_der(content, password)
    raise UnusableKey("it is neither PEM, PKCS#12, DER nor a JWKS")


def read_jwks_text(content: bytes) -> KeySet:
    """Read a JWKS document (RFC 7517, section 5), or one bare JWK."""
    try:
        document = decode_object(content)
    except UnicodeError:
        raise UnusableKey(f"it is no JWKS: no UTF-8; {json_fault(content)}") from None
    except ValueError:
        reason = f"it is no JWKS: no strict JSON object; {json_fault(content)}"
        raise UnusableKey(reason) from None
    return read_document(document)


def _read_der(content: bytes, password: str | None) -> KeySet:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

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
    from cryptography.hazmat.primitives.serialization import pkcs12

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
            how = (
                "without a password; name it as KeyFile(path, password=...), or the password's "
                "file by password_file= or --password-file"
            )
        raise UnusableKey(
            "it is DER, but no certificate or public key; as a PKCS#12 keystore it does not open "
            + how
        ) from None
    if not keys:
        raise UnusableKey("the PKCS#12 keystore holds no certificate")
    return KeySet(keys)
