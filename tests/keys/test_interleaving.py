"""Key sources that two threads use, wherever one of them halts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from jwt_middleware.background.waiting import Flight
from jwt_middleware.events.kinds import KeysGone, StaleKeysServed
from jwt_middleware.keys import jwks, per_kid, schedule
from jwt_middleware.keys.algorithms import ALGORITHMS
from jwt_middleware.keys.http_fetch import Document
from jwt_middleware.keys.jwks import JWKSEndpoint
from jwt_middleware.keys.key_set import KeySet
from jwt_middleware.keys.per_kid import PEMPerKid
from jwt_middleware.testing import SigningKey

from ..conftest import Clock
from ..interleaving import Pair, halted_anywhere
from ..kit import Events
from .conftest import published

OLD, NEW = SigningKey("ES256", key_id="old"), SigningKey("ES256", key_id="new")
URL = "https://gateway.example.edu/jwks"


class Endpoint(JWKSEndpoint):
    """An endpoint that is fetched on the thread that asks for it, and whose answers a test sets."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(URL, clock=clock, fresh_for=300, stale_for=600)
        self.events = Events()
        self.attach(self.events, lambda keys: keys)
        self.answers: Any = OLD
        self.etags: list[str | None] = []
        self.during: Callable[[], object] = lambda: None
        self.close()  # no fetch on another thread
        self._flight.running = Flight()  # as while ``_work`` runs

    def _get(self) -> Document:
        self.etags.append(self._etag)
        self.during()
        if isinstance(self.answers, Exception):
            raise self.answers
        return Document(json.dumps(published(self.answers)).encode(), etag="an etag")


def ids(keys: KeySet | None) -> tuple[str, ...] | None:
    return None if keys is None else keys.key_ids


def test_keys_that_may_serve_no_more_never_seem_fresh_while_new_ones_come(clock: Clock) -> None:
    def make() -> Pair:
        endpoint = Endpoint(clock)
        endpoint._work()
        assert ids(endpoint.snapshot()) == ("old",)
        clock.now += 10_000
        endpoint.answers = NEW

        def must_hold(_: None, meanwhile: KeySet | None) -> None:
            assert ids(meanwhile) in (None, ("new",))
            assert ids(endpoint.snapshot()) == ("new",)

        return endpoint._work, endpoint.snapshot, must_hold

    halted_anywhere(make, jwks, schedule)


def test_keys_that_come_for_the_first_time_are_not_called_gone(clock: Clock) -> None:
    def make() -> Pair:
        endpoint = Endpoint(clock)

        def must_hold(_: None, meanwhile: KeySet | None) -> None:
            assert ids(meanwhile) in (None, ("old",))
            assert endpoint.events.of(KeysGone) == []

        return endpoint._work, endpoint.snapshot, must_hold

    halted_anywhere(make, jwks, schedule)


def test_an_outage_is_announced_once_by_two_requests(clock: Clock) -> None:
    def make() -> Pair:
        endpoint = Endpoint(clock)
        endpoint._work()
        clock.now += 400
        endpoint.answers = ConnectionError()
        endpoint._work()

        def must_hold(*_: Any) -> None:
            assert len(endpoint.events.of(StaleKeysServed)) == 1

        return endpoint.snapshot, endpoint.snapshot, must_hold

    halted_anywhere(make, jwks)


def test_algorithms_that_two_threads_add_are_both_expected(clock: Clock) -> None:
    es, rs = ALGORITHMS["ES256"], ALGORITHMS["RS256"]

    def make() -> Pair:
        endpoint = Endpoint(clock)

        def must_hold(*_: None) -> None:
            assert endpoint._algorithms == {es, rs}

        return (
            lambda: endpoint.expect_algorithms([es]),
            lambda: endpoint.expect_algorithms([rs]),
            must_hold,
        )

    halted_anywhere(make, jwks)


def test_keys_are_read_anew_where_an_algorithm_was_added_during_a_fetch(clock: Clock) -> None:
    """A set that is too large was kept without the keys that only the new algorithm fits."""
    endpoint = Endpoint(clock)
    endpoint.expect_algorithms([ALGORITHMS["ES256"]])
    endpoint.during = lambda: endpoint.expect_algorithms([ALGORITHMS["RS256"]])
    for _ in range(3):
        endpoint._work()

    assert endpoint.etags == [None, None, "an etag"]


def test_a_key_that_has_proven_itself_is_noted_while_another_one_comes(clock: Clock) -> None:
    pems = {f"https://keys.example.edu/{key.key_id}": key.public_pem for key in (OLD, NEW)}

    def make() -> Pair:
        source = PEMPerKid(
            "https://keys.example.edu/{kid}",
            kid="old|new",
            clock=clock,
            fetch=lambda url: pems[url].encode(),
        )
        source._fetch("old")

        def must_hold(*_: None) -> None:
            assert "old" in source._proven_at

        return lambda: source._fetch("new"), lambda: source.has_proven("old"), must_hold

    halted_anywhere(make, per_kid)
