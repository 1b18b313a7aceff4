"""The registry as a verifier uses it: reloaded whole, kept where it is broken, and told of."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import Client, ClientRegistry, ConfigurationError, Verifier, files
from jwt_middleware.authorization import Clients, ClientTrust
from jwt_middleware.errors import ClientDisabled, ClientMismatch, RequestError, UnknownClient
from jwt_middleware.events import (
    ClientsKept,
    ClientsLoaded,
    ConfigurationWarning,
    Event,
    KeysLoaded,
    Refused,
    ValuesDropped,
    Verified,
)
from jwt_middleware.roster import RosterMaker
from jwt_middleware.testing import SigningKey, mint
from jwt_middleware.trust import Trust
from jwt_middleware.verification import KeySet, KeySource
from jwt_middleware.verification.key_sources import JWKSDocument
from jwt_middleware.verifier_options import trusts_of

ALL = '[clients.a]\nnamespace = "acme"\nroles = ["roles"]\n[clients.b]\n'


class Registry:
    """A registry file, a verifier that watches it, and what the verifier has told."""

    def __init__(self, folder: Path, key: SigningKey, text: str = ALL, **options: Any) -> None:
        self.path = folder / "clients.toml"
        self.path.write_text(text)
        self.key = key
        self.heard: list[Event] = []
        options = {"gateway": "standard", "keys": key.public_pem} | options
        self.verifier = Verifier(**options, clients=self.path, listeners=[self.heard.append])

    def write(self, text: str) -> None:
        """Replace the file whole, and wait until the verifier has moved, or has said why not."""
        told = len(self.told(ClientsLoaded, ClientsKept))
        beside = self.path.with_suffix(".new")
        beside.write_text(text)
        beside.replace(self.path)
        assert soon(
            lambda: (
                bool(self.verifier.clients) and len(self.told(ClientsLoaded, ClientsKept)) > told
            )
        )

    def told(self, *kinds: type) -> list[Any]:
        return [event for event in self.heard if isinstance(event, kinds)]

    def token(self, client_id: str, key: SigningKey | None = None, **claims: Any) -> str:
        return mint(key or self.key, {"client_id": client_id, **claims}, form="standard")


def soon(holds: Callable[[], bool]) -> bool:
    ends = time.monotonic() + 3
    while not holds():
        if time.monotonic() > ends:
            return False
        time.sleep(0.005)
    return True


def verifies(registry: Registry, token: str) -> bool:
    try:
        registry.verifier.verify(token)
    except RequestError:
        return False
    return True


@pytest.fixture(autouse=True)
def _look_at_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LOOK_EVERY", 0.0)


@pytest.fixture
def registry(tmp_path: Path, rsa_key: SigningKey) -> Registry:
    return Registry(tmp_path, rsa_key)


@pytest.fixture(scope="module")
def own_key() -> SigningKey:
    return SigningKey("RS256")


# --- reloads ---------------------------------------------------------------------------------


def test_a_client_that_is_switched_off_is_refused_with_a_token_that_was_cached(
    registry: Registry,
) -> None:
    token = registry.token("b")
    assert registry.verifier.verify(token) is registry.verifier.verify(token)
    registry.write(ALL + "enabled = false\n")

    for _ in range(2):
        with pytest.raises(ClientDisabled):
            registry.verifier.verify(token)


def test_a_cached_token_gets_the_new_grants_and_is_cached_again(registry: Registry) -> None:
    token = registry.token("a", roles=["acme_x"], groups=["acme_y"])
    assert registry.verifier.verify(token).roles == {"acme_x"}
    registry.write(ALL.replace('["roles"]', '["groups"]'))

    assert registry.verifier.verify(token).roles == {"acme_y"}
    assert registry.verifier.verify(token) is registry.verifier.verify(token)
    assert [event.cached for event in registry.told(Verified)] == [False, False, True, True]


def test_a_client_that_is_gone_is_unknown_and_a_new_one_is_known(registry: Registry) -> None:
    old, new = registry.token("b"), registry.token("c")
    registry.verifier.verify(old)
    with pytest.raises(UnknownClient):
        registry.verifier.verify(new)
    registry.write("[clients.c]\n")

    assert registry.verifier.verify(new).client_id == "c"
    with pytest.raises(UnknownClient):
        registry.verifier.verify(old)


def test_a_principal_keeps_what_it_was_granted(registry: Registry) -> None:
    principal = registry.verifier.verify(registry.token("a", roles=["acme_x"]))
    registry.write("[clients.a]\n")

    assert principal.roles == {"acme_x"}


@pytest.mark.parametrize("broken", ["[clients", "[clients.b]\nx = 1\n", "", "[clients]\n"])
def test_a_broken_edit_keeps_what_served_and_tells(registry: Registry, broken: str) -> None:
    token = registry.token("b")
    before = registry.verifier.verify(token)
    registry.write(broken)

    assert registry.verifier.verify(token) is before
    assert len(registry.verifier.clients or ()) == 2
    [kept] = registry.told(ClientsKept)
    assert kept.source == str(registry.path)
    assert kept.reason.startswith(f"{registry.path}: ")
    registry.write("[clients.c]\n")
    with pytest.raises(UnknownClient):
        registry.verifier.verify(token)


def test_a_client_that_becomes_bound_is_proven_anew(
    registry: Registry, own_key: SigningKey
) -> None:
    gateways = registry.token("b")
    registry.verifier.verify(gateways)
    (registry.path.parent / "own.pem").write_text(own_key.public_pem)
    registry.write(ALL + 'trust.keys = "own.pem"\n')

    with pytest.raises(ClientMismatch):
        registry.verifier.verify(gateways)
    assert registry.verifier.verify(registry.token("b", own_key)).client_id == "b"
    registry.write(ALL)
    assert registry.verifier.verify(gateways).client_id == "b"
    assert not verifies(registry, registry.token("b", own_key))


@pytest.mark.parametrize("content", [None, "no key", ""])
def test_an_edit_that_names_a_broken_key_file_keeps_the_whole_registry(
    registry: Registry, content: str | None
) -> None:
    if content is not None:
        (registry.path.parent / "own.pem").write_text(content)
    registry.write('[clients.b]\ntrust.keys = "own.pem"\n[clients.c]\n')

    [kept] = registry.told(ClientsKept)
    assert "clients.b.trust: keys" in kept.reason
    assert registry.verifier.verify(registry.token("b")).client_id == "b"
    with pytest.raises(UnknownClient):
        registry.verifier.verify(registry.token("c"))


def test_a_key_file_that_comes_after_the_edit_that_names_it_mends_the_registry(
    registry: Registry, own_key: SigningKey
) -> None:
    registry.write('[clients.b]\ntrust.keys = "own.pem"\n')
    assert len(registry.told(ClientsKept)) == 1
    (registry.path.parent / "own.pem").write_text(own_key.public_pem)

    assert soon(lambda: verifies(registry, registry.token("b", own_key)))
    assert not verifies(registry, registry.token("b"))


def test_other_keys_in_an_entry_replace_its_keys(
    tmp_path: Path, rsa_key: SigningKey, own_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    for name, key in (("one.pem", own_key), ("two.pem", other_rsa_key)):
        (tmp_path / name).write_text(key.public_pem)
    registry = Registry(tmp_path, rsa_key, '[clients.b]\ntrust.keys = "one.pem"\n')
    one, two = registry.token("b", own_key), registry.token("b", other_rsa_key)
    registry.verifier.verify(one)
    registry.write('[clients.b]\ntrust.keys = "two.pem"\n')

    assert verifies(registry, two)
    assert not verifies(registry, one)


def test_an_edit_of_another_entry_does_not_load_a_clients_keys_again(
    tmp_path: Path, rsa_key: SigningKey, own_key: SigningKey
) -> None:
    (tmp_path / "own.pem").write_text(own_key.public_pem)
    bound = '[clients.b]\ntrust.keys = "own.pem"\n'
    registry = Registry(tmp_path, rsa_key, bound)
    assert len(registry.told(KeysLoaded)) == 2
    registry.write(bound + "[clients.c]\n")
    registry.write(bound + 'name = "B"\n')

    assert len(registry.told(KeysLoaded)) == 2
    assert registry.verifier.verify(registry.token("b", own_key)).client_id == "b"


def test_a_clients_key_file_is_watched_too(
    tmp_path: Path, rsa_key: SigningKey, own_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    (tmp_path / "own.pem").write_text(own_key.public_pem)
    registry = Registry(tmp_path, rsa_key, '[clients.b]\ntrust.keys = "own.pem"\n')
    one, two = registry.token("b", own_key), registry.token("b", other_rsa_key)
    registry.verifier.verify(one)
    (tmp_path / "new.pem").write_text(other_rsa_key.public_pem)
    (tmp_path / "new.pem").replace(tmp_path / "own.pem")

    assert soon(lambda: verifies(registry, two))
    assert not verifies(registry, one)


# --- trusts ----------------------------------------------------------------------------------


class Source(KeySource):
    """Keys that know whether they were closed."""

    def __init__(self, key: SigningKey) -> None:
        self.inner = JWKSDocument(key.jwks())
        self.closed = 0

    def snapshot(self) -> KeySet:
        return self.inner.snapshot()

    def close(self) -> None:
        self.closed += 1


def test_a_trust_goes_on_while_its_entry_stays_and_is_closed_when_it_goes(
    rsa_key: SigningKey, own_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    gateways, one, two = Source(rsa_key), Source(own_key), Source(other_rsa_key)
    trusts: dict[str | None, Trust] = trusts_of(
        {"keys": gateways, "gateway": "standard"}, lambda event: None, time.time
    )
    maker = RosterMaker(trusts, lambda event: None, lambda: None)
    by_issuer = Client("i", trust=ClientTrust(issuer="https://i"))
    bound = Client("b", trust=ClientTrust(one))
    before = maker.make(Clients([bound, by_issuer]))
    named = Client("b", name="B", trust=ClientTrust(one))
    after = maker.make(Clients([Client("c"), named, by_issuer]))

    assert after.bound["b"] is before.bound["b"]
    assert after.bound["i"] is before.bound["i"]
    assert one.closed == 0
    changed = maker.make(Clients([Client("b", trust=ClientTrust(two)), Client("i")]))
    assert set(changed.bound) == {"b"}
    assert changed.bound["b"] is not before.bound["b"]
    assert (one.closed, two.closed, gateways.closed) == (1, 0, 0)
    with pytest.raises(ConfigurationError):
        maker.make(Clients([Client("b", trust=ClientTrust("none.pem"))]))
    assert two.closed == 0
    assert maker.make(Clients([Client("b", trust=ClientTrust(two))])).bound["b"].keys.source is two
    maker.make(Clients([Client("b")]))
    assert (one.closed, two.closed, gateways.closed) == (1, 1, 0)


def test_health_names_every_source_of_keys_once(rsa_key: SigningKey, own_key: SigningKey) -> None:
    clients = [
        Client("i", trust=ClientTrust(issuer="https://i")),
        Client("j", trust=ClientTrust(audience="me")),
        Client("b", trust=ClientTrust(own_key.public_pem)),
    ]
    verifier = Verifier(keys=rsa_key.public_pem, clients=ClientRegistry(clients))

    assert verifier.health()["clients"] == 3
    assert len(verifier.health()["sources"]) == 2


# --- what is told ----------------------------------------------------------------------------


def test_each_reading_is_told_once(registry: Registry) -> None:
    source = str(registry.path)
    assert registry.told(ClientsLoaded) == [ClientsLoaded(source, 2)]
    registry.write("[clients.a]\n")
    for _ in range(5):
        registry.verifier.verify(registry.token("a"))

    assert registry.told(ClientsLoaded) == [ClientsLoaded(source, 2), ClientsLoaded(source, 1)]


def test_two_clients_of_one_namespace_are_warned_of(tmp_path: Path, rsa_key: SigningKey) -> None:
    shared = "".join(f'[clients.{each}]\nnamespace = "acme"\n' for each in "ab") + "[clients.c]\n"
    registry = Registry(tmp_path, rsa_key, shared)
    warnings = [each.reason for each in registry.told(ConfigurationWarning)]

    assert len([each for each in warnings if "a, b share the namespace 'acme'" in each]) == 1


def test_a_refusal_tells_the_client_only_when_it_is_proven(
    rsa_key: SigningKey, own_key: SigningKey, tmp_path: Path
) -> None:
    (tmp_path / "own.pem").write_text(own_key.public_pem)
    registry = Registry(tmp_path, rsa_key, '[clients.b]\ntrust.keys = "own.pem"\n[clients.c]\n')
    for key, client_id in ((rsa_key, "nobody"), (rsa_key, "b"), (own_key, "c")):
        with pytest.raises(RequestError):
            registry.verifier.verify(registry.token(client_id, key, sub="u"))
    proven, *others = [(e.code, e.client_id, e.subject) for e in registry.told(Refused)]

    assert proven == ("unknown_client", "nobody", "u")
    assert others[0] == ("client_mismatch", None, None)
    assert others[1][1:] == (None, None)


def test_dropped_values_are_counted_and_stand_in_no_event_and_no_line(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    raw = registry.token("a", roles=["acme_x", "zeta_1", "zeta_2"], sub="u", jti="t")
    with caplog.at_level(logging.DEBUG):
        assert registry.verifier.verify(raw).roles == {"acme_x"}
        assert registry.verifier.verify(raw).roles == {"acme_x"}

    assert registry.told(ValuesDropped) == [
        ValuesDropped("a", "roles", 2, "namespace", "u", "t", None)
    ]
    assert "zeta" not in repr(registry.heard)
    assert "zeta" not in caplog.text
    assert "values=2" in caplog.text
