"""A store that is long to read: nobody waits for it, and nothing of it stays behind."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from jwt_middleware.errors import StoreUnavailable
from jwt_middleware.events.kinds import DenialsLoaded, Event, StoreFailed
from jwt_middleware.revocation import Denial, deny_many, open_store
from jwt_middleware.revocation.deny_list import DenyList, Entry
from jwt_middleware.revocation.following import Following
from jwt_middleware.revocation.store import AT_ONCE, ListedStore, MemoryStore
from jwt_middleware.revocation.watch import LOOK_EVERY, USABLE_FOR, DenialWatch

from ..conftest import Clock
from .asking import LATER, Asked, by_hand, forget_changes
from .conftest import KINDS, NOW, REDIS, SHARED
from .test_check import deny, token, verifier_of

ALL = pytest.mark.parametrize("url", KINDS, indirect=True)
ALL_SHARED = pytest.mark.parametrize("url", SHARED, indirect=True)


def test_no_token_keeps_an_old_list_alive(clock: Clock, tmp_path: Path) -> None:
    verifier = verifier_of(clock, f"sqlite:///{tmp_path}/store.db")
    assert verifier.revocations is not None
    following = verifier.revocations.watch.following
    lists: list[weakref.ref[DenyList]] = []
    for number in range(20):
        deny(verifier, token_id=f"denied-{number}")
        verifier.verify(token(clock, jti=f"good-{number}"))
        lists.append(weakref.ref(following.list))
        if number % 5 == 0:
            following._position = None  # it must read everything
    gc.collect()

    assert len({id(each) for each in lists}) > 1
    assert {id(each()) for each in lists if each() is not None} == {id(following.list)}
    verifier.close()


class Long(MemoryStore):
    """A store that many denials make long to read; ``during`` runs between two parts."""

    is_shared = True
    parts = 40

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock=clock)
        self.clock = clock
        self.is_read_slowly = False
        self.during: Callable[[int], object] = lambda number: None

    def everything(self) -> Iterator[Sequence[Entry]]:
        for number in range(self.parts if self.is_read_slowly else 0):
            self.clock.now += LOOK_EVERY
            self.during(number)
            yield ()
        yield from super().everything()


class Reading:
    """A watch whose store is about to be read anew, and its clock."""

    def __init__(self, *, fails_open: bool = False) -> None:
        self.clock = Clock(NOW)
        self.store = Long(self.clock)
        self.events: list[Event] = []
        self.store.deny(Denial(subject="known", until=LATER))
        self.watch = DenialWatch(
            self.store, fails_open=fails_open, announce=self.events.append, clock=self.clock
        )
        by_hand(self.watch)
        self.store.is_read_slowly = True
        self.watch.following._position = None

    def denies(self, name: str) -> bool | None:
        found = self.watch.current()
        token = Asked(name)
        return None if found is None else found.find(token, lambda: None, NOW) is not None


def test_a_long_reading_refuses_nobody_and_what_is_denied_meanwhile_counts_at_once() -> None:
    reading = Reading()
    seen: list[tuple[bool | None, bool | None]] = []

    def during(number: int) -> None:
        if number == 10:
            reading.store.deny(Denial(subject="meanwhile", until=LATER))  # which looks
        seen.append((reading.denies("known"), reading.denies("meanwhile")))

    reading.store.during = during
    began = reading.clock.now
    reading.watch.look_now()

    assert reading.clock.now - began > USABLE_FOR
    assert seen == [(True, False)] * 10 + [(True, True)] * 30
    assert (reading.denies("known"), reading.denies("meanwhile")) == (True, True)


def test_a_list_that_cannot_be_read_to_its_end_is_soon_too_old() -> None:
    reading = Reading()

    def during(number: int) -> None:
        if number == 30:
            raise StoreUnavailable("half of it is gone")

    reading.store.during = during
    usable: list[bool | None] = []
    for _ in range(3):
        reading.watch.look_now()
        usable.append(reading.denies("known"))

    assert usable == [None] * 3
    assert [each.reason for each in reading.events if isinstance(each, StoreFailed)] == [
        "half of it is gone"
    ]
    reading.store.during = lambda number: None
    reading.watch.look_now()
    assert reading.denies("known") is True


def test_a_store_that_changes_more_than_its_log_while_it_is_read_is_read_again() -> None:
    reading = Reading()

    def during(number: int) -> None:
        if number == 35:
            reading.store.deny(Denial(subject="trimmed", until=LATER))
            reading.store.deny(Denial(subject="kept", until=LATER))
            forget_changes(reading.store)
            reading.store.during = lambda number: None

    reading.store.during = during
    reading.watch.look_now()

    assert (reading.denies("trimmed"), reading.denies("kept")) == (True, True)
    assert not reading.watch.following.is_behind


def test_each_change_is_told_once(clock: Clock, tmp_path: Path) -> None:
    events: list[Event] = []
    store = open_store(f"sqlite:///{tmp_path}/store.db", clock=clock)
    watch = by_hand(DenialWatch(store, fails_open=False, announce=events.append))
    store.deny(Denial(subject="a", until=LATER))
    store.deny(Denial(subject="b", until=LATER))
    store.allow(Denial(subject="a"))
    store.allow(Denial(subject="a"))

    assert [each.denials for each in events if isinstance(each, DenialsLoaded)] == [0, 1, 2, 1]
    assert watch.health()["denials"] == 1
    store.close()


@pytest.mark.parametrize("url", ["sqlite", REDIS], indirect=True)
def test_one_more_of_many_costs_the_same(store: ListedStore) -> None:
    """By the calls, not by the clock: nothing is read but what is new."""
    deny_many(store, [Denial(token_id=f"t-{n}", until=LATER) for n in range(3 * AT_ONCE)])
    following = Following(store)
    following.catch_up()
    read: list[int] = []
    apply = following.list.apply
    following.list.apply = lambda entries: (read.append(len(list(entries))), apply(entries))[1]  # type: ignore
    store.deny(Denial(token_id="one more", until=LATER))
    following.catch_up()

    assert read == [1]
    assert len(following.list) == 3 * AT_ONCE + 1
