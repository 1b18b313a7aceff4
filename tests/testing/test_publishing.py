"""Keys are published as each vendor publishes them, in shapes that the package reads."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from jwt_middleware import Verifier
from jwt_middleware.errors import KeysUnavailable, RequestError
from jwt_middleware.testing import FORMS, LocalGateway
from jwt_middleware.testing.publishing import SHAPES

VENDORS = [name for name in FORMS if not name.startswith("wso2-") and name != "standard"]
PATHS = {
    "google-iap": ["/iap/verify/public_key-jwk", "/iap/verify/public_key"],
    "cloudflare-access": ["/cdn-cgi/access/certs"],
    "aws-alb": ["/{kid}"],
    "aws-alb-2018": ["/{kid}"],
    "aws-verified-access": ["/{kid}"],
    "pomerium": ["/.well-known/pomerium/jwks.json"],
    "teleport": ["/.well-known/jwks.json"],
    "oathkeeper": ["/.well-known/jwks.json"],
    "bearer": ["/.well-known/openid-configuration", "/.well-known/jwks.json"],
}


def fetch(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""


def fetch_json(url: str) -> Any:
    status, text = fetch(url)
    assert status == 200
    return json.loads(text)


@pytest.mark.parametrize("form", VENDORS)
def test_the_paths_are_the_vendor_s(form: str) -> None:
    assert [*FORMS[form].publishes] == PATHS[form]


@pytest.mark.parametrize("form", FORMS)
def test_every_shape_is_known_and_every_other_path_is_missing(form: str) -> None:
    assert set(FORMS[form].publishes.values()) <= SHAPES.keys()
    with LocalGateway(form) as gateway:
        for path in ("/", "/nothing", "/jwks/x", f"{next(iter(FORMS[form].publishes))}/x"):
            assert fetch(gateway.origin + path)[0] == 404


@pytest.mark.parametrize("form", ["aws-alb", "aws-alb-2018", "aws-verified-access"])
def test_aws_publishes_one_public_key_in_pem_at_each_kid(form: str) -> None:
    with LocalGateway(form) as gateway:
        first = gateway.key
        gateway.rotate()
        assert fetch(f"{gateway.origin}/{first.key_id}") == (200, first.public_pem)
        assert fetch(f"{gateway.origin}/{gateway.key.key_id}") == (200, gateway.key.public_pem)
        gateway.retire()
        assert fetch(f"{gateway.origin}/{first.key_id}")[0] == 404
        assert first.public_pem.startswith("-----BEGIN PUBLIC KEY-----")


def test_cloudflare_publishes_a_jwks_with_certificates_beside_it() -> None:
    with LocalGateway("cloudflare-access") as gateway:
        gateway.rotate()
        document = fetch_json(gateway.keys_url)

    old, new = (key.key_id for key in gateway.keys)
    assert [key["kid"] for key in document["keys"]] == [old, new]
    assert document["public_cert"]["kid"] == new
    assert [each["kid"] for each in document["public_certs"]] == [new, old]
    certificate = x509.load_pem_x509_certificate(document["public_cert"]["cert"].encode())
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = certificate.public_key().public_bytes(serialization.Encoding.PEM, spki)
    assert pem.decode() == gateway.key.public_pem


def test_google_publishes_the_same_keys_in_two_shapes_and_both_verify() -> None:
    with LocalGateway("google-iap") as gateway:
        jwks = fetch_json(gateway.origin + "/iap/verify/public_key-jwk")
        pems = fetch_json(gateway.origin + "/iap/verify/public_key")
        assert [key["kid"] for key in jwks["keys"]] == [*pems] == [gateway.key.key_id]
        options = gateway.options | {"keys": gateway.origin + "/iap/verify/public_key"}

        assert Verifier(**options).verify(gateway.assertion(user="ana")).subject == "ana"


def test_teleport_publishes_keys_without_a_kid() -> None:
    with LocalGateway("teleport") as gateway:
        gateway.rotate()
        assert all("kid" not in key for key in fetch_json(gateway.keys_url)["keys"])
        assert Verifier(**gateway.options).verify(gateway.assertion(user="ana")).subject == "ana"


def test_metadata_names_issuer_and_jwks_of_the_same_origin() -> None:
    with LocalGateway("bearer") as gateway:
        metadata = fetch_json(gateway.keys_url)

        assert metadata["issuer"] == gateway.issuer == gateway.origin
        assert [key["kid"] for key in fetch_json(metadata["jwks_uri"])["keys"]] == [
            gateway.key.key_id
        ]


@pytest.mark.parametrize("form", VENDORS)
@pytest.mark.parametrize("fault", ["down", "garbage"])
def test_an_endpoint_of_any_shape_fails_and_recovers(form: str, fault: str) -> None:
    with LocalGateway(form) as gateway:
        gateway.fail(fault)
        verifier = Verifier(**gateway.options)
        with pytest.raises(KeysUnavailable):
            verifier.verify(gateway.assertion())
        verifier.close()
        gateway.recover()

        verifier = Verifier(**gateway.options)
        assert verifier.verify(gateway.assertion())
        verifier.close()


@pytest.mark.parametrize("form", VENDORS)
def test_a_retired_key_of_any_shape_is_gone_for_who_fetches_anew(form: str) -> None:
    with LocalGateway(form) as gateway:
        token = gateway.assertion()
        gateway.rotate()
        assert Verifier(**gateway.options).verify(token)
        gateway.retire()
        with pytest.raises(RequestError) as refusal:
            Verifier(**gateway.options).verify(token)

    expected = "unknown_key" if FORMS[form].names_keys else "bad_signature"
    assert refusal.value.code == expected


def test_another_server_may_publish_what_the_gateway_answers() -> None:
    gateway = LocalGateway("bearer")
    gateway.publish_at("http://127.0.0.1:1")

    assert gateway.options["issuer"] == "http://127.0.0.1:1"
    metadata = json.loads(gateway.answer().body)
    assert metadata["jwks_uri"] == "http://127.0.0.1:1/.well-known/jwks.json"
    assert gateway.answer("/other").status == 404
