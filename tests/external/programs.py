"""Programs that are not ours, each in a process of its own on loopback, with a port and a log.

EXTERNAL_VENV names a virtual environment that holds this package and ``requirements.txt``.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

from ..servers.running import Answer, ask, await_port, end, free_port

APPS = Path(__file__).parent / "apps"


class Program(NamedTuple):
    """A running program: where it listens, and the file that all its output goes to."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def told(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=10)

    def ask(self, path: str, *lines: str, method: str = "GET", body: bytes = b"") -> Answer:
        """Send a request with exactly these header lines, on a connection of its own."""
        with closing(self.connect()) as connection:
            return ask(connection, path, *lines, method=method, body=body)


@contextmanager
def running(
    command: Sequence[str | Path],
    folder: Path,
    *,
    port: int | None = None,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Program]:
    """Run a program until the end of the block; ``{port}`` in its words is where it listens."""
    port = free_port() if port is None else port
    log = folder / f"{Path(command[0]).name}-{port}.log"
    words = [str(word).replace("{port}", str(port)) for word in command]
    with log.open("wb") as output:
        process = subprocess.Popen(
            words, cwd=folder, env={**os.environ, **(environ or {})}, stdout=output, stderr=output
        )
        try:
            await_port(process, port, log)
            yield Program(port, log, process)
        finally:
            end(process)


def installed(program: str) -> Path:
    """Return a program of the virtual environment that holds what is not ours."""
    folder = os.environ.get("EXTERNAL_VENV")
    assert folder, "EXTERNAL_VENV is not set; .ci/run makes it and sets it"
    return Path(folder) / "bin" / program


@contextmanager
def serving(
    server: str, app: str, folder: Path, *, port: int | None = None, **environ: str
) -> Iterator[Program]:
    """Serve ``module:app`` of the folder ``apps`` by uvicorn or gunicorn."""
    command: list[str | Path] = {
        "uvicorn": [installed("uvicorn"), app, "--host", "127.0.0.1", "--port", "{port}"],
        "gunicorn": [installed("gunicorn"), app, "--bind", "127.0.0.1:{port}"],
    }[server]
    apps = {"PYTHONPATH": str(APPS), **environ}
    with running(command, folder, port=port, environ=apps) as program:
        yield program
