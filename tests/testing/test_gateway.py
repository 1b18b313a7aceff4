"""The gateway of one's own tests: its tokens verify by its options, and it fails as it is told."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import jwt_middleware
from jwt_middleware import Client, ClientRegistry, Verifier
from jwt_middleware.authorization.clients import Attribute, ClientTrust
from jwt_middleware.errors import BadSignature, KeysUnavailable, TokenExpired, UnknownKey
from jwt_middleware.testing import FORMS, LocalGateway
from jwt_middleware.wsgi import JWTMiddleware

CLIENTS = Path(jwt_middleware.__file__).parent / "testing" / "clients.toml"


@pytest.fixture(scope="module")
def shared() -> Iterator[LocalGateway]:
    with LocalGateway() as gateway:
        yield gateway


@pytest.fixture
def local(shared: LocalGateway) -> Iterator[LocalGateway]:
    keys = shared.keys
    yield shared
    shared.reset(keys)


def fetch(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


@pytest.mark.parametrize("form", FORMS)
def test_the_options_take_the_assertions_of_every_form(form: str) -> None:
    with LocalGateway(form=form) as gateway:
        given = caller_of(gateway)
        verifier = Verifier(**gateway.options)
        before = verifier.authenticate([*gateway.headers(**given).values()])
        verifier.close()
        gateway.rotate()
        verifier = Verifier(**gateway.options)
        after = verifier.authenticate([*gateway.headers(**given).values()])
        verifier.close()

    assert before is not None
    assert after is not None
    assert (before.kind, before.subject) == ("person", "ana")
    assert before.client_id == given.get("client", before.client_id)
    assert before.roles == set(given.get("roles", ()))
    assert after.key_id != before.key_id or after.key_id is None


def caller_of(gateway: LocalGateway) -> dict[str, Any]:
    """Return as much of a caller as the tokens of this gateway have claims for."""
    client = {"client": "app"} if gateway.form.client else {}
    roles = {"roles": ["a", "b"]} if gateway.gateway.names.roles else {}
    return {"user": "ana", **client, **roles}


@pytest.mark.parametrize("form", [name for name in FORMS if FORMS[name].names_keys])
def test_a_rotated_key_is_fetched_by_an_app_that_runs(form: str) -> None:
    with LocalGateway(form=form) as gateway:
        verifier = Verifier(**gateway.options)
        verifier.verify(gateway.assertion(user="ana"))
        gateway.rotate()

        assert verifier.verify(gateway.assertion(user="bob")).subject == "bob"
        verifier.close()


SERVICES = {
    "standard": (None, "robot"),
    "google-iap": ("robot", None),
    "cloudflare-access": (None, "robot"),
    "teleport": ("bot-robot", None),
    "oathkeeper": ("robot", "robot"),
    "bearer": ("robot", "robot"),
}
"""The subject and the client of a service's token."""


@pytest.mark.parametrize("form", [name for name in FORMS if FORMS[name].service is not None])
def test_a_service_is_known_as_one_by_the_client_or_subject_of_its_gateway(form: str) -> None:
    with LocalGateway(form=form) as gateway:
        principal = Verifier(**gateway.options).verify(gateway.assertion(service="robot"))

    assert principal.kind == "service"
    expected = SERVICES.get(form, ("admin@carbon.super", "robot"))
    assert (principal.subject, principal.client_id) == expected


@pytest.mark.parametrize("form", [name for name in FORMS if FORMS[name].service is None])
def test_a_gateway_of_people_only_has_no_token_of_a_service(form: str) -> None:
    with pytest.raises(ValueError, match="of people only"):
        LocalGateway(form=form).assertion(service="robot")


def test_a_service_has_no_user_and_no_client_beside_it() -> None:
    gateway = LocalGateway("bearer", issuer="https://idp.example.com")

    with pytest.raises(ValueError, match="leave out client and user"):
        gateway.assertion("app", service="robot")
    with pytest.raises(ValueError, match="leave out client and user"):
        gateway.assertion(user="ana", service="robot")


@pytest.mark.parametrize("form", [name for name in FORMS if not FORMS[name].client])
def test_a_client_that_no_claim_of_a_person_s_token_names_is_an_error(form: str) -> None:
    with pytest.raises(ValueError, match="write service="):
        LocalGateway(form=form).assertion("app", "ana")


def test_issuer_audience_and_signer_of_one_s_own_are_in_tokens_and_options() -> None:
    arn = "arn:aws-us-gov:elasticloadbalancing:us-gov-west-1:210987654321:loadbalancer/app/x/0f"
    with LocalGateway("aws-alb", issuer="https://own.example", signer=arn) as gateway:
        options = gateway.options
        principal = Verifier(**options).verify(gateway.assertion())

        assert (options["signer"], options["issuer"]) == (arn, "https://own.example")
        assert (principal.claims["signer"], principal.issuer) == (arn, "https://own.example")
    with LocalGateway("teleport", audience="http://127.0.0.1:9") as gateway:
        principal = Verifier(**gateway.options).verify(gateway.assertion())

        assert gateway.options["audience"] == "http://127.0.0.1:9"
        assert principal.claims["aud"] == ("http://127.0.0.1:9",)


@pytest.mark.parametrize("form", ["cloudflare-access", "bearer"])
def test_keys_that_follow_from_the_issuer_are_left_to_the_preset(form: str) -> None:
    with LocalGateway(form) as gateway:
        assert "keys" not in gateway.options
        assert gateway.options["issuer"] == gateway.origin
    with LocalGateway(form, issuer="https://idp.example.com") as gateway:
        assert gateway.options["keys"] == gateway.keys_url


def test_the_header_holds_the_scheme_where_the_gateway_writes_one() -> None:
    with LocalGateway("bearer") as gateway:
        [(name, value)] = gateway.headers().items()
        assert (name, value[:10]) == ("Authorization", "Bearer eyJ")
    [(name, value)] = LocalGateway("pomerium").headers().items()
    assert (name, value[:3]) == ("X-Pomerium-Jwt-Assertion", "eyJ")


def test_a_wso2_assertion_carries_the_gateway_s_claims(local: LocalGateway) -> None:
    verifier = Verifier(**local.options)
    claims = verifier.verify(local.assertion(roles=["a", "b"], mine=1)).claims

    assert claims["http://wso2.org/claims/role"] == "a,b"
    assert claims["http://wso2.org/claims/enduser"] == "someone@carbon.super"
    assert claims["iss"] == "wso2.org/products/am"
    assert claims["mine"] == 1


def test_a_role_that_holds_the_separator_stays_one_role(local: LocalGateway) -> None:
    verifier = Verifier(**local.options)

    assert verifier.verify(local.assertion(roles=["a,b"])).roles == {"a,b"}


def test_a_claim_that_is_none_is_taken_away(local: LocalGateway) -> None:
    verifier = Verifier(**local.options)

    assert "iss" not in verifier.verify(local.assertion(iss=None)).claims


def test_a_negative_lifetime_has_expired(local: LocalGateway) -> None:
    with pytest.raises(TokenExpired):
        Verifier(**local.options).verify(local.assertion(lifetime=-60))


@pytest.mark.parametrize("given", [{"permissions": ["p"]}, {"attributes": {"a": "b"}}])
def test_what_no_claim_holds_is_an_error_and_not_dropped(
    local: LocalGateway, given: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="clients="):
        local.assertion(**given)


def test_one_text_for_the_roles_is_an_error(local: LocalGateway) -> None:
    with pytest.raises(ValueError, match="not one text"):
        local.assertion(roles="admin")


def test_a_client_s_values_stand_in_the_claims_that_its_entry_names() -> None:
    with LocalGateway(clients=CLIENTS) as gateway:
        verifier = Verifier(**gateway.options)
        stark = verifier.verify(
            gateway.assertion(
                "stark_ind",
                roles=["stark_homeowner"],
                permissions=["control_stark_devices"],
                attributes={"device_type": "stark_lamp"},
            )
        )
        globex = verifier.verify(gateway.assertion("globex_ind"))

    assert stark.roles == {"stark_homeowner"}
    assert stark.claims["starkUserRole"] == ("stark_homeowner",)
    assert stark.permissions == {"control_stark_devices"}
    assert stark.attributes == {"device_type": "stark_lamp"}
    assert globex.attributes["access_level"] == "globex_level1"


def test_every_client_of_the_demo_has_an_assertion_without_a_word_more() -> None:
    with LocalGateway(clients=ClientRegistry(CLIENTS)) as gateway:
        verifier = Verifier(**gateway.options)
        for client in ClientRegistry(CLIENTS).clients:
            assert verifier.verify(gateway.assertion(client.client_id)).client_id


def test_required_claims_of_any_type_are_filled() -> None:
    client = Client(
        "acme",
        namespace="acme",
        roles=("r",),  # type: ignore[arg-type]
        required=("r", "n", "l", "s", "plain"),
        attributes={
            "n": Attribute("n", type="integer"),
            "l": Attribute("l", type="list"),
            "s": Attribute("s", namespaced=True),
        },
        trust=ClientTrust(issuer="https://acme.example", audience="us"),
    )
    with LocalGateway(clients=ClientRegistry([client])) as gateway:
        principal = Verifier(**gateway.options).verify(gateway.assertion("acme"))

    assert principal.attributes == {"n": 1, "l": (), "s": "acme_value"}
    assert principal.issuer == "https://acme.example"


def test_an_attribute_that_the_entry_does_not_name_is_an_error() -> None:
    gateway = LocalGateway(clients=CLIENTS)

    with pytest.raises(ValueError, match="there are: access_level, department"):
        gateway.assertion("globex_ind", attributes={"level": "x"})
    with pytest.raises(ValueError, match="roles"):
        gateway.assertion("globex_ind", roles=["globex_admin"])


def test_header_and_api_are_in_the_options_of_a_middleware() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"served"]

    with LocalGateway(header="X-Gateway", api="/orders/1.0") as gateway:
        door = JWTMiddleware(app, **gateway.options)
        (name,) = gateway.headers()

        assert (name, door.middleware.headers.names) == ("X-Gateway", ("X-Gateway",))
        assert Verifier(**gateway.verifier_options).verify(gateway.assertion())


def test_the_endpoint_starts_when_it_is_needed_and_ends_with_the_block(
    threads_started: list[threading.Thread],
) -> None:
    with LocalGateway() as gateway:
        gateway.assertion()
        assert threads_started == []
        url = gateway.jwks_url
        assert url == gateway.jwks_url
        with pytest.raises(urllib.error.HTTPError) as missing:
            fetch(url + "/other")
        missing.value.close()

    with pytest.raises(urllib.error.URLError):
        fetch(url)
    for thread in threads_started:
        thread.join(10)  # one that has just answered
        assert not thread.is_alive()


def test_the_published_keys_are_those_of_now(local: LocalGateway) -> None:
    old = local.key.key_id
    local.rotate()
    both = [key["kid"] for key in fetch(local.jwks_url)["keys"]]
    local.retire()
    newest = [key["kid"] for key in fetch(local.jwks_url)["keys"]]

    assert both == [old, local.key.key_id]
    assert newest == [local.key.key_id]


def test_a_retired_key_s_tokens_are_refused_by_who_fetches_anew(local: LocalGateway) -> None:
    token = local.assertion()
    local.rotate()
    still = Verifier(**local.options).verify(token)
    local.retire()

    assert still.subject == "someone@carbon.super"
    with pytest.raises((UnknownKey, BadSignature)):
        Verifier(**local.options).verify(token)


@pytest.mark.parametrize("fault", ["down", "slow", "garbage"])
def test_while_it_fails_there_are_no_keys_and_afterwards_there_are(
    local: LocalGateway, fault: str
) -> None:
    local.fail(fault)
    verifier = Verifier(**{**local.options, "keys": impatient(local.jwks_url)})
    with pytest.raises(KeysUnavailable):
        verifier.verify(local.assertion())
    verifier.close()
    local.recover()

    assert Verifier(**local.options).verify(local.assertion())


def impatient(url: str) -> Any:
    return jwt_middleware.JWKSEndpoint(url, deadline=0.2, wait_budget=0.2)


def test_no_other_fault_is_known(local: LocalGateway) -> None:
    with pytest.raises(ValueError, match="down, slow, garbage"):
        local.fail("sideways")
