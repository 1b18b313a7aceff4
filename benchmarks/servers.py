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
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from .measuring import Effort, Row, spread

FASTAPI = "FastAPI under uvicorn, requests a second of the server's CPU"
UVICORN = "uvicorn, CPU a request, added to bare"
GUNICORN = "gunicorn (Flask, sync), CPU a request, added to bare"
COMMANDS = {
    FASTAPI: "uvicorn --factory benchmarks.servers:fastapi_app --host 127.0.0.1 --port {port} "
    "--log-level critical --no-access-log",
    UVICORN: "uvicorn --factory benchmarks.servers:asgi_app --host 127.0.0.1 --port {port} "
    "--log-level critical --no-access-log",
    GUNICORN: "gunicorn 'benchmarks.servers:wsgi_app()' --bind 127.0.0.1:{port} "
    "--log-level critical",
}
BY_HAND = "Depends with PyJWT and PyJWKClient"
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


def fastapi_app() -> Any:
    """Make a FastAPI app: bare, guarded by this package, or as most people write it by hand."""
    import jwt
    from fastapi import Depends, FastAPI, Header

    import jwt_middleware_starlette
    from jwt_middleware_starlette.fastapi import guard

    app = FastAPI()
    mode = os.environ[MODE]
    client = jwt.PyJWKClient(os.environ[KEY])

    def verified(x_jwt_assertion: str = Header()) -> Any:
        key = client.get_signing_key_from_jwt(x_jwt_assertion)
        return jwt.decode(x_jwt_assertion, key, algorithms=["RS256"])

    async def nobody() -> None:
        return None

    if mode in ("hit", "miss"):
        app.add_middleware(jwt_middleware_starlette.JWTMiddleware, verifier=_verifier())
    caller = Depends({"bare": nobody, BY_HAND: verified}.get(mode) or guard())

    @app.get("/")
    async def hello(_: Any = caller) -> dict[str, str]:
        return {"hello": "world"}

    return app


def _verifier() -> Any:
    from jwt_middleware import Verifier

    from .material import API

    mode = os.environ[MODE]
    if mode == "bare":
        return None
    size = 0 if mode == "miss" else 4_096
    return Verifier(keys=os.environ[KEY], api=API, cache_size=size)


class Load(NamedTuple):
    """What one run of the load found: CPU seconds a request, and requests a second."""

    cpu: float
    rate: float


def servers(effort: Effort) -> Iterator[Row]:
    """Yield the rows of every server; a note alone where there is no wrk."""
    if shutil.which("wrk") is None:
        yield Row(UVICORN, "not measured", 0.0, note="wrk is not installed")
        return
    from jwt_middleware.testing import LocalGateway

    from .material import material

    kind = material("RS256", "wso2")
    rounds, seconds = (1, 1) if effort.rounds < 5 else (3, 2)
    with LocalGateway(key=kind.key) as gateway:
        # PyJWT reads no WSO2 token, so all of them get the url-safe one.
        by_hand = (*MODES, BY_HAND)
        loads = _loads(FASTAPI, by_hand, gateway.jwks_url, kind.url_safe, rounds, seconds)
    yield from _rates(FASTAPI, loads)
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder, "gateway.pem")
        key.write_text(kind.key.certificate_pem)
        for title in (UVICORN, GUNICORN):
            yield from _costs(title, _loads(title, MODES, str(key), kind.token, rounds, seconds))


def _loads(
    title: str, modes: Sequence[str], keys: str, token: str, rounds: int, seconds: int
) -> dict[str, list[Load]]:
    """Run a server in each mode, and load them in turn."""
    with ExitStack() as stack:
        running = {
            mode: stack.enter_context(_running(COMMANDS[title], mode, keys, token))
            for mode in modes
        }
        found: dict[str, list[Load]] = {mode: [] for mode in modes}
        for _ in range(rounds):
            for mode, load in running.items():
                found[mode].append(load(seconds))
    return found


def _costs(title: str, found: dict[str, list[Load]]) -> Iterator[Row]:
    for mode, loads in found.items():
        ratios = [one.cpu / bare.cpu for one, bare in zip(loads, found["bare"], strict=True)]
        cpu = [one.cpu for one in loads]
        rate = statistics.median(one.rate for one in loads)
        ratio = statistics.median(ratios) - 1
        note = f"{rate:,.0f} requests/s"
        value = statistics.median(cpu) * 1e6
        yield Row(title, mode, value, "us", spread(cpu), ratio, spread(ratios), note)


def _rates(title: str, found: dict[str, list[Load]]) -> Iterator[Row]:
    for mode, loads in found.items():
        ratios = [bare.cpu / one.cpu for one, bare in zip(loads, found["bare"], strict=True)]
        rates = [1 / one.cpu for one in loads]
        ratio, rate = statistics.median(ratios), statistics.median(rates)
        name = mode if mode in ("bare", BY_HAND) else f"this, {mode}"
        yield Row(title, name, rate, "/s", spread(rates), ratio, spread(ratios))


@contextmanager
def _running(command: str, mode: str, keys: str, token: str) -> Iterator[Callable[[int], Load]]:
    """Start a server; yield what loads it. It ends with the block, by its own process id."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    here = Path(sys.executable).parent
    words = ["-m", *command.replace("'", "").format(port=port).split()]
    environment = {**os.environ, MODE: mode, KEY: keys, "PATH": f"{here}:{os.environ['PATH']}"}
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
