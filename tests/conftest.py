"""Keys generated once a session, and factories for the tokens that tests need."""

from __future__ import annotations

import gc
import itertools
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hypothesis  # noqa: F401 - it asks the collector about objects that are frozen below
import pytest
from django.urls import URLPattern
from flask import Flask
from starlette.routing import BaseRoute

from jwt_middleware import Principal, Verifier
from jwt_middleware.authorization import exposure
from jwt_middleware.background.watched_files import WatchedFile
from jwt_middleware.events import record
from jwt_middleware.testing import SigningKey

from .kit import Events

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def _no_options_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("JWT_MIDDLEWARE_"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _records_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what a ``RequestFilter`` of a test does for the rest of the process."""
    monkeypatch.setattr(record, "_keeps_records", False)


@pytest.fixture
def lean_pytester(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Runs pytest without the plugins that take longest to load."""
    others = ("hypothesispytest", "xdist", "randomly", "pytest_cov", "timeout")
    monkeypatch.setenv("PYTEST_ADDOPTS", " ".join(f"-p no:{name}" for name in others))
    return pytester


@pytest.fixture(scope="session", autouse=True)
def _file_watch(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Start the threads that watch files, which keep their pace as long as the process lives.

    A test that shortens ``LOOK_EVERY`` would otherwise make them spin beside all later tests.
    """
    path = tmp_path_factory.mktemp("watched") / "file"
    path.touch()
    clock = itertools.count(0, 3600)
    look = WatchedFile(path, bytes, lambda _: None, clock=lambda: next(clock)).look_now()
    assert look is not None


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a long value by its argument: another process would have another token or key."""
    return argname if isinstance(val, str | bytes) and len(val) > 100 else None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Refuse a name with an address in it, which no other process would know the test by."""
    if " at 0x" in item.nodeid:
        raise pytest.UsageError(f"{item.nodeid}: give this case an id")


def pytest_collection_finish() -> None:
    """Spare the collector what lives as long as the session: modules and tests, by far the most.

    It does not list what is frozen, and the search for the routes of other apps reads that list.
    """
    gc.collect()
    kinds = (Flask, URLPattern, BaseRoute)
    routes = [value for value in gc.get_objects() if issubclass(type(value), kinds)]
    exposure.gc = SimpleNamespace(  # type: ignore[attr-defined]
        collect=gc.collect, get_objects=lambda: [*routes, *gc.get_objects()]
    )
    gc.freeze()
    gc.collect()  # it is counted how much is left, by which it collects again


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the seed of the order, which ``-q`` leaves out of the header."""
    seed = config.getoption("randomly_seed")
    terminalreporter.write_line(f"in the order of --randomly-seed={seed}")


def recalled(verifier: Verifier, raw: Any) -> Principal | None:
    """The principal of a token that the verifier need not verify again; None for any other."""
    known = verifier.begin(raw)
    return known if isinstance(known, Principal) else None


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(1_479_409_651.0)


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def threads_started(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """The threads that this test starts, and those that these start.

    Threads that other tests have left come and go meanwhile, so counting all of them says nothing.
    """
    here, started = threading.current_thread(), list[threading.Thread]()
    start = threading.Thread.start

    def record_and_start(thread: threading.Thread) -> None:
        if (by := threading.current_thread()) is here or by in started:
            started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", record_and_start)
    return started


@pytest.fixture(params=[0o000, 0o022], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """A umask that takes nothing away, or little."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.fixture
def endpoint() -> Iterator[str]:
    """A JWKS URL where nobody listens, and nobody else can begin to."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/jwks"


@pytest.fixture(scope="session")
def rsa_key() -> SigningKey:
    return SigningKey("RS256")


@pytest.fixture(scope="session")
def other_rsa_key() -> SigningKey:
    return SigningKey("RS256")


_KEYS: dict[tuple[str, str], SigningKey] = {}


@pytest.fixture(scope="session")
def key_for() -> Callable[..., SigningKey]:
    """A key for an algorithm, the same one all session."""

    def find(algorithm: str, curve: str = "Ed25519") -> SigningKey:
        if (algorithm, curve) not in _KEYS:
            _KEYS[algorithm, curve] = SigningKey(algorithm, curve=curve)
        return _KEYS[algorithm, curve]

    return find


def modes_of(folder: Path) -> dict[str, str]:
    """The permissions of every file of a folder."""
    return {each.name: oct(each.stat().st_mode & 0o777) for each in folder.iterdir()}
