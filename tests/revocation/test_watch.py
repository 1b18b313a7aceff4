"""The deny list in use: how soon it is the newest, and what an outage does to it."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jwt_middleware import Principal
from jwt_middleware.events.kinds import (
    ConfigurationWarning,
    DenialsLoaded,
    Event,
    StoreFailed,
    StoreRecovered,
)
from jwt_middleware.principal import ClaimNames
from jwt_middleware.revocation import Denial, open_store
from jwt_middleware.revocation.store import Changes, MemoryStore, Store
from jwt_middleware.revocation.watch import LOOK_EVERY, USABLE_FOR, DenialWatch

from ..conftest import Clock
from .conftest import SHARED

ALL_SHARED = pytest.mark.parametrize("url", SHARED, indirect=True)
LATER = time.time() + 3600
JROE = Principal.of_token({"sub": "jroe"}, ClaimNames(), LATER, None)

DENY = """
import sys, time
from jwt_middleware.revocation import Denial, open_store
store = open_store(sys.argv[1])
sys.stdin.readline()
store.deny(Denial(subject="jroe", until=time.time() + 600))
print(time.time(), flush=True)
"""


class Watching:
    """A watch, its events, and its clock, which stands still where one is given."""

    def __init__(
        self, store: Store, clock: Clock | None = None, *, fails_open: bool = False
    ) -> None:
        self.events: list[Event] = []
        self.watch = DenialWatch(
            store,
            fails_open=fails_open,
            announce=self.events.append,
            clock=time.monotonic if clock is None else clock,
        )

    def denies_jroe(self) -> bool:
        found = self.watch.current()
        return found is not None and found.find(JROE, lambda: None, time.time()) is not None

    def told(self, kind: type[Event]) -> int:
        return sum(isinstance(each, kind) for each in self.events)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def watching(path: Path, clock: Clock) -> Iterator[Watching]:
    found = Watching(open_store(f"sqlite:///{path}"), clock)
    yield found
    found.watch.close()


def eventually(holds: Callable[[], bool], limit: float = 15.0) -> bool:
    ends = time.monotonic() + limit
    while not holds() and time.monotonic() < ends:
        time.sleep(0.005)
    return holds()


def thread_of(watching: Watching) -> threading.Thread:
    poller = watching.watch._poller
    assert poller is not None
    assert poller.thread is not None
    return poller.thread


def files_away(path: Path) -> None:
    path.rename(path.with_suffix(".away"))


def files_back(path: Path) -> None:
    path.with_suffix(".away").rename(path)


def test_a_closed_watch_is_not_waited_for_when_others_deny(path: Path) -> None:
    """Its own store may be gone, though another of the same name is there."""
    watching = Watching(open_store(f"sqlite:///{path}"))
    watching.watch.close()
    other = open_store(f"sqlite:///{path}")
    other.deny(Denial(subject="jroe", until=LATER))
    other.close()

    assert not watching.denies_jroe()
    assert watching.told(DenialsLoaded) == 1


@ALL_SHARED
def test_a_denial_of_another_process_is_known_within_a_second(url: str) -> None:
    watching = Watching(open_store(url))
    with subprocess.Popen(
        [sys.executable, "-c", DENY, url],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert not watching.denies_jroe()
        told, _ = other.communicate("go\n", timeout=30)
        assert eventually(watching.denies_jroe)
        seconds = time.time() - float(told)
    watching.watch.close()

    assert seconds < 1
    assert 2 * LOOK_EVERY < 1  # so that it is no luck


def test_a_denial_of_this_process_counts_before_its_maker_goes_on(path: Path) -> None:
    watching = Watching(open_store(f"sqlite:///{path}"))
    elsewhere = open_store(f"sqlite:///{path}")
    for _ in range(5):
        elsewhere.deny(Denial(subject="jroe", until=LATER))
        assert watching.denies_jroe()
        elsewhere.allow(Denial(subject="jroe"))
        assert not watching.denies_jroe()
    watching.watch.close()
    elsewhere.close()


def test_nothing_is_read_while_nothing_changes(watching: Watching) -> None:
    first = watching.watch.current()
    for _ in range(5):
        watching.watch.look_now()

    assert watching.watch.current() is first
    assert watching.told(DenialsLoaded) == 1


def test_an_outage_is_reported_once_and_so_is_its_end(
    watching: Watching, path: Path, clock: Clock
) -> None:
    watching.watch.store.close()
    files_away(path)
    for _ in range(3):
        watching.watch.look_now()
        clock.now += 1
    failed = [each for each in watching.events if isinstance(each, StoreFailed)]
    assert [(each.fail, "the file is gone" in each.reason) for each in failed] == [("closed", True)]
    files_back(path)
    watching.watch.look_now()
    watching.watch.look_now()

    recovered = [each for each in watching.events if isinstance(each, StoreRecovered)]
    assert [each.seconds for each in recovered] == [3]


def test_a_list_that_is_too_old_may_not_be_used_until_the_store_is_back(
    watching: Watching, path: Path, clock: Clock
) -> None:
    watching.watch.store.deny(Denial(subject="jroe", until=LATER))
    watching.watch.store.close()
    files_away(path)
    watching.watch.look_now()
    clock.now += USABLE_FOR - 1
    assert watching.denies_jroe()
    clock.now += 1
    assert watching.watch.current() is None
    assert watching.watch.health()["usable"] is False
    assert "the file is gone" in watching.watch.health()["last_error"]
    files_back(path)
    watching.watch.look_now()

    assert watching.denies_jroe()
    assert "last_error" not in watching.watch.health()


def test_where_it_fails_open_the_last_known_list_goes_on(path: Path, clock: Clock) -> None:
    watching = Watching(open_store(f"sqlite:///{path}"), clock, fails_open=True)
    watching.watch.store.deny(Denial(subject="jroe", until=LATER))
    watching.watch.store.close()
    files_away(path)
    watching.watch.look_now()
    clock.now += 86_400

    assert watching.denies_jroe()
    assert [each.fail for each in watching.events if isinstance(each, StoreFailed)] == ["open"]
    watching.watch.close()


def test_the_thread_finds_an_outage_and_its_end_by_itself(path: Path) -> None:
    watching = Watching(open_store(f"sqlite:///{path}"))
    files_away(path)
    assert eventually(lambda: watching.watch.is_failing)
    files_back(path)
    assert eventually(lambda: not watching.watch.is_failing)
    watching.watch.close()

    assert watching.told(StoreFailed) == watching.told(StoreRecovered) == 1


def test_a_store_that_was_emptied_is_warned_of(watching: Watching, path: Path) -> None:
    """Its denials are gone, as in a Redis that keeps nothing: it is believed, and that is told."""
    watching.watch.store.deny(Denial(subject="jroe", until=LATER))
    for each in path.parent.iterdir():  # the file, its log and the log's index
        each.unlink()
    open_store(f"sqlite:///{path}").close()
    watching.watch.look_now()
    told = [each.reason for each in watching.events if isinstance(each, ConfigurationWarning)]

    assert not watching.denies_jroe()
    assert len(told) == 1
    assert told[0].startswith(f"sqlite:///{path}: it was emptied or replaced by another store")


class Moody(MemoryStore):
    """A store of an app's own, which fails in its own way."""

    name = "moody"
    is_shared = True
    mood: Exception | None = None

    def changes(self, since: object | None) -> Changes:
        if self.mood is not None:
            raise self.mood
        return super().changes(since)


def test_a_store_of_ones_own_may_fail_as_it_likes(clock: Clock) -> None:
    store = Moody()
    watching = Watching(store, clock)
    store.mood = ZeroDivisionError("with something private")
    watching.watch.look_now()
    watching.watch.look_now()

    assert watching.watch.is_failing
    reasons = [each.reason for each in watching.events if isinstance(each, StoreFailed)]
    assert reasons == ["ZeroDivisionError"]
    watching.watch.close()


def test_one_may_wait_for_the_next_look_unless_the_store_is_known_to_be_out(path: Path) -> None:
    watching = Watching(open_store(f"sqlite:///{path}"))
    flight = watching.watch.next_look()
    assert flight is not None
    assert flight.wait(10)
    watching.watch.store.close()
    files_away(path)
    watching.watch.look_now()

    assert watching.watch.next_look() is None
    watching.watch.close()


def test_a_listener_may_deny(path: Path) -> None:
    """It hears of a new list after the look has ended, and a denial looks again."""
    store = open_store(f"sqlite:///{path}")

    def hear(event: Event) -> None:
        if isinstance(event, DenialsLoaded) and event.denials == 0:
            store.deny(Denial(subject="jroe", until=LATER))

    watch = DenialWatch(store, fails_open=False, announce=hear)
    found = watch.current()
    watch.close()

    assert found is not None
    assert len(found) == 1


def test_the_memory_of_a_process_needs_no_thread_and_is_never_too_old(clock: Clock) -> None:
    watching = Watching(MemoryStore(), clock)
    clock.now += 86_400
    assert watching.watch._poller is None
    watching.watch.store.deny(Denial(subject="jroe"))

    assert watching.denies_jroe()


@pytest.mark.parametrize("end", ["forgotten", "closed"])
def test_the_thread_ends_with_its_watch(path: Path, end: str) -> None:
    watching = Watching(open_store(f"sqlite:///{path}"))
    thread = thread_of(watching)
    assert thread.is_alive()
    if end == "closed":
        watching.watch.close()
    else:
        del watching
        gc.collect()

    assert eventually(lambda: not thread.is_alive())


def test_a_forked_child_watches_with_a_thread_of_its_own(path: Path) -> None:
    watching = Watching(open_store(f"sqlite:///{path}"))
    reader, writer = os.pipe()
    parents = thread_of(watching)
    child = os.fork()
    if child == 0:
        own = thread_of(watching)
        os.write(writer, b"ready" if own.is_alive() and own is not parents else b"none")
        os._exit(0 if eventually(watching.denies_jroe) else 1)
    assert os.read(reader, 10) == b"ready"
    watching.watch.store.deny(Denial(subject="jroe", until=LATER))
    _, status = os.waitpid(child, 0)
    for each in (reader, writer):
        os.close(each)
    watching.watch.close()

    assert os.waitstatus_to_exitcode(status) == 0


def test_an_interpreter_that_exits_while_it_looks_does_so_at_once_and_says_nothing(
    path: Path,
) -> None:
    program = """
import sys
from jwt_middleware.revocation import open_store
from jwt_middleware.revocation.watch import DenialWatch
watch = DenialWatch(open_store(sys.argv[1]), fails_open=False, announce=lambda _: None)
watch.next_look()
"""
    for _ in range(3):
        ended = subprocess.run(
            [sys.executable, "-X", "dev", "-W", "error", "-c", program, f"sqlite:///{path}"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, "")
