"""The directories of sign-on on a real PostgreSQL server, by the rules that SQLite is held to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from ..sign_on import django_sign_on_site as own_site

# isort: split
import pytest
from django.db import connection, connections

from jwt_middleware import ConfigurationError
from jwt_middleware.sign_on import Account
from jwt_middleware.sign_on.sql import SQLDirectory
from jwt_middleware_django.sign_on import DjangoDirectory

from ..sign_on.directory_rules import DirectoryRules, profile
from ..sign_on.dying import AFTER, BEFORE, MOMENTS, killed_at, state
from .postgresql import OWNER, PostgreSQL, running

pytestmark = pytest.mark.external


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with running() as found:
        yield found


class TestPostgreSQL(DirectoryRules):
    @pytest.fixture
    def database(self, server: PostgreSQL) -> str:
        return server.url()


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_process_that_is_killed_leaves_the_directory_as_before_or_as_after(
    server: PostgreSQL, moment: str
) -> None:
    url = server.url()
    directory = SQLDirectory(url)
    directory.sync(profile(**BEFORE))
    killed_at(url, moment, "ana@example.edu")

    expected = AFTER if moment == "after" else BEFORE
    assert state(directory.find("acme", "ana@example.edu")) == expected


def test_a_server_that_is_down_at_start_is_told_without_the_url(server: PostgreSQL) -> None:
    with pytest.raises(ConfigurationError, match="cannot be opened") as caught:
        SQLDirectory(f"postgresql+psycopg://u:hunter2@127.0.0.1:{server.port}/nowhere")

    assert "hunter2" not in str(caught.value)


def test_two_sign_ons_of_one_new_person_at_once_make_one_of_djangos_users(
    server: PostgreSQL,
) -> None:
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": server.new_database(),
        "USER": OWNER,
        "HOST": "127.0.0.1",
        "PORT": server.port,
    }
    start = threading.Barrier(6)

    def sync(number: int) -> Account:
        try:
            start.wait(10)
            return DjangoDirectory().sync(profile(groups=(number, number)))
        finally:
            connections.close_all()

    with own_site.site(database), ThreadPoolExecutor(6) as pool:
        found = list(pool.map(sync, range(6)))
        assert connection.vendor == "postgresql"

    assert len({each.user_id for each in found}) == 1
    assert sum(each.created for each in found) == 1
