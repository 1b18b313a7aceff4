"""Where each vendor's tokens differ from RFC 7515 and from each other, held against its pages."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest

from jwt_middleware.testing import FORMS, SigningKey, TokenForm, mint

NOW = 1_700_000_000.0
VENDORS = [name for name in FORMS if not name.startswith("wso2-") and name != "standard"]
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
HEX = "[0-9a-f]{64}"
KIDS = {
    "google-iap": HEX,
    "cloudflare-access": HEX,
    "aws-alb": UUID,
    "aws-alb-2018": UUID,
    "aws-verified-access": UUID,
    "pomerium": HEX,
    "teleport": "",
    "oathkeeper": HEX,
    "bearer": HEX,
}
ALGORITHMS = {
    "google-iap": "ES256",
    "cloudflare-access": "RS256",
    "aws-alb": "ES256",
    "aws-alb-2018": "ES256",
    "aws-verified-access": "ES384",
    "pomerium": "ES256",
    "teleport": "RS256",
    "oathkeeper": "RS256",
    "bearer": "RS256",
}
AUDIENCES: dict[str, type] = {
    "google-iap": str,
    "cloudflare-access": list,
    "pomerium": str,
    "teleport": list,
    "bearer": str,
}


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    head, body, _ = token.split(".")

    def read(text: str) -> Any:
        return json.loads(base64.b64decode(text.translate({45: 43, 95: 47}).rstrip("=") + "=="))

    return read(head), read(body)


@pytest.fixture(scope="module")
def keys() -> dict[str, SigningKey]:
    made = {algorithm: SigningKey(algorithm) for algorithm in set(ALGORITHMS.values())}
    return {name: made[ALGORITHMS[name]] for name in VENDORS}


@pytest.mark.parametrize("name", VENDORS)
def test_a_form_signs_by_the_vendor_s_algorithm(name: str) -> None:
    assert FORMS[name].algorithm == ALGORITHMS[name]


@pytest.mark.parametrize("name", VENDORS)
def test_the_kid_has_the_vendor_s_shape_and_is_the_same_each_time(
    name: str, keys: dict[str, SigningKey]
) -> None:
    kids = [parts(mint(keys[name], {}, form=name))[0].get("kid", "") for _ in range(2)]

    assert kids[0] == kids[1]
    assert re.fullmatch(KIDS[name], kids[0])


@pytest.mark.parametrize("name", VENDORS)
def test_the_audience_is_written_as_the_vendor_writes_it(
    name: str, keys: dict[str, SigningKey]
) -> None:
    _, body = parts(mint(keys[name], {}, form=name))

    assert type(body.get("aud")) is AUDIENCES.get(name, type(None))


@pytest.mark.parametrize("name", VENDORS)
def test_only_aws_pads_and_only_in_2018_was_it_the_standard_alphabet(
    name: str, keys: dict[str, SigningKey]
) -> None:
    tokens = "".join(mint(keys[name], {"n": n}, form=name) for n in range(30))

    assert ("=" in tokens) is name.startswith("aws-")
    assert bool({"+", "/"} & {*tokens}) is (name == "aws-alb-2018")
    assert bool({"-", "_"} & {*tokens}) is (name != "aws-alb-2018")


HEADER_CLAIMS = {
    # In the JOSE header, and in the payload.
    "aws-alb": ({"exp", "iss", "client", "signer"}, {"exp", "iss"}),
    "aws-alb-2018": ({"exp", "iss", "client", "signer"}, set()),
    "aws-verified-access": ({"exp", "iss", "signer"}, set()),
}


@pytest.mark.parametrize("name", VENDORS)
def test_claims_stand_in_the_jose_header_where_the_vendor_writes_them_there(
    name: str, keys: dict[str, SigningKey]
) -> None:
    claims = {"iss": "https://idp.example.com", "sub": "ana"}
    head, body = parts(mint(keys[name], claims, form=name, now=NOW))
    in_header, in_payload = HEADER_CLAIMS.get(name, (set(), {"exp", "iss"}))

    assert head.keys() - {"alg", "typ", "kid"} == in_header
    assert body.keys() & {"exp", "iss", "client", "signer"} == in_payload
    for name_of_claim in in_header & in_payload:
        assert head[name_of_claim] == body[name_of_claim]
    assert (head if in_header else body)["exp"] == int(NOW) + 900
    assert body["sub"] == "ana"


def test_a_header_member_of_one_s_own_leaves_the_payload_as_it_is(
    keys: dict[str, SigningKey],
) -> None:
    key = keys["aws-alb"]
    head, body = parts(mint(key, {}, form="aws-alb", now=NOW, header={"exp": 5}))
    assert (head["exp"], body["exp"]) == (5, int(NOW) + 900)

    head, body = parts(mint(key, {}, form="aws-alb", now=NOW, header={"exp": None}))
    assert ("exp" in head, body["exp"]) == (False, int(NOW) + 900)


TIMES = {
    "google-iap": {"iat"},
    "cloudflare-access": {"iat", "nbf"},
    "pomerium": {"iat", "jti"},
    "teleport": {"iat", "nbf"},
    "oathkeeper": {"iat", "nbf", "jti"},
    "bearer": {"iat", "jti"},
}


@pytest.mark.parametrize("name", VENDORS)
def test_each_vendor_s_times_and_token_ids_are_added(
    name: str, keys: dict[str, SigningKey]
) -> None:
    _, body = parts(mint(keys[name], {}, form=name, now=NOW))

    assert body.keys() & {"iat", "nbf", "jti"} == TIMES.get(name, set())
    assert {body[time] for time in ("iat", "nbf") if time in body} <= {int(NOW)}


@pytest.mark.parametrize("name", VENDORS)
def test_a_claim_of_one_s_own_replaces_the_form_s_and_any_can_be_left_out(
    name: str, keys: dict[str, SigningKey]
) -> None:
    head, body = parts(mint(keys[name], {"iss": "mine"}, form=name))
    assert {**head, **body}["iss"] == "mine"

    names = ("iss", "exp", "iat", "nbf", "jti", "aud", "signer", "client", "type")
    head, body = parts(mint(keys[name], {}, form=name, without=names))
    assert (head.keys() | body.keys()) & {*names} == set()


def test_cloudflare_s_tokens_are_of_an_application() -> None:
    claims = FORMS["cloudflare-access"].claims

    assert claims["type"] == "app"
    assert FORMS["cloudflare-access"].service_claims("id.access")["sub"] == ""


def test_the_caller_s_name_goes_everywhere_in_a_template() -> None:
    form = TokenForm(person={"u": {"id": "{name}", "all": ["x", "{name}!"], "n": 1}})

    assert form.person_claims("ana") == {"u": {"id": "ana", "all": ["x", "ana!"], "n": 1}}
