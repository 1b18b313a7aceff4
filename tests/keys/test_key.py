"""One key: what it may serve, and what makes it too weak."""

import base64
import hashlib
from collections.abc import Callable

import pytest

from jwt_middleware.keys.algorithms import ALGORITHMS
from jwt_middleware.keys.jwk import read_jwk
from jwt_middleware.keys.key import Key, KeyRules, UnusableKey, read_thumbprint
from jwt_middleware.testing import SigningKey

KeyFor = Callable[..., SigningKey]


def _key(key: SigningKey) -> Key:
    return Key(key.private.public_key())


@pytest.mark.parametrize(
    "text",
    ["", "A", "AAAA", "!" * 27, "A" * 28, "é" * 27, "=" * 28, " " + "A" * 27, "A" * 200],
    ids=ascii,
)
def test_a_text_that_is_no_thumbprint_is_none_and_never_raises(text: str) -> None:
    assert read_thumbprint(text) in (None, b"\x00" * 21)
    not_hex = base64.b64encode(b"g" * 40).decode()
    assert read_thumbprint(not_hex) is None


def test_cve_2026_48523_a_jwk_serves_no_other_algorithm_than_its_own(rsa_key: SigningKey) -> None:
    key = read_jwk(rsa_key.jwk(alg="RS512"))

    assert [name for name, each in ALGORITHMS.items() if key.fits(each)] == ["RS512"]


def test_a_key_type_binds_to_its_family_by_type(rsa_key: SigningKey, key_for: KeyFor) -> None:
    public = rsa_key.public_pem.encode()
    fits = {
        "RSA": [n for n, each in ALGORITHMS.items() if _key(rsa_key).fits(each)],
        "oct": [n for n, each in ALGORITHMS.items() if Key(public).fits(each)],
        "OKP": [n for n, each in ALGORITHMS.items() if _key(key_for("EdDSA")).fits(each)],
    }

    assert {name[:2] for name in fits["RSA"]} == {"RS", "PS"}
    assert {name[:2] for name in fits["oct"]} == {"HS"}
    assert fits["OKP"] == ["EdDSA", "Ed25519"]


def test_an_rsa_key_below_the_minimum_is_weak_to_the_bit() -> None:
    key = _key(SigningKey("RS256", bits=1024))

    assert KeyRules(minimum_rsa_bits=1024).objection(key) is None
    assert "1024" in (KeyRules(minimum_rsa_bits=1025).objection(key) or "")
    assert "1024" in (KeyRules().objection(key) or "")


@pytest.mark.parametrize(
    "algorithm, least", [(None, 32), ("HS256", 32), ("HS384", 48), ("HS512", 64)]
)
def test_a_secret_shorter_than_the_hash_is_weak(algorithm: str | None, least: int) -> None:
    rules = KeyRules()

    assert rules.objection(Key(b"k" * least, algorithm=algorithm)) is None
    assert rules.objection(Key(b"k" * (least - 1), algorithm=algorithm)) is not None


def test_material_of_another_type_is_no_key() -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, x25519

    for material in (
        x25519.X25519PrivateKey.generate().public_key(),
        ec.generate_private_key(ec.SECP256K1()).public_key(),
        None,
        "text",
    ):
        with pytest.raises(UnusableKey):
            Key(material)


def test_no_repr_shows_a_secret() -> None:
    secret = b"zeta" * 16
    key = Key(secret)

    assert "zeta" not in repr(key)
    assert hashlib.sha256(secret).hexdigest()[:8] not in repr(key)
