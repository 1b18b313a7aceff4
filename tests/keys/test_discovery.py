"""Keys by an issuer's metadata: only the issuer that was asked for, only from its own origin."""

from __future__ import annotations

import time
from typing import Any

import pytest

from jwt_middleware import ANY, Client, ClientRegistry, Issuer, Verifier
from jwt_middleware.authorization.clients import ClientTrust
from jwt_middleware.errors import ConfigurationError, InvalidClaim, KeysUnavailable, UnknownKey
from jwt_middleware.events.kinds import KeyFetchFailed
from jwt_middleware.keys.discovery import Discovery, issuer_and_metadata
from jwt_middleware.keys.option import key_source
from jwt_middleware.testing import SigningKey, mint

from ..conftest import Clock
from ..key_server import Exchange, KeyServer, Script, document, hang, redirect, status
from ..kit import Events
from .conftest import published

OPENID = "/.well-known/openid-configuration"
RFC8414 = "/.well-known/oauth-authorization-server"


def site(
    key_server: KeyServer, *keys: SigningKey, path: str = "", at: str | None = None, **changes: Any
) -> str:
    """Serve an issuer's metadata and its keys; return the issuer. ``changes`` are members."""
    issuer = key_server.origin + path
    metadata = {"issuer": issuer, "jwks_uri": key_server.origin + "/keys", **changes}
    answers = {
        at or path + OPENID: document({k: v for k, v in metadata.items() if v is not None}),
        "/keys": document(published(*keys)),
    }
    key_server.script = lambda exchange: answers.get(exchange.path, status(404))(exchange)
    return issuer


def reading(keys: Any, events: Events | None = None, **options: Any) -> Verifier:
    listeners = [events if events is not None else Events()]
    return Verifier(keys=keys, gateway="standard", listeners=listeners, **options)


def token(key: SigningKey, issuer: str | None, **claims: Any) -> str:
    named = {} if issuer is None else {"iss": issuer}
    return mint(key, {**named, **claims}, form="standard")


def failure_of(keys: Discovery, key: SigningKey) -> str:
    events = Events()
    with pytest.raises(KeysUnavailable):
        reading(keys, events).verify(token(key, keys.issuer))
    [failure] = events.of(KeyFetchFailed)
    reason: str = failure.reason
    return reason


@pytest.mark.parametrize("path", ["", "/", "/realms/a"])
def test_an_issuer_s_keys_are_found_by_its_metadata(
    key_server: KeyServer, old_key: SigningKey, path: str
) -> None:
    issuer = site(key_server, old_key, path=path, at=path.rstrip("/") + OPENID)

    assert reading(Discovery(issuer)).verify(token(old_key, issuer)).key_id == "old"
    assert [each["path"] for each in key_server.requests] == [path.rstrip("/") + OPENID, "/keys"]


@pytest.mark.parametrize("path", ["", "/realms/a"])
def test_rfc_8414_metadata_stands_between_the_host_and_the_issuer_s_path(
    key_server: KeyServer, old_key: SigningKey, path: str
) -> None:
    issuer = site(key_server, old_key, path=path, at=RFC8414 + path)
    source = key_source(key_server.origin + RFC8414 + path)

    assert isinstance(source, Discovery)
    assert source.issuer == issuer
    assert reading(source).verify(token(old_key, issuer)).key_id == "old"


def test_keys_may_be_the_url_of_the_metadata(key_server: KeyServer, old_key: SigningKey) -> None:
    issuer = site(key_server, old_key, path="/realms/a")

    assert reading(issuer + OPENID).verify(token(old_key, issuer)).issuer == issuer


@pytest.mark.parametrize(
    ("url", "issuer", "metadata"),
    [
        ("https://a", "https://a", "https://a" + OPENID),
        ("https://a/", "https://a/", "https://a" + OPENID),
        ("https://a/t/b", "https://a/t/b", "https://a/t/b" + OPENID),
        ("https://a/t" + OPENID, "https://a/t", "https://a/t" + OPENID),
        ("https://a" + RFC8414, "https://a", "https://a" + RFC8414),
        ("https://a" + RFC8414 + "/t/b", "https://a/t/b", "https://a" + RFC8414 + "/t/b"),
    ],
)
def test_an_issuer_and_the_url_of_its_metadata_tell_each_other(
    url: str, issuer: str, metadata: str
) -> None:
    assert issuer_and_metadata(url) == (issuer, metadata)


@pytest.mark.parametrize(
    "named", ["https://evil.example.com", "", None, 5, ["a"], "{issuer}/", "{issuer}#"], ids=str
)
def test_mix_up_metadata_of_another_issuer_is_refused(
    key_server: KeyServer, old_key: SigningKey, named: Any
) -> None:
    if isinstance(named, str):
        named = named.format(issuer=key_server.origin)
    issuer = site(key_server, old_key, issuer=named)

    assert "another issuer" in failure_of(Discovery(issuer), old_key)
    assert len(key_server.requests) == 1


@pytest.mark.parametrize(
    ("jwks_uri", "reason"),
    [
        ("https://evil.example.com/keys", "another origin"),
        ("http://127.0.0.1:1/keys", "another origin"),
        ("http://localhost:{port}/keys", "another origin"),
        ("https://127.0.0.1:{port}/keys", "another origin"),
        ("http://evil.example.com/keys", "not acceptable"),
        ("http://127.0.0.1:{port}@evil.example.com/keys", "not acceptable"),
        ("file:///etc/passwd", "not acceptable"),
        ("data:application/json,{{}}", "not acceptable"),
        ("/keys", "not acceptable"),
        ("", "not acceptable"),
        (None, "without a jwks_uri"),
        (["http://127.0.0.1:{port}/keys"], "without a jwks_uri"),
    ],
    ids=str,
)
def test_ssrf_a_jwks_uri_that_is_not_of_the_issuer_s_origin_is_not_fetched(
    key_server: KeyServer, old_key: SigningKey, jwks_uri: Any, reason: str
) -> None:
    if isinstance(jwks_uri, str):
        jwks_uri = jwks_uri.format(port=key_server.origin.rpartition(":")[2])
    issuer = site(key_server, old_key, jwks_uri=jwks_uri)

    assert reason in failure_of(Discovery(issuer), old_key)
    assert len(key_server.requests) == 1


FAULTS: dict[str, tuple[Script, str]] = {
    "status-500": (status(500), "status 500"),
    "sign-in-page": (document(b"<html>zeta"), "metadata that is no strict JSON object"),
    "empty": (status(200), "metadata that is no strict JSON object"),
    "redirect": (redirect("https://evil.example.com" + OPENID), "status 302"),
    "too-large": (status(200, b" " * 600_000), "more than"),
    "hang": (hang, "within"),
}


@pytest.mark.parametrize("script, reason", FAULTS.values(), ids=FAULTS)
def test_metadata_that_cannot_be_had_is_an_outage_whose_reason_is_reported(
    key_server: KeyServer, old_key: SigningKey, script: Script, reason: str
) -> None:
    key_server.script = script

    told = failure_of(Discovery(key_server.origin, deadline=0.3), old_key)
    assert reason in told
    assert "zeta" not in told


def test_metadata_and_keys_share_one_deadline(key_server: KeyServer, old_key: SigningKey) -> None:
    issuer = site(key_server, old_key)
    metadata = key_server.script

    def slow(exchange: Exchange) -> None:
        if exchange.server.owner.ended.wait(1.0):
            return
        metadata(exchange)

    key_server.script = slow
    begun = time.monotonic()

    assert "within" in failure_of(Discovery(issuer, deadline=1.2), old_key)
    assert time.monotonic() - begun < 1.9


def test_a_rotation_that_moves_the_jwks_uri_is_followed(
    key_server: KeyServer, old_key: SigningKey, new_key: SigningKey
) -> None:
    issuer = site(key_server, old_key)
    verifier = reading(Discovery(issuer))
    verifier.verify(token(old_key, issuer))
    moved = {
        OPENID: document({"issuer": issuer, "jwks_uri": issuer + "/moved"}),
        "/moved": document(published(new_key)),
    }
    key_server.script = lambda exchange: moved.get(exchange.path, status(404))(exchange)

    assert verifier.verify(token(new_key, issuer)).key_id == "new"
    with pytest.raises(UnknownKey):
        verifier.verify(token(old_key, issuer))


def test_an_outage_of_the_metadata_alone_keeps_the_good_keys(
    key_server: KeyServer, clock: Clock, old_key: SigningKey
) -> None:
    issuer = site(key_server, old_key)
    source = Discovery(issuer, clock=clock)
    verifier = reading(source)
    verifier.verify(token(old_key, issuer))
    key_server.script = status(503)
    clock.now += 301
    source.snapshot()
    flight = source._flight.running
    assert flight is None or flight.wait(5)

    assert verifier.verify(token(old_key, issuer, n=1)).key_id == "old"
    assert source.health()["last_error"] == "status 503, 200 was expected"


@pytest.mark.parametrize("named", ["https://evil.example.com", None, "{issuer}/"], ids=str)
def test_a_token_of_another_issuer_is_refused_although_the_key_is_right(
    key_server: KeyServer, old_key: SigningKey, named: str | None
) -> None:
    issuer = site(key_server, old_key)
    name = None if named is None else named.format(issuer=issuer)

    with pytest.raises(InvalidClaim) as refusal:
        reading(Discovery(issuer)).verify(token(old_key, name))
    assert refusal.value.claim == "iss"


def test_the_configured_issuer_must_be_the_one_that_was_asked_for() -> None:
    for keys in (Discovery("https://a.example.edu"), "https://a.example.edu" + OPENID):
        with pytest.raises(ConfigurationError, match=r"issuer: the keys are those of https://a\."):
            reading(keys, issuer="https://b.example.edu")
        with pytest.raises(ConfigurationError, match="issuer"):
            reading(None, issuers=[Issuer("https://b.example.edu", keys=keys)])

    with pytest.raises(ConfigurationError, match="issuer"):
        reading(Discovery("https://a.example.edu"), issuer="https://a.example.edu/")


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_metadata_says_whether_its_issuer_ends_in_a_slash(
    key_server: KeyServer, old_key: SigningKey, slash: str
) -> None:
    """Auth0's, Authentik's and Entra's do; the metadata's URL is the same either way."""
    issuer, other = key_server.origin + slash, key_server.origin + ("" if slash else "/")
    metadata = document({"issuer": issuer, "jwks_uri": key_server.url})
    keys = document(published(old_key))
    key_server.script = lambda e: (keys if e.path == "/jwks" else metadata)(e)
    url = key_server.origin + OPENID

    assert reading(url).verify(token(old_key, issuer)).issuer == issuer
    assert reading(url, issuer=issuer).verify(token(old_key, issuer)).issuer == issuer
    assert reading([url, old_key.jwks()]).verify(token(old_key, issuer)).issuer == issuer
    for options in ({}, {"issuer": other}, {"issuer": [other, issuer]}):
        with pytest.raises(InvalidClaim):
            reading(url, **options).verify(token(old_key, other))


@pytest.mark.parametrize("slash", ["", "/"])
def test_what_inherits_the_issuer_spells_it_as_the_metadata_does(
    key_server: KeyServer, old_key: SigningKey, other_rsa_key: SigningKey, slash: str
) -> None:
    """The verifier of originals, and those of clients with an audience or keys of their own."""
    issuer = key_server.origin + slash
    metadata = document({"issuer": issuer, "jwks_uri": key_server.url})
    keys = document(published(old_key))
    key_server.script = lambda e: (keys if e.path == "/jwks" else metadata)(e)
    trusts = {"a": {"audience": "mine"}, "b": {"keys": other_rsa_key.public_pem}}
    clients = [Client(name, trust=ClientTrust(**trust)) for name, trust in trusts.items()]
    verifier = reading(
        key_server.origin + OPENID, audience=ANY, clients=ClientRegistry([*clients, Client("c")])
    )
    originals = verifier.for_originals(None, ANY)

    for each in (verifier, originals):
        for name, key in (("c", old_key), ("a", old_key), ("b", other_rsa_key)):
            claims = {"iss": issuer, "client_id": name, "sub": "ana", "aud": "mine"}
            assert each.verify(mint(key, claims, form="standard")).client_id == name


def test_of_several_configured_issuers_only_the_one_of_the_keys_is_accepted(
    key_server: KeyServer, old_key: SigningKey
) -> None:
    issuer = site(key_server, old_key)
    verifier = reading(Discovery(issuer), issuer=[issuer, "https://b.example.edu"])

    assert verifier.verify(token(old_key, issuer)).issuer == issuer
    with pytest.raises(InvalidClaim):
        verifier.verify(token(old_key, "https://b.example.edu"))


def test_mix_up_keys_of_two_issuers_in_one_list_are_refused() -> None:
    """One of them could sign for the other."""
    with pytest.raises(ConfigurationError, match=r"Issuer\("):
        reading([Discovery("https://a.example.edu"), Discovery("https://b.example.edu")])


def test_keys_beside_those_of_an_issuer_are_that_issuer_s_too(
    key_server: KeyServer, old_key: SigningKey, new_key: SigningKey
) -> None:
    issuer = site(key_server, old_key)
    verifier = reading([Discovery(issuer), new_key.jwks()])

    for key in (old_key, new_key):
        assert verifier.verify(token(key, issuer)).key_id == key.key_id
        with pytest.raises(InvalidClaim):
            verifier.verify(token(key, "https://evil.example.com"))


@pytest.mark.parametrize(
    "url",
    ["http://login.example.edu", "ftp://login.example.edu", "login.example.edu", "", "https://"],
)
def test_an_issuer_that_keys_must_not_come_from_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError):
        Discovery(url)
