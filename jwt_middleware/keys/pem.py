"""Reading PEM: keys, certificates, and maps of ``kid`` to PEM.

Every reader returns a ``KeySet`` or raises ``UnusableKey``, which names the fault and the way out.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ..options.checks import PEM_IN_BASE64
from .key import PRIVATE_NOTE, UNREADABLE, Key, KeyNote, UnusableKey
from .key_set import KeySet

_PEM_BEGIN = b"-----BEGIN "

PKCS7 = (
    "this is PKCS#7 (.p7b), a bag of certificates; take out the gateway's with "
    "'openssl pkcs7 -print_certs -in FILE -out gateway.pem' (with -inform DER where it is binary) "
    "and name gateway.pem instead"
)
"""The error for a PKCS#7 file, which says nothing about which of its certificates signs tokens."""


def restored(text: str) -> str:
    """Return PEM text as it was before it went through an environment variable or a JSON file.

    Undone are a byte order mark, quotes around it, line ends written as a backslash and a letter,
    and base64 of the whole. Any other text is returned as it is.
    """
    bare = text.lstrip("\ufeff").strip()
    if bare[:1] in ("'", '"') and bare[:1] == bare[-1:]:
        bare = bare[1:-1].strip()
    if bare.startswith(PEM_IN_BASE64):
        try:
            bare = base64.b64decode("".join(bare.split()), validate=True).decode("ascii").strip()
        except ValueError:
            return text
    if not bare.startswith("-----BEGIN"):
        return text
    return bare.replace("\\r", "").replace("\\n", "\n")


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
    if label in ("PKCS7", "CMS"):
        raise UnusableKey(PKCS7)
    if label == "TRUSTED CERTIFICATE":
        raise UnusableKey(
            "this is OpenSSL's own form of a certificate (TRUSTED CERTIFICATE); write a plain one "
            "with 'openssl x509 -in FILE -out gateway.pem' and name gateway.pem instead"
        )
    if label in ("CERTIFICATE", "X509 CERTIFICATE"):
        return Key.of_certificate(x509.load_pem_x509_certificate(text)), None
    if "PRIVATE KEY" in label:
        secret = None if password is None else password.encode()
        private: Any = serialization.load_pem_private_key(text, secret)
        return Key(private.public_key()), PRIVATE_NOTE
    return Key(serialization.load_pem_public_key(text)), None


MOST_OF_MAP = 100
"""Entries of one map that are read, as of a JWKS."""


def is_pem(value: Any) -> bool:
    """Whether a value is PEM text."""
    return isinstance(value, str) and value.lstrip().startswith("-----BEGIN")


def read_pem_map(document: Mapping[str, Any]) -> KeySet:
    """Read a map of ``kid`` to a certificate or public key in PEM, as Google publishes them.

    Unusable entries become notes and the good ones work.
    """
    keys: list[Key] = []
    notes: list[KeyNote] = []
    for number, (key_id, text) in enumerate(document.items()):
        if number == MOST_OF_MAP:
            reason = f"more than {MOST_OF_MAP} entries; the rest are ignored"
            notes.append(KeyNote(None, reason, skipped=True))
            break
        try:
            if not isinstance(key_id, str):  # in code: JSON has no other names
                key_id, kind = None, type(key_id).__name__
                raise UnusableKey(f"its kid is not a text, but of the type {kind}")
            if not is_pem(text):
                raise UnusableKey("its value is no PEM text")
            read = read_pem(text.encode("utf-8", "replace"))
        except UnusableKey as error:
            notes.append(KeyNote(key_id, str(error), skipped=True))
        else:
            keys += [key.named(key_id) for key in read.keys]
            notes += [note._replace(key_id=key_id) for note in read.notes]
    return KeySet(keys, notes)
