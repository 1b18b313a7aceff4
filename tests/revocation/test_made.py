"""When and by whom a denial was made: kept for who lists a store, beside what services read."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from jwt_middleware import Revocations, Verifier
from jwt_middleware.revocation import Denial, open_store
from jwt_middleware.revocation.denials import Made
from jwt_middleware.revocation.store import ListedStore
from jwt_middleware.testing import SigningKey

from ..conftest import Clock
from .conftest import KINDS, NOW

EACH_KIND = pytest.mark.parametrize("url", KINDS, indirect=True)
ANN = Denial(subject="ann", until=NOW + 600, by="ops")
OLD_TABLE = """
CREATE TABLE jwt_middleware_denials (
    kind TEXT NOT NULL, value TEXT NOT NULL, issuer TEXT NOT NULL, whole INTEGER NOT NULL,
    issued_before REAL, until REAL NOT NULL, note TEXT NOT NULL,
    PRIMARY KEY (kind, value, issuer, whole)
) WITHOUT ROWID;
CREATE TABLE jwt_middleware_state (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)
WITHOUT ROWID;
INSERT INTO jwt_middleware_state VALUES ('identity', 'i'), ('revision', 'r');
"""
OLD_DENIAL = "INSERT OR REPLACE INTO jwt_middleware_denials VALUES (?, ?, ?, ?, ?, ?, ?)"


def listed(store: ListedStore) -> dict[str | None, tuple[float | None, str]]:
    made = store.made()
    known = [denial.known_from(made.get(denial.identity)) for denial in store.denials()]
    return {denial.subject: (denial.created, denial.by) for denial in known}


@EACH_KIND
def test_a_store_keeps_when_and_by_whom(store: ListedStore, clock: Clock) -> None:
    store.deny(ANN)
    clock.now += 5
    store.deny(Denial(subject="bob", until=math.inf))
    store.deny(Denial(subject="eve", created=NOW - 60, until=NOW + 60))

    assert listed(store) == {"ann": (NOW, "ops"), "bob": (NOW + 5, ""), "eve": (NOW - 60, "")}
    assert ANN in store.denials(), "a denial is the same whoever made it"


@EACH_KIND
def test_who_denies_again_is_the_one_that_is_shown(store: ListedStore, clock: Clock) -> None:
    store.deny(ANN)
    clock.now += 5
    store.deny(Denial(subject="ann", until=NOW + 300, by="night"))

    assert listed(store) == {"ann": (NOW + 5, "night")}
    assert [denial.until for denial in store.denials()] == [NOW + 600]


@EACH_KIND
def test_who_denies_is_told_what_is_kept(store: ListedStore, clock: Clock) -> None:
    store.deny(Denial(subject="ann", until=NOW + 600, note="left", by="ops"))
    clock.now += 60
    again = Denial(subject="ann", until=NOW + 300, by="night")
    others = [Denial(subject="bob", until=NOW + 90, by="ops")] * 2

    kept = store.deny_many([again, *others])

    assert [(each.subject, each.until, each.note) for each in kept] == [
        ("ann", NOW + 600, "left"),
        ("bob", NOW + 90, ""),
    ]
    assert [(each.by, each.created) for each in kept] == [("night", NOW + 60), ("ops", NOW + 60)]
    assert {each.identity: each.made(0.0) for each in kept} == store.made()
    assert store.deny_many([]) == []


@EACH_KIND
def test_it_is_forgotten_with_the_denial(store: ListedStore, clock: Clock) -> None:
    bob = Denial(subject="bob", until=NOW + 6_000)
    store.deny(ANN)
    store.deny(bob)
    assert store.made() == {
        ANN.identity: Made(NOW, "ops", NOW + 600),
        bob.identity: Made(NOW, "", NOW + 6_000),
    }
    store.allow(bob)
    assert [*store.made()] == [ANN.identity]
    clock.now += 601
    store.deny(bob)

    assert [*store.made()] == [bob.identity]


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    """The file of a store that an older version made, with one denial."""
    path = tmp_path / "store.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(OLD_TABLE)
        connection.execute(OLD_DENIAL, ("subject", "ann", "", 1, None, NOW + 600, "left"))
    connection.close()
    return path


def test_an_old_file_is_read_and_gets_the_table_when_a_service_opens_it(
    old_file: Path, opened: Callable[[str], ListedStore]
) -> None:
    store = opened(f"sqlite:///{old_file}")
    assert listed(store) == {"ann": (None, "")}
    store.deny(Denial(subject="bob", until=NOW + 60, by="ops"))

    assert listed(store) == {"ann": (None, ""), "bob": (NOW, "ops")}


def test_an_old_file_without_the_table_is_listed_changed_and_left_so(
    old_file: Path, clock: Clock
) -> None:
    store = open_store(f"sqlite:///{old_file}", clock=clock, make=False)
    store.deny(Denial(subject="bob", until=NOW + 60, by="ops"))
    assert listed(store) == {"ann": (None, ""), "bob": (None, "")}
    assert store.allow(Denial(subject="bob"))
    store.close()


def test_an_older_version_beside_it_goes_on_writing(
    tmp_path: Path, opened: Callable[[str], ListedStore]
) -> None:
    store = opened(f"sqlite:///{tmp_path}/store.db")
    store.deny(ANN)
    with sqlite3.connect(tmp_path / "store.db") as old:  # as an older version does
        old.execute(OLD_DENIAL, ("subject", "ann", "", 1, None, NOW + 900, ""))
        old.execute(OLD_DENIAL, ("subject", "bob", "", 1, None, NOW + 900, ""))
    old.close()

    assert listed(store) == {"ann": (None, ""), "bob": (None, "")}, "of another denial of ann"


def test_code_says_who_denies(tmp_path: Path, rsa_key: SigningKey) -> None:
    option = Revocations(f"sqlite:///{tmp_path}/store.db")
    verifier = Verifier(keys=rsa_key.public_pem, revocations=option, clock=lambda: NOW)
    assert verifier.revocations is not None
    verifier.revocations.deny(Denial(subject="ann", by="admin@example.edu"))
    store = verifier.revocations.store
    [made] = store.made().values()  # type: ignore[attr-defined]
    verifier.close()

    assert (made.created, made.by) == (NOW, "admin@example.edu")


@pytest.mark.parametrize("values", [{"by": 5}, {"by": "x" * 1025}, {"created": -1}])
def test_what_is_no_name_or_time_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"by: a text|created: a time"):
        Denial(subject="ann", **values)  # type: ignore[arg-type]
