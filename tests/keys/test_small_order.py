"""Keys of small order: points under which anybody can make a signature that verifies."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ed448, ed25519

from jwt_middleware import ConfigurationError, Verifier
from jwt_middleware.keys.key import Key
from jwt_middleware.testing import SigningKey

ED25519 = [
    "00" * 32,
    "01" + "00" * 31,
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ec" + "ff" * 30 + "7f",
    "ed" + "ff" * 30 + "7f",
    "ee" + "ff" * 30 + "7f",
    "00" * 31 + "80",
    "01" + "00" * 30 + "80",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]
ED448 = ["00" * 57, "01" + "00" * 56, "00" * 56 + "80", "fe" + "ff" * 27 + "fe" + "ff" * 27 + "00"]


@pytest.mark.parametrize("point", ED25519)
def test_a_point_of_small_order_on_ed25519_is_weak(point: str) -> None:
    key = Key(ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(point)))

    assert "small order" in (key.weakness(2048) or "")


@pytest.mark.parametrize("point", ED448)
def test_a_point_of_small_order_on_ed448_is_weak(point: str) -> None:
    key = Key(ed448.Ed448PublicKey.from_public_bytes(bytes.fromhex(point)))

    assert "small order" in (key.weakness(2048) or "")


@pytest.mark.parametrize("curve", ["Ed25519", "Ed448"])
def test_a_key_that_was_generated_is_not_weak(curve: str) -> None:
    assert Key(SigningKey("EdDSA", curve=curve).private.public_key()).weakness(2048) is None


def test_a_jwks_of_such_a_key_alone_is_a_configuration_error() -> None:
    x = base64.urlsafe_b64encode(bytes.fromhex(ED25519[1])).rstrip(b"=").decode()
    jwks = {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]}

    with pytest.raises(ConfigurationError, match="small order"):
        Verifier(keys=jwks, gateway="standard")
