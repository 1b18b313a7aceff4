"""What threads share beside requests, wherever one of them halts."""

from __future__ import annotations

import gc
import time
from typing import Any

from jwt_middleware.background import once, watched_calls
from jwt_middleware.background.living import Living
from jwt_middleware.background.once import Once
from jwt_middleware.background.watched_calls import WatchedCall

from ..interleaving import Pair, at_once, halted_anywhere


class Thing:
    """Something that lives for a while."""


def test_living_things_may_be_gone_through_while_some_come_and_others_go() -> None:
    living: Living[Thing] = Living()
    things = [Thing() for _ in range(4)]
    for thing in things:
        living.add(thing)
        living.add(thing)
    found = iter(living)
    assert next(found) is things[0]

    del things[1]
    del thing
    new = Thing()
    living.add(new)
    gc.collect()

    assert list(found) == things[1:]
    assert list(living) == [*things, new]


def test_a_living_thing_may_be_let_go_of() -> None:
    living: Living[Thing] = Living()
    kept, gone = Thing(), Thing()
    for thing in (kept, gone):
        living.add(thing)
    living.discard(gone)
    living.discard(gone)

    assert list(living) == [kept]


def test_many_threads_add_living_things_and_none_is_lost() -> None:
    living: Living[Thing] = Living()
    ends = time.monotonic() + 0.5

    def adds() -> list[Thing]:
        mine = []
        while time.monotonic() < ends:
            mine.append(Thing())
            living.add(mine[-1])
            living.add(Thing())  # which is gone at once
            list(living)
        return mine

    things = [thing for mine in at_once(*[adds] * 4) for thing in mine]

    assert set(living) == set(things)


def test_a_thing_is_new_to_one_of_two_threads() -> None:
    def make() -> Pair:
        known = Once()

        def must_hold(*new: bool) -> None:
            assert sorted(new) == [False, True]

        return lambda: known.is_new("a"), lambda: known.is_new("a"), must_hold

    halted_anywhere(make, once)


def test_an_older_answer_of_a_function_never_follows_a_newer_one() -> None:
    def make() -> Pair:
        numbers = iter(range(10))
        heard: list[Any] = []
        call = WatchedCall(lambda: [next(numbers)], lambda each: each[0], heard.append, every=60)

        def must_hold(*_: None) -> None:
            assert heard == [1, 2]
            assert call.reading == 2

        return call.check, call.check, must_hold

    halted_anywhere(make, watched_calls)
