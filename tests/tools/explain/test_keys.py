"""What a person is told about the keys of a source: each key, and each danger."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from jwt_middleware.keys.jwks import JWKSEndpoint
from jwt_middleware.keys.key import Key, KeyRules
from jwt_middleware.keys.option import key_source
from jwt_middleware.keys.sources import SharedSecret
from jwt_middleware.testing import SigningKey
from jwt_middleware.tools.explain.keys import report_keys

from ...conftest import Clock
from ...key_server import KeyServer, document
from ...keys.conftest import Reader, published

NOW = 1_479_409_651.0


def report(source: Any, now: float = NOW, **rules: Any) -> dict[str, Any]:
    return report_keys(key_source(source), KeyRules(**rules), now)


def test_a_key_is_shown_by_its_kid_type_algorithm_and_hash(old_key: SigningKey) -> None:
    told = report({"keys": [old_key.jwk(alg="RS256")]})

    assert told["source"] == "JWKS dict"
    assert (told["keys"], told["key_ids"], told["dangers"]) == (1, ["old"], [])
    [detail] = told["details"]
    assert detail == {
        "key_id": "old",
        "type": "RSA 2048",
        "algorithm": "RS256",
        "spki_sha256": Key(old_key.private.public_key()).spki,
        "dangers": [],
    }


@pytest.mark.parametrize(
    ("algorithm", "told"),
    [("RS256", "RSA 2048"), ("ES256", "EC P-256"), ("ES512", "EC P-521"), ("EdDSA", "OKP Ed25519")],
)
def test_type_and_size_are_shown_as_a_person_says_them(
    key_for: Callable[..., SigningKey], algorithm: str, told: str
) -> None:
    [detail] = report(key_for(algorithm).public_pem)["details"]

    assert detail["type"] == told


def test_a_certificate_is_shown_with_its_dates_and_both_shapes_of_its_thumbprint(
    rsa_key: SigningKey,
) -> None:
    [detail] = report(rsa_key.certificate_pem)["details"]
    shapes = [detail["x5t"], detail["x5t_of_wso2"]]
    raw = base64.urlsafe_b64decode(shapes[0] + "=")

    assert shapes == [
        rsa_key.x5t(as_hex=False).rstrip("="),
        base64.b64encode(raw.hex().encode()).decode(),
    ]
    assert detail["certificate"].startswith("CN=")
    assert detail["valid_from"] < detail["valid_until"]


def test_a_weak_key_is_shown_with_the_reason_why_it_is_refused() -> None:
    [detail] = report(SigningKey(bits=1024).public_pem)["details"]

    assert [danger.startswith("refused: RSA key of 1024 bits") for danger in detail["dangers"]] == [
        True
    ]


def test_the_rules_of_the_service_decide_what_is_weak() -> None:
    [detail] = report(SigningKey(bits=1024).public_pem, minimum_rsa_bits=1024)["details"]

    assert detail["dangers"] == []


def test_a_default_key_of_wso2_is_shown_as_one_that_anybody_can_sign_with(
    rsa_key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {Key(rsa_key.private.public_key()).spki: "9.9.9"}
    monkeypatch.setattr("jwt_middleware.keys.key.WSO2_DEFAULT_KEYS", table)
    [detail] = report(rsa_key.public_pem)["details"]

    assert "WSO2 API Manager 9.9.9" in detail["dangers"][0]
    assert "anybody can sign" in detail["dangers"][0]


def test_a_certificate_outside_its_dates_is_a_danger(rsa_key: SigningKey) -> None:
    [detail] = report(rsa_key.certificate_pem, now=9e9)["details"]

    assert "outside its dates" in detail["dangers"][0]
    assert "2255-03-14" in detail["dangers"][0]


def test_several_keys_without_a_kid_are_a_danger(
    rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    one, two = rsa_key.public_pem, rsa_key.public_pem + other_rsa_key.public_pem

    assert report(one)["dangers"] == []
    assert "have no kid of their own" in report(two)["dangers"][0]


def test_one_key_under_one_kid_for_two_algorithms_is_no_danger(old_key: SigningKey) -> None:
    """As WSO2 lists it: nothing is without a kid, and nothing is tried twice."""
    told = report({"keys": [old_key.jwk(alg="RS256"), old_key.jwk(alg="RS512")]})

    assert told["dangers"] == []


def test_entries_that_are_no_keys_are_shown_with_the_reason(old_key: SigningKey) -> None:
    told = report({"keys": [old_key.jwk(), {"kty": "future", "kid": "f"}, None]})

    assert [(note["key_id"], note["skipped"]) for note in told["notes"]] == [
        ("f", True),
        (None, True),
    ]
    assert told["keys"] == 1


def test_an_endpoint_is_shown_with_its_health(
    key_server: KeyServer, clock: Clock, old_key: SigningKey
) -> None:
    key_server.script = document(published(old_key))
    reader = Reader(JWKSEndpoint(key_server.url, clock=clock))
    before = report(reader.endpoint)
    reader.settle()
    told = report(reader.endpoint)

    assert (before["keys"], before["details"]) == (0, [])
    assert (told["keys"], told["age"], told["fresh"], told["last_error"]) == (1, 0, True, None)
    assert told["dangers"] == []
    json.dumps(told)


def test_a_secret_is_shown_by_its_length_and_by_nothing_else() -> None:
    told = report(SharedSecret("zeta-" * 10))
    [detail] = told["details"]

    assert detail["type"] == "secret of 50 bytes"
    assert detail["spki_sha256"] is None  # a hash would let a weak secret be guessed
    assert "zeta" not in json.dumps(told)
