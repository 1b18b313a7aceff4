"""Several workers over one file of integrations: each goes by what it says, or said last."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jwt_middleware import ConfigurationError
from jwt_middleware.background import watched_files as files
from jwt_middleware.errors import StoreUnavailable
from jwt_middleware.events.kinds import Decided
from jwt_middleware.revocation import Denial, open_store
from jwt_middleware.revocation.store import MemoryStore

from .kit import KEY, Site, token
from .test_watched_integrations import FAULTY, write

GOOD = "[integrations.acme]\nsecret_file = 'acme.secret'\n"
OFF = f"{GOOD}enabled = false\n"
REMOVED = "[integrations]\n"


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


@pytest.mark.parametrize("removed", [REMOVED, OFF], ids=["removed", "switched off"])
def test_whom_one_worker_has_refused_no_other_signs_in(
    workers: tuple[Site, Site], file: Path, removed: str
) -> None:
    file.write_text(removed)
    for worker in workers:
        assert worker.arrive(token()).status == 401
    file.write_text(GOOD)

    for worker in workers:
        assert worker.arrive(token(jti="again")).status == 303
        assert len(worker.session.began) == 2


@pytest.mark.parametrize("faulty", FAULTY.values(), ids=FAULTY)
@pytest.mark.parametrize("removed", [REMOVED, OFF], ids=["removed", "switched off"])
def test_while_the_file_is_faulty_no_worker_signs_in_whom_it_has_seen_removed(
    workers: tuple[Site, Site], file: Path, tmp_path: Path, removed: str, faulty: str | None
) -> None:
    file.write_text(removed)
    for worker in workers:
        assert worker.arrive(token()).status == 401

    write(file, faulty)

    for worker in workers:
        assert worker.arrive(token(jti="faulty")).status == 401
    with pytest.raises(ConfigurationError):
        Site(tmp_path, integrations=file)


@pytest.mark.parametrize("faulty", FAULTY.values(), ids=FAULTY)
@pytest.mark.parametrize("removed", [REMOVED, OFF], ids=["removed", "switched off"])
def test_whom_one_worker_has_seen_removed_no_other_signs_in_while_the_file_is_faulty(
    file: Path, tmp_path: Path, removed: str, faulty: str | None
) -> None:
    store = f"sqlite:///{tmp_path / 'sign-on.sqlite'}"
    one, other = (Site(tmp_path, integrations=file, store=store) for _ in range(2))
    assert [each.arrive(token(jti=str(n))).status for n, each in enumerate((one, other))] == [
        303
    ] * 2
    file.write_text(removed)
    assert one.arrive(token(jti="removed")).status == 401
    write(file, faulty)

    assert one.arrive(token(jti="one")).status == 401
    assert other.arrive(token(jti="other")).status == 503
    file.write_text(GOOD)
    assert [each.arrive(token(jti=f"g{n}")).status for n, each in enumerate((one, other))] == [
        303
    ] * 2


class Failing(MemoryStore):
    """A store that is out for a while."""

    is_out = False

    def use_once(self, key: str, until: float) -> bool:
        if self.is_out:
            raise StoreUnavailable("it is out")
        return super().use_once(key, until)


def test_a_store_that_is_out_when_a_partner_is_removed_hides_that_from_no_worker(
    file: Path, tmp_path: Path
) -> None:
    store = Failing(clock=lambda: 0.0)
    one, other = (Site(tmp_path, integrations=file, store=store) for _ in range(2))
    file.write_text(REMOVED)
    store.is_out = True
    assert one.arrive(token(jti="out")).status == 503
    store.is_out = False
    file.unlink()

    assert one.arrive(token(jti="one")).status == 401
    assert other.arrive(token(jti="other")).status == 503


def test_a_denial_refuses_a_partner_in_every_worker_whatever_the_file_says(
    file: Path, tmp_path: Path
) -> None:
    store = f"sqlite:///{tmp_path / 'sign-on.sqlite'}"
    one, other = (Site(tmp_path, integrations=file, store=store) for _ in range(2))
    file.write_text("[integrations.ac")
    assert one.arrive(token(jti="1")).status == 303

    operator = open_store(store)
    operator.deny(Denial(client_id="acme", until=math.inf))
    operator.close()

    for number, worker in enumerate((one, other)):
        assert worker.arrive(token(jti=f"denied {number}")).status == 401
        assert worker.told(Decided)[-1].code == "token_revoked"


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
from jwt_middleware.events.sign_on_kinds import IntegrationsLoaded
from tests.sign_on.kit import Site
folder = Path(sys.argv[1])
site = Site(
    folder,
    integrations=folder / "integrations.toml",
    store=f"sqlite:///{folder / 'sign-on.sqlite'}",
)
print("ready", flush=True)
for line in sys.stdin:
    if line.strip() == "known":
        print(site.told(IntegrationsLoaded)[-1].integrations, flush=True)
    else:
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

    def known(self) -> int:
        """How many integrations it knows, without a look at the file."""
        return self.arrive("known")

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

    for number, faulty in enumerate(FAULTY.values()):
        if file.exists():
            file.unlink()
        for text in (GOOD, REMOVED):  # twice within a second, with the same times
            replacement.write_text(text)
            os.utime(replacement, ns=(times.st_atime_ns, times.st_mtime_ns))
            replacement.replace(file)
        raw = token(jti=f"between {number}")
        assert (one.arrive(raw), other.arrive(raw)) == (401, 401)
        write(file, faulty)
        assert (one.arrive(raw), other.arrive(raw)) == (401, 401)
        file.write_text(GOOD)
        assert other.arrive(raw) == 303
        assert one.arrive(raw) == 401  # it was used


def test_a_process_that_idles_learns_of_a_removal_before_the_file_is_faulty(
    processes: Callable[[], Worker], file: Path
) -> None:
    """A process looks at the file each second, although nobody signs on."""
    idle = processes()
    file.write_text(REMOVED)
    ends = time.monotonic() + 20
    while idle.known() and time.monotonic() < ends:
        time.sleep(0.02)
    write(file, "[integrations.ac")

    assert idle.arrive(token(jti="1")) == 401
