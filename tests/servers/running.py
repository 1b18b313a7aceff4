"""Real servers in processes of their own, and a client that writes the bytes itself."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

from jwt_middleware.testing import SigningKey, mint, ucsd_claims

START_LIMIT = 30.0

COMMANDS = {
    "uvicorn": "uvicorn {app} --host 127.0.0.1 --port {port}",
    "hypercorn": "hypercorn {app} --bind 127.0.0.1:{port}",
    "daphne": "daphne {app} -b 127.0.0.1 -p {port}",
    "gunicorn": "gunicorn {app} --bind 127.0.0.1:{port}",
    "gunicorn, 4 preloaded": "gunicorn {app} --bind 127.0.0.1:{port} --workers 4 --preload",
    "gunicorn, 4 workers": (
        "gunicorn {app} --bind 127.0.0.1:{port} --workers 4 --threads 4 --access-logfile -"
    ),
    "uvicorn, 4 workers": "uvicorn {app} --host 127.0.0.1 --port {port} --workers 4",
    "waitress": "waitress --listen=127.0.0.1:{port} {app}",
    "werkzeug": "flask --app {app} run --host 127.0.0.1 --port {port}",
}


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> Any:
        return json.loads(self.body)


class Server(NamedTuple):
    """A running server: its port, and the file that all its output goes to."""

    name: str
    port: int
    log: Path
    key: SigningKey
    process: subprocess.Popen[bytes]

    def token(self, **claims: str) -> str:
        return mint(self.key, ucsd_claims(**claims))

    def get(self, path: str, *lines: str) -> Answer:
        """Send a request with exactly these header lines."""
        with closing(self.connect()) as connection:
            return ask(connection, path, *lines)

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=10)

    def open_websocket(self, path: str, *lines: str) -> Answer:
        """Ask for a websocket (RFC 6455, 4.1); 101 is accepted."""
        upgrade = (
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        )
        return self.get(path, *upgrade, *lines)

    def stop(self) -> tuple[float, int]:
        """Ask the server to end, as a supervisor does; return how long it took, and its status."""
        begun = time.monotonic()
        self.process.terminate()
        status = self.process.wait(START_LIMIT)
        return time.monotonic() - begun, status

    @property
    def told(self) -> str:
        return self.log.read_text("utf-8", "replace")


def ask(
    connection: HTTPConnection, path: str, *lines: str, method: str = "GET", body: bytes = b""
) -> Answer:
    """Send one request on a connection that may serve more of them."""
    connection.putrequest(method, path, skip_accept_encoding=True)
    for line in lines:
        connection.putheader(*line.split(": ", 1))
    if body:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body or None)
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())


@contextmanager
def running(name: str, app: str, folder: Path, key: SigningKey, **options: str) -> Iterator[Server]:
    """Run one server until the end of the block; ``app`` is ``module:name`` in this package."""
    with _process(name, app, folder, key, options) as (process, port, log):
        await_port(process, port, log)
        yield Server(name, port, log, key, process)


def run_to_its_end(
    name: str, app: str, folder: Path, key: SigningKey, **options: str
) -> tuple[int, str]:
    """Start a server that should give up; return its exit status and all that it said."""
    with _process(name, app, folder, key, options) as (process, _, log):
        status = process.wait(START_LIMIT)
        return status, log.read_text("utf-8", "replace")


@contextmanager
def _process(
    name: str, app: str, folder: Path, key: SigningKey, options: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], int, Path]]:
    certificate, log, port = folder / "gateway.pem", folder / "server.log", free_port()
    certificate.write_text(key.certificate_pem)
    command = COMMANDS[name].format(app=f"{__package__}.{app}", port=port).split()
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "JWT_MIDDLEWARE_KEYS": str(certificate),
        "JWT_MIDDLEWARE_API": "/echo",
        **{f"JWT_MIDDLEWARE_{option.upper()}": value for option, value in options.items()},
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=folder, env=environ, stdout=output, stderr=output
        )
        try:
            yield process, port, log
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End one process: by its consent, else by force."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until somebody listens there; fail with what the log holds."""
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError(f"the server did not start:\n{log.read_text('utf-8', 'replace')}")
