"""The file of an SQLite store: what it holds, and what happens to it."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

import pytest

from jwt_middleware.errors import ConfigurationError, StoreUnavailable
from jwt_middleware.revocation import Denial, open_store, sqlite_file
from jwt_middleware.revocation.following import Following
from jwt_middleware.revocation.sqlite import SQLiteStore

from ..conftest import Clock, modes_of

NOW = 1_479_409_651.0
TOKEN = "eyJhbGciOiJSUzI1NiJ9.the-token-of-somebody.c2ln"


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> SQLiteStore:
    return SQLiteStore(tmp_path / "store.db", clock=clock)


def bytes_of(folder: Path) -> bytes:
    return b"".join(each.read_bytes() for each in folder.iterdir())


def test_no_token_is_in_it(store: SQLiteStore, tmp_path: Path) -> None:
    store.use_once(TOKEN, NOW + 60)

    assert b"the-token-of-somebody" not in bytes_of(tmp_path)
    store.close()
    assert b"the-token-of-somebody" not in bytes_of(tmp_path)


def test_old_claims_do_not_pile_up(store: SQLiteStore, clock: Clock, tmp_path: Path) -> None:
    for number in range(150):
        store.use_once(f"a-{number}", NOW + 1)
    clock.now += 5
    for number in range(10):
        store.use_once(f"b-{number}", clock.now + 60)
    store.close()
    with sqlite3.connect(tmp_path / "store.db") as raw:
        left = raw.execute("SELECT count(*) FROM jwt_middleware_uses").fetchone()
    raw.close()

    assert left == (10,)


@pytest.mark.parametrize("ended, left", [(64, 1), (65, 2), (300, 237)])
def test_one_use_forgets_a_few_old_ones_and_waits_for_no_more(
    ended: int, left: int, store: SQLiteStore, clock: Clock, tmp_path: Path
) -> None:
    for number in range(ended):
        store.use_once(f"a-{number}", NOW + 1)
    clock.now += 5
    store.use_once("b", clock.now + 60)
    store.close()
    with sqlite3.connect(tmp_path / "store.db") as raw:
        found = raw.execute("SELECT count(*) FROM jwt_middleware_uses").fetchone()
    raw.close()

    assert found == (left,)


@pytest.mark.parametrize(
    "content", [b"no database at all, of no kind" * 40, b"SQLite format 3\0 x"]
)
def test_a_file_that_is_no_database_is_reported_at_once(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"other\.db: "):
        open_store(f"sqlite:///{path}")
    assert path.read_bytes() == content


def test_a_folder_that_is_missing_or_a_file_that_is_a_folder_is_reported_at_once(
    tmp_path: Path,
) -> None:
    for path in (tmp_path / "missing" / "store.db", tmp_path):
        with pytest.raises(ConfigurationError, match="unable to open database file"):
            open_store(f"sqlite:///{path}")


def test_a_file_that_cannot_be_written_is_reported_at_once(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    SQLiteStore(path).close()
    path.chmod(0o400)
    if os.access(path, os.W_OK):
        # Nothing is read-only to this user, so the file is told to be by SQLite itself.
        with sqlite3.connect(path) as raw:
            raw.execute(
                "CREATE TRIGGER no BEFORE DELETE ON jwt_middleware_uses BEGIN "
                "SELECT RAISE(ABORT, 'attempt to write a readonly database'); END"
            )
            raw.execute("INSERT INTO jwt_middleware_uses VALUES ('a', -1)")
        raw.close()

    with pytest.raises(ConfigurationError, match="readonly"):
        open_store(f"sqlite:///{path}")


def test_a_file_that_is_gone_is_an_outage_and_no_empty_list(
    store: SQLiteStore, tmp_path: Path
) -> None:
    store.deny(Denial(subject="a", until=NOW + 60))
    store.close()
    (tmp_path / "store.db").rename(tmp_path / "away.db")
    for ask in (store.denials, store.revision, lambda: store.use_once("a", NOW + 60)):
        with pytest.raises(StoreUnavailable, match="the file is gone"):
            ask()
    assert not (tmp_path / "store.db").exists()
    (tmp_path / "away.db").rename(tmp_path / "store.db")

    assert len(store.denials()) == 1


def test_one_that_was_made_anew_after_all_of_it_was_removed_is_another(
    store: SQLiteStore, tmp_path: Path, clock: Clock
) -> None:
    store.deny(Denial(subject="old", until=NOW + 60))
    before = store.revision()
    for each in tmp_path.iterdir():  # the file, its log and the log's index
        each.unlink()
    other = SQLiteStore(tmp_path / "store.db", clock=clock)
    other.deny(Denial(subject="new", until=NOW + 60))

    assert store.revision() != before
    assert [each.subject for each in store.denials()] == ["new"]
    other.close()


def test_a_writer_that_never_ends_is_an_outage_and_readers_do_not_mind(
    store: SQLiteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "BUSY", 0.2)
    store.close()  # the next connection waits as long
    raw = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    raw.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        store.use_once("a", NOW + 60)
    raw.execute("ROLLBACK")
    assert store.use_once("a", NOW + 60)
    raw.execute("BEGIN IMMEDIATE")
    assert store.was_used("a")
    assert store.denials() == ()
    raw.execute("ROLLBACK")
    raw.close()


def test_a_store_that_is_forgotten_closes_its_file(tmp_path: Path) -> None:
    SQLiteStore(tmp_path / "store.db").deny(Denial(subject="a"))

    # The last one to close a file in WAL mode takes the log away.
    assert [each.name for each in tmp_path.iterdir()] == ["store.db"]


def test_a_denial_is_on_the_disk_when_it_has_been_acknowledged(store: SQLiteStore) -> None:
    store.use_once("a", NOW + 60)
    assert store._held[0][0].execute("PRAGMA synchronous").fetchone() == (1,)  # NORMAL
    store.deny(Denial(subject="a", until=NOW + 60))
    assert store._held[0][0].execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_a_damaged_file_is_an_outage(store: SQLiteStore, tmp_path: Path) -> None:
    for number in range(200):
        store.deny(Denial(subject=f"s-{number}", note="x" * 500, until=time.time()))
    store.close()
    path = tmp_path / "store.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))

    with pytest.raises(StoreUnavailable):
        store.denials()
    path.write_bytes(whole)
    assert len(store.denials()) == 200


def test_a_row_that_is_no_denial_is_an_outage_and_no_silence(
    store: SQLiteStore, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "store.db") as raw:
        raw.execute(
            "INSERT INTO jwt_middleware_denials VALUES ('colour', 'red', '', 1, NULL, 9e9, '')"
        )
    raw.close()

    with pytest.raises(StoreUnavailable, match="colour"):
        store.denials()


@pytest.mark.parametrize(
    "values",
    [
        "'colour', 'red', '', 1, NULL, 9e9",
        "'subject', x'00', '', 1, NULL, 9e9",
        "'subject', 'a', '', 1, 5.0, 9e9",
        "'subject', 'a', '', 0, NULL, 9e9",
        "'subject', 'a', '', 1, NULL, 'soon'",
    ],
)
def test_a_row_that_is_no_denial_is_an_outage_for_who_follows_too(
    values: str, store: SQLiteStore, tmp_path: Path
) -> None:
    following = Following(store)
    following.catch_up()
    with sqlite3.connect(tmp_path / "store.db") as raw:
        raw.execute(f"INSERT INTO jwt_middleware_denials VALUES ({values}, '')")
    raw.close()
    for reader in (following, Following(store)):
        with pytest.raises(StoreUnavailable, match=r"store\.db: '(colour|subject)'"):
            reader.catch_up()
    with sqlite3.connect(tmp_path / "store.db") as raw:
        raw.execute("DELETE FROM jwt_middleware_denials")
    raw.close()
    following.catch_up()

    assert len(following.list) == 0


@pytest.mark.usefixtures("umask")
def test_the_file_and_its_companions_are_the_owners_alone(tmp_path: Path, clock: Clock) -> None:
    store = SQLiteStore(tmp_path / "store.db", clock=clock)
    store.deny(Denial(subject="ana"))
    modes = modes_of(tmp_path)
    store.close()

    assert modes == dict.fromkeys(("store.db", "store.db-wal", "store.db-shm"), "0o600")


@pytest.mark.usefixtures("umask")
def test_the_mode_of_a_file_that_is_there_stays(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "store.db"
    path.touch()
    path.chmod(0o640)
    store = SQLiteStore(path, clock=clock)
    store.deny(Denial(subject="ana"))
    modes = modes_of(tmp_path)
    store.close()

    assert set(modes.values()) == {"0o640"}


@pytest.mark.usefixtures("umask")
def test_a_file_behind_a_symlink_is_the_owners_alone(tmp_path: Path, clock: Clock) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    (tmp_path / "store.db").symlink_to(volume / "real.db")
    store = SQLiteStore(tmp_path / "store.db", clock=clock)
    store.deny(Denial(subject="ana"))
    modes = modes_of(volume)
    store.close()

    assert "real.db" in modes
    assert set(modes.values()) == {"0o600"}
