"""Keys in real processes: forked after they were loaded, rotated under load, stopped in a fetch."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from ..key_server import KeyServer, document, hang, held, status
from .running import Answer, Server, run_to_its_end, running

OLD, NEW = SigningKey(key_id="old"), SigningKey(key_id="new")
LIMIT = 20.0


@pytest.fixture
def key_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyServer]:
    with KeyServer(document({"keys": [OLD.jwk()]})) as server:
        monkeypatch.setenv("KEY_URL", server.url)
        monkeypatch.setenv("FRESH_FOR", "300")
        yield server


def line(key: SigningKey, number: int = 0) -> str:
    return f"X-JWT-Assertion: {mint(key, ucsd_claims(number=str(number)))}"


def eventually(holds: Callable[[], bool]) -> bool:
    ends = time.monotonic() + LIMIT
    while time.monotonic() < ends:
        if holds():
            return True
        time.sleep(0.01)
    return False


def from_all_workers(server: Server, header: str) -> list[Answer]:
    """Ask, eight at a time, until each of the four workers has answered."""
    answers: list[Answer] = []
    workers: set[str] = set()
    ends = time.monotonic() + LIMIT
    with ThreadPoolExecutor(8) as pool:
        while len(workers) < 4 and time.monotonic() < ends:
            found = list(pool.map(lambda _: server.get("/who", header), range(16)))
            answers += found
            workers |= {answer.told[1] for answer in found if answer.status == 200}
    assert len(workers) == 4
    return answers


@pytest.mark.parametrize("loaded", ["true", "false"], ids=["loaded before", "not loaded before"])
def test_four_workers_forked_after_the_app_was_made_all_see_a_rotation(
    loaded: str, key_server: KeyServer, tmp_path: Path
) -> None:
    """With fail_fast the keys are loaded in the parent, whose threads no worker inherits."""
    with running(
        "gunicorn, 4 preloaded", "rotating_site:flask_app", tmp_path, OLD, fail_fast=loaded
    ) as server:
        before = len(key_server.requests)
        first = from_all_workers(server, line(OLD))
        loads = len(key_server.requests)
        key_server.script = document({"keys": [NEW.jwk()]})
        second = from_all_workers(server, line(NEW))
        fetches = len(key_server.requests) - loads
        third = [server.get("/who", line(OLD, n)) for n in range(12)]

    assert {(answer.status, answer.told[0]) for answer in first} == {(200, "old")}
    assert {(answer.status, answer.told[0]) for answer in second} == {(200, "new")}
    assert {(answer.status, answer.told["code"]) for answer in third} == {(401, "unknown_key")}
    workers = len({answer.told[1] for answer in (*first, *second)})
    assert (before, loads) == ((1, 1) if loaded == "true" else (0, workers))
    assert fetches == workers  # each found out for itself, once
    assert "Traceback" not in server.told


def test_uvicorn_stopped_during_a_hanging_background_refresh_ends_at_once(
    key_server: KeyServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FRESH_FOR", "0.2")
    with running("uvicorn", "rotating_site:starlette_app", tmp_path, OLD) as server:
        assert server.get("/who", line(OLD)).status == 200
        key_server.script = hang
        known = len(key_server.requests)
        assert eventually(
            lambda: server.get("/who", line(OLD)).status == 200 and len(key_server.requests) > known
        )
        seconds, _ = server.stop()

    assert seconds < 2
    assert "Traceback" not in server.told


@pytest.mark.parametrize("name", ["uvicorn", "hypercorn"])
def test_fail_fast_ends_a_server_whose_gateway_is_not_there(
    name: str, key_server: KeyServer, tmp_path: Path
) -> None:
    key_server.script = status(503)
    _, said = run_to_its_end(name, "rotating_site:starlette_app", tmp_path, OLD, fail_fast="true")

    assert "no keys at start-up" in said
    assert "status 503" in said


def test_fail_fast_ends_gunicorn_before_it_forks(key_server: KeyServer, tmp_path: Path) -> None:
    key_server.script = status(503)
    ended, said = run_to_its_end(
        "gunicorn, 4 preloaded", "rotating_site:flask_app", tmp_path, OLD, fail_fast="true"
    )

    assert ended != 0
    assert "no keys at start-up" in said


BEGIN = """
import os, sys
from jwt_middleware import JWKSEndpoint, Verifier
endpoint = JWKSEndpoint(os.environ["KEY_URL"])
verifier = Verifier(keys=endpoint, api="/echo")
"""
EXITS = {
    "while it hangs": "endpoint.snapshot(); endpoint.refresh().work.wait(0.2)",
    "as it begins": "endpoint.snapshot()",
    "as it ends": "endpoint.snapshot(); endpoint.refresh().work.wait(0.02)",
    "by an atexit function": "import atexit; atexit.register(endpoint.snapshot)",
    "in a cancelled loop": """
import asyncio
async def ask():
    try:
        await asyncio.wait_for(verifier.prefetch_async(), 0.1)
    except TimeoutError:
        pass
asyncio.run(ask())
""",
    "while threads wait for it": """
import threading
for _ in range(8):
    threading.Thread(target=verifier.prefetch, daemon=True).start()
""",
}


@pytest.mark.parametrize("moment", EXITS)
def test_an_interpreter_that_exits_during_a_fetch_does_so_at_once_and_says_nothing(
    moment: str, key_server: KeyServer
) -> None:
    script = document({"keys": [OLD.jwk()]})
    key_server.script = script if moment in ("as it begins", "as it ends") else hang
    begun = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", BEGIN + EXITS[moment]],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )

    said = [each for each in ended.stderr.splitlines() if not each.startswith("api is not set")]
    assert (ended.returncode, said) == (0, [])
    assert time.monotonic() - begun < 3


def test_a_child_forked_during_a_fetch_makes_its_own(key_server: KeyServer) -> None:
    may_answer = threading.Event()
    key_server.script = held(document({"keys": [OLD.jwk()]}), may_answer)
    program = (
        BEGIN
        + """
endpoint.snapshot()
child = os.fork()
pending = endpoint.refresh()
loaded = endpoint.snapshot() is not None or pending.work.wait(10) and len(endpoint.snapshot()) == 1
if child == 0:
    os._exit(0 if loaded else 1)
sys.exit(0 if loaded and os.waitpid(child, 0)[1] == 0 else 1)
"""
    )
    threading.Thread(
        target=lambda: eventually(lambda: len(key_server.requests) == 2) and may_answer.set()
    ).start()
    ended = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program],  # of fork itself
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    may_answer.set()

    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(key_server.requests) == 2


@pytest.mark.parametrize("published", [{"keys": [OLD.jwk()]}, OLD.public_pem.encode(), b"<html>"])
def test_a_fetch_imports_nothing_for_which_a_forked_child_would_wait(
    published: Any, key_server: KeyServer
) -> None:
    key_server.script = document(published)
    program = """
known = {*sys.modules}
endpoint.refresh().work.wait(10)
print(sorted({*sys.modules} - known))
"""
    ended = subprocess.run(
        [sys.executable, "-c", BEGIN + program],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )

    assert ended.stdout == "[]\n", ended.stderr
    assert len(key_server.requests) == 1
