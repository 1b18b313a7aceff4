"""A token that was verified before, while the deny list and all else that may end it change."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from jwt_middleware import Client, ClientRegistry, KeySource, Principal, TokenRevoked, Verifier
from jwt_middleware.authorization.clients import Clients
from jwt_middleware.background.waiting import Wait
from jwt_middleware.errors import (
    BadSignature,
    ClientDisabled,
    StoreUnavailable,
    TokenExpired,
    UnknownKey,
)
from jwt_middleware.keys.jwk import read_jwks
from jwt_middleware.keys.key_set import KeySet
from jwt_middleware.revocation import Denial
from jwt_middleware.revocation import watch as watching
from jwt_middleware.revocation.deny_list import DenyList
from jwt_middleware.testing import SigningKey

from ..conftest import Clock
from ..verification.test_issuer import Awaited
from .test_check import KEY, deny, token, verifier_of


class Rotating(KeySource):
    """A key set that is replaced whole."""

    name = "rotating"
    published = True

    def __init__(self) -> None:
        self.keys = read_jwks(KEY.jwks())

    def snapshot(self) -> KeySet:
        return self.keys

    def refresh(self, key_id: str | None = None) -> Wait | None:
        return None


class Edited(ClientRegistry):
    """A registry with a new reading, which serves a moment before anybody is told of it."""

    def watch(self, prepare: Any, heard: Any) -> Any:
        self._prepare = prepare
        self._reading = prepare(self.clients)
        return lambda: self._reading

    def edit(self, client: Client) -> None:
        self._reading = self._prepare(Clients([client]))


class Changing:
    """A verifier with all that may end a token that it has verified before."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.source = Rotating()
        self.registry = Edited([Client("kiosk")])
        self.verifier = verifier_of(clock, keys=self.source, clients=self.registry)

    def list_changes(self) -> None:
        deny(self.verifier, subject="somebody else")

    def key_goes(self) -> None:
        self.source.keys = read_jwks(SigningKey("ES256", key_id="new").jwks())

    def client_is_switched_off(self) -> None:
        self.registry.edit(Client("kiosk", enabled=False))

    def token_expires(self) -> None:
        self.clock.now += 2_000


@pytest.mark.parametrize("order", ["before", "after", "around", "never"])
@pytest.mark.parametrize(
    "end, error",
    [
        (Changing.key_goes, UnknownKey),
        (Changing.client_is_switched_off, ClientDisabled),
        (Changing.token_expires, TokenExpired),
    ],
    ids=lambda value: value.__name__,
)
def test_what_ends_a_cached_token_ends_it_however_the_deny_list_changes(
    end: Callable[[Changing], None], error: type[Exception], order: str, clock: Clock
) -> None:
    """The signature is not checked again after such a change; all else is."""
    changing = Changing(clock)
    raw = token(clock)
    changing.verifier.verify(raw)
    if order in ("before", "around"):
        changing.list_changes()
    end(changing)
    if order in ("after", "around"):
        changing.list_changes()

    for _ in range(2):
        with pytest.raises(error):
            changing.verifier.verify(raw)


@pytest.mark.parametrize("order", ["before", "after"])
def test_without_a_registry_a_key_that_is_gone_verifies_no_cached_token_either(
    order: str, clock: Clock
) -> None:
    source = Rotating()
    verifier = verifier_of(clock, keys=source)
    raw = token(clock)
    verifier.verify(raw)
    if order == "before":
        deny(verifier, subject="somebody else")
    source.keys = read_jwks(SigningKey("ES256", key_id="new").jwks())
    if order == "after":
        deny(verifier, subject="somebody else")

    with pytest.raises(UnknownKey):
        verifier.verify(raw)


def test_a_client_gets_its_new_grants_however_the_deny_list_changes(clock: Clock) -> None:
    changing = Changing(clock)
    raw = token(clock, roles=["a"])
    before = changing.verifier.verify(raw).roles
    changing.registry.edit(Client("kiosk", roles=("roles",)))
    changing.list_changes()

    assert (before, changing.verifier.verify(raw).roles) == (frozenset(), {"a"})


@pytest.mark.parametrize("change", ["list", "registry"])
def test_what_changes_while_a_token_is_judged_counts_for_the_next_request(
    change: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    changing = Changing(clock)
    raw = token(clock)
    find = DenyList.find

    def find_meanwhile(self: DenyList, *arguments: Any) -> Any:
        found = find(self, *arguments)
        monkeypatch.setattr(DenyList, "find", find)
        if change == "list":
            deny(changing.verifier, subject="jroe")
        else:
            changing.client_is_switched_off()
        return found

    monkeypatch.setattr(DenyList, "find", find_meanwhile)
    assert changing.verifier.verify(raw).subject == "jroe"

    for _ in range(2):
        with pytest.raises(TokenRevoked if change == "list" else ClientDisabled):
            changing.verifier.verify(raw)


def test_a_changed_list_lets_no_other_byte_slip(clock: Clock) -> None:
    verifier = verifier_of(clock)
    raw = token(clock)
    verifier.verify(raw)
    deny(verifier, subject="somebody else")

    with pytest.raises(BadSignature):
        verifier.verify(raw[:-4] + ("AAAA" if not raw.endswith("AAAA") else "BBBB"))


def test_what_this_process_denies_counts_at_once_and_not_at_the_next_look(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LOOK_EVERY", 60.0)
    verifier = verifier_of(clock, f"sqlite:///{tmp_path}/store.db")
    raw = token(clock)
    verifier.verify(raw)
    deny(verifier, subject="jroe")
    with pytest.raises(TokenRevoked):
        verifier.verify(raw)
    assert verifier.revocations is not None
    verifier.revocations.allow(Denial(subject="jroe"))

    assert verifier.verify(raw).subject == "jroe"
    verifier.close()


def test_a_request_waits_once_for_a_list_that_is_not_known(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = verifier_of(clock)
    look = Awaited(True)
    assert verifier.revocations is not None
    watch = verifier.revocations.watch
    monkeypatch.setattr(watch, "current", lambda: None)
    monkeypatch.setattr(watch, "next_look", lambda: look)
    steps = verifier.begin(token(clock))
    assert not isinstance(steps, Principal)
    assert next(steps) == Wait(look, 2.0, False)
    with pytest.raises(StoreUnavailable):
        verifier.verify(token(clock))

    assert look.waits == 1


def calls_of_a_hit(verifier: Verifier, raw: str) -> int:
    """Return how many Python functions a cached token goes through."""
    calls = 0

    def count(_frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        calls += event == "call"

    verifier.verify(raw)
    sys.setprofile(count)
    try:
        verifier.verify(raw)
    finally:
        sys.setprofile(None)
    verifier.close()
    return calls


@pytest.mark.parametrize("clients", [None, ClientRegistry([Client("kiosk")])], ids=["none", "some"])
def test_a_deny_list_adds_no_call_to_a_hit(clients: Any, tmp_path: Path, clock: Clock) -> None:
    raw = token(clock)
    stores = (None, f"sqlite:///{tmp_path}/store.db")
    without, with_list = (
        calls_of_a_hit(verifier_of(clock, url, clients=clients), raw) for url in stores
    )

    assert with_list == without
