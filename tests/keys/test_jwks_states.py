"""Random histories of an endpoint: after every step, what must always hold holds.

Answers good and bad, steps of the clock, known, new and forged keys come in any order that
Hypothesis finds; a model beside the endpoint knows only the last good answer and when it came.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from jwt_middleware import Principal
from jwt_middleware.errors import KeysUnavailable, RequestError, UnknownKey
from jwt_middleware.events.kinds import KeyFetchFailed, KeysFetched
from jwt_middleware.testing import SigningKey

from ..conftest import Clock
from .conftest import Scripted, published

KEYS = [SigningKey("ES256", key_id=f"key-{n}") for n in range(4)]
FORGER = SigningKey("ES256")
FRESH, STALE = 300, 600
FAULTS: list[Any] = [
    ConnectionError("refused"),
    TimeoutError(),
    KeyError("junk"),
    None,
    b"",
    b"<html>",
    b'{"keys": [',
    {"keys": []},
    {"keys": None},
    {"keys": [None, {"kty": "EC", "crv": "P-256"}]},
    {"keys": [SigningKey("HS256", key_id="key-0").jwk()]},
]


class EndpointHistory(RuleBasedStateMachine):
    """One endpoint, its verifier, and the model of both."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock(1_000.0)
        self.reader = Scripted(self.clock, algorithms=["ES256"], fresh_for=FRESH, stale_for=STALE)
        self.good: set[str] | None = None
        self.good_at = 0.0
        self.begun = self.clock.now
        self.seen = 0
        self.forged = 0
        self.serial = 0

    def _learn(self) -> None:
        """Wait for what is under way, and take note of the answer that it brought."""
        self.reader.settle()
        for event in self.reader.events[self.seen :]:
            if isinstance(event, KeysFetched):
                self.good = {jwk["kid"] for jwk in self.reader.answer["keys"]}
                self.good_at = self.clock.now
        self.seen = len(self.reader.events)

    def _usable(self) -> bool:
        return self.good is not None and self.clock.now < self.good_at + FRESH + STALE

    def _ask(self, key: SigningKey) -> Principal | RequestError:
        self.serial += 1
        try:
            return self.reader.verify(key, n=self.serial)
        except RequestError as error:
            return error
        finally:
            self._learn()

    @initialize(count=st.integers(0, len(KEYS)))
    def first_answer(self, count: int) -> None:
        self.reader.answer = published(*KEYS[:count])

    @rule(chosen=st.sets(st.sampled_from(range(len(KEYS))), min_size=1))
    def the_endpoint_publishes(self, chosen: set[int]) -> None:
        self.reader.answer = published(*(KEYS[n] for n in sorted(chosen)))

    @rule(fault=st.sampled_from(FAULTS))
    def the_endpoint_fails(self, fault: Any) -> None:
        self.reader.answer = fault

    @rule(seconds=st.sampled_from([0.1, 1, 3, 10.1, 60, 200, 299, 301, 905]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def any_request_comes(self) -> None:
        self.reader.endpoint.snapshot()
        self._learn()

    @rule(number=st.sampled_from(range(len(KEYS))))
    def a_token_comes(self, number: int) -> None:
        key = KEYS[number]
        known_before = self._usable() and key.key_id in (self.good or ())
        outcome = self._ask(key)
        if isinstance(outcome, Principal):
            # A background fetch that this request began may already have taken the key away.
            assert known_before or key.key_id in (self.good or ())
            assert self._usable()
        elif self._usable():
            assert key.key_id not in (self.good or ()), outcome
            assert isinstance(outcome, UnknownKey)
        else:
            assert isinstance(outcome, KeysUnavailable)

    @rule(count=st.integers(1, 40))
    def forged_tokens_come(self, count: int) -> None:
        for _ in range(count):
            self.forged += 1
            forged = SigningKey("ES256", key_id=f"forged-{self.forged}", private=FORGER.private)
            assert isinstance(self._ask(forged), UnknownKey | KeysUnavailable)

    @precondition(lambda self: self._usable())
    @rule(number=st.sampled_from(range(len(KEYS))))
    def a_token_forged_under_a_real_kid_comes(self, number: int) -> None:
        forged = SigningKey("ES256", key_id=f"key-{number}", private=FORGER.private)
        assert isinstance(self._ask(forged), RequestError)

    @invariant()
    def the_keys_are_those_of_the_last_good_answer_while_it_may_serve(self) -> None:
        known = self.reader.endpoint.health()["key_ids"]
        assert set(known) == (self.good if self._usable() else set())

    @invariant()
    def what_is_not_usable_is_not_ready(self) -> None:
        if not self._usable():
            assert self.reader.endpoint.health()["keys"] == 0

    @invariant()
    def fetches_stay_within_bucket_refresh_and_back_off(self) -> None:
        """Two and one per ten seconds for unknown keys; the rest once per freshness or back-off."""
        took = self.clock.now - self.begun
        failures = len(self.reader.told(KeyFetchFailed))
        good = len(self.reader.told(KeysFetched))
        assert self.reader.fetches == failures + good
        # A refresh comes after 80 % of the freshness at the earliest, a retry after 0.8 s.
        assert good <= 1 + 2 + took / 10 + took / (0.8 * FRESH) + failures
        assert failures <= 1 + 2 + took / 0.8

    @invariant()
    def a_failing_endpoint_is_left_alone_longer_and_longer(self) -> None:
        streak = 0
        for event in self.reader.events:
            if isinstance(event, KeysFetched):
                streak = 0
            elif isinstance(event, KeyFetchFailed):
                wanted = min(2.0**streak, 60)
                assert 0.79 * wanted <= event.retry_in <= 1.21 * wanted
                streak += 1

    @invariant()
    def the_memory_of_unknown_kids_is_bounded(self) -> None:
        assert len(self.reader.endpoint._schedule._unknown) <= 128

    @invariant()
    def nothing_is_told_but_events_that_json_and_the_log_can_hold(self) -> None:
        json.dumps(self.reader.endpoint.health())


TestEndpointHistory = EndpointHistory.TestCase
TestEndpointHistory.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
