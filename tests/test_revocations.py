"""Revoked and used tokens at a verifier: the next request knows, verified before or not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from jwt_middleware import (
    Client,
    ClientRegistry,
    ConfigurationError,
    Revocations,
    StoreUnavailable,
    TokenRevoked,
    Verifier,
)
from jwt_middleware.errors import BadSignature, TokenExpired
from jwt_middleware.events import DenialsLoaded, Refused, StoreFailed, Verified
from jwt_middleware.stores import Denial, MemoryStore, open_store, watching
from jwt_middleware.testing import SigningKey, mint
from jwt_middleware.trust import Trust

from .conftest import Clock

KEY = SigningKey("ES256", key_id="k")
CLAIMS = {"iss": "https://a", "sub": "jroe", "client_id": "kiosk", "jti": "t-1"}


def verifier_of(clock: Clock, revocations: Any = "process-memory", **more: Any) -> Verifier:
    options: dict[str, Any] = {
        "keys": KEY.jwks(),
        "algorithms": "ES256",
        "client_claim": "client_id",
        "clock": clock,
        "revocations": revocations,
    }
    return Verifier(**options | more)


def token(clock: Clock, **claims: Any) -> str:
    mine = CLAIMS | {"iat": clock.now} | claims
    return mint(KEY, {name: v for name, v in mine.items() if v is not None}, now=clock.now)


def deny(verifier: Verifier, **names: Any) -> None:
    assert verifier.revocations is not None
    verifier.revocations.deny(Denial(**names))


def refused(verifier: Verifier, raw: str) -> None:
    with pytest.raises(TokenRevoked):
        verifier.verify(raw)


def unchecked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the signatures that are checked from now on."""
    checks: list[int] = []
    verify = Trust.verify

    def counting(self: Trust, *arguments: Any) -> Any:
        checks.append(1)
        return verify(self, *arguments)

    monkeypatch.setattr(Trust, "verify", counting)
    return checks


@pytest.fixture(params=[True, False], ids=["cached", "new"])
def warm(request: pytest.FixtureRequest) -> Callable[[Verifier, str], None]:
    """Verify a token before, or do not."""

    def verify(verifier: Verifier, raw: str) -> None:
        if request.param:
            verifier.verify(raw)

    return verify


Warm = Callable[[Verifier, str], None]


@pytest.mark.parametrize(
    "name",
    [
        {"token_id": "t-1"},
        {"subject": "jroe"},
        {"client_id": "kiosk"},
        {"key_id": "k"},
        {"issuer": "https://a"},
        {"subject": "jroe", "issuer": "https://a"},
    ],
    ids="-".join,
)
def test_a_denial_takes_effect_on_the_next_request(
    name: dict[str, str], warm: Warm, clock: Clock
) -> None:
    verifier = verifier_of(clock)
    raw = token(clock)
    other = token(clock, iss="https://b", sub="b", client_id="b", jti="b")
    warm(verifier, raw)
    deny(verifier, **name)

    refused(verifier, raw)
    refused(verifier, raw)
    if "key_id" not in name:
        assert verifier.verify(other).subject == "b"
    assert verifier.revocations is not None
    assert verifier.revocations.allow(Denial(**name))
    assert verifier.verify(raw).subject == "jroe"


@pytest.mark.parametrize("cache_size", [0, 16])
def test_it_holds_with_and_without_a_cache(cache_size: int, clock: Clock) -> None:
    verifier = verifier_of(clock, cache_size=cache_size)
    raw = token(clock)
    verifier.verify(raw)
    deny(verifier, subject="jroe")

    refused(verifier, raw)
    refused(verifier, f" {raw} ")


def test_tokens_issued_before_a_time_are_told_from_newer_ones(warm: Warm, clock: Clock) -> None:
    verifier = verifier_of(clock)
    old, none = token(clock), token(clock, iat=None, jti="t-0")
    # WSO2 writes milliseconds: read as seconds, every token would be new for ever.
    old_ms = token(clock, iat=int(clock.now * 1000), jti="t-ms")
    clock.now += 10
    new, new_ms = token(clock, jti="t-2"), token(clock, iat=int(clock.now * 1000), jti="t-3")
    for raw in (old, none, old_ms, new, new_ms):
        warm(verifier, raw)
    deny(verifier, subject="jroe", issued_before=clock.now)

    for raw in (old, none, old_ms):
        refused(verifier, raw)
    for raw in (new, new_ms):
        assert verifier.verify(raw).subject == "jroe"


def test_a_denial_that_ends_lets_the_token_in_again(warm: Warm, clock: Clock) -> None:
    verifier = verifier_of(clock)
    raw = token(clock)
    warm(verifier, raw)
    deny(verifier, subject="jroe", until=clock.now + 60)
    refused(verifier, raw)
    clock.now += 60

    assert verifier.verify(raw).subject == "jroe"


def test_a_changed_list_checks_no_signature_again(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = verifier_of(clock)
    raw = token(clock)
    verifier.verify(raw)
    checks = unchecked(monkeypatch)
    deny(verifier, subject="somebody else")
    first = verifier.verify(raw)
    hit = verifier.recall(raw)
    deny(verifier, subject="jroe")
    refused(verifier, raw)

    assert hit is first
    assert checks == []


def test_a_changed_list_lets_nothing_else_slip(clock: Clock) -> None:
    """What is not verified again must hold all the same: its time, its bytes."""
    verifier = verifier_of(clock)
    raw = token(clock)
    verifier.verify(raw)
    deny(verifier, subject="somebody else")
    with pytest.raises(BadSignature):
        verifier.verify(raw[:-4] + ("AAAA" if not raw.endswith("AAAA") else "BBBB"))
    clock.now += 2_000
    with pytest.raises(TokenExpired):
        verifier.verify(raw)


def test_beside_a_registry_both_must_stand(clock: Clock) -> None:
    registry = ClientRegistry([Client("kiosk")])
    verifier = verifier_of(clock, clients=registry)
    raw = token(clock)
    first = verifier.verify(raw)
    assert verifier.recall(raw) is first
    deny(verifier, subject="somebody else")
    assert verifier.recall(raw) is None
    assert verifier.verify(raw) is first
    assert verifier.recall(raw) is first
    deny(verifier, client_id="kiosk")

    refused(verifier, raw)


def test_the_event_says_whose_token_it_is_and_the_error_names_the_rule_only(clock: Clock) -> None:
    events: list[Any] = []
    verifier = verifier_of(clock, listeners=[events.append])
    raw = token(clock)
    verifier.verify(raw)
    deny(verifier, subject="jroe", issued_before=clock.now + 9, note="left the company")
    refused(verifier, raw)
    told = [each for each in events if isinstance(each, Refused)]

    assert [(e.code, e.subject, e.client_id, e.token_id, e.key_id) for e in told] == [
        ("token_revoked", "jroe", "kiosk", "t-1", "k")
    ]
    assert told[0].reason == "the subject is denied, for tokens issued before a time"
    assert [each.denials for each in events if isinstance(each, DenialsLoaded)] == [0, 1]
    assert sum(isinstance(each, Verified) for each in events) == 1


# The store is out.


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a store whose list is too old at once when the store is out."""
    monkeypatch.setattr(watching, "USABLE_FOR", 0.0)
    monkeypatch.setattr(watching, "LOOK_EVERY", 0.02)
    return tmp_path / "store.db"


def outage(verifier: Verifier, path: Path) -> None:
    assert verifier.revocations is not None
    path.rename(path.with_suffix(".away"))
    assert eventually(lambda: "last_error" in health(verifier))


def health(verifier: Verifier) -> dict[str, Any]:
    found: dict[str, Any] = verifier.health()["revocations"]
    return found


def eventually(holds: Callable[[], bool]) -> bool:
    ends = time.monotonic() + 15
    while not holds() and time.monotonic() < ends:
        time.sleep(0.005)
    return holds()


def test_a_store_that_is_out_refuses_good_tokens_and_bad_ones_as_before(
    path: Path, clock: Clock
) -> None:
    events: list[Any] = []
    verifier = verifier_of(clock, f"sqlite:///{path}", listeners=[events.append])
    raw = token(clock)
    outage(verifier, path)
    for _ in range(3):
        with pytest.raises(StoreUnavailable) as refusal:
            verifier.verify(raw)
    assert refusal.value.retry_after == 5
    with pytest.raises(BadSignature):
        verifier.verify(raw[:-4] + ("AAAA" if not raw.endswith("AAAA") else "BBBB"))
    assert verifier.health()["ready"] is False
    path.with_suffix(".away").rename(path)

    assert eventually(lambda: "last_error" not in health(verifier))
    assert sum(isinstance(each, StoreFailed) for each in events) == 1
    verifier.close()


def test_open_goes_on_with_what_was_known(path: Path, clock: Clock) -> None:
    option = Revocations(f"sqlite:///{path}", fail="open")
    verifier = verifier_of(clock, option)
    raw, other = token(clock), token(clock, sub="b")
    deny(verifier, subject="jroe")
    outage(verifier, path)

    refused(verifier, raw)
    assert verifier.verify(other).subject == "b"
    assert verifier.health()["ready"] is True
    verifier.close()


def test_a_denial_that_could_not_be_stored_is_not_taken_for_one(path: Path, clock: Clock) -> None:
    verifier = verifier_of(clock, Revocations(f"sqlite:///{path}", fail="open"))
    outage(verifier, path)

    with pytest.raises(StoreUnavailable):
        deny(verifier, subject="jroe")
    verifier.close()


def test_a_process_that_slept_waits_for_the_next_look_instead_of_refusing(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LOOK_EVERY", 60.0)
    verifier = verifier_of(clock, f"sqlite:///{tmp_path}/store.db")
    raw = token(clock)
    time.sleep(0.05)  # until the thread waits for its minute to pass
    runs: list[Callable[[], Any]] = [
        lambda: verifier.verify(raw),
        lambda: asyncio.run(verifier.verify_async(raw)),
        lambda: trio.run(verifier.verify_async, raw),
    ]
    for run in runs:
        assert verifier.revocations is not None
        verifier.revocations._watch._usable_until = 0.0
        assert verifier.recall(raw) is None
        assert run().subject == "jroe"
    verifier.close()


def test_a_closed_verifier_stops_looking_and_then_stops_serving(path: Path, clock: Clock) -> None:
    verifier = verifier_of(clock, f"sqlite:///{path}")
    verifier.close()
    time.sleep(0.05)

    with pytest.raises(StoreUnavailable):
        verifier.verify(token(clock))


# The option.


@pytest.mark.parametrize(
    "wrong, told",
    [
        (5, "an int"),
        ("", "the store's URL"),
        ("memcached://h", "the store's URL"),
        (["process-memory"], "a list"),
        (True, "a bool"),
    ],
)
def test_a_wrong_option_says_what_would_be_right(wrong: Any, told: str, clock: Clock) -> None:
    with pytest.raises(ConfigurationError, match=told):
        verifier_of(clock, wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"fail": "half"}, {"fail": None}, {"one_time": "yes"}, {"url": 5}, {"url": "x://h"}],
)
def test_wrong_fields_are_told(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Revocations(**{"url": "process-memory"} | wrong)


def test_its_repr_has_no_password() -> None:
    option = Revocations("redis://u:hidden@h:7000/1", fail="open")

    assert repr(option) == "Revocations('redis://h:7000/1', fail='open', one_time=False)"


def test_one_open_store_may_serve_several(clock: Clock) -> None:
    store = open_store("process-memory", clock=clock)
    one, other = (verifier_of(clock, Revocations(store)) for _ in range(2))
    raw = token(clock)
    other.verify(raw)
    one.verify(raw)
    deny(one, subject="jroe")

    refused(one, raw)
    refused(other, raw)
    one.close()
    assert isinstance(store, MemoryStore)
    assert len(store.denials()) == 1
