"""Metadata at URLs that do not follow from the issuer, and keys on another host than it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from jwt_middleware import Discovery, Issuer, Verifier
from jwt_middleware.errors import ConfigurationError, InvalidClaim, KeysUnavailable
from jwt_middleware.keys.discovery import issuer_and_metadata
from jwt_middleware.keys.option import key_source
from jwt_middleware.testing import SigningKey, mint

from ..key_server import KeyServer, document, status
from .conftest import published

OPENID = "/.well-known/openid-configuration"
AZURE = "/tenant/v2.0" + OPENID + "?p=b2c_1_sign_in"
WSO2 = ["/oauth2/oidcdiscovery" + OPENID, "/oauth2/token" + OPENID]


def site(key_server: KeyServer, key: SigningKey, at: str, issuer: str, **changes: Any) -> str:
    """Serve metadata of this issuer at this path, and the keys; return the metadata's URL."""
    metadata = {"issuer": issuer, "jwks_uri": key_server.origin + "/keys", **changes}
    answers = {at: document(metadata), "/keys": document(published(key))}
    key_server.script = lambda exchange: answers.get(exchange.path, status(404))(exchange)
    return key_server.origin + at


def verify(keys: Any, key: SigningKey, iss: str, **options: Any) -> str | None:
    verifier = Verifier(keys=keys, gateway="standard", **options)
    return verifier.verify(mint(key, {"iss": iss}, form="standard")).issuer


def failure(keys: Discovery, key: SigningKey, **options: Any) -> str:
    with pytest.raises(KeysUnavailable):
        verify(keys, key, "anybody", **options)
    reason: str = keys.health()["last_error"]
    return reason


@pytest.fixture
def elsewhere(old_key: SigningKey) -> Iterator[KeyServer]:
    with KeyServer(document(published(old_key))) as server:
        yield server


def test_the_query_of_a_metadata_url_is_sent_and_is_no_part_of_the_issuer(
    key_server: KeyServer, old_key: SigningKey
) -> None:
    """Azure B2C's policy stands there, and its issuer has the tenant's id in the path."""
    issuer = key_server.origin + "/0f0e0d0c/v2.0/"
    url = site(key_server, old_key, AZURE, issuer)

    assert issuer_and_metadata(url) == (key_server.origin + "/tenant/v2.0", url)
    assert verify(url, old_key, issuer, issuer=issuer) == issuer
    assert key_server.requests[0]["path"] == AZURE


@pytest.mark.parametrize("path", WSO2)
def test_wso2_s_issuer_is_its_token_endpoint(
    key_server: KeyServer, old_key: SigningKey, path: str
) -> None:
    issuer = key_server.origin + "/oauth2/token"
    url = site(key_server, old_key, path, issuer)

    assert verify(url, old_key, issuer, issuer=issuer) == issuer
    assert verify([url, SigningKey().jwks()], old_key, issuer, issuer=issuer) == issuer
    issuers = [Issuer(issuer, keys=url)]
    verifier = Verifier(issuers=issuers, gateway="standard")
    token = mint(old_key, {"iss": issuer}, form="standard")
    assert verifier.verify(token).issuer == issuer


def test_metadata_of_another_issuer_than_the_configured_one_of_that_host_is_refused(
    key_server: KeyServer, old_key: SigningKey
) -> None:
    url = site(key_server, old_key, WSO2[0], key_server.origin + "/other")
    source = Discovery(url)

    told = failure(source, old_key, issuer=key_server.origin + "/oauth2/token")
    assert "another issuer" in told
    assert key_server.origin + "/other" in told
    assert [each["path"] for each in key_server.requests] == [WSO2[0]]


def test_without_a_configured_issuer_only_the_derived_one_counts_and_the_reason_names_the_option(
    key_server: KeyServer, old_key: SigningKey
) -> None:
    issuer = key_server.origin + "/oauth2/token"
    source = Discovery(site(key_server, old_key, WSO2[0], issuer))

    assert "set issuer= to it" in failure(source, old_key)


def test_the_issuer_of_a_client_s_own_tokens_is_not_the_issuer_of_the_others(
    key_server: KeyServer, old_key: SigningKey
) -> None:
    issuer = key_server.origin + "/oauth2/token"
    source = Discovery(site(key_server, old_key, WSO2[0], issuer))
    verify(source, old_key, issuer, issuer=issuer)

    with pytest.raises(InvalidClaim):
        verify(source, old_key, issuer)


def test_an_issuer_of_another_host_needs_both_names(
    key_server: KeyServer, old_key: SigningKey
) -> None:
    """Entra's first version: login.microsoftonline.com says sts.windows.net."""
    issuer = "https://sts.example.net/tenant/"
    url = site(key_server, old_key, "/tenant" + OPENID, issuer)

    assert "name both" in failure(Discovery(url), old_key)
    with pytest.raises(ConfigurationError, match=r"Discovery\(issuer, url=\.\.\.\)"):
        verify(url, old_key, issuer, issuer=issuer)
    assert verify(Discovery(issuer, url=url), old_key, issuer) == issuer
    with pytest.raises(InvalidClaim):
        verify(Discovery(issuer, url=url), old_key, key_server.origin + "/tenant")


def test_metadata_must_name_the_issuer_that_was_named_beside_its_url(
    key_server: KeyServer, old_key: SigningKey
) -> None:
    url = site(key_server, old_key, "/a" + OPENID, key_server.origin + "/a")

    assert "another issuer" in failure(Discovery("https://sts.example.net/", url=url), old_key)


def test_a_slash_at_the_end_of_a_metadata_url_does_not_make_it_a_key_url(
    key_server: KeyServer, old_key: SigningKey
) -> None:
    url = site(key_server, old_key, "/a" + OPENID + "/", key_server.origin + "/a")

    assert isinstance(key_source(url), Discovery)
    assert verify(url, old_key, key_server.origin + "/a") == key_server.origin + "/a"


def test_keys_on_another_host_need_its_origin(
    key_server: KeyServer, old_key: SigningKey, elsewhere: KeyServer
) -> None:
    """Google's: accounts.google.com names keys of www.googleapis.com."""
    issuer = key_server.origin
    site(key_server, old_key, OPENID, issuer, jwks_uri=elsewhere.url)

    told = failure(Discovery(issuer), old_key)
    assert f"set jwks_origin='{elsewhere.origin}'" in told
    assert elsewhere.requests == []
    assert verify(Discovery(issuer, jwks_origin=elsewhere.origin), old_key, issuer) == issuer
    assert verify(Discovery(issuer, jwks_origin=elsewhere.origin + "/"), old_key, issuer) == issuer


def test_a_third_host_is_refused_although_one_is_named(
    key_server: KeyServer, old_key: SigningKey, elsewhere: KeyServer
) -> None:
    site(key_server, old_key, OPENID, key_server.origin, jwks_uri=elsewhere.url)
    source = Discovery(key_server.origin, jwks_origin="https://www.example.com")

    assert "another origin" in failure(source, old_key)
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    "origin",
    ["https://www.example.com/keys", "https://www.example.com?a", "www.example.com", "", 5,
     "http://www.example.com", "https://user:zeta@www.example.com"],
)  # fmt: skip
def test_an_origin_that_is_none_is_a_configuration_error(origin: Any) -> None:
    with pytest.raises(ConfigurationError) as fault:
        Discovery("https://accounts.example.com", jwks_origin=origin)
    assert "zeta" not in str(fault.value)


def test_the_default_port_may_be_written_or_left_out(old_key: SigningKey) -> None:
    source = Discovery("https://a.example.edu")
    metadata = b'{"issuer": "https://a.example.edu", "jwks_uri": "https://A.example.edu:443/k"}'

    assert source._jwks_uri(metadata) == "https://A.example.edu:443/k"
