"""Waiting for keys: within a budget, one fetch shared by all, and only who must."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing

from jwt_middleware.errors import BadSignature, KeysUnavailable, UnknownKey
from jwt_middleware.keys.jwks import JWKSEndpoint
from jwt_middleware.testing import SigningKey

from ..conftest import Clock
from ..key_server import KeyServer, document, hang, held
from .conftest import Reader, eventually, published

Reading = Callable[..., Reader]


def _in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Run the work in so many threads at once; return what each returned or raised."""
    outcomes: list[Any] = []
    together = threading.Barrier(count)

    def one(number: int) -> None:
        together.wait(10)
        try:
            outcomes.append(work(number))
        except Exception as error:
            outcomes.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    return outcomes


def test_64_threads_on_a_cold_start_make_one_fetch(
    key_server: KeyServer, reading: Reading, old_key: SigningKey, may_answer: threading.Event
) -> None:
    key_server.script = held(document(published(old_key)), may_answer)
    reader = reading()
    tokens = [reader.token(old_key, n=n) for n in range(64)]
    threading.Timer(0.1, may_answer.set).start()

    outcomes = _in_threads(64, lambda number: reader.verifier.verify(tokens[number]).key_id)

    assert outcomes == ["old"] * 64
    assert len(key_server.requests) == 1


def test_64_threads_whose_endpoint_hangs_are_refused_within_their_budget(
    key_server: KeyServer, reading: Reading, old_key: SigningKey
) -> None:
    key_server.script = hang
    reader = reading(wait_budget=0.2)
    begun = time.monotonic()

    outcomes = _in_threads(64, lambda number: reader.verify(old_key, n=number))

    assert {type(outcome) for outcome in outcomes} == {KeysUnavailable}
    assert time.monotonic() - begun < 5  # one after the other, they would take 13 s
    assert len(key_server.requests) == 1


def test_a_known_key_never_waits_while_the_endpoint_hangs(
    key_server: KeyServer,
    reading: Reading,
    clock: Clock,
    old_key: SigningKey,
    new_key: SigningKey,
) -> None:
    """Were it to wait for the fetch under way, a hundred would take a hundred budgets."""
    key_server.script = document(published(old_key))
    reader = reading(clock=clock, wait_budget=0.5)
    reader.verify(old_key)
    key_server.script = hang
    clock.now += 301
    tokens = [reader.token(old_key, n=n) for n in range(100)]
    begun = time.monotonic()
    for token in tokens:
        reader.verifier.verify(token)
    took = time.monotonic() - begun

    assert reader.endpoint._flight.running is not None
    assert took < 5
    with pytest.raises(KeysUnavailable):
        reader.verify(new_key)


def test_a_forged_signature_under_a_known_kid_waits_no_longer_than_the_budget(
    key_server: KeyServer, reading: Reading, clock: Clock, old_key: SigningKey, forger: SigningKey
) -> None:
    key_server.script = document(published(old_key))
    reader = reading(clock=clock)
    reader.verify(old_key)
    key_server.script = hang
    clock.now += 301
    begun = time.monotonic()

    with pytest.raises(BadSignature):
        reader.verify(SigningKey(key_id="old", private=forger.private))
    assert time.monotonic() - begun < 1.5


def test_a_fetch_beyond_the_wait_budget_is_an_outage_and_still_brings_its_keys(
    key_server: KeyServer, reading: Reading, old_key: SigningKey, may_answer: threading.Event
) -> None:
    key_server.script = held(document(published(old_key)), may_answer)
    reader = reading(wait_budget=0.1)

    begun = time.monotonic()
    with pytest.raises(KeysUnavailable):
        reader.verify(old_key)
    assert time.monotonic() - begun < 3

    may_answer.set()
    assert eventually(lambda: reader.verifier.health()["ready"])
    assert reader.verify(old_key).key_id == "old"
    assert len(key_server.requests) == 1


def test_a_fetch_that_had_begun_before_the_rotation_is_followed_by_one_more(
    key_server: KeyServer,
    reading: Reading,
    clock: Clock,
    old_key: SigningKey,
    new_key: SigningKey,
    may_answer: threading.Event,
) -> None:
    key_server.script = document(published(old_key))
    reader = reading(clock=clock)
    reader.verify(old_key)
    key_server.script = held(document(published(old_key)), may_answer)
    clock.now += 301
    reader.endpoint.snapshot()  # begins a refresh in the background
    assert eventually(lambda: len(key_server.requests) == 2)
    key_server.script = document(published(old_key, new_key))
    threading.Timer(0.05, may_answer.set).start()

    assert reader.verify(new_key).key_id == "new"
    assert len(key_server.requests) == 3


def test_one_request_waits_for_two_fetches_at_most_and_within_one_budget(
    key_server: KeyServer, reading: Reading, clock: Clock, old_key: SigningKey, forger: SigningKey
) -> None:
    key_server.script = document(published(old_key))
    reader = reading(clock=clock)
    reader.verify(old_key)
    clock.now += 301
    reader.endpoint.snapshot()

    with pytest.raises(UnknownKey):
        reader.verify(forger)
    assert len(key_server.requests) <= 3


def test_threads_and_loops_of_both_kinds_wait_for_one_fetch(
    key_server: KeyServer, reading: Reading, old_key: SigningKey, may_answer: threading.Event
) -> None:
    key_server.script = held(document(published(old_key)), may_answer)
    reader = reading()
    tokens = [reader.token(old_key, n=n) for n in range(9)]

    def one(number: int) -> str | None:
        verifier, token = reader.verifier, tokens[number]
        ways: list[Callable[[], Any]] = [
            lambda: verifier.verify(token),
            lambda: asyncio.run(verifier.verify_async(token)),
            lambda: trio.run(verifier.verify_async, token),
        ]
        key_id: str | None = ways[number % 3]().key_id
        return key_id

    threading.Timer(0.1, may_answer.set).start()

    assert _in_threads(9, one) == ["old"] * 9
    assert len(key_server.requests) == 1


def test_a_fetch_of_ones_own_that_hangs_holds_up_no_known_key(
    clock: Clock, old_key: SigningKey, new_key: SigningKey, may_answer: threading.Event
) -> None:
    may_answer.set()

    def fetch(url: str) -> bytes:
        may_answer.wait(10)
        return json.dumps(published(old_key)).encode()

    url = "https://gateway.example.edu/jwks"
    reader = Reader(JWKSEndpoint(url, fetch=fetch, wait_budget=0.1, clock=clock))
    reader.verify(old_key)
    may_answer.clear()
    clock.now += 301

    assert reader.verify(old_key, n=1).key_id == "old"
    with pytest.raises(KeysUnavailable):
        reader.verify(new_key)
