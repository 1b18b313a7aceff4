"""A real Redis server: down, wrong, full of something else, and back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware.errors import ConfigurationError, StoreUnavailable
from jwt_middleware.events.kinds import ConfigurationWarning, Event
from jwt_middleware.revocation import Denial, open_store
from jwt_middleware.revocation.following import Following
from jwt_middleware.revocation.watch import DenialWatch

from .redis_server import RedisServer

pytestmark = pytest.mark.external

LATER = time.time() + 3600


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    yield server
    server.stop()


def test_a_server_that_is_down_at_first_is_an_outage(server: RedisServer) -> None:
    server.stop()
    store = open_store(server.url)
    asks: list[Any] = [
        store.denials,
        store.revision,
        lambda: store.use_once("a", LATER),
        lambda: store.was_used("a"),
        lambda: store.deny(Denial(subject="a")),
        lambda: store.allow(Denial(subject="a")),
    ]
    for ask in asks:
        with pytest.raises(StoreUnavailable, match=rf"redis://127\.0\.0\.1:{server.port}/0: "):
            ask()
    server.start()

    store.deny(Denial(subject="a"))
    assert len(store.denials()) == 1
    store.close()


def test_a_server_that_started_anew_is_asked_at_once(server: RedisServer) -> None:
    store = open_store(server.url)
    store.deny(Denial(subject="a", until=LATER))
    store.use_once("a", LATER)
    server.stop()
    with pytest.raises(StoreUnavailable):
        store.denials()
    server.start()

    assert store.denials() == (Denial(subject="a", until=LATER),)
    assert not store.use_once("a", LATER)
    store.close()


def test_a_server_that_answers_nothing_is_an_outage_in_bounded_time(server: RedisServer) -> None:
    store = open_store(server.url)
    store.denials()
    server.send("CLIENT", "PAUSE", "60000", "ALL")
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable):
        store.use_once("a", LATER)

    assert time.monotonic() - begun < 4
    store.close()


def test_a_wrong_password_is_reported_at_start_up_and_not_what_it_is(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, "--requirepass", "the-right-one")
    for login in ("", ":the-wrong-one@"):
        with pytest.raises(ConfigurationError) as refusal:
            open_store(f"redis://{login}127.0.0.1:{server.port}/0")
        assert "the-wrong-one" not in str(refusal.value)
    store = open_store(f"redis://:the-right-one@127.0.0.1:{server.port}/0")
    assert store.use_once("a", LATER)
    assert "the-right-one" not in store.name
    store.close()
    server.stop()


@pytest.mark.parametrize("end", ["/0?no_such_option=1", "/99", "/0?socket_timeout=soon"])
def test_an_option_that_cannot_be_is_reported_at_start_up(server: RedisServer, end: str) -> None:
    with pytest.raises(ConfigurationError, match=r"the store redis://127\.0\.0\.1"):
        open_store(f"redis://127.0.0.1:{server.port}{end}")


def test_keys_that_hold_something_else_are_an_outage(server: RedisServer) -> None:
    store = open_store(server.url)
    server.send("SET", "{jwt_middleware}:denials", "x")

    with pytest.raises(StoreUnavailable):
        store.denials()
    store.close()


DEEP = "[" * 200_000
PLACE = '["subject", "x", "", true]'


@pytest.mark.parametrize(
    "place, told",
    [
        (DEEP, "[]"),
        (PLACE, DEEP),
        ('{"a": 1}', "[1, 2, 3]"),
        ('[[], "x", "", true]', '[null, 9e9, ""]'),
        ('["__init__", "x", "", true]', '[null, 9e9, ""]'),
        (PLACE, '[null, NaN, ""]'),
        (PLACE, "9" * 6000),
    ],
    ids=lambda text: text[:12],
)
def test_what_is_no_denial_is_an_outage_whatever_it_is(
    server: RedisServer, place: str, told: str
) -> None:
    store = open_store(server.url)
    client: Any = store._client  # type: ignore[attr-defined]
    client.hset("{jwt_middleware}:denials", place, told)

    for ask in (store.denials, Following(store).catch_up):
        with pytest.raises(StoreUnavailable):
            ask()
    store.close()


@pytest.mark.parametrize(
    "told",
    ["", "null", "[null, null, null]", '[null, null, ""]', '[null, "9", ""]', "[1]", "{}"],
)
def test_a_changed_entry_that_is_no_denial_is_an_outage_and_takes_nothing_away(
    server: RedisServer, told: str
) -> None:
    store = open_store(server.url)
    store.deny(Denial(subject="x", until=LATER))
    following = Following(store)
    following.catch_up()
    store.deny(Denial(subject="x", until=LATER + 1))
    client: Any = store._client  # type: ignore[attr-defined]
    client.hset("{jwt_middleware}:denials", PLACE, told)
    with pytest.raises(StoreUnavailable):
        following.catch_up()

    assert len(following.list) == 1
    store.close()


def test_no_token_is_in_it_and_claims_go_by_themselves(server: RedisServer, tmp_path: Path) -> None:
    store = open_store(server.url)
    assert store.use_once("the-token-of-somebody", time.time() + 0.3)
    client: Any = store._client  # type: ignore[attr-defined]
    assert not any("somebody" in key for key in client.keys("*"))
    deadline = time.monotonic() + 10
    while client.dbsize() and time.monotonic() < deadline:
        time.sleep(0.02)

    assert client.dbsize() == 0
    store.close()
    kept = b"".join(each.read_bytes() for each in tmp_path.rglob("*") if each.is_file())
    assert b"the-token-of-somebody" not in kept


def test_denials_that_have_ended_are_cleared_away(server: RedisServer) -> None:
    now = [LATER - 600]
    store = open_store(server.url, clock=lambda: now[0])
    for number in range(50):
        store.deny(Denial(subject=f"s-{number}", until=now[0] + 5))
    now[0] += 10
    store.deny(Denial(subject="new", until=LATER))
    client: Any = store._client  # type: ignore[attr-defined]

    assert client.hlen("{jwt_middleware}:denials") == 1
    assert client.zcard("{jwt_middleware}:denials:ends") == 1
    store.close()


def test_a_server_that_was_emptied_is_warned_of(server: RedisServer) -> None:
    events: list[Event] = []
    store = open_store(server.url)
    watch = DenialWatch(store, fails_open=False, announce=events.append)
    store.deny(Denial(subject="a", until=LATER))
    server.send("FLUSHALL")
    watch.look_now()
    watch.close()
    store.close()

    assert any(isinstance(each, ConfigurationWarning) for each in events)
