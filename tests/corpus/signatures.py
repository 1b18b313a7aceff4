"""Signatures: tampered with, by the wrong key, of the wrong algorithm, or of the wrong shape.

RFC 7515, 5.2; RFC 7518, section 3; RFC 8725, 3.1 and 3.2.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from jwt_middleware.testing import SigningKey

from .workshop import Case, Workshop, bad, decode, encode, good, open_, written

ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ORDER_OF_ED25519 = 2**252 + 27742317777372353535851937790883648493


def cases(shop: Workshop) -> Iterator[Case]:
    for name, key in shop.sound_keys.items():
        yield from _tampered(name, shop.token(key=key))
        other = SigningKey(key.algorithm, key_id=key.key_id)
        yield bad(f"{name}: another key under the same kid", shop.token(key=other))
        yield bad(f"{name}: another key without a kid", shop.with_header(other, kid=...))
    yield from _none(shop)
    yield from _secret(shop)
    yield from _algorithm_names(shop)
    yield from _wrong_key(shop)
    yield from _rsa_shapes(shop)
    yield from _ecdsa_shapes(shop)
    yield from _eddsa_shapes(shop)


def _tampered(name: str, token: str) -> Iterator[Case]:
    for place, segment in enumerate(("header", "payload", "signature")):
        for where in (0, 0.5, 1):
            parts = token.split(".")
            content = bytearray(decode(parts[place]))
            content[int(where * (len(content) - 1))] ^= 1
            parts[place] = encode(bytes(content))
            yield bad(f"{name}: one bit of the {segment} at {where}", ".".join(parts))
    header, payload, signature = token.split(".")
    other = written({**json.loads(decode(payload)), "sub": "eve"})
    yield bad(f"{name}: another sub", f"{header}.{encode(other)}.{signature}")
    content = decode(signature)
    for how, changed in {
        "none": b"",
        "zeros": bytes(len(content)),
        "ones": b"\xff" * len(content),
        "half": content[: len(content) // 2],
        "one byte less": content[:-1],
        "one byte more": content + b"\x00",
        "a zero before": b"\x00" + content,
        "twice": content * 2,
        "backwards": content[::-1],
    }.items():
        yield bad(f"{name}: signature, {how}", f"{header}.{payload}.{encode(changed)}")


def _none(shop: Workshop) -> Iterator[Case]:
    _, payload, signature = shop.token().split(".")
    for alg in ("none", "None", "NONE", "nOnE", "none ", "null", ""):
        for kid in ("rsa", ...):
            header = encode(written(shop.header(alg=alg, kid=kid)))
            named = "with" if kid == "rsa" else "without"
            yield bad(f"alg {alg!r}, {named} a kid, unsigned", f"{header}.{payload}.")
            yield bad(f"alg {alg!r}, {named} a kid, signed", f"{header}.{payload}.{signature}")


def _secret(shop: Workshop) -> Iterator[Case]:
    """HMAC with what everybody can read (RFC 8725, 2.1)."""
    public = shop.rsa.private.public_key()
    pem = shop.rsa.public_pem
    secrets = {
        "PEM": pem.encode(),
        "PEM without its last line feed": pem.strip().encode(),
        "PEM with CRLF": pem.replace("\n", "\r\n").encode(),
        "certificate": shop.rsa.certificate_pem.encode(),
        "DER": public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
        "n": decode(shop.rsa.jwk()["n"]),
        "n as text": shop.rsa.jwk()["n"].encode(),
        "JWK": json.dumps(shop.rsa.jwk()).encode(),
        "JWKS": json.dumps(shop.jwks).encode(),
        "kid": b"rsa",
        "nothing": b"",
    }
    for name, secret in secrets.items():
        for alg in ("HS256", "HS384", "HS512") if name == "PEM" else ("HS256",):
            yield bad(f"{alg} with the public key, {name}", _mac(shop, alg, secret))
    yield bad("HS256 without a kid", _mac(shop, "HS256", pem.encode(), kid=...))
    yield bad("HS256 with EC's x", _mac(shop, "HS256", decode(shop.ec.jwk()["x"]), kid="ec"))
    yield bad("RS256 with a mac", _mac(shop, "RS256", pem.encode()))


def _mac(shop: Workshop, alg: str, secret: bytes, **changes: Any) -> str:
    header = shop.header(**{"alg": alg, **changes})
    signing_input = f"{encode(written(header))}.{encode(written(shop.claims()))}"
    digest = "sha" + alg[2:]
    return f"{signing_input}.{encode(hmac.digest(secret, signing_input.encode(), digest))}"


def _algorithm_names(shop: Workshop) -> Iterator[Case]:
    for alg in (
        ..., None, 256, True, ["RS256"], {"name": "RS256"}, "rs256", "RS256 ", " RS256",
        "RS256\x00", "RS-256", "RSA", "SHA256withRSA", "RS1", "RS2048", "RSA-OAEP", "A128KW", "dir",
        "ES256K", "EdDSA", "ES256", "HS256", "PS256", "RS384", "x" * 300,
    ):  # fmt: skip
        yield bad(f"RS256's signature, alg {str(alg)[:20]!r}", shop.with_header(alg=alg))
    yield open_("EdDSA's signature, alg 'Ed25519'", shop.with_header(shop.ed, alg="Ed25519"))
    for alg in ("RS384", "RS512", "PS384", "PS512"):
        key = SigningKey(alg, key_id="rsa", private=shop.rsa.private)
        yield bad(f"{alg}, which the service does not list", shop.token(key=key))
    yield bad("ES384, which the service does not list", shop.token(key=shop.ec384))


def _wrong_key(shop: Workshop) -> Iterator[Case]:
    """RFC 7517, 4.2 to 4.4, and RFC 8725, 3.1: what a key is for."""
    pss = SigningKey("PS256", key_id="rs256-only", private=shop.rs256_only.private)
    yield bad("PS256 by a key for RS256", shop.token(key=pss))
    yield bad("PS256 by a key for RS256, without a kid", shop.with_header(pss, kid=...))
    for key, purpose in ((shop.for_encryption, "encryption"), (shop.for_wrapping, "wrapping")):
        yield bad(f"RS256 by a key for {purpose}", shop.token(key=key))
        yield bad(f"RS256 by a key for {purpose}, without a kid", shop.with_header(key, kid=...))
    yield bad("ES256 with the key of P-384", _p384_as_es256(shop))
    for name, key in shop.sound_keys.items():
        for kid in ("rsa", "rs256-only", "ec", "ec384", "ed"):
            if kid != key.key_id:
                yield bad(f"{name}, kid of {kid}", shop.with_header(key, kid=kid))
    stranger = shop.stranger
    for name, members in {
        "jwk": {"jwk": stranger.jwk(), "kid": ...},
        "jwk and its kid": {"jwk": stranger.jwk()},
        "jwk and a known kid": {"jwk": stranger.jwk(), "kid": "rsa"},
        "x5c": {"x5c": [_der_text(stranger)], "kid": ...},
        "x5c and a known kid": {"x5c": [_der_text(stranger)], "kid": "rsa"},
        "jku": {"jku": "http://127.0.0.1:1/jwks", "kid": ...},
        "jku and a known kid": {"jku": "http://127.0.0.1:1/jwks", "kid": "rsa"},
        "x5u": {"x5u": "http://127.0.0.1:1/cert", "kid": ...},
        "nothing": {"kid": ...},
    }.items():
        yield bad(f"a stranger's key, told by {name}", shop.with_header(stranger, **members))


def _der_text(key: SigningKey) -> str:
    return "".join(key.certificate_pem.splitlines()[1:-1])


def _p384_as_es256(shop: Workshop) -> str:
    key = SigningKey("ES384", key_id="ec384", private=shop.ec384.private)
    return shop.token(header=shop.header(key, alg="ES256"), key=key)


def _rsa_shapes(shop: Workshop) -> Iterator[Case]:
    header = shop.header(shop.pss)
    signing_input = f"{encode(written(header))}.{encode(written(shop.claims()))}"
    for salt in (0, 20, 31, 64, padding.PSS.MAX_LENGTH):
        pad = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
        signature = shop.rsa.private.sign(signing_input.encode(), pad, hashes.SHA256())
        yield bad(f"PS256: a salt of {salt}", f"{signing_input}.{encode(signature)}")
    pad = padding.PSS(padding.MGF1(hashes.SHA1()), 32)
    signature = shop.rsa.private.sign(signing_input.encode(), pad, hashes.SHA256())
    yield bad("PS256: MGF1 with SHA-1", f"{signing_input}.{encode(signature)}")
    for name, hash_ in (("SHA-1", hashes.SHA1()), ("SHA-512", hashes.SHA512())):
        body = f"{encode(written(shop.header()))}.{encode(written(shop.claims()))}"
        signature = shop.rsa.private.sign(body.encode(), padding.PKCS1v15(), hash_)
        yield bad(f"RS256: {name} inside", f"{body}.{encode(signature)}")
    token = shop.token()
    text, _, signature_text = token.rpartition(".")
    numbers = shop.rsa.private.public_key().public_numbers()
    value = int.from_bytes(decode(signature_text)) + numbers.n
    size = (value.bit_length() + 7) // 8
    yield bad("RS256: the signature plus n", f"{text}.{encode(value.to_bytes(size))}")


def _ecdsa_shapes(shop: Workshop) -> Iterator[Case]:
    token = shop.token(key=shop.ec)
    text, _, signature_text = token.rpartition(".")
    raw = decode(signature_text)
    r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
    order = ORDER_OF_P256
    # RFC 7518, 3.4, knows no low s: both halves of the pair are the signature.
    yield good("ES256: the other s", f"{text}.{encode(_pair(r, order - s))}")
    for name, pair in {
        "zeros": (0, 0), "r zero": (0, s), "s zero": (r, 0), "r is the order": (order, s),
        "s is the order": (r, order), "both the order": (order, order), "ones": (1, 1),
        "swapped": (s, r), "s negated twice": (order - r, s), "s plus one": (r, (s + 1) % order),
    }.items():  # fmt: skip
        yield bad(f"ES256: {name}", f"{text}.{encode(_pair(*pair))}")
    der = shop.ec.private.sign(text.encode(), ec.ECDSA(hashes.SHA256()))
    assert decode_dss_signature(der)
    yield bad("ES256: DER", f"{text}.{encode(der)}")
    wide = b"".join(bytes(2) + half for half in (raw[:32], raw[32:]))
    yield bad("ES256: wider halves", f"{text}.{encode(wide)}")
    other = shop.ec.private.sign(text.encode(), ec.ECDSA(hashes.SHA384()))
    yield bad("ES256: SHA-384 inside", f"{text}.{encode(_pair(*decode_dss_signature(other)))}")


def _pair(r: int, s: int) -> bytes:
    return r.to_bytes(32) + s.to_bytes(32)


def _eddsa_shapes(shop: Workshop) -> Iterator[Case]:
    token = shop.token(key=shop.ed)
    text, _, signature_text = token.rpartition(".")
    raw = decode(signature_text)
    s = int.from_bytes(raw[32:], "little") + ORDER_OF_ED25519
    # RFC 8032, 5.1.7: S must be below the order, or a second signature comes for free.
    yield bad("EdDSA: S plus the order", f"{text}.{encode(raw[:32] + s.to_bytes(32, 'little'))}")
    identity = b"\x01" + bytes(31)
    yield bad("EdDSA: R of small order", f"{text}.{encode(identity + bytes(32))}")
    prehashed = shop.ed.private.sign(hashlib.sha512(text.encode()).digest())
    yield bad("EdDSA: a hash signed", f"{text}.{encode(prehashed)}")
