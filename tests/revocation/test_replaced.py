"""A store that is emptied or replaced while a service uses it: no denial is dropped in silence."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jwt_middleware import Principal
from jwt_middleware.events.kinds import ConfigurationWarning, Event, StoreFailed
from jwt_middleware.principal import ClaimNames
from jwt_middleware.revocation import Denial, open_store
from jwt_middleware.revocation.sqlite import SQLiteStore
from jwt_middleware.revocation.watch import USABLE_FOR, DenialWatch

from ..conftest import Clock
from .conftest import SHARED
from .redis_server import RedisServer

LATER = time.time() + 3600
JROE = Principal.of_token({"sub": "jroe"}, ClaimNames(), LATER, None)


class Service:
    """What one service knows of a store in which jroe is denied."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.events: list[Event] = []
        self.store = open_store(url)
        self.store.deny(Denial(subject="jroe", until=LATER))
        self.watch = DenialWatch(
            self.store, fails_open=False, announce=self.events.append, clock=clock
        )
        assert self.denies_jroe()

    def denies_jroe(self) -> bool | None:
        """None where nothing is known, so that every token is refused."""
        found = self.watch.current()
        return None if found is None else found.find(JROE, lambda: None, time.time()) is not None

    @property
    def warnings(self) -> list[str]:
        return [each.reason for each in self.events if isinstance(each, ConfigurationWarning)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def service(path: Path, clock: Clock) -> Iterator[Service]:
    found = Service(f"sqlite:///{path}", clock)
    yield found
    found.watch.close()
    found.store.close()


def removed(path: Path) -> None:
    for end in ("", "-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)


def emptied_in_place(path: Path) -> None:
    path.write_bytes(b"")
    for end in ("-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)


def made_anew_with_nothing_in_it(path: Path) -> None:
    removed(path)
    path.touch()


def a_link_to_an_empty_one(path: Path) -> None:
    removed(path)
    empty = path.with_suffix(".empty")
    empty.touch()
    path.symlink_to(empty)


def another_database(path: Path) -> None:
    removed(path)
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE something (of_others TEXT)")
    raw.close()


def without_a_table(path: Path) -> None:
    with sqlite3.connect(path) as raw:
        raw.execute("DROP TABLE jwt_middleware_denials")
        raw.execute("UPDATE jwt_middleware_state SET value = 'of-somebody'")
    raw.close()


def without_its_revision(path: Path) -> None:
    with sqlite3.connect(path) as raw:
        raw.execute("DROP TABLE jwt_middleware_state")
    raw.close()


REPLACED = [
    emptied_in_place,
    made_anew_with_nothing_in_it,
    a_link_to_an_empty_one,
    another_database,
]


@pytest.mark.parametrize("attack", [*REPLACED, without_a_table, without_its_revision])
def test_a_file_that_lost_its_tables_is_an_outage_and_no_empty_list(
    attack: Callable[[Path], None], service: Service, path: Path, clock: Clock
) -> None:
    service.store.close()
    attack(path)
    service.watch.look_now()
    service.watch.look_now()
    assert service.denies_jroe()
    clock.now += USABLE_FOR
    service.watch.look_now()

    assert service.denies_jroe() is None
    [failed] = [each for each in service.events if isinstance(each, StoreFailed)]
    assert "jwt-assertion revoke" in failed.reason


@pytest.mark.parametrize("attack", REPLACED)
def test_a_new_list_begins_where_the_store_is_opened_anew_and_it_is_warned_of(
    attack: Callable[[Path], None], service: Service, path: Path
) -> None:
    service.store.close()
    attack(path)
    service.watch.look_now()
    assert service.watch.is_failing
    assert service.warnings == []
    open_store(f"sqlite:///{path}").close()
    service.watch.look_now()

    assert not service.watch.is_failing
    assert service.denies_jroe() is False
    [told] = service.warnings
    assert "may be accepted again" in told


def test_a_file_that_is_emptied_while_it_is_open_lets_nobody_in(
    service: Service, path: Path
) -> None:
    """SQLite may mend it from its log, or not."""
    emptied_in_place(path)
    for _ in range(3):
        service.watch.look_now()

        assert service.denies_jroe() is not False
    assert [each.fail for each in service.events if isinstance(each, StoreFailed)] == ["closed"]


def test_a_lost_table_is_reported_and_made_again_where_the_store_is_opened_anew(
    service: Service, path: Path
) -> None:
    for attack, is_kept in ((without_its_revision, True), (without_a_table, False)):
        attack(path)
        service.watch.look_now()
        assert service.watch.is_failing
        open_store(f"sqlite:///{path}").close()
        service.watch.look_now()

        assert service.denies_jroe() is is_kept
    failed = [each.reason for each in service.events if isinstance(each, StoreFailed)]
    assert ["may be lost" in each for each in failed] == [True, True]


def emptied(url: str, request: pytest.FixtureRequest, path: Path) -> None:
    if url.startswith("sqlite"):
        removed(path)
        open_store(url).close()
    else:
        server: RedisServer = request.getfixturevalue("redis_server")
        server.send("FLUSHALL")


@pytest.mark.parametrize("url", SHARED, indirect=True)
@pytest.mark.parametrize("holds_one_again", [False, True])
def test_a_store_that_was_emptied_is_warned_of_once_though_it_holds_another_denial(
    url: str, holds_one_again: bool, request: pytest.FixtureRequest, path: Path, clock: Clock
) -> None:
    service = Service(url, clock)
    emptied(url, request, path)
    if not holds_one_again:
        service.watch.look_now()
    another = open_store(url)
    another.deny(Denial(subject="somebody-else", until=LATER))
    another.close()
    service.watch.look_now()
    service.watch.look_now()
    [told] = service.warnings
    service.watch.close()
    service.store.close()

    assert told.startswith(f"{service.store.name}: it was emptied or replaced")


@pytest.mark.parametrize("url", SHARED, indirect=True)
def test_a_store_that_changes_is_still_the_same(url: str, clock: Clock) -> None:
    service = Service(url, clock)
    for each in ("a", "b"):
        other = open_store(url)
        other.deny(Denial(subject=each, until=LATER))
        other.allow(Denial(subject=each))
        other.close()
        service.watch.look_now()
    service.store.allow(Denial(subject="jroe"))
    assert service.denies_jroe() is False
    service.watch.close()
    service.store.close()

    assert service.warnings == []


def test_a_file_that_is_emptied_and_holds_used_tokens_only_is_another_one(path: Path) -> None:
    store = SQLiteStore(path)
    before = (store.identity(), store.revision())
    store.use_once("a", LATER)
    assert (store.identity(), store.revision()) == before
    removed(path)
    SQLiteStore(path).close()

    assert store.identity() != before[0]
    assert store.revision() != before[1]
    store.close()
