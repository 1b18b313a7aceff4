"""While the endpoint fails: old keys serve for their time, attempts back off, and then it ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jwt_middleware.errors import (
    KeysUnavailable,
    UnknownKey,
)
from jwt_middleware.events.kinds import KeyFetchFailed, KeysGone, StaleKeysServed
from jwt_middleware.testing import SigningKey

from ..conftest import Clock
from ..key_server import KeyServer, status
from .conftest import Reader, Scripted

Reading = Callable[..., Reader]
Make = Callable[..., Scripted]


def test_stale_keys_serve_for_an_hour_of_outage_with_back_off_and_then_end(
    loaded: Scripted, clock: Clock, old_key: SigningKey, forger: SigningKey
) -> None:
    loaded.answer = ConnectionError()
    ends = clock.now + 300 + 3600
    while clock.now + 7 < ends:
        clock.now += 7
        assert loaded.verify(old_key, now=clock.now).key_id == "old"
        loaded.settle()
        with pytest.raises(UnknownKey):
            loaded.verify(forger)
        loaded.settle()

    failures = loaded.told(KeyFetchFailed)
    [stale] = loaded.told(StaleKeysServed)  # once an outage
    assert 300 <= stale.age < 310
    assert stale.age + stale.usable_for == 300 + 3600
    assert 0 < loaded.endpoint.health()["usable_for"] <= 7
    assert loaded.told(KeysGone) == []
    assert 60 <= len(failures) <= 85  # about one a minute once it has backed off
    assert failures[0].retry_in <= 1.2
    assert 48 <= failures[-1].retry_in <= 72
    clock.now = ends
    with pytest.raises(KeysUnavailable) as refusal:
        loaded.verify(old_key, n="after the end")
    assert refusal.value.retry_after >= 1
    assert loaded.endpoint.health()["keys"] == 0
    assert loaded.endpoint.health()["usable_for"] == 0
    with pytest.raises(KeysUnavailable):
        loaded.verify(old_key, n="once more")
    [gone] = loaded.told(KeysGone)
    assert gone.reason == failures[-1].reason


def test_after_an_outage_one_refresh_makes_everything_fresh_again(
    loaded: Scripted, clock: Clock, old_key: SigningKey
) -> None:
    loaded.answer = ConnectionError()
    for _ in range(60):
        clock.now += 60
        loaded.touch()
    loaded.publish(old_key)
    clock.now += 72
    loaded.touch()

    health = loaded.endpoint.health()
    assert (health["fresh"], health["age"], health["failures"]) == (True, 0, 0)
    assert health["last_error"] is None


def test_each_outage_is_reported_once(loaded: Scripted, clock: Clock, old_key: SigningKey) -> None:
    for _ in range(2):
        loaded.answer = ConnectionError()
        for _ in range(10):
            clock.now += 100
            loaded.touch()
        loaded.publish(old_key)
        clock.now += 100
        loaded.touch()

    assert len(loaded.told(StaleKeysServed)) == 2


def test_an_outage_longer_than_the_stale_window_ends_at_the_first_good_answer(
    loaded: Scripted, clock: Clock, old_key: SigningKey
) -> None:
    loaded.answer = ConnectionError()
    clock.now += 300 + 3600
    with pytest.raises(KeysUnavailable):
        loaded.verify(old_key, n=1)
    loaded.publish(old_key)
    clock.now += 2

    assert loaded.verify(old_key, n=2).key_id == "old"


def test_without_a_stale_window_the_endpoint_fails_closed(
    scripted: Make, clock: Clock, old_key: SigningKey
) -> None:
    reader = scripted(stale_for=0)
    reader.publish(old_key)
    token = reader.token(old_key)
    reader.verifier.verify(token)
    reader.answer = ConnectionError()

    clock.now += 299
    reader.verifier.verify(token)
    reader.settle()
    clock.now += 1
    with pytest.raises(KeysUnavailable):
        reader.verifier.verify(token)


def test_the_retry_after_of_the_endpoint_is_handed_on_to_the_caller(
    key_server: KeyServer, reading: Reading, old_key: SigningKey
) -> None:
    key_server.script = status(503, Retry_After="20")

    with pytest.raises(KeysUnavailable) as refusal:
        reading().verify(old_key)
    assert 19 <= refusal.value.retry_after <= 20


def test_a_verifier_closed_before_its_first_keys_is_an_outage(
    scripted: Make, old_key: SigningKey
) -> None:
    reader = scripted()
    reader.verifier.close()

    with pytest.raises(KeysUnavailable):
        reader.verify(old_key)
    assert reader.fetches == 0


@pytest.mark.parametrize("minutes", [0, 10, 120])
def test_probes_alone_make_a_service_ready_again(
    minutes: int, scripted: Make, clock: Clock, old_key: SigningKey
) -> None:
    reader = scripted(stale_for=0)
    for _ in range(6 * minutes):
        assert not reader.verifier.health()["ready"]
        reader.settle()
        clock.now += 10
    reader.publish(old_key)
    clock.now += 72  # the longest pause between two attempts

    reader.verifier.health()  # it does not wait, and asks for keys
    reader.settle()
    assert reader.verifier.health()["ready"]
