"""Few threads for many jobs: each has its turn, and none that hangs stops the others."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from jwt_middleware.background import lanes
from jwt_middleware.background.lanes import Lanes


class Jobs:
    """Jobs that wait until they may end, in lanes of so many threads."""

    def __init__(self, most: int) -> None:
        self.lanes = Lanes(most, "test-lane")
        self.begun: list[object] = []
        self.may_end = threading.Event()
        self.changed = threading.Condition()

    def add(self, name: object, *, has_failed: bool = False, ends: bool = False) -> None:
        assert self.lanes.add(lambda: self._work(name, ends), has_failed=has_failed)

    def _work(self, name: object, ends: bool) -> None:
        with self.changed:
            self.begun.append(name)
            self.changed.notify_all()
        if not ends:
            self.may_end.wait(10)

    def begins(self, count: int) -> list[object]:
        """Wait until so many jobs have begun; return those that have, in a while."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.begun) >= count, 10)
        time.sleep(0.02)
        return self.begun


@pytest.fixture
def two() -> Iterator[Jobs]:
    jobs = Jobs(2)
    yield jobs
    jobs.may_end.set()


def test_no_more_run_at_a_time_and_the_first_ones_go_first(
    two: Jobs, threads_started: list[threading.Thread]
) -> None:
    for number in range(100):
        two.add(number)

    assert sorted(map(str, two.begins(2))) == ["0", "1"]
    assert len(threads_started) == 2
    two.may_end.set()
    assert len(two.begins(100)) == 100


def test_no_thread_is_left_at_rest(two: Jobs, threads_started: list[threading.Thread]) -> None:
    two.add("one", ends=True)
    two.begins(1)
    for thread in threads_started:
        thread.join(10)

    assert [thread.is_alive() for thread in threads_started] == [False]
    two.add("another", ends=True)
    assert two.begins(2) == ["one", "another"]


def test_those_that_failed_leave_room_for_the_others(two: Jobs) -> None:
    for number in range(3):
        two.add(f"failing {number}", has_failed=True)
    assert two.begins(1) == ["failing 0"]
    for number in range(3):
        two.add(f"good {number}", ends=True)

    assert two.begins(4) == ["failing 0", "good 0", "good 1", "good 2"]
    two.may_end.set()
    assert len(two.begins(6)) == 6


def test_one_that_hangs_does_not_count_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Jobs(1)
    one.add("hangs")
    one.begins(1)
    one.add("waits", ends=True)
    assert one.begins(1) == ["hangs"]
    monkeypatch.setattr(lanes, "OVERDUE_AFTER", 0.01)
    time.sleep(0.02)
    one.lanes.hurry()

    assert one.begins(2) == ["hangs", "waits"]
    one.may_end.set()


def test_one_that_raises_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[object] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    one = Jobs(1)
    may_raise = threading.Event()

    def fail() -> None:
        may_raise.wait(10)
        raise ValueError

    one.lanes.add(fail)
    one.add("after", ends=True)
    may_raise.set()

    assert one.begins(1) == ["after"]
    assert len(raised) == 1


def test_nothing_waits_where_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    one = Jobs(1)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        assert not one.lanes.add(lambda: None)
    one.add("later", ends=True)

    assert one.begins(1) == ["later"]


def test_a_forked_child_begins_anew(two: Jobs) -> None:
    for number in range(3):
        two.add(number)
    two.begins(2)
    child = os.fork()
    if child == 0:
        done = threading.Event()
        two.lanes.add(done.set)
        os._exit(0 if done.wait(10) else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
