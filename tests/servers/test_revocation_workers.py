"""Revocations and one-time use through the workers of real servers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from ..revocation.redis_server import RedisServer
from .running import Server, running

LIMIT = 30.0
KEY = SigningKey()
SITES = {
    "gunicorn, 4 preloaded": ("revoking_site:flask_app", 4),
    "uvicorn, 4 workers": ("revoking_site:starlette_app", 4),
}
EACH_SITE = pytest.mark.parametrize("name", SITES)
EACH_STORE = pytest.mark.parametrize(
    "store_url", ["sqlite", pytest.param("redis", marks=pytest.mark.external)], indirect=True
)


@pytest.fixture
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/store.db"
        return
    server = RedisServer(tmp_path)
    yield server.url
    server.stop()


class Seen(NamedTuple):
    at: float
    worker: int | None
    status: int


def line(subject: str, number: int = 0) -> str:
    claims = ucsd_claims(enduser=subject) | {"sub": subject, "jti": f"{subject}-{number}"}
    return f"X-JWT-Assertion: {mint(KEY, claims)}"


@contextmanager
def site(
    name: str, store_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **options: str
) -> Iterator[Server]:
    monkeypatch.setenv("STORE_URL", store_url)
    with running(name, SITES[name][0], folder, KEY, **options) as server:
        yield server


def workers_of(server: Server, header: str, number: int) -> set[int]:
    """Ask, eight at a time, until this many workers have taken the token."""
    found: set[int] = set()
    ends = time.monotonic() + LIMIT
    with ThreadPoolExecutor(8) as pool:
        while len(found) < number and time.monotonic() < ends:
            for answer in pool.map(lambda _: server.get("/who", header), range(16)):
                assert answer.status == 200
                found.add(answer.told[1])
    assert len(found) == number
    return found


def taken_after(server: Server, header: str, begins: float, seconds: float) -> list[float]:
    """Ask for some seconds; return how long after its denial the token was still taken."""
    late: list[float] = []
    statuses: Counter[int] = Counter()

    def ask(_: int) -> None:
        asked = time.time()
        answer = server.get("/who", header)
        statuses[answer.status] += 1
        if answer.status == 200:
            late.append(asked - begins)
        else:
            assert answer.told["code"] == "token_revoked"

    with ThreadPoolExecutor(8) as pool:
        while time.time() < begins + seconds:
            list(pool.map(ask, range(16)))
    assert statuses[401] > 50
    return late


@EACH_SITE
@EACH_STORE
def test_what_one_worker_denies_all_refuse_within_a_second(
    name: str, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site(name, store_url, tmp_path, monkeypatch, revocations=store_url) as server:
        header, other = line("jroe"), line("somebody else")
        workers = workers_of(server, header, SITES[name][1])
        denied_at, worker = server.get("/out", header).told
        late = taken_after(server, header, denied_at, 2.0)
        still = workers_of(server, other, SITES[name][1])

    assert worker in workers
    assert all(seconds < 1 for seconds in late)
    assert still == workers
    assert "Traceback" not in server.told


def test_what_the_command_denies_all_refuse_within_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, url = "gunicorn, 4 preloaded", f"sqlite:///{tmp_path}/store.db"
    with site(name, url, tmp_path, monkeypatch, revocations=url) as server:
        header = line("jroe")
        workers_of(server, header, SITES[name][1])
        command(url, "revoke", "--jti", "jroe-0")
        late = taken_after(server, header, time.time(), 2.0)
        command(url, "revoke", "--jti", "jroe-0", "--take-back")
        ends = time.monotonic() + LIMIT
        while (status := server.get("/who", header).status) != 200 and time.monotonic() < ends:
            time.sleep(0.02)

    assert all(seconds < 1 for seconds in late)
    assert status == 200


def command(url: str, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "jwt_middleware", *arguments, "--store", url],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        capture_output=True,
        timeout=LIMIT,
    )


@EACH_SITE
@EACH_STORE
def test_of_a_hundred_arrivals_of_one_token_through_all_workers_one_gets_in(
    name: str, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "options.toml"
    config.write_text(f'[revocations]\nurl = "{store_url}"\none_time = true\n')
    with site(name, store_url, tmp_path, monkeypatch, config=str(config)) as server:
        for number in range(3):
            header = line("jroe", number)
            ask: Callable[[int], int] = lambda _, header=header: server.get("/who", header).status  # type: ignore[misc]  # noqa: E731
            with ThreadPoolExecutor(20) as pool:
                statuses = Counter(pool.map(ask, range(100)))
            assert statuses == {200: 1, 401: 99}
