"""A gateway of one's own: what is wrong with it is told at the start, not by a request."""

from __future__ import annotations

from typing import Any

import pytest

from jwt_middleware import Client, ConfigurationError, Gateway, SharedSecret, Verifier
from jwt_middleware.gateways import WireFormat
from jwt_middleware.middleware.middleware import Middleware
from jwt_middleware.principal import ClaimNames, ListClaim
from jwt_middleware.testing import SigningKey, mint

WRONG_LISTS: list[Any] = [
    ListClaim("r", ""),
    ListClaim("r", 5),  # type: ignore[arg-type]
    ListClaim(""),
    ListClaim(5),  # type: ignore[arg-type]
    ListClaim(None),  # type: ignore[arg-type]
    ListClaim("r", b","),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(
    "wrong, near",
    [
        ({"header": 5}, "header"),
        ({"header": ""}, "header"),
        ({"header": "X-*"}, "header"),
        ({"wire": None}, "wire"),
        ({"wire": (True, True, False)}, "wire"),
        ({"wire": WireFormat("no")}, "relaxed_base64"),  # type: ignore[arg-type]
        ({"wire": WireFormat(text_exp=1)}, "text_exp"),  # type: ignore[arg-type]
        ({"algorithms": ()}, "algorithms"),
        ({"algorithms": 5}, "algorithms"),
        ({"algorithm_aliases": None}, "algorithm_aliases"),
        ({"algorithm_aliases": {5: "RS256"}}, "algorithm_aliases"),
        ({"algorithm_aliases": [("x", "RS256")]}, "algorithm_aliases"),
        ({"names": None}, "names"),
        ({"names": ("sub",)}, "names"),
        ({"names": ClaimNames(subject="sub")}, "names"),  # type: ignore[arg-type]
        ({"names": ClaimNames(subject=("",))}, "names"),
        ({"names": ClaimNames(client_id=(5,))}, "names"),  # type: ignore[arg-type]
        ({"names": ClaimNames(application=(None,))}, "names"),  # type: ignore[arg-type]
        ({"context_claim": 5}, "context_claim"),
        ({"context_claim": ""}, "context_claim"),
        ({"scheme": None}, "scheme"),
        ({"scheme": "Bearer x"}, "scheme"),
        ({"scheme": "Bearer\r\nX"}, "scheme"),
        ({"realm": ""}, "realm"),
        ({"realm": 'a"b'}, "realm"),
        ({"realm": "a\r\nSet-Cookie: x"}, "realm"),
        ({"realm": "Universit\u00e4t"}, "realm"),
        ({"name": 5}, "name"),
        *(({"names": ClaimNames(roles=(each,))}, "roles") for each in WRONG_LISTS),
        *(({"names": ClaimNames(permissions=(each,))}, "permissions") for each in WRONG_LISTS),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_what_is_wrong_with_a_gateway_is_reported_at_the_start(
    wrong: dict[str, Any], near: str, rsa_key: SigningKey
) -> None:
    gateway = Gateway(**{"name": "own"} | wrong)

    with pytest.raises(ConfigurationError, match=near):
        Middleware({"keys": rsa_key.public_pem, "gateway": gateway})


def test_what_is_right_with_a_gateway_serves(rsa_key: SigningKey) -> None:
    gateway = Gateway(
        name="own",
        names=ClaimNames(roles=(ListClaim("r", " "), ListClaim("s"))),
        scheme="JWT-Assertion",
        realm="the api's [own] ~realm!",
        algorithm_aliases={"SHA256withRSA": "RS256"},
        context_claim="ctx",
    )
    verifier = Verifier(keys=rsa_key.public_pem, gateway=gateway)

    found = verifier.verify(mint(rsa_key, {"r": "a b", "s": "c d"}, form="standard"))

    assert found.roles == {"a", "b", "c d"}


@pytest.mark.parametrize("claim", WRONG_LISTS, ids=repr)
@pytest.mark.parametrize("name", ["roles", "permissions"])
def test_a_list_claim_of_a_client_is_checked_where_it_is_made(name: str, claim: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"clients: acme: {name}"):
        Client("acme", **{name: (claim,)})


@pytest.mark.parametrize("key_id", [5, "", b"k"])
def test_a_key_id_of_a_secret_is_a_text(key_id: Any) -> None:
    with pytest.raises(ConfigurationError, match="key_id"):
        SharedSecret("x" * 40, key_id=key_id)
    with pytest.raises(ConfigurationError, match="key_id"):
        SharedSecret.from_file("nowhere", key_id=key_id)
