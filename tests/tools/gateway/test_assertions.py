"""What the gateway says of a caller: for each API, in each generation's form, again for a while."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx2
import pytest

from jwt_middleware import UCSD, WSO2, Verifier
from jwt_middleware.keys.sources import PEM
from jwt_middleware.testing import FORMS, ClientAccount, LocalGateway, SigningKey, sample_accounts
from jwt_middleware.tools.gateway import Caller, DevelopmentGateway, assertion_of, serving
from jwt_middleware.tools.gateway.assertions import repeating

from .conftest import Site, Upstream

ACCOUNTS = sample_accounts()
SPELLINGS = [name for name in FORMS if name.startswith("wso2-") or name == "standard"]
JROE = Caller(ACCOUNTS.clients["campus_tester"], ACCOUNTS.users["jroe"])


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey()


def named_anew(key: SigningKey) -> SigningKey:
    """The same key without a name yet: each form gives its own."""
    return SigningKey.from_pem(key.private_pem, key.certificate_pem)


@pytest.mark.parametrize("form", SPELLINGS)
def test_each_form_verifies_by_its_preset_and_the_gateways_keys(key: SigningKey, form: str) -> None:
    local = LocalGateway(form, clients=ACCOUNTS.registry, key=named_anew(key))
    preset = FORMS[form].preset
    token = assertion_of(local, JROE, "/echo/1.0.0")
    principal = Verifier(keys=PEM(key.certificate_pem), gateway=preset).verify(token)

    assert principal.subject == "jroe@carbon.super"
    assert principal.view(UCSD).student_id == "A00000001"
    if preset != "standard":
        assert principal.view(WSO2).api_version == "1.0.0"
        assert principal.view(WSO2).user_type == "APPLICATION_USER"


@pytest.mark.parametrize("client_id", [each for each in ACCOUNTS.clients if "_tester" not in each])
def test_each_client_is_granted_what_its_account_says(key: SigningKey, client_id: str) -> None:
    local = LocalGateway(clients=ACCOUNTS.registry, key=named_anew(key))
    account = ACCOUNTS.clients[client_id]
    verifier = Verifier(keys=PEM(key.certificate_pem), clients=ACCOUNTS.registry)
    principal = verifier.verify(assertion_of(local, Caller(account, None), "/a/1"))

    assert principal.client_id == client_id
    assert principal.permissions == set(account.permissions)
    assert {n: str(v) for n, v in principal.attributes.items()} == dict(account.attributes)


def test_an_assertion_is_repeated_until_the_key_rotates(key: SigningKey) -> None:
    local = LocalGateway(clients=ACCOUNTS.registry, key=named_anew(key))
    assertion = repeating(local)
    first = assertion(JROE, "/a/1")

    assert assertion(JROE, "/a/1") == first
    assert assertion(JROE, "/b/1") != first
    local.rotate()
    assert assertion(JROE, "/a/1") != first


def test_two_callers_of_one_name_never_share_an_assertion(key: SigningKey) -> None:
    assertion = repeating(LocalGateway(key=named_anew(key)))
    plain = Caller(ClientAccount("shop"), None)
    granted = Caller(ClientAccount("shop", roles=("admin",)), None)
    verifier = Verifier(keys=PEM(key.certificate_pem))

    for caller, roles in ((granted, {"admin"}), (plain, set()), (granted, {"admin"})):
        assert verifier.verify(assertion(caller, "/a/1")).roles == roles


def test_a_new_access_token_has_a_new_assertion(
    key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with WSO2: who signs in again is not spoken of by what was signed before."""
    assertion = repeating(LocalGateway(key=named_anew(key)))
    before, after = Caller(ClientAccount("shop"), None), Caller(ClientAccount("shop"), None)
    first = assertion(before, "/a/1")
    later = time.time() + 5
    monkeypatch.setattr("jwt_middleware.testing.minting.time.time", lambda: later)

    assert assertion(after, "/a/1") != first
    assert assertion(before, "/a/1") == first


@pytest.fixture(scope="module")
def two_apis() -> Iterator[Site]:
    local = LocalGateway()
    first, second = Upstream(), Upstream()
    with serving(first) as one, serving(second) as two:
        upstreams = {"/shop/1.0": one, "/shop/1.0/orders": two}
        gateway = DevelopmentGateway(upstreams, ACCOUNTS, local, everyone=Caller(None, None))
        verifier = Verifier(keys=PEM(local.key.certificate_pem))
        with serving(gateway.app) as url:
            yield Site(url, second, gateway, verifier)


@pytest.mark.parametrize(
    ("path", "context"),
    [
        ("/shop/1.0", "/shop/1.0"),
        ("/shop/1.0/x", "/shop/1.0"),
        ("/shop/1.0/orders2", "/shop/1.0"),
        ("/elsewhere", "/shop/1.0"),
        ("/shop/1.0/orders", "/shop/1.0/orders"),
        ("/shop/1.0/orders/7", "/shop/1.0/orders"),
    ],
)
def test_a_request_goes_to_the_api_whose_context_its_path_lies_in(
    two_apis: Site, client: httpx2.Client, path: str, context: str
) -> None:
    two_apis.upstream.forget()
    client.get(two_apis.url + path)

    assert bool(two_apis.upstream.asked) is (context == "/shop/1.0/orders")
    if two_apis.upstream.asked:
        principal = two_apis.verifier.verify(two_apis.received()[0])
        assert principal.view(WSO2).api_context == context


def test_the_keys_are_published_and_a_rotation_with_them(client: httpx2.Client) -> None:
    local = LocalGateway("wso2-3.2")
    gateway = DevelopmentGateway({"/a/1": "http://127.0.0.1:1"}, ACCOUNTS, local)
    with serving(gateway.app) as url:
        before = client.get(url + "/jwks").json()["keys"]
        local.rotate()
        after = client.get(url + "/jwks").json()["keys"]
        local.fail("down")
        down = client.get(url + "/jwks")

    assert [each["kid"] for each in after[:1]] == [each["kid"] for each in before]
    assert len(after) == 2
    assert not any("d" in each for each in after)
    assert down.status_code == 503
