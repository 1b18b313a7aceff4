"""A verifier over its life: what it keeps, how long it waits, what it tells, and how it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from jwt_middleware import (
    Client,
    ClientRegistry,
    ConfigurationError,
    Issuer,
    Principal,
    Revocations,
    SharedSecret,
    Verifier,
)
from jwt_middleware.background import waiting
from jwt_middleware.errors import UnknownKey
from jwt_middleware.events.kinds import ConfigurationWarning, ValuesDropped
from jwt_middleware.events.record import Audit
from jwt_middleware.revocation.check import RevocationCheck
from jwt_middleware.testing import SigningKey, mint

from ..conftest import Clock, recalled
from ..revocation.test_check import unchecked
from .test_issuer import NEW, OLD, OLD_KEYS, Awaited, Source

SECRET = SigningKey("HS256")
BOTH_WAYS: dict[str, Callable[[Verifier, str], Principal]] = {
    "thread": lambda verifier, raw: verifier.verify(raw),
    "loop": lambda verifier, raw: asyncio.run(verifier.verify_async(raw)),
}
EACH_WAY = pytest.mark.parametrize("verify", BOTH_WAYS.values(), ids=BOTH_WAYS)


def verifier_of(**options: Any) -> Verifier:
    chosen: dict[str, Any] = {"keys": SharedSecret(SECRET.secret), "algorithms": "HS256"}
    return Verifier(**chosen | {"gateway": "standard"} | options)


def test_4096_tokens_are_kept_unless_cache_size_says_otherwise() -> None:
    tokens = [mint(SECRET, {"n": n}, form="standard") for n in range(4_097)]
    for options, kept in (({}, 4_096), ({"cache_size": 3}, 3)):
        verifier = verifier_of(**options)
        for token in tokens:
            verifier.verify(token)
        found = [recalled(verifier, token) is not None for token in tokens]
        assert found == [False] * (4_097 - kept) + [True] * kept


@pytest.mark.parametrize("name, least", [("cache_size", 0), ("max_token_size", 64)])
def test_a_size_has_a_least_value(name: str, least: int) -> None:
    verifier_of(**{name: least})
    with pytest.raises(ConfigurationError, match=f"^{name}: "):
        verifier_of(**{name: least - 1})


def test_a_token_of_just_the_greatest_size_is_verified_and_kept() -> None:
    token = mint(SECRET, {}, form="standard")
    verifier = verifier_of(max_token_size=len(token))
    principal = verifier.verify(token)

    assert recalled(verifier, token) is principal
    assert recalled(verifier, token.encode()) is principal


@EACH_WAY
def test_a_request_that_waits_twice_has_one_budget(
    verify: Callable[[Verifier, str], Principal], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, waited = Clock(100.0), []
    monkeypatch.setattr(waiting.time, "monotonic", clock)

    class Slow(Awaited):
        def wait(self, seconds: float) -> bool:
            waited.append(seconds)
            clock.now += 1.5
            return True

    source = Source(OLD_KEYS, awaited=Slow(True), already_running=True)
    with pytest.raises(UnknownKey):
        verify(Verifier(keys=source), mint(NEW, {}))

    assert waited == [2, 0.5]


@pytest.mark.parametrize("cache_size", [0, 16])
@EACH_WAY
def test_a_token_for_one_use_is_proven_once_for_each_request(
    verify: Callable[[Verifier, str], Principal], cache_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = Revocations("process-memory", one_time=True)
    verifier = verifier_of(cache_size=cache_size, revocations=once)
    checks = unchecked(monkeypatch)
    verify(verifier, mint(SECRET, {}, form="standard"))

    assert len(checks) == 1
    verifier.close()


def test_what_a_client_is_not_granted_is_reported() -> None:
    told: list[Any] = []
    clients = ClientRegistry([Client("a", namespace="acme", roles=("roles",))])
    verifier = verifier_of(clients=clients, listeners=[told.append])
    claims = {"client_id": "a", "roles": ["acme_x", "globex_y"]}
    principal = verifier.verify(mint(SECRET, claims, form="standard"))

    assert principal.roles == {"acme_x"}
    assert len([event for event in told if isinstance(event, ValuesDropped)]) == 1


def test_health_counts_clients_only_where_there_is_a_registry() -> None:
    clients = ClientRegistry([Client("a"), Client("b")])

    assert verifier_of(clients=clients).health()["clients"] == 2
    assert "clients" not in verifier_of().health()
    assert "revocations" not in verifier_of().health()


def test_a_closed_verifier_closes_its_deny_list_if_it_has_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed: list[RevocationCheck] = []
    close = RevocationCheck.close

    def closing(self: RevocationCheck) -> None:
        closed.append(self)
        close(self)

    monkeypatch.setattr(RevocationCheck, "close", closing)
    verifier = verifier_of(revocations="process-memory")
    verifier_of().close()
    assert closed == []
    verifier.close()

    assert closed == [verifier.revocations]


def test_one_issuer_whose_tokens_name_an_api_is_enough_for_a_warning_without_api() -> None:
    told: list[Any] = []
    issuers = [
        Issuer("https://a", keys=OLD.public_pem, gateway="wso2"),
        Issuer("https://b", keys=NEW.public_pem, gateway="standard"),
    ]
    Verifier(issuers=issuers, listeners=[told.append])
    assert [type(event) for event in told if "api" in getattr(event, "reason", "")] == [
        ConfigurationWarning
    ]
    told.clear()
    Verifier(issuers=issuers[1:], listeners=[told.append])
    assert not [event for event in told if isinstance(event, ConfigurationWarning)]


def test_where_nobody_listens_nothing_is_made_of_a_good_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Audit, "verified", None)
    monkeypatch.setattr(logging.getLogger("jwt_middleware"), "disabled", True)
    verifier = verifier_of()
    token = mint(SECRET, {}, form="standard")

    assert verifier.verify(token) is verifier.verify(token)


def test_a_verifier_reads_by_the_speed_extra_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used: list[int] = []
    monkeypatch.setattr("jwt_middleware.verification.verifier.use_speed", lambda: used.append(1))
    verifier_of()

    assert used == [1]
