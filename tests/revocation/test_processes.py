"""Stores that several processes share: one wins, one that dies harms none, none inherits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jwt_middleware.revocation import Denial, open_store
from jwt_middleware.revocation.sqlite import SQLiteStore

from .conftest import SHARED

ALL_SHARED = pytest.mark.parametrize("url", SHARED, indirect=True)
LIMIT = 60.0
PYTHON = [sys.executable, "-W", "ignore::DeprecationWarning"]

CLAIM = """
import sys, time
from jwt_middleware.revocation import open_store
store = open_store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print("".join(str(int(store.use_once(f"key-{n}", time.time() + 600))) for n in range(200)))
"""


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts programs in a process group each, which ends with the test whatever happens."""
    started: list[subprocess.Popen[str]] = []

    def start_one(program: str, *arguments: str) -> subprocess.Popen[str]:
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        process = subprocess.Popen(
            [*PYTHON, "-c", program, *arguments],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start_one
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=LIMIT)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@ALL_SHARED
def test_of_many_processes_one_gets_each_use(url: str, start: Start) -> None:
    processes = [start(CLAIM, url) for _ in range(4)]
    assert [said(each) for each in processes] == ["ready"] * 4
    for each in processes:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    outcomes = [each.communicate(timeout=LIMIT)[0].strip() for each in processes]

    assert [each.returncode for each in processes] == [0] * 4
    assert all(len(each) == 200 for each in outcomes)
    assert [sum(map(int, each)) for each in zip(*outcomes, strict=True)] == [1] * 200


@ALL_SHARED
def test_opening_it_at_once_from_several_processes_makes_it_once(url: str, start: Start) -> None:
    processes = [start(CLAIM, url) for _ in range(6)]

    assert [said(each) for each in processes] == ["ready"] * 6
    for each in processes:
        each.communicate("go\n", timeout=LIMIT)


WRITE = """
import sys, time
from jwt_middleware.revocation import Denial, open_store
store = open_store(sys.argv[1])
number = 0
while True:
    store.deny(Denial(subject=f"s-{number}", until=time.time() + 600))
    store.use_once(f"key-{number}", time.time() + 600)
    print(number, flush=True)
    number += 1
"""


@ALL_SHARED
def test_a_killed_process_leaves_all_that_it_had_acknowledged(url: str, start: Start) -> None:
    writer = start(WRITE, url)
    last = 0
    for _ in range(60):
        last = int(said(writer))
    writer.send_signal(signal.SIGKILL)
    assert writer.stdout is not None
    rest = writer.stdout.read()  # communicate() would lose what is read ahead
    writer.communicate(timeout=LIMIT)
    last = max([last, *(int(line) for line in rest.split("\n")[:-1])])
    store = open_store(url)
    kept = {each.subject for each in store.denials()}
    used = [store.was_used(f"key-{number}") for number in range(last + 1)]
    store.deny(Denial(subject="after"))
    store.close()

    assert {f"s-{number}" for number in range(last + 1)} <= kept
    assert len(kept) <= last + 2
    assert all(used)


FORK = """
import os, sys, threading, time
from jwt_middleware.revocation import Denial, open_store
store = open_store(sys.argv[1])
store.deny(Denial(subject="parent", until=time.time() + 600))
stop = threading.Event()
def use():
    while not stop.is_set():
        store.revision()
threads = [threading.Thread(target=use) for _ in range(3)]
for thread in threads:
    thread.start()
children = []
for number in range(8):
    child = os.fork()
    if child == 0:
        store.deny(Denial(subject=f"child-{number}", until=time.time() + 600))
        os._exit(0 if store.use_once("once", time.time() + 600) else 7)
    children.append(child)
codes = sorted(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)
stop.set()
for thread in threads:
    thread.join()
print(codes, len(store.denials()))
"""


@ALL_SHARED
def test_a_child_forked_while_threads_use_it_goes_on_with_its_own_connection(
    url: str, start: Start
) -> None:
    parent = start(FORK, url)
    told, _ = parent.communicate(timeout=LIMIT)

    assert told.strip() == f"{[0] + [7] * 7} 9"


def test_no_connection_to_a_file_is_open_across_a_fork(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    assert isinstance(store, SQLiteStore)
    assert store.use_once("a", time.time() + 60)
    assert store._held
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"open" if store._held else b"shut")
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    told = os.read(reader, 10)
    os.close(reader)

    assert told == b"shut"
    assert not store.use_once("a", time.time() + 60)
    store.close()


FORK_BY_THREADS = """
import os, sys, threading, time
from jwt_middleware.revocation import Denial, open_store
stores = [open_store(f"{sys.argv[1]}-{n}") for n in range(3)]
codes = []
def fork():
    for _ in range(10):
        child = os.fork()
        if child == 0:
            os._exit(0 if all(store.denials() == () for store in stores) else 1)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
threads = [threading.Thread(target=fork) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
stores[0].deny(Denial(subject="a"))
print(codes == [0] * 40)
"""


def test_threads_may_fork_at_once(tmp_path: Path, start: Start) -> None:
    told, _ = start(FORK_BY_THREADS, f"sqlite:///{tmp_path}/store.db").communicate(timeout=LIMIT)

    assert told.strip() == "True"
