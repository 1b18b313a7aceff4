"""What every store does, told once: memory, SQLite and Redis behave alike."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from jwt_middleware.revocation import Denial, open_store
from jwt_middleware.revocation.denials import KEEP_FOR
from jwt_middleware.revocation.sqlite import SQLiteStore
from jwt_middleware.revocation.store import MemoryStore, Store, add_reader

from ..conftest import Clock
from .conftest import KINDS, NOW, SHARED

ALL = pytest.mark.parametrize("url", KINDS, indirect=True)
ALL_SHARED = pytest.mark.parametrize("url", SHARED, indirect=True)
LATER = NOW + 3600

NAMES: list[dict[str, Any]] = [
    {"token_id": "t-1"},
    {"subject": "jroe@carbon.super"},
    {"client_id": "kiosk"},
    {"key_id": "k"},
    {"issuer": "https://a.example"},
    {"subject": "jroe@carbon.super", "issuer": "https://a.example"},
]


def whole(**name: Any) -> Denial:
    return Denial(**name, until=LATER)


# Use once.


@ALL
def test_something_is_used_once(store: Store) -> None:
    assert store.use_once("a", LATER)
    assert not store.use_once("a", LATER)
    assert store.use_once("b", LATER)


@ALL
def test_of_many_threads_one_gets_the_use(store: Store) -> None:
    for round_ in range(5):
        ready = Barrier(24)

        def ask(ready: Barrier = ready, key: str = f"token-{round_}") -> bool:
            ready.wait(10)
            return store.use_once(key, LATER)

        with ThreadPoolExecutor(24) as pool:
            outcomes = list(pool.map(lambda _, ask=ask: ask(), range(24)))

        assert outcomes.count(True) == 1


@ALL_SHARED
def test_of_two_that_opened_it_one_gets_the_use(url: str, opened: Callable[[str], Store]) -> None:
    one, other = opened(url), opened(url)

    assert [one.use_once("a", LATER), other.use_once("a", LATER)] == [True, False]
    assert [other.use_once("b", LATER), one.use_once("b", LATER)] == [True, False]


@ALL
def test_whether_something_was_used_can_be_asked_without_using_it(store: Store) -> None:
    assert not store.was_used("a")
    assert store.use_once("a", LATER)
    assert store.was_used("a")
    assert not store.was_used("b")


@ALL
def test_a_use_is_forgotten_at_its_end(url: str) -> None:
    """By the real clock: Redis lets keys go by its own."""
    store = open_store(url)
    until = time.time() + 0.4
    assert store.use_once("a", until)
    assert not store.use_once("a", until)
    deadline = time.monotonic() + 10
    while store.was_used("a") and time.monotonic() < deadline:
        time.sleep(0.02)

    assert time.time() >= until - 0.05
    assert store.use_once("a", time.time() + 60)
    assert not store.use_once("a", time.time() + 60)
    store.close()


@ALL
def test_keys_of_any_text_are_distinguished(store: Store) -> None:
    keys = ["", "a", "A", "a ", "a\0", "a\0b", "ä", "a\u0308", "x" * 20_000, "\ud800", "a'b\"c;--"]

    assert [store.use_once(key, LATER) for key in keys] == [True] * len(keys)
    assert [store.use_once(key, LATER) for key in keys] == [False] * len(keys)


# Denials.


@ALL
@pytest.mark.parametrize("name", NAMES, ids=lambda name: "-".join(name))
def test_a_denial_is_kept_as_it_was_given(store: Store, name: dict[str, Any]) -> None:
    denials = (whole(**name, note="left"), whole(**name, issued_before=NOW))
    for denial in denials:
        store.deny(denial)

    assert set(store.denials()) == set(denials)


@ALL
def test_texts_are_kept_whole(store: Store) -> None:
    values = ["a'b\"c;--", "ä", "a\u0308", "a\0b", "a\nb", "A", "a", "%", "*", "x" * 1024]
    for value in values:
        store.deny(whole(subject=value, note=value))

    assert {each.subject for each in store.denials()} == set(values)
    assert all(each.note == each.subject for each in store.denials())


@ALL
def test_a_second_denial_of_one_name_lets_nothing_in(store: Store) -> None:
    store.deny(Denial(subject="a", issued_before=NOW, until=LATER, note="first"))
    store.deny(Denial(subject="a", issued_before=NOW - 9, until=LATER + 9))
    store.deny(Denial(subject="b", until=LATER))
    store.deny(Denial(subject="b", until=LATER - 9, note="second"))
    store.deny(Denial(subject="b", issued_before=NOW, until=LATER - 9))

    assert set(store.denials()) == {
        Denial(subject="a", issued_before=NOW, until=LATER + 9, note="first"),
        Denial(subject="b", until=LATER, note="second"),
        Denial(subject="b", issued_before=NOW, until=LATER - 9),
    }


@ALL
def test_a_denial_ends_by_itself(store: Store, clock: Clock) -> None:
    store.deny(Denial(subject="long", until=LATER))
    store.deny(Denial(subject="short", until=NOW + 5))
    assert [each.subject for each in store.denials()] == ["short", "long"]
    clock.now += 5

    assert [each.subject for each in store.denials()] == ["long"]
    store.deny(Denial(subject="short", issued_before=NOW, until=LATER))
    store.deny(Denial(subject="short", until=NOW + 9))
    assert len(store.denials()) == 3


@ALL
def test_an_ended_denial_lends_its_successor_nothing(store: Store, clock: Clock) -> None:
    store.deny(Denial(subject="a", issued_before=NOW, until=NOW + 5, note="old"))
    clock.now += 5
    new = Denial(subject="a", issued_before=NOW - 9, until=LATER)
    store.deny(new)

    assert store.denials() == (new,)


@ALL
def test_a_denial_without_an_end_stays_a_day(store: Store, clock: Clock) -> None:
    store.deny(Denial(subject="a"))

    assert KEEP_FOR == 86_400
    assert [each.until for each in store.denials()] == [NOW + KEEP_FOR]
    clock.now += KEEP_FOR - 1
    assert len(store.denials()) == 1
    clock.now += 1
    assert store.denials() == ()


def rows(store: Any) -> int:
    """How many denials a store holds, ended ones too."""
    if isinstance(store, MemoryStore):
        return len(store._denials)
    if isinstance(store, SQLiteStore):
        with sqlite3.connect(store._path) as raw:
            [count] = raw.execute("SELECT count(*) FROM jwt_middleware_denials").fetchone()
        raw.close()
        return int(count)
    return int(store._client.hlen("{jwt_middleware}:denials"))


@ALL
def test_the_list_does_not_grow_for_ever(store: Store, clock: Clock) -> None:
    for day in range(3):
        for number in range(20):
            store.deny(Denial(token_id=f"{day}-{number}"))
        clock.now += KEEP_FOR
    store.deny(Denial(token_id="last"))

    assert rows(store) == 1


@ALL
def test_an_end_that_is_named_is_kept_however_late_it_is(store: Store, clock: Clock) -> None:
    store.deny(Denial(subject="late", until=NOW + 40 * KEEP_FOR))
    store.deny(Denial(subject="never", until=math.inf))
    clock.now += 39 * KEEP_FOR
    assert [each.subject for each in store.denials()] == ["late", "never"]
    clock.now += 4_000 * KEEP_FOR
    store.deny(Denial(subject="never"))

    assert store.denials() == (Denial(subject="never", until=math.inf),)
    assert store.allow(Denial(subject="never"))
    assert store.denials() == ()


@ALL
def test_a_denial_is_taken_back_by_its_name_whatever_its_times(store: Store) -> None:
    for name in NAMES:
        store.deny(whole(**name))
        store.deny(whole(**name, issued_before=NOW))
    for number, name in enumerate(NAMES, 1):
        assert store.allow(Denial(**name))
        assert not store.allow(Denial(**name))
        assert len(store.denials()) == 2 * (len(NAMES) - number)


@ALL
def test_what_has_ended_is_not_there_to_be_taken_back(store: Store, clock: Clock) -> None:
    store.deny(Denial(subject="a", until=NOW + 5))
    clock.now += 5

    assert not store.allow(Denial(subject="a"))


# What readers need.


@ALL
def test_the_revision_changes_with_the_denials_and_with_nothing_else(store: Store) -> None:
    seen = [store.revision()]
    store.deny(whole(subject="a"))
    seen.append(store.revision())
    store.deny(whole(subject="a"))
    seen.append(store.revision())
    store.allow(whole(subject="a"))
    seen.append(store.revision())
    assert len(set(seen)) == 4

    store.use_once("a", LATER)
    store.was_used("a")
    store.denials()
    assert store.revision() == seen[-1]


@ALL_SHARED
def test_a_change_is_there_for_all_who_opened_it(url: str, opened: Callable[[str], Store]) -> None:
    one, other = opened(url), opened(url)
    before = other.revision()
    one.deny(whole(subject="a"))

    assert other.revision() != before
    assert other.denials() == (whole(subject="a"),)


@ALL_SHARED
def test_it_is_there_after_it_was_closed(url: str, opened: Callable[[str], Store]) -> None:
    store = opened(url)
    store.deny(whole(subject="a"))
    store.use_once("a", LATER)
    store.close()

    for again in (store, opened(url)):
        assert again.denials() == (whole(subject="a"),)
        assert again.was_used("a")


class Ear:
    def __init__(self, store: Store) -> None:
        self.store_name = store.name
        self.looks = 0

    def look_now(self) -> None:
        self.looks += 1


@ALL
def test_readers_in_this_process_hear_of_a_change_before_its_maker_goes_on(store: Store) -> None:
    ear = Ear(store)
    add_reader(ear)
    store.deny(whole(subject="a"))
    assert ear.looks == 1
    store.allow(whole(subject="a"))

    assert ear.looks == 2
