"""New keys are found at once, and forged key ids cannot keep them from being found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from jwt_middleware import Verifier
from jwt_middleware.background.waiting import Wait
from jwt_middleware.errors import RequestError, UnknownKey
from jwt_middleware.keys.key_set import KeySet
from jwt_middleware.keys.sources import PEM, KeySource
from jwt_middleware.testing import SigningKey, mint

from ..conftest import Clock
from .conftest import Reader, Scripted

Make = Callable[..., Scripted]


@dataclass
class Forgery:
    """Tokens under key ids that nobody has, one after the other."""

    forger: SigningKey

    def __iter__(self) -> Iterator[SigningKey]:
        number = 0
        while True:
            number += 1
            yield SigningKey(key_id=f"forged-{number}", private=self.forger.private)


def _refused(reader: Reader, key: SigningKey) -> None:
    with pytest.raises(UnknownKey):
        reader.verify(key)


def test_the_request_that_reveals_a_rotation_succeeds_right_after_the_first_load(
    loaded: Scripted, old_key: SigningKey, new_key: SigningKey
) -> None:
    loaded.publish(old_key, new_key)

    assert loaded.verify(new_key).key_id == "new"
    assert loaded.fetches == 2


def test_the_first_load_does_not_draw_on_what_unknown_keys_may_cause(
    loaded: Scripted, forger: SigningKey
) -> None:
    forged = iter(Forgery(forger))
    for _ in range(5):
        _refused(loaded, next(forged))

    assert loaded.fetches == 1 + 2


def test_a_rotation_is_found_at_once_even_right_after_a_background_refresh(
    loaded: Scripted, clock: Clock, old_key: SigningKey, new_key: SigningKey
) -> None:
    clock.now += 290
    loaded.touch()
    loaded.publish(old_key, new_key)

    assert loaded.verify(new_key).key_id == "new"
    assert loaded.fetches == 3


def test_a_rotation_is_found_at_once_behind_a_single_forged_kid(
    loaded: Scripted, forger: SigningKey, new_key: SigningKey
) -> None:
    _refused(loaded, forger)
    loaded.publish(new_key)

    assert loaded.verify(new_key).key_id == "new"


def test_a_key_that_was_asked_for_before_it_was_published_is_found_when_it_is(
    loaded: Scripted, clock: Clock, old_key: SigningKey, new_key: SigningKey
) -> None:
    """A gateway that signs a moment before it publishes: ten seconds later at most."""
    _refused(loaded, new_key)
    loaded.publish(old_key, new_key)
    _refused(loaded, new_key)
    clock.now += 10.1

    assert loaded.verify(new_key).key_id == "new"


def test_cve_2026_48524_a_flood_of_5000_forged_kids_causes_one_fetch_per_ten_seconds(
    loaded: Scripted, clock: Clock, old_key: SigningKey, forger: SigningKey
) -> None:
    forged = iter(Forgery(forger))
    endpoint = loaded.endpoint
    for number in range(5_000):
        clock.now += 0.04  # two hundred seconds, all before the first refresh
        pending = endpoint.refresh(f"forged-{number}")
        if pending is not None:
            assert pending.work.wait(5)
    for _ in range(20):
        _refused(loaded, next(forged))

    assert loaded.fetches <= 1 + 2 + 20
    assert len(endpoint._schedule._unknown) <= 128
    assert loaded.verify(old_key, n=1).key_id == "old"


def test_under_a_sustained_flood_a_really_new_key_is_served_within_ten_seconds(
    loaded: Scripted, clock: Clock, new_key: SigningKey, forger: SigningKey
) -> None:
    forged = iter(Forgery(forger))
    for _ in range(5):
        _refused(loaded, next(forged))
    loaded.publish(new_key)
    begun, found = clock.now, False
    while not found:
        clock.now += 0.5
        try:  # whoever draws the fetch, it brings the new key for everybody
            loaded.verify(next(forged))
        except RequestError:
            pass
        try:
            loaded.verify(new_key)
        except UnknownKey:
            continue
        found = True

    assert clock.now - begun <= 10


def test_a_named_key_of_another_thumbprint_is_an_unknown_key_after_one_fetch(
    scripted: Make, old_key: SigningKey, forger: SigningKey
) -> None:
    reader = scripted()
    reader.answer = {"keys": [old_key.jwk(x5t=old_key.x5t(as_hex=True))]}
    bare = SigningKey(private=forger.private)
    reader.touch()

    for n in range(4):
        with pytest.raises(UnknownKey):
            reader.verify(bare, n=n)
    assert reader.fetches == 2


def test_a_flood_during_an_outage_causes_no_fetch_beyond_the_back_off(
    loaded: Scripted, clock: Clock, old_key: SigningKey, forger: SigningKey
) -> None:
    loaded.answer = ConnectionError()
    forged = iter(Forgery(forger))
    for _ in range(120):
        clock.now += 0.5
        _refused(loaded, next(forged))
    loaded.settle()

    assert loaded.fetches <= 1 + 8  # 0, 1, 2, 4 .. seconds apart within a minute
    assert loaded.verify(old_key, n=1).key_id == "old"


def test_a_key_that_has_just_come_is_not_fetched_once_more(
    loaded: Scripted, old_key: SigningKey, new_key: SigningKey
) -> None:
    """Of many requests that reveal one rotation, the last may ask when the fetch has ended."""
    loaded.publish(old_key, new_key)
    loaded.verify(new_key)

    assert loaded.endpoint.refresh("new") is None
    assert loaded.fetches == 2


def test_unknown_kids_are_forgotten_when_the_keys_change(
    loaded: Scripted, new_key: SigningKey, forger: SigningKey
) -> None:
    _refused(loaded, forger)
    assert list(loaded.endpoint._schedule._unknown) == ["forged"]
    loaded.publish(new_key)
    loaded.verify(new_key)

    assert len(loaded.endpoint._schedule._unknown) == 0


class ComesBetween(KeySource):
    """Keys that another request's fetch brings between this one's two looks."""

    name = "between"

    def __init__(self, before: SigningKey, after: SigningKey) -> None:
        self.keys = PEM(before.public_pem).snapshot()
        self.after = PEM(after.public_pem).snapshot()

    def snapshot(self) -> KeySet:
        return self.keys

    def refresh(self, key_id: str | None = None) -> Wait | None:
        self.keys = self.after
        return None


def test_a_key_that_comes_between_two_looks_is_used(new_key: SigningKey) -> None:
    source = ComesBetween(SigningKey("ES256"), new_key)
    verifier = Verifier(keys=source, algorithms=["ES256", "RS256"])

    assert verifier.verify(mint(new_key, {})).key_id is None


class AlwaysNew(KeySource):
    """A careless source: each look makes a new set of the same keys."""

    name = "always new"

    def __init__(self, key: SigningKey) -> None:
        self.pem = PEM(key.public_pem)

    def snapshot(self) -> KeySet:
        return KeySet(self.pem.snapshot().keys)


def test_a_source_that_makes_a_new_set_at_each_look_keeps_no_request_for_ever() -> None:
    verifier = Verifier(keys=AlwaysNew(SigningKey("ES256")), algorithms=["ES256", "RS256"])

    with pytest.raises(UnknownKey):
        verifier.verify(mint(SigningKey(), {}))
