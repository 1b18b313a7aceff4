"""The three kinds of store, each real. Those that several processes share open more than once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jwt_middleware.revocation import open_store
from jwt_middleware.revocation.store import Store

from ..conftest import Clock
from .redis_server import RedisServer

REDIS = pytest.param("redis", marks=pytest.mark.external)
SHARED = ["sqlite", REDIS]
KINDS = ["memory", *SHARED]

NOW = 1_479_409_651.0


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store of the kind that the test is run for."""
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        server.send("FLUSHALL")
        return server.url
    return "process-memory" if request.param == "memory" else f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def opened(clock: Clock) -> Iterator[Callable[[str], Store]]:
    """Opens stores on the test's clock, and closes them."""
    found: list[Store] = []

    def open_one(url: str) -> Store:
        found.append(open_store(url, clock=clock))
        return found[-1]

    yield open_one
    for store in found:
        store.close()


@pytest.fixture
def store(url: str, opened: Callable[[str], Store]) -> Store:
    return opened(url)
