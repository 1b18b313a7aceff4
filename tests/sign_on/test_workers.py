"""Several workers over one file of integrations: whom one has refused, none signs in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jwt_middleware.background import watched_files as files

from .kit import KEY, Site, token
from .test_watched_integrations import BROKEN, WRONG, write

GOOD = "[integrations.acme]\nsecret_file = 'acme.secret'\n"
OFF = f"{GOOD}enabled = false\n"
REMOVED = "[integrations]\n"
BETWEEN: dict[str, str | None] = {
    **BROKEN,
    **{
        f"an entry {name}": f"[integrations.acme]\n{lines}\n"
        for name, lines in WRONG.items()
        if "gone" not in lines
    },
    "an entry that is off and wrong": f"{OFF}host = 'x'\n",
    "an entry that is like another one": GOOD + GOOD.replace("acme]", "twin]"),
    "another entry that is wrong": "[integrations.b]\nsecret_file = 'gone.secret'\n",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "acme.secret").write_bytes(KEY.secret)
    found = tmp_path / "integrations.toml"
    found.write_text(GOOD)
    return found


@pytest.fixture
def workers(file: Path, tmp_path: Path) -> tuple[Site, Site]:
    """Two that share the file alone, both of which have signed somebody in by it."""
    found = Site(tmp_path, integrations=file), Site(tmp_path, integrations=file)
    assert [each.arrive(token()).status for each in found] == [303, 303]
    return found


@pytest.mark.parametrize("between", BETWEEN.values(), ids=BETWEEN)
@pytest.mark.parametrize("removed", [REMOVED, OFF], ids=["removed", "switched off"])
def test_whom_one_worker_has_refused_no_other_signs_in_until_the_file_names_them_again(
    workers: tuple[Site, Site], file: Path, removed: str, between: str | None
) -> None:
    sees_it, sees_it_not = workers
    file.write_text(removed)
    assert sees_it.arrive(token()).status == 401

    write(file, between)
    for worker in (sees_it_not, sees_it):
        assert worker.arrive(token(jti="between")).status in (401, 503)
    file.write_text(GOOD)

    for worker in workers:
        assert worker.arrive(token(jti="between")).status == 303
        assert len(worker.session.began) == 2


def test_a_removal_that_leaves_the_files_times_and_size_is_seen(
    workers: tuple[Site, Site], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two changes within one tick of the file system's clock."""
    before = os.stat(file)
    monkeypatch.setattr(files, "os", SimpleNamespace(stat=lambda _: before))
    elsewhere = GOOD.replace("acme]", "beta]")

    for number, text in enumerate((elsewhere, GOOD, elsewhere)):
        file.write_text(text)
        for worker in workers:
            assert worker.arrive(token(jti=str(number))).status == 303
            assert f"integrations.{worker.session.began[-1][1].integration}]" in text


WORKER = """
import sys
from pathlib import Path
from types import SimpleNamespace
from tests.sign_on.kit import Site
folder = Path(sys.argv[1])
site = Site(
    folder,
    integrations=folder / "integrations.toml",
    store=f"sqlite:///{folder / 'sign-on.sqlite'}",
)
print("ready", flush=True)
for line in sys.stdin:
    print(site.arrive(line.strip()).status, flush=True)
"""


class Worker:
    """A process of its own that signs people in."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(folder)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._said() == "ready"

    def arrive(self, raw: str) -> int:
        stdin: Any = self.process.stdin
        stdin.write(f"{raw}\n")
        stdin.flush()
        return int(self._said())

    def _said(self) -> str:
        stdout: Any = self.process.stdout
        return str(stdout.readline()).strip()

    def end(self) -> None:
        self.process.communicate(timeout=20)


@pytest.fixture
def processes(tmp_path: Path, file: Path) -> Iterator[Callable[[], Worker]]:
    """Begin a worker over the file."""
    assert file.exists()
    begun: list[Worker] = []

    def begin() -> Worker:
        begun.append(Worker(tmp_path))
        return begun[-1]

    yield begin
    for each in begun:
        each.end()


def test_whom_one_process_has_refused_no_other_signs_in(
    processes: Callable[[], Worker], file: Path
) -> None:
    one, other = processes(), processes()
    assert (one.arrive(token(jti="1")), other.arrive(token(jti="2"))) == (303, 303)
    times = file.stat()
    replacement = file.with_suffix(".new")

    for number, between in enumerate(BETWEEN.values()):
        if file.exists():
            file.unlink()
        for text in (GOOD, REMOVED):  # twice within a second, with the same times
            replacement.write_text(text)
            os.utime(replacement, ns=(times.st_atime_ns, times.st_mtime_ns))
            replacement.replace(file)
        raw = token(jti=f"between {number}")
        assert one.arrive(raw) == 401
        write(file, between)
        assert other.arrive(raw) in (401, 503)
        assert one.arrive(raw) in (401, 503)
        file.write_text(GOOD)
        assert other.arrive(raw) == 303
        assert one.arrive(raw) == 401  # it was used
