"""The directory on SQLite: one transaction, one account a person, lists replaced whole or left."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from jwt_middleware import ConfigurationError
from jwt_middleware.errors import AccountRefused
from jwt_middleware.sign_on.sql import SQLDirectory, metadata

from ..conftest import modes_of
from .directory_rules import DirectoryRules, profile
from .dying import AFTER, BEFORE, MOMENTS, killed_at, state


class TestSQLite(DirectoryRules):
    @pytest.fixture
    def database(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'accounts.sqlite'}"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'accounts.sqlite'}"


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    found = sa.create_engine(url)
    yield found
    found.dispose()


@pytest.mark.parametrize(
    "database, told",
    [
        ("accounts.sqlite", "no URL of a database"),
        ("", "no URL of a database"),
        (5, "no URL of a database"),
        ("nosuch://u:hunter2@h/x", "the driver is missing: .*nosuch"),
        ("sqlite://", "SQLite's memory is one connection's own"),
        ("sqlite:///:memory:", "SQLite's memory is one connection's own"),
        ("sqlite:////nowhere/at/all/x.sqlite", "cannot be opened"),
    ],
)
def test_a_database_that_is_none_fails_at_start_up(database: Any, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as caught:
        SQLDirectory(database)

    assert "hunter2" not in str(caught.value)


def test_it_is_a_file_in_the_working_directory_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    SQLDirectory().sync(profile())

    assert (tmp_path / "accounts.sqlite").exists()


def test_an_engine_of_the_apps_own_serves_too(engine: sa.Engine) -> None:
    account = SQLDirectory(engine).sync(profile())

    with engine.connect() as connection:
        users = metadata.tables["sign_on_users"]
        assert connection.execute(sa.select(users.c.id)).scalars().all() == [account.user_id]


def test_a_database_that_takes_two_addresses_for_one_signs_nobody_in(
    engine: sa.Engine,
) -> None:
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            made = str(sa.schema.CreateTable(table).compile(engine))
            connection.execute(sa.text(made.replace("(254)", "(254) COLLATE NOCASE")))
    directory = SQLDirectory(engine)
    directory.sync(profile(email="Ana@example.edu", groups=("a",)))

    with pytest.raises(AccountRefused):
        directory.sync(profile(email="ana@example.edu", groups=("b",)))
    found = directory.find("acme", "Ana@example.edu")
    assert found is not None
    assert found.groups == ("a",)


def test_what_a_database_says_names_no_value(url: str, engine: sa.Engine) -> None:
    directory = SQLDirectory(url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE sign_on_users"))

    with pytest.raises(sa.exc.OperationalError) as caught:
        directory.sync(profile())
    assert "ana@example.edu" not in str(caught.value)


# --- a process that dies ---------------------------------------------------------------------


@pytest.mark.parametrize("email", ["ana@example.edu", "new@example.edu"], ids=["known", "new"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_process_that_is_killed_leaves_the_directory_as_before_or_as_after(
    url: str, moment: str, email: str
) -> None:
    directory = SQLDirectory(url)
    directory.sync(profile(**BEFORE))
    killed_at(url, moment, email)
    before = BEFORE if email == "ana@example.edu" else None

    assert state(directory.find("acme", email)) == (AFTER if moment == "after" else before)
    assert directory.sync(profile(email=email, groups=("next",))).created is (
        email != "ana@example.edu" and moment != "after"
    )


def test_a_forked_worker_speaks_on_connections_of_its_own(url: str) -> None:
    directory = SQLDirectory(url)
    directory.sync(profile())
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            directory.sync(profile(groups=("child",)))
            os.write(writing, b"ok")
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)

    assert os.read(reading, 2) == b"ok"
    found = directory.find("acme", "ana@example.edu")
    assert found is not None
    assert found.groups == ("child",)


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("driver", ["sqlite", "sqlite+pysqlite"])
def test_a_file_of_accounts_is_the_owners_alone(tmp_path: Path, driver: str) -> None:
    directory = SQLDirectory(f"{driver}:///{tmp_path / 'accounts.sqlite'}")
    directory.sync(profile())
    directory.close()

    assert modes_of(tmp_path) == {"accounts.sqlite": "0o600"}


def test_the_mode_of_a_file_of_accounts_that_is_there_stays(tmp_path: Path, url: str) -> None:
    path = tmp_path / "accounts.sqlite"
    path.touch()
    path.chmod(0o660)
    SQLDirectory(url).close()

    assert modes_of(tmp_path) == {"accounts.sqlite": "0o660"}
