"""What would help against a refusal whose cause the error's code does not tell."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from jwt_middleware import Verifier
from jwt_middleware.keys.fetch_faults import FetchError
from jwt_middleware.keys.per_kid import PEMPerKid
from jwt_middleware.testing import FORMS, SigningKey, mint
from jwt_middleware.tools.explain import inspect
from jwt_middleware.tools.explain.token import Inspection

NOW = 1_479_410_551.0


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey("RS256", key_id="k1")


def told(key: SigningKey, token: str, **options: Any) -> Inspection:
    given = {"keys": key.jwks(), "gateway": "standard", "clock": lambda: NOW, **options}
    return inspect(token, Verifier(**given), NOW)


def signed(key: SigningKey, header: bytes, payload: bytes) -> str:
    parts = [base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, payload)]
    signature = key.private.sign(b".".join(parts), padding.PKCS1v15(), hashes.SHA256())
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


HEADER = b'{"alg": "RS256", "kid": "k1"}'


@pytest.mark.parametrize(
    ("header", "payload", "fault"),
    [
        (HEADER, b'{"sub": "Jos\xe9"}', "byte 12 is no UTF-8"),
        (HEADER, b'{"sub": "a"b"}', "an error at line 1, column 12"),
        (HEADER, b'{"iss": "a", "iss": "b"}', "duplicate member name"),
        (b'{"alg": "RS256", "alg": "RS256"}', b"{}", "duplicate member name"),
    ],
)
def test_it_says_what_is_wrong_with_json(
    key: SigningKey, header: bytes, payload: bytes, fault: str
) -> None:
    found = told(key, signed(key, header, payload))

    assert found.code == "malformed_token"
    assert f"segment is not a strict JSON object: {fault}." in found.explanation
    assert found.hint.startswith("The gateway writes a value of its own or of a user unescaped")


@pytest.mark.parametrize("kept", [300, -20, -1, 60])
def test_a_token_that_was_cut_is_told_from_an_access_token(key: SigningKey, kept: int) -> None:
    token = mint(key, {"sub": "a" * 300}, form="standard", now=NOW)[:kept]
    while len(token.rpartition(".")[2]) % 4 != 1 and token.count(".") == 2:
        token = token[:-1]  # a whole number of bytes would be a bad signature
    found = told(key, token)

    assert found.code == "malformed_token"
    assert f"{len(token):,} characters arrived" in found.hint


def test_a_known_key_under_another_name_is_recognised(key: SigningKey) -> None:
    """WSO2 3.1 and 3.2: the tokens' kid is of the SHA-1, and the JWKS' of the SHA-256."""
    token = mint(key, {"sub": "a"}, form="standard", now=NOW, header={"kid": "by SHA-1"})
    found = told(key, token)
    assert found.code == "unknown_key"
    assert "the gateway's certificate (PEM), which has no kid" in found.hint

    assert told(key, token, keys=key.certificate_pem).code == "accepted"
    other = told(key, token, keys=SigningKey("RS256", key_id="k2").jwks())
    assert other.hint == "Give the app the keys of the gateway that signed it (keys=)."


@pytest.mark.parametrize("name", ["sub", "client_id", "jti"])
def test_an_id_that_is_a_number_leads_to_the_option_for_it(key: SigningKey, name: str) -> None:
    found = told(key, mint(key, {"sub": "a"} | {name: 4}, form="standard", now=NOW))

    assert found.code == "invalid_claim"
    assert "numeric_ids=True" in found.hint


def test_a_claim_of_an_impossible_type_is_the_gateway_s_to_mend(key: SigningKey) -> None:
    found = told(key, mint(key, {"sub": {"a": 1}}, form="standard", now=NOW))

    assert (found.code, "in its usual type" in found.hint) == ("invalid_claim", True)


def test_a_claim_of_a_site_s_own_dialect_leads_to_claim_dialect(key: SigningKey) -> None:
    claims = {"https://claims.example.edu/wso2/apicontext": "/x", "sub": "a"}
    token = mint(key, claims, now=NOW)
    found = told(key, token, gateway="wso2", api="/x")
    assert found.code == "invalid_claim"
    assert found.hint == (
        "It has https://claims.example.edu/wso2/apicontext: set "
        "claim_dialect='https://claims.example.edu/wso2'."
    )

    dialect = "https://claims.example.edu/wso2"
    good = told(key, token, gateway="wso2", api="/x", claim_dialect=dialect)
    assert good.code == "accepted"


KEYS_URL = "https://keys.example.com/{kid}"
OTHER_KID = "ffffffff-89ab-4def-8123-456789abcdef"


@pytest.mark.parametrize(
    "kid, text",
    [
        ("../../other/key", "Its kid '../../other/key' has not the form of a key's id, so no key"),
        (None, f"It has no kid, by which its key would be fetched from {KEYS_URL}."),
        (OTHER_KID, f"There is no key for its kid {OTHER_KID!r} at {KEYS_URL}."),
    ],
)
def test_where_each_key_has_a_url_it_says_why_there_is_none(kid: str | None, text: str) -> None:
    def nothing(_: str) -> bytes:
        raise FetchError("no such key", status=404)

    token = mint(SigningKey("ES256"), {"sub": "ana"}, form="aws-alb", now=NOW, header={"kid": kid})
    signer = FORMS["aws-alb"].claims["signer"]
    keys = PEMPerKid(KEYS_URL, fetch=nothing)
    verifier = Verifier(gateway="aws-alb", signer=signer, keys=keys, clock=lambda: NOW)
    found = inspect(token, verifier, NOW)

    assert found.code == "unknown_key"
    assert found.explanation.startswith(text)
