"""What a fork renews and pauses, and the thread that looks now and then."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from jwt_middleware.background.forks import ForkLock, Poller, at_fork

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")


def in_child(holds: Callable[[], bool]) -> bool:
    """Whether something holds in a forked child."""
    child = os.fork()
    if child == 0:
        os._exit(0 if holds() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def eventually(holds: Callable[[], bool]) -> bool:
    ends = time.monotonic() + 10
    while not holds() and time.monotonic() < ends:
        time.sleep(0.002)
    return holds()


class Owner:
    """Writes down what is asked of it."""

    def __init__(self, said: list[str], name: str = "") -> None:
        self.said = said
        self.name = name
        at_fork(self)

    def renew(self) -> None:
        self.said.append(f"renew{self.name}")


class Pausing(Owner):
    def before_fork(self) -> None:
        self.said.append("before")

    def after_fork(self) -> None:
        self.said.append("after")


def test_a_child_renews_what_was_made_in_the_order_in_which_it_was_made() -> None:
    said: list[str] = []
    owners = [Owner(said, f" {number}") for number in range(20)]

    assert in_child(lambda: said == [f"renew{owner.name}" for owner in owners])
    assert said == []


def test_who_must_pause_pauses_before_and_goes_on_after() -> None:
    said: list[str] = []
    owner = Pausing(said)

    assert in_child(lambda: said == ["before", "renew"])
    assert said == ["before", "after"]
    del owner


def test_what_is_gone_is_renewed_no_more() -> None:
    said: list[str] = []
    owner = Owner(said)
    del owner
    gc.collect()

    assert in_child(lambda: said == [])


def test_a_lock_that_another_thread_holds_is_free_in_the_child() -> None:
    lock = ForkLock()
    is_held, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            is_held.set()
            may_end.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert is_held.wait(10)

    def take() -> bool:
        with lock:
            return True

    assert in_child(take)
    may_end.set()
    holder.join(10)


class Looking:
    """Counts the looks of its poller."""

    def __init__(self, every: float) -> None:
        self.looks = 0
        self.poller = Poller(self.look, every, "test")

    def look(self) -> None:
        self.looks += 1


def test_a_poller_calls_again_and_again_and_at_once_where_it_is_hurried() -> None:
    often, seldom = Looking(0.002), Looking(3600)
    assert eventually(lambda: often.looks >= 3)
    assert seldom.looks == 0
    assert seldom.poller.hurry()

    assert eventually(lambda: seldom.looks == 1)


@pytest.mark.parametrize("end", ["forgotten", "stopped"])
def test_a_poller_ends_with_its_owner(end: str) -> None:
    looking = Looking(3600)
    thread = looking.poller.thread
    assert thread is not None
    assert thread.is_alive()
    if end == "stopped":
        looking.poller.stop()
    else:
        del looking
        gc.collect()
    thread.join(10)

    assert not thread.is_alive()


def test_a_forked_child_polls_on_a_thread_of_its_own() -> None:
    looking = Looking(0.05)
    stopped = Looking(0.05)
    stopped.poller.stop()
    before = stopped.looks

    def looks() -> bool:
        count = looking.looks
        return eventually(lambda: looking.looks > count) and stopped.looks <= before + 1

    assert in_child(looks)
    looking.poller.stop()


def test_a_poller_that_finds_no_thread_starts_one_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        looking = Looking(0.01)
        assert not looking.poller.hurry()
    assert looking.poller.hurry()

    assert eventually(lambda: looking.looks > 0)


def test_an_interpreter_ends_while_pollers_look() -> None:
    """A thread that runs no more may hold a lock, for which nothing may wait then."""
    program = """
import time
from jwt_middleware.background.forks import Poller

class Looking:
    def __init__(self):
        self.poller = Poller(self.look, 0.0, "test")

    def look(self):
        pass

pollers = [Looking(), Looking()]
time.sleep(0.05)
"""
    for _ in range(8):
        subprocess.run([sys.executable, "-c", program], timeout=30, check=True)
