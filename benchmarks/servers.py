"""End to end: real servers on loopback, loaded by ``wrk``, and the CPU that each request takes.

Requests a second depend on what else the machine does; the server's own CPU a request hardly does.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from .measuring import Effort, Row, spread

UVICORN = "uvicorn, CPU a request, added to bare"
GUNICORN = "gunicorn (Flask, sync), CPU a request, added to bare"
COMMANDS = {
    UVICORN: "uvicorn --factory benchmarks.servers:asgi_app --host 127.0.0.1 --port {port} "
    "--log-level critical --no-access-log",
    GUNICORN: "gunicorn 'benchmarks.servers:wsgi_app()' --bind 127.0.0.1:{port} "
    "--log-level critical",
}
MODES = ("bare", "hit", "miss")
MODE, KEY = "BENCHMARK_MODE", "BENCHMARK_KEY"
_TICKS = os.sysconf("SC_CLK_TCK")


def asgi_app() -> Any:
    """Make the app that uvicorn serves; the environment says whether it is guarded."""
    from .doors import starlette_app

    return starlette_app(_verifier())


def wsgi_app() -> Any:
    """Make the app that gunicorn serves."""
    from .doors import flask_app

    return flask_app(_verifier())


def _verifier() -> Any:
    from jwt_middleware import KeyFile, Verifier

    from .material import API

    mode = os.environ[MODE]
    if mode == "bare":
        return None
    size = 0 if mode == "miss" else 4_096
    return Verifier(keys=KeyFile(os.environ[KEY]), api=API, cache_size=size)


class Load(NamedTuple):
    """What one run of the load found: CPU seconds a request, and requests a second."""

    cpu: float
    rate: float


def servers(effort: Effort) -> Iterator[Row]:
    """Yield the rows of both servers; a note alone where there is no wrk."""
    if shutil.which("wrk") is None:
        yield Row(UVICORN, "not measured", 0.0, note="wrk is not installed")
        return
    from .material import material

    kind = material("RS256", "wso2")
    rounds, seconds = (1, 1) if effort.rounds < 5 else (3, 2)
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder, "gateway.pem")
        key.write_text(kind.key.certificate_pem)
        for title, command in COMMANDS.items():
            yield from _server(title, command, key, kind.token, rounds, seconds)


def _server(
    title: str, command: str, key: Path, token: str, rounds: int, seconds: int
) -> list[Row]:
    with ExitStack() as stack:
        running = {mode: stack.enter_context(_running(command, mode, key, token)) for mode in MODES}
        found: dict[str, list[Load]] = {mode: [] for mode in MODES}
        for _ in range(rounds):
            for mode, load in running.items():
                found[mode].append(load(seconds))
    rows: list[Row] = []
    for mode, loads in found.items():
        ratios = [one.cpu / bare.cpu for one, bare in zip(loads, found["bare"], strict=True)]
        cpu = [one.cpu for one in loads]
        rate = statistics.median(one.rate for one in loads)
        ratio = statistics.median(ratios) - 1
        note = f"{rate:,.0f} requests/s"
        value = statistics.median(cpu) * 1e6
        rows.append(Row(title, mode, value, "us", spread(cpu), ratio, spread(ratios), note))
    return rows


@contextmanager
def _running(command: str, mode: str, key: Path, token: str) -> Iterator[Callable[[int], Load]]:
    """Start a server; yield what loads it. It ends with the block, by its own process id."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    here = Path(sys.executable).parent
    words = ["-m", *command.replace("'", "").format(port=port).split()]
    environment = {**os.environ, MODE: mode, KEY: str(key), "PATH": f"{here}:{os.environ['PATH']}"}
    process = subprocess.Popen(
        [sys.executable, *words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)

        def load(seconds: int) -> Load:
            before = _cpu(process.pid)
            done = subprocess.run(
                [
                    *("wrk", "-t1", "-c8", f"-d{seconds}s"),
                    *("-H", f"X-JWT-Assertion: {token}", f"http://127.0.0.1:{port}/"),
                ],
                check=True,
                capture_output=True,
                text=True,
            )
            if "Non-2xx" in done.stdout:
                raise RuntimeError(f"{mode}: the server refused what it should serve")
            requests = int(re.findall(r"(\d+) requests in", done.stdout)[0])
            rate = float(re.findall(r"Requests/sec:\s+([\d.]+)", done.stdout)[0])
            return Load((_cpu(process.pid) - before) / requests, rate)

        yield load
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + 20
    while time.monotonic() < ends and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("the server has not started")


def _cpu(pid: int) -> float:
    """Return the CPU seconds of a process and of its children."""
    family = [pid]
    for each in family:
        for task in Path(f"/proc/{each}/task").iterdir():
            family += map(int, (task / "children").read_text().split())
    total = 0
    for each in family:
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS
