"""Keys from a URL: off the request's path, as fresh as they can be, and gone when they are gone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from jwt_middleware import Verifier
from jwt_middleware.errors import (
    ConfigurationError,
    RequestError,
    UnknownKey,
)
from jwt_middleware.events.kinds import Decided, KeyAdded, KeyRemoved, KeysFetched
from jwt_middleware.keys.jwks import JWKSEndpoint
from jwt_middleware.testing import SigningKey

from ..conftest import Clock
from ..key_server import KeyServer, document
from .conftest import Reader, Scripted, published

Reading = Callable[..., Reader]
Make = Callable[..., Scripted]


def test_making_a_verifier_fetches_nothing(key_server: KeyServer, reading: Reading) -> None:
    """The app may start before its gateway."""
    reading()

    assert key_server.requests == []


def test_the_first_token_waits_for_the_first_fetch(
    key_server: KeyServer, reading: Reading, old_key: SigningKey
) -> None:
    key_server.script = document(published(old_key))
    reader = reading()

    assert reader.verify(old_key).key_id == "old"
    assert len(key_server.requests) == 1
    assert reader.told(KeyAdded) == [KeyAdded(key_server.url, "old")]


def test_a_known_key_that_verifies_never_causes_a_fetch(
    loaded: Scripted, old_key: SigningKey
) -> None:
    for n in range(20):
        loaded.verify(old_key, n=n)

    assert loaded.fetches == 1


def test_an_unchanged_answer_is_asked_for_by_its_etag_and_keeps_the_verified_tokens(
    key_server: KeyServer, reading: Reading, clock: Clock, old_key: SigningKey
) -> None:
    key_server.script = document(published(old_key))
    reader = reading(clock=clock)
    reader.verify(old_key)
    before = reader.endpoint.snapshot()

    clock.now += 301
    reader.touch()
    reader.verifier.verify(token := reader.token(old_key))
    reader.verifier.verify(token)

    assert "If-None-Match" in key_server.requests[1]
    assert [event.changed for event in reader.told(KeysFetched)] == [True, False]
    assert reader.endpoint.snapshot() is before
    assert reader.endpoint.health()["fresh"]


def test_an_answer_that_says_the_same_again_keeps_the_token_cache(
    loaded: Scripted, clock: Clock, old_key: SigningKey
) -> None:
    before = loaded.endpoint.snapshot()
    token = loaded.token(old_key)
    loaded.verifier.verify(token)
    clock.now += 301
    loaded.touch()
    loaded.verifier.verify(token)

    assert loaded.fetches == 2
    assert loaded.endpoint.snapshot() is before
    assert loaded.told(Decided)[-1].cached


@pytest.mark.parametrize(
    ("directives", "fresh_for"),
    [(None, 300), ("max-age=60", 60), ("max-age=1", 30), ("no-store", 30), ("max-age=9e9", 30)],
    ids=str,
)
def test_cache_control_decides_how_long_an_answer_is_fresh(
    key_server: KeyServer,
    reading: Reading,
    clock: Clock,
    old_key: SigningKey,
    directives: str | None,
    fresh_for: float,
) -> None:
    headers = {} if directives is None else {"Cache_Control": directives}
    key_server.script = document(published(old_key), **headers)
    reader = reading(clock=clock)
    reader.verify(old_key)

    clock.now += fresh_for - 0.1
    assert reader.endpoint.health()["fresh"]
    clock.now += 0.1
    assert not reader.endpoint.health()["fresh"]


def test_keys_are_refreshed_in_the_background_before_they_are_old(
    loaded: Scripted, clock: Clock, old_key: SigningKey
) -> None:
    clock.now += 300 * 0.79
    loaded.touch()
    assert loaded.fetches == 1
    clock.now += 300 * 0.11
    loaded.verify(old_key, n=1)
    loaded.settle()

    assert loaded.fetches == 2
    assert loaded.endpoint.health()["age"] == 0


def test_a_key_gone_from_a_good_answer_stops_verifying_at_once_cached_tokens_too(
    scripted: Make, clock: Clock, old_key: SigningKey, new_key: SigningKey
) -> None:
    reader = scripted()
    reader.publish(old_key, new_key)
    tokens = [reader.token(old_key), reader.token(new_key)]
    for token in tokens:
        reader.verifier.verify(token)

    reader.publish(new_key)
    clock.now += 301
    reader.touch()

    with pytest.raises(UnknownKey):
        reader.verifier.verify(tokens[0])
    assert reader.verifier.verify(tokens[1]).key_id == "new"
    assert [event.key_id for event in reader.told(KeyRemoved)] == ["old"]


def test_the_rules_of_the_service_decide_what_a_good_answer_is(
    loaded: Scripted, clock: Clock, old_key: SigningKey
) -> None:
    """Were an all-weak answer taken, it would take the good keys away."""
    loaded.publish(SigningKey(key_id="weak", bits=1024))
    clock.now += 301
    loaded.touch()

    assert loaded.verify(old_key, n=1).key_id == "old"
    assert loaded.endpoint.health()["last_error"] == (
        "no usable key in the answer: key weak: RSA key of 1024 bits, fewer than "
        "minimum_rsa_bits=2048"
    )


def test_health_tells_a_probe_what_it_wants_to_know(
    scripted: Make, clock: Clock, old_key: SigningKey, new_key: SigningKey
) -> None:
    reader = scripted()
    nothing = {"keys": 0, "key_ids": [], "age": None, "fresh": False, "failures": 0}
    assert reader.endpoint.health().items() >= nothing.items()

    reader.publish(old_key, new_key)
    reader.verify(old_key)
    reader.answer = ValueError()
    clock.now += 290
    reader.touch()

    assert reader.endpoint.health() == {
        "source": "https://gateway.example.edu/jwks",
        "keys": 2,
        "key_ids": ["old", "new"],
        "age": 290,
        "fresh": True,
        "failures": 1,
        "last_error": "ValueError",
        "usable_for": 3610,
        "skipped": [],
        "left_out": 0,
    }
    assert reader.verifier.health()["ready"] is True
    json.dumps(reader.verifier.health())


def test_a_secret_beside_a_published_source_is_refused(key_server: KeyServer) -> None:
    with pytest.raises(ConfigurationError):
        Verifier(keys=key_server.url, algorithms=["HS256"])


def test_a_fetch_of_ones_own_gets_the_whole_url(old_key: SigningKey) -> None:
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return json.dumps(old_key.jwks()).encode()

    url = "https://gateway.example.edu/jwks?tenant=a"
    reader = Reader(JWKSEndpoint(url, fetch=fetch))

    assert reader.verify(old_key).key_id == "old"
    assert asked == [url]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((n, v) for n in ("fresh_for", "deadline", "wait_budget") for v in (0, -1, float("nan"))),
        ("stale_for", -1),
        ("stale_for", float("inf")),
        ("fresh_for", "300"),
        ("deadline", True),
        ("deadline", None),
    ],
    ids=str,
)
def test_a_time_that_makes_no_sense_is_a_configuration_error(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=name):
        JWKSEndpoint("https://gateway.example.edu/jwks", **{name: value})


def test_neither_name_nor_events_nor_errors_hold_the_query(
    scripted: Make, old_key: SigningKey, caplog: pytest.LogCaptureFixture
) -> None:
    """It may be where a secret stands."""

    def fetch(url: str) -> bytes:
        raise ConnectionError(url)

    reader = Reader(JWKSEndpoint("https://gateway.example.edu/jwks?key=zeta", fetch=fetch))
    with pytest.raises(RequestError) as refusal:
        reader.verify(old_key)

    told = f"{reader.endpoint!r} {reader.endpoint.health()} {reader.events} {refusal.value!s}"
    assert "zeta" not in told + caplog.text


def test_a_closed_verifier_starts_no_fetch_and_keeps_its_keys(
    loaded: Scripted, clock: Clock, old_key: SigningKey, new_key: SigningKey
) -> None:
    loaded.verifier.close()
    clock.now += 1000

    with pytest.raises(UnknownKey):
        loaded.verify(new_key)
    assert loaded.verify(old_key, n=1).key_id == "old"
    assert loaded.fetches == 1
