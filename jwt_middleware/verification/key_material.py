"""Reading key material: PEM, certificates, PKCS#12, JWK and JWKS, and shared secrets.

Every reader takes bytes or text that somebody configured or published, and returns a ``KeySet`` or
raises ``UnusableKey`` with a sentence that names the fault and the mend.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import PyJWTError

from ..errors import MalformedToken
from .algorithms import ALGORITHMS
from .encoding import decode_object, decode_segment
from .key_sets import KeySet
from .keys import Key, KeyNote, UnusableKey, read_thumbprint
from .shared_secrets import JKS_MAGIC, checked_secret

MAX_KEYS = 100
"""How many keys of one set are kept; the rest are skipped with a note."""

# What cryptography raises where it cannot read a key or a certificate.
_UNREADABLE = (ValueError, UnsupportedAlgorithm, x509.InvalidVersion)
_PEM_BEGIN = b"-----BEGIN "
_DER_SEQUENCE = b"\x30"
_PUBLIC_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "RSA": ("kty", "n", "e"),
    "EC": ("kty", "crv", "x", "y"),
    "OKP": ("kty", "crv", "x"),
    "oct": ("kty", "k"),
}
_READERS: Mapping[str, Any] = {"RSA": RSAAlgorithm, "EC": ECAlgorithm, "OKP": OKPAlgorithm}


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
        except _UNREADABLE:
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
        return _of_certificate(x509.load_pem_x509_certificate(text)), None
    if "PRIVATE KEY" in label:
        secret = None if password is None else password.encode()
        private: Any = serialization.load_pem_private_key(text, secret)
        return Key(private.public_key()), _PRIVATE_NOTE
    return Key(serialization.load_pem_public_key(text)), None


_PRIVATE_NOTE = KeyNote(
    None, "a private key; only its public half is used. Keep private keys at the gateway", False
)


def _read_der(content: bytes, password: str | None) -> KeySet:
    try:
        return KeySet([_of_certificate(x509.load_der_x509_certificate(content))])
    except UnusableKey:
        raise
    except _UNREADABLE:
        pass
    try:
        return KeySet([Key(serialization.load_der_public_key(content))])
    except UnusableKey:
        raise
    except _UNREADABLE:
        return _read_pkcs12(content, password)


def _read_pkcs12(content: bytes, password: str | None) -> KeySet:
    if password is not None and "\0" in password:
        raise UnusableKey("the password of a PKCS#12 keystore cannot hold NUL")
    try:
        store = pkcs12.load_pkcs12(content, None if password is None else password.encode())
        # WSO2 keeps its key pair and the certificates it trusts in different stores: where there
        # is a key pair, the others in the store are its chain and sign no token.
        if store.cert is not None:
            return KeySet([_of_certificate(store.cert.certificate)])
        if store.key is not None:
            return KeySet([Key(store.key.public_key())], [_PRIVATE_NOTE])
        keys = [_of_certificate(each.certificate) for each in store.additional_certs]
    except UnusableKey:
        raise
    except _UNREADABLE:
        raise UnusableKey(
            "it is DER, but no certificate or public key; as a PKCS#12 keystore it does not open "
            + (
                "with this password"
                if password is not None
                else "without a password; name it as KeyFile(path, password=...)"
            )
        ) from None
    if not keys:
        raise UnusableKey("the PKCS#12 keystore holds no certificate")
    return KeySet(keys)


def _of_certificate(certificate: x509.Certificate) -> Key:
    return Key(certificate.public_key(), certificate=certificate)


def read_jwks_text(content: bytes) -> KeySet:
    """Read a JWKS document (RFC 7517, section 5), or one bare JWK."""
    try:
        document = decode_object(content)
    except ValueError as error:
        raise UnusableKey(f"it is no JWKS: {_json_fault(error)}") from None
    return read_jwks(document)


def read_jwks(document: Mapping[str, Any], *, fetched: bool = False) -> KeySet:
    """Read a JWKS; unusable entries become notes and the good ones work.

    ``fetched``: it came from a URL. A secret has no business there, so ``oct`` keys are skipped.
    """
    entries = document.get("keys", [document] if "kty" in document else None)
    if not isinstance(entries, list | tuple):
        raise UnusableKey('it has no "keys" list (RFC 7517, section 5)')
    keys: list[Key] = []
    notes: list[KeyNote] = []
    for entry in entries:
        if len(keys) == MAX_KEYS or len(notes) == MAX_KEYS:
            notes.append(KeyNote(None, f"more than {MAX_KEYS} entries; the rest are ignored", True))
            break
        key_id = entry.get("kid") if isinstance(entry, Mapping) else None
        key_id = key_id if isinstance(key_id, str) else None
        try:
            keys.append(read_jwk(entry, fetched=fetched))
        except UnusableKey as error:
            notes.append(KeyNote(key_id, str(error), skipped=True))
        else:
            if "d" in entry:
                notes.append(KeyNote(key_id, _PRIVATE_NOTE.reason, skipped=False))
    return KeySet(keys, notes)


def read_jwk(jwk: Any, *, fetched: bool = False) -> Key:
    """Read one JWK (RFC 7517, section 4); raise ``UnusableKey`` where it cannot verify."""
    if not isinstance(jwk, Mapping):
        raise UnusableKey("not a JSON object")
    kty, kid, alg = jwk.get("kty"), jwk.get("kid"), jwk.get("alg")
    if not isinstance(kty, str) or kty not in _PUBLIC_MEMBERS:
        raise UnusableKey("its kty is none of RSA, EC, OKP and oct")
    if kid is not None and not isinstance(kid, str):
        raise UnusableKey("its kid is not a string")
    if alg is not None and (not isinstance(alg, str) or alg not in ALGORITHMS):
        raise UnusableKey("its alg is no signature algorithm of RFC 7518 or RFC 8037")
    if kty == "oct" and fetched:
        raise UnusableKey("a shared secret in a published key set; it is public, so it is no key")
    _check_purpose(jwk)
    material = _material(kty, {name: jwk.get(name) for name in _PUBLIC_MEMBERS[kty]})
    certified = _first_certified(jwk.get("x5c"))
    key = Key(
        material,
        key_id=kid,
        algorithm=alg,
        certificate=None if certified is None else certified.certificate,
        thumbprints=_jwk_thumbprints(jwk),
    )
    if alg is not None and not key.is_of(ALGORITHMS[alg]):
        raise UnusableKey(f"its alg {alg} does not fit its kty or crv")
    if certified is not None and certified.spki != key.spki:
        raise UnusableKey("its x5c certificate holds another key (RFC 7517, section 4.7)")
    return key


def _check_purpose(jwk: Mapping[str, Any]) -> None:
    if jwk.get("use") not in (None, "sig"):
        raise UnusableKey("its use is not sig (RFC 7517, section 4.2)")
    operations = jwk.get("key_ops")
    if operations is None:
        return
    if not isinstance(operations, list | tuple):
        raise UnusableKey("its key_ops is not a list")
    # A private JWK says "sign"; its public half verifies what it signs.
    allowed = {"verify", "sign"} if "d" in jwk or "k" in jwk else {"verify"}
    if not any(isinstance(name, str) and name in allowed for name in operations):
        raise UnusableKey("its key_ops do not allow verify (RFC 7517, section 4.3)")


def _material(kty: str, members: dict[str, Any]) -> Any:
    for name, value in members.items():
        if not isinstance(value, str):
            raise UnusableKey(f"its {name} is not a string")
        if name not in ("kty", "crv"):
            try:
                decode_segment(value.encode("ascii"), any_alphabet=False, padding=False)
            except (ValueError, MalformedToken):
                raise UnusableKey(f"its {name} is not base64url") from None
    try:
        if kty == "oct":
            return checked_secret(HMACAlgorithm.from_jwk(members))
        return _READERS[kty].from_jwk(members)
    except UnusableKey:
        raise
    except (PyJWTError, ValueError, TypeError, UnsupportedAlgorithm):
        raise UnusableKey(f"its members are no valid {kty} key") from None


def _first_certified(chain: Any) -> Key | None:
    """Return the key of the first certificate, which is the JWK's own (RFC 7517, section 4.7)."""
    if chain is None:
        return None
    if not isinstance(chain, list | tuple) or not chain or not isinstance(chain[0], str):
        raise UnusableKey("its x5c is not a list of certificates")
    try:
        content = base64.b64decode(chain[0], validate=True)
        return _of_certificate(x509.load_der_x509_certificate(content))
    except _UNREADABLE:
        raise UnusableKey("its x5c holds no readable certificate") from None


def _jwk_thumbprints(jwk: Mapping[str, Any]) -> list[bytes]:
    found: list[bytes] = []
    for name in ("x5t", "x5t#S256"):
        shape = jwk.get(name)
        thumbprint = read_thumbprint(shape) if isinstance(shape, str) else None
        if thumbprint is not None:
            found.append(thumbprint)
    return found


def _json_fault(error: ValueError) -> str:
    return "no UTF-8" if isinstance(error, UnicodeError) else "no strict JSON object"
