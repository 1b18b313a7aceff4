"""Denials, and what a process notes of them, while threads halt in the middle of it."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any

from jwt_middleware import TokenRevoked
from jwt_middleware.background.forks import ForkLock
from jwt_middleware.revocation import Denial, check, deny_list, store
from jwt_middleware.revocation import watch as watching
from jwt_middleware.revocation.store import MemoryStore

from ..conftest import Clock
from ..interleaving import Call, Pair, halted_anywhere
from .test_check import deny, token
from .test_check_changes import Changing
from .test_reading import Reading


def outcome(call: Any) -> str:
    try:
        call()
    except TokenRevoked:
        return "revoked"
    return "accepted"


def test_a_denial_counts_wherever_two_earlier_and_later_requests_were_halted(clock: Clock) -> None:
    changing = Changing(clock)
    verifier, raw = changing.verifier, token(clock)
    mine = Denial(token_id="t-1")
    assert verifier.revocations is not None

    def verify() -> str:
        return outcome(lambda: verifier.verify(raw))

    for before in range(10, 400, 4):
        for after in range(0, 60, 3):
            verifier.revocations.allow(mine)
            earlier = Call(verify, before, check)
            verifier.revocations.deny(mine)
            later = Call(verify, after, check)
            earlier.end()
            assert later.end() == "revoked"
            assert verify() == "revoked"
            if not later.is_halted:
                break
        if not earlier.is_halted:
            return
    raise AssertionError("the check has no end")


class Told(ForkLock):
    """A lock that tells when a thread has let go of it."""

    def __init__(self) -> None:
        super().__init__()
        self.then: Callable[[], object] = lambda: None

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.then()


def test_a_reading_that_ends_while_another_thread_looks_does_not_seem_to_go_on() -> None:
    for at in range(400):
        reading = Reading()
        reading.store.is_read_slowly = False
        watch = reading.watch
        watch._lock = lock = Told()
        looking: queue.SimpleQueue[Call] = queue.SimpleQueue()

        def look() -> None:
            if not watch.following.is_behind:  # noqa: B023
                lock.then = lambda: None  # noqa: B023
                looking.put(Call(watch.look_now, at, watching))  # noqa: B023

        lock.then = look
        watch.following.look()
        reader = Call(watch.look_now)
        looker = looking.get(timeout=10)
        reader.lets_go()
        looker.end()
        reader.end()

        watch.following._position = None
        watch.look_now()
        assert watch.following.is_behind is False
        if not looker.is_halted:
            assert at > 1
            return
    raise AssertionError("the look has no end")


def test_one_of_two_uses_at_the_same_time_is_the_first() -> None:
    def make() -> Pair:
        memory = MemoryStore(clock=lambda: 0.0)

        def must_hold(one: bool, other: bool) -> None:
            assert {one, other} == {True, False}

        return (
            lambda: memory.use_once("key", 10.0),
            lambda: memory.use_once("key", 10.0),
            must_hold,
        )

    halted_anywhere(make, store)


def test_denials_of_two_threads_are_both_known(clock: Clock) -> None:
    def make() -> Pair:
        verifier = Changing(clock).verifier
        raw = [token(clock, jti=name) for name in ("a", "b")]

        def must_hold(*_: None) -> None:
            found = [outcome(lambda: verifier.verify(each)) for each in raw]  # noqa: B023
            assert found == ["revoked", "revoked"]

        return (
            lambda: deny(verifier, token_id="a"),
            lambda: deny(verifier, token_id="b"),
            must_hold,
        )

    halted_anywhere(make, deny_list)
