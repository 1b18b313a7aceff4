"""Every generation's spelling of WSO2, held against what its source says of it."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from jwt_middleware import Verifier
from jwt_middleware.gateways import PRESETS
from jwt_middleware.testing import FORMS, SigningKey, TokenForm, form_of_version, mint

NOW = 1_700_000_000.0
SPELLINGS = [name for name in FORMS if name.startswith("wso2-") or name == "standard"]
ISSUED_SINCE_4_0 = {"wso2-4.0", "wso2-4.2", "wso2-4.2-kid", "wso2-4.3"}


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    head, body, signature = token.split(".")

    def read(text: str) -> Any:
        return json.loads(base64.b64decode(text.translate({45: 43, 95: 47}).rstrip("=") + "=="))

    return read(head), read(body), signature


def minted(key: SigningKey, form: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    return parts(mint(key, {"sub": "u"}, form=form, now=NOW))


def hexed(key: SigningKey, algorithm: str) -> bytes:
    der = key.certificate.public_bytes(serialization.Encoding.DER)
    return hashlib.new(algorithm, der).hexdigest().encode()


def test_the_forms_are_these_by_generation() -> None:
    assert set(SPELLINGS) == {
        "wso2-1.4",
        "wso2-1.9",
        "wso2-2.0",
        "wso2-2.6",
        "wso2-3.0",
        "wso2-3.1",
        "wso2-3.1-number",
        "wso2-3.2",
        "wso2-4.0",
        "wso2-4.2",
        "wso2-4.2-kid",
        "wso2-4.3",
        "standard",
    }


@pytest.mark.parametrize("name", SPELLINGS)
def test_the_preset_that_a_form_names_reads_it(name: str, rsa_key: SigningKey) -> None:
    preset = FORMS[name].preset
    verifier = Verifier(keys=rsa_key.certificate_pem, gateway=preset, clock=lambda: NOW)

    assert preset in PRESETS
    assert verifier.verify(mint(rsa_key, {}, form=name, now=NOW)).expires_at == NOW + 900


@pytest.mark.parametrize("name", SPELLINGS)
def test_the_unit_of_exp_and_iat_is_the_generation_s(name: str, rsa_key: SigningKey) -> None:
    _, body, _ = minted(rsa_key, name)
    seconds = int(NOW) + 900
    expected: dict[str, Any] = {
        "wso2-1.4": seconds * 1000,
        "wso2-1.9": seconds * 1000,
        "wso2-3.1": str(seconds * 1000),
    }

    assert body["exp"] == expected.get(name, seconds)
    assert body.get("iat") == (int(NOW) if name in ISSUED_SINCE_4_0 else None)


@pytest.mark.parametrize("name", SPELLINGS)
def test_the_segments_are_padded_up_to_4_1_and_not_since(name: str, rsa_key: SigningKey) -> None:
    _, _, signature = minted(rsa_key, name)

    is_padded = name != "standard" and (not name.startswith("wso2-4.") or name == "wso2-4.0")

    assert signature.endswith("==") is is_padded


def test_the_x5t_of_each_generation_is_of_its_shape(rsa_key: SigningKey) -> None:
    digest = hexed(rsa_key, "sha1")
    of_hex = base64.urlsafe_b64encode(digest).decode()
    raw = base64.urlsafe_b64encode(bytes.fromhex(digest.decode())).decode().rstrip("=")

    for name, expected in {
        "wso2-1.9": of_hex,
        "wso2-2.0": raw,
        "wso2-2.6": of_hex.rstrip("="),
        "wso2-3.0": of_hex,
        "wso2-4.2": of_hex,
        "wso2-4.2-kid": None,
        "wso2-4.3": of_hex,
        "standard": None,
    }.items():
        assert minted(rsa_key, name)[0].get("x5t") == expected, name


def test_the_kid_of_each_generation_is_made_as_it_makes_it(rsa_key: SigningKey) -> None:
    of_hex = base64.urlsafe_b64encode(hexed(rsa_key, "sha1")).decode()
    sha256 = base64.urlsafe_b64encode(hexed(rsa_key, "sha256")).decode().rstrip("=")
    serial = f"CN=gateway.example.edu#{rsa_key.certificate.serial_number}"
    of_serial = base64.urlsafe_b64encode(serial.encode()).decode().rstrip("=")

    for name, expected in {
        "wso2-3.1": None,
        "wso2-3.2": f"{of_hex}_RS256",
        "wso2-4.0": None,
        "wso2-4.2": None,
        "wso2-4.2-kid": sha256,
        "wso2-4.3": of_serial,
        "standard": None,
    }.items():
        assert minted(rsa_key, name)[0].get("kid") == expected, name


def test_a_key_id_of_the_test_s_own_goes_before_the_form_s(rsa_key: SigningKey) -> None:
    named = SigningKey(key_id="mine", private=rsa_key.private)

    assert minted(named, "wso2-4.3")[0]["kid"] == "mine"


def test_an_iat_of_the_test_s_own_is_kept(rsa_key: SigningKey) -> None:
    _, body, _ = parts(mint(rsa_key, {"iat": 1}, form="wso2-4.0", now=NOW))

    assert body["iat"] == 1


def test_a_form_of_one_s_own_needs_no_certificate() -> None:
    key = SigningKey("ES256", key_id="k")
    mint(key, {}, form=TokenForm(hex_x5t=None))

    assert "certificate" not in vars(key)


@pytest.mark.parametrize(
    ("version", "form"),
    [
        ("1.4", "wso2-1.4"),
        ("1.0", "wso2-1.4"),
        ("1.10", "wso2-1.9"),
        ("2", "wso2-2.0"),
        ("2.5.0", "wso2-2.0"),
        ("2.6.0", "wso2-2.6"),
        ("3.1", "wso2-3.1"),
        ("3.1-number", "wso2-3.1-number"),
        ("4.1", "wso2-4.0"),
        ("4.2.0", "wso2-4.2"),
        ("4.6", "wso2-4.3"),
        ("wso2-4.2-kid", "wso2-4.2-kid"),
        ("standard", "standard"),
    ],
)
def test_a_version_writes_in_the_newest_form_that_it_knows(version: str, form: str) -> None:
    assert form_of_version(version) == form


@pytest.mark.parametrize("version", ["", "x", "4.x", "-1", "4..2", "4.2 ", "9" * 10_000])
def test_what_is_no_version_is_reported_with_the_forms(version: str) -> None:
    with pytest.raises(ValueError, match=r"wso2-4\.2"):
        form_of_version(version)
