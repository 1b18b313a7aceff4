"""Reading a JWK and a JWKS (RFC 7517), by PyJWT's algorithm classes."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import PyJWTError

from ..errors import MalformedToken
from .algorithms import ALGORITHMS
from .encoding import decode_segment
from .key import PRIVATE_NOTE, UNREADABLE, Key, KeyNote, UnusableKey, read_thumbprint
from .key_set import KeySet
from .shared_secrets import checked_secret

MAX_KEYS = 100
"""How many keys of a fetched set are kept, of those that the service can use.

The rest are left out, with a note. So many unusable entries have a note each.
"""

MAX_CERTIFICATE = 65_536
"""Characters of one certificate that are read."""

_PUBLIC_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "RSA": ("kty", "n", "e"),
    "EC": ("kty", "crv", "x", "y"),
    "OKP": ("kty", "crv", "x"),
    "oct": ("kty", "k"),
}
_READERS: Mapping[str, Any] = {"RSA": RSAAlgorithm, "EC": ECAlgorithm, "OKP": OKPAlgorithm}


def read_jwks(
    document: Mapping[str, Any],
    *,
    fetched: bool = False,
    wanted: Callable[[Key], bool] = lambda _: True,
) -> KeySet:
    """Read a JWKS; unusable entries become notes and the good ones work.

    ``fetched``: it came from a URL. A secret has no business there, so ``oct`` keys are skipped,
    and of more than a hundred entries a hundred keys are kept, those that are ``wanted``.
    """
    entries = document.get("keys", [document] if "kty" in document else None)
    if not isinstance(entries, list | tuple):
        raise UnusableKey('it has no "keys" list (RFC 7517, section 5)')
    is_bounded = fetched and len(entries) > MAX_KEYS
    keys: list[Key] = []
    notes: list[KeyNote] = []
    unused = left_out = unusable = 0
    for entry in entries:
        kid = entry.get("kid") if isinstance(entry, Mapping) else None
        key_id = kid if isinstance(kid, str) else None
        try:
            key = read_jwk(entry, fetched=fetched)
        except UnusableKey as error:
            unusable += 1
            if unusable <= MAX_KEYS:
                notes.append(KeyNote(key_id, str(error), skipped=True))
            continue
        if is_bounded and not wanted(key):
            unused += 1
        elif is_bounded and len(keys) == MAX_KEYS:
            left_out += 1
        else:
            keys.append(key)
            if "d" in entry:
                notes.append(KeyNote(key_id, PRIVATE_NOTE.reason, skipped=False))
    for number, reason in (
        (unusable - MAX_KEYS, "more entries that cannot be used"),
        (unused, "keys that this service does not use, among more than a hundred"),
        (left_out, f"more keys than the {MAX_KEYS} that are kept of one set"),
    ):
        if number > 0:
            notes.append(KeyNote(None, f"{number} {reason}", skipped=True))
    return KeySet(keys, notes, left_out)


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
        raise UnusableKey("its alg is no signature algorithm of RFC 7518, RFC 8037 or RFC 9864")
    if kty == "oct" and fetched:
        raise UnusableKey("a shared secret in a published key set; it is public, so it is no key")
    _check_purpose(jwk)
    material = _material(kty, {name: jwk.get(name) for name in _PUBLIC_MEMBERS[kty]})
    certified = _first_certified(jwk.get("x5c"))
    shapes = [jwk.get(name) for name in ("x5t", "x5t#S256")]
    thumbprints = [read_thumbprint(shape) for shape in shapes if isinstance(shape, str)]
    key = Key(
        material,
        key_id=kid,
        algorithm=alg,
        certificate=None if certified is None else certified.certificate,
        thumbprints=[thumbprint for thumbprint in thumbprints if thumbprint is not None],
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
            missing = ": it is missing (RFC 7518, section 6)" if value is None else ""
            raise UnusableKey(f"its {name} is not a string{missing}")
        if name not in ("kty", "crv"):
            try:
                decode_segment(value.encode("ascii"), relaxed=False)
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
    """Return the key of the first certificate, which is the JWK's own (RFC 7517, section 4.7).

    Vendors also write it as one text, as PEM, with line breaks and in base64url. What cannot be
    read says nothing about the key, whose own members are complete without it.
    """
    first = chain[0] if isinstance(chain, list | tuple) and chain else chain
    if not isinstance(first, str) or len(first) > MAX_CERTIFICATE:
        return None
    text = first.replace("-----BEGIN CERTIFICATE-----", "").partition("-----END")[0]
    text = "".join(text.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        return Key.of_certificate(x509.load_der_x509_certificate(content))
    except UNREADABLE:
        return None
