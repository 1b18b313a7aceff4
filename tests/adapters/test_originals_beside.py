"""What an original assertion means for caches, and the faults of its option at start-up."""

from __future__ import annotations

from typing import Any

import pytest

from jwt_middleware import Original, client, original
from jwt_middleware.errors import ConfigurationError
from jwt_middleware.middleware.middleware import Middleware
from jwt_middleware.testing import SigningKey, mint

from .apps import DOORS, Door
from .test_originals import HEADER, PORTAL, SECOND, assertion, first_hop, options


@pytest.mark.parametrize("sends", [True, False], ids=["with one", "without one"])
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_an_answer_varies_by_the_original_whether_one_came_or_not(
    door: Door, sends: bool, rsa_key: SigningKey
) -> None:
    second = [(SECOND, first_hop(rsa_key))] if sends else []
    sent = [(HEADER, assertion(rsa_key)), *second]

    answer = door.ask(door.build(options(rsa_key)), "GET", "/who", sent)
    assert answer.status == 200
    assert (answer.header("vary") or "").split(", ")[:2] == [HEADER, SECOND]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_behind_a_gateway_with_a_scheme_the_original_is_the_bare_token(
    door: Door, rsa_key: SigningKey
) -> None:
    aud = "https://api.example.com"
    app = door.build(
        {
            "keys": rsa_key.public_pem,
            "gateway": "bearer",
            "audience": aud,
            "original": Original(header=SECOND, forwarders=PORTAL, audience=aud),
            "authorize": original(client("browser")),
        }
    )
    ours, theirs = (
        mint(rsa_key, {"sub": "ana", "client_id": name}, form="bearer")
        for name in ("portal", "browser")
    )
    own = ("Authorization", f"Bearer {ours}")

    assert door.ask(app, "GET", "/who", [own, (SECOND, theirs)]).status == 200
    answer = door.ask(app, "GET", "/who", [own, (SECOND, f"Bearer {theirs}")])
    assert (answer.status, answer.json()["code"]) == (401, "invalid_original")


@pytest.mark.parametrize("header", [HEADER, HEADER.lower(), "X-Other"])
def test_an_original_in_the_callers_own_header_is_a_configuration_error(
    header: str, rsa_key: SigningKey
) -> None:
    option = Original(header=header, forwarders=PORTAL)
    with pytest.raises(ConfigurationError, match=r"original: header: .* own assertion"):
        Middleware(options(rsa_key, original=option, header=[HEADER, "x-other"]))


@pytest.mark.parametrize("wrong", [{"api": ""}, {"api": 5}, {"audience": []}, {"audience": 5}])
def test_an_error_of_an_api_or_audience_names_the_original(
    wrong: dict[str, Any], rsa_key: SigningKey
) -> None:
    option = Original(header=SECOND, forwarders=PORTAL, **wrong)
    with pytest.raises(ConfigurationError, match=r"original: (api|audience): "):
        Middleware(options(rsa_key, original=option))
