"""What the tests of the commands share: running one, and apps in a folder of their own."""

from __future__ import annotations

import importlib
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jwt_middleware.events.log import logger
from jwt_middleware.revocation import Denial, open_store
from jwt_middleware.testing import SigningKey
from jwt_middleware.tools.cli import main


class Said(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run the command in this process, as its console script does."""
    level = logger.level

    def run(*arguments: str | Path) -> Said:
        try:
            status = main([*map(str, arguments)])
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        said = Said(status, *capsys.readouterr())
        assert "Traceback" not in said.out + said.err
        return said

    yield run
    logger.setLevel(level)


URL = "sqlite:///store.db"
STORE = ("--store", URL)


@pytest.fixture
def begun_store(folder: Path) -> None:
    """The store of revocations that a service has begun in the working directory."""
    open_store(URL).close()


def kept(folder: Path) -> list[Denial]:
    """What the store of a folder denies."""
    store = open_store(f"sqlite:///{folder}/store.db")
    found = list(store.denials())
    store.close()
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rsa_key: SigningKey) -> Iterator[Path]:
    """The working directory: a gateway's certificate in it, and room for modules."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "gateway.pem").write_text(rsa_key.certificate_pem)
    yield tmp_path
    for name in set(sys.modules) - before:
        origin: Any = getattr(sys.modules[name], "__file__", None)
        if origin is not None and Path(origin).is_relative_to(tmp_path):
            del sys.modules[name]


Running = Callable[..., AbstractContextManager[tuple[str, str]]]


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Running:
    """Runs the command in this process, until the block ends and not until a signal.

    It gives the gateway's URL and all that it printed.
    """

    @contextmanager
    def run(*arguments: str) -> Iterator[tuple[str, str]]:
        serves, ends = threading.Event(), threading.Event()

        def wait_for_the_end() -> None:
            serves.set()
            ends.wait()

        module = importlib.import_module("jwt_middleware.tools.cli.serve_gateway")
        monkeypatch.setattr(module, "wait_for_the_end", wait_for_the_end)
        status: list[int] = []
        thread = threading.Thread(target=lambda: status.append(main(arguments)), daemon=True)
        thread.start()
        try:
            assert serves.wait(30)
            told = capsys.readouterr().out
            yield re.findall(r"http://[\w.]+:\d+", told)[0], told
        finally:
            ends.set()
            thread.join(30)
        assert status == [0]

    return run
