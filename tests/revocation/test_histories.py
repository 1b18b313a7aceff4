"""A store that others write too: older versions, and what brings it back to an earlier state."""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import Revocations
from jwt_middleware.events.kinds import ConfigurationWarning, Event
from jwt_middleware.revocation import Denial, open_store
from jwt_middleware.revocation.following import Following
from jwt_middleware.revocation.sqlite import SQLiteStore
from jwt_middleware.revocation.store import Changes, ListedStore, MemoryStore
from jwt_middleware.revocation.watch import DenialWatch

from ..conftest import Clock
from .asking import KEY, LATER, by_hand, raw, subjects
from .conftest import KINDS, SHARED
from .test_check import deny, refused, token, verifier_of

ALL = pytest.mark.parametrize("url", KINDS, indirect=True)
ALL_SHARED = pytest.mark.parametrize("url", SHARED, indirect=True)


def brought_back(url: str, change: Callable[[], object]) -> None:
    """Have a store lose a change, as by a backup, or a failover to a replica that lacked it."""
    if url.startswith("sqlite:///"):
        path = url.removeprefix("sqlite:///")
        shutil.copy(path, f"{path}.backup")
        change()
        shutil.copy(f"{path}.backup", path)
        return
    import redis

    client: Any = redis.Redis.from_url(url)
    before = {key: client.dump(key) for key in client.keys(f"{KEY}*")}
    change()
    for key, value in before.items():
        client.restore(key, 0, value, replace=True)
    client.close()


@ALL_SHARED
@pytest.mark.parametrize("goes_on", [False, True])
def test_a_store_that_is_back_at_an_earlier_state_is_warned_of(
    url: str, goes_on: bool, clock: Clock
) -> None:
    events: list[Event] = []
    store = open_store(url, clock=clock)
    store.deny(Denial(subject="a", until=LATER))
    watch = by_hand(DenialWatch(store, fails_open=False, announce=events.append))
    store.close()

    def lose() -> None:
        store.deny(Denial(subject="b", until=LATER))
        store.close()

    brought_back(url, lose)
    if goes_on:
        elsewhere: Any = open_store(url, clock=clock)
        elsewhere.name = "elsewhere"  # so that nobody looks before the second change
        for name in ("c", "d"):
            elsewhere.deny(Denial(subject=name, until=LATER))
        elsewhere.close()
    watch.look_now()
    kept = subjects(watch.following, "a", "b", "c")
    warnings = [each for each in events if isinstance(each, ConfigurationWarning)]
    store.close()

    assert kept == (["a", "c"] if goes_on else ["a"])
    assert len(warnings) == 1
    assert "failover" in warnings[0].reason


def written_by_an_older_version(store: Any, name: str) -> None:
    """Deny a subject as version 0.1 of this package did: it knows no log."""
    if isinstance(store, SQLiteStore):
        values = ("subject", name, "", 1, None, LATER, "")
        other = raw(store)
        other.execute(
            "INSERT OR REPLACE INTO jwt_middleware_denials VALUES (?, ?, ?, ?, ?, ?, ?)", values
        )
        other.execute("INSERT OR REPLACE INTO jwt_middleware_state VALUES ('revision', ?)", (name,))
        other.close()
    else:
        place = json.dumps(["subject", name, "", True])
        raw(store).hset(KEY, place, json.dumps([None, LATER, ""]))
        raw(store).zadd(f"{KEY}:ends", {place: LATER})
        raw(store).set(f"{KEY}:revision", f"0123456789abcde{len(name)}")


@ALL_SHARED
def test_what_a_service_of_an_older_version_denies_counts(store: ListedStore) -> None:
    following = Following(store)
    store.deny(Denial(subject="a", until=LATER))
    assert subjects(following, "a") == ["a"]
    written_by_an_older_version(store, "old")
    assert subjects(following, "a", "old") == ["a", "old"]
    store.deny(Denial(subject="b", until=LATER))
    assert subjects(following, "b", "old") == ["b", "old"]
    written_by_an_older_version(store, "older")
    store.deny(Denial(subject="c", until=LATER))
    store.deny(Denial(subject="d", until=LATER))

    assert subjects(following, *"abcd", "old", "older") == [*"abcd", "old", "older"]
    assert store.changes(following._position) == Changes(following._position)


@ALL_SHARED
def test_a_service_of_an_older_version_sees_what_is_denied(store: Any) -> None:
    before = store.revision()
    store.deny(Denial(subject="a", until=LATER))
    between = store.revision()
    store.allow(Denial(subject="a"))

    assert len({before, between, store.revision()}) == 3


def test_a_file_whose_triggers_are_gone_is_read_whole(tmp_path: Path, clock: Clock) -> None:
    store = SQLiteStore(tmp_path / "store.db", clock=clock)
    following = Following(store)
    following.catch_up()
    raw(store).execute("DROP TRIGGER jwt_middleware_insert_new")
    store.deny(Denial(subject="a", until=LATER))

    assert subjects(following, "a") == ["a"]
    store.close()


def test_a_file_of_an_older_version_gets_a_log_and_this_is_said_once(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "store.db"
    SQLiteStore(path).close()
    with sqlite3.connect(path) as older:
        older.execute("DROP TABLE jwt_middleware_changes")
        for event in ("insert_new", "update_old", "update_new", "delete_old"):
            older.execute(f"DROP TRIGGER jwt_middleware_{event}")
    older.close()
    unmade = SQLiteStore(path, clock=clock, make=False)
    following = Following(unmade)
    unmade.deny(Denial(subject="a", until=LATER))
    assert subjects(following, "a") == ["a"]
    assert unmade.changes(following._position) == Changes(following._position)
    caplog.set_level(logging.INFO, "jwt_middleware")
    for _ in range(2):
        SQLiteStore(path, clock=clock).close()
    unmade.deny(Denial(subject="b", until=LATER))
    assert subjects(following, "a", "b") == ["a", "b"]
    first = following.list
    unmade.deny(Denial(subject="c", until=LATER))
    unmade.close()

    assert subjects(following, "c") == ["c"]
    assert following.list is first
    [said] = [each.getMessage() for each in caplog.records]
    assert said.startswith(f"sqlite:///{path}: a file of an older version; it got a log")


class Polled:
    """A store of an app's own, with no more than a store must have."""

    name, is_shared = "own", False

    def __init__(self, clock: Clock) -> None:
        self._inner = MemoryStore(name="own", clock=clock)
        for each in ("use_once", "was_used", "deny", "allow", "denials", "revision", "identity"):
            setattr(self, each, getattr(self._inner, each))

    def close(self) -> None: ...


def test_a_store_of_ones_own_needs_no_log(clock: Clock) -> None:
    store: Any = Polled(clock)
    verifier = verifier_of(clock, Revocations(store))
    raw_token = token(clock)
    assert verifier.verify(raw_token).subject == "jroe"
    deny(verifier, subject="jroe")
    refused(verifier, raw_token)
    assert verifier.revocations is not None
    verifier.revocations.allow(Denial(subject="jroe"))
    assert verifier.verify(raw_token).subject == "jroe"
    verifier.revocations.deny_many([Denial(subject="jroe"), Denial(subject="b")])

    refused(verifier, raw_token)
    store._inner._identity = "another"
    assert Following(store).look() == (False, False)
    verifier.close()
