"""Who is denied, and what somebody else does to a store."""

from __future__ import annotations

import sqlite3
from typing import Any

from jwt_middleware.revocation.following import Following
from jwt_middleware.revocation.sqlite import SQLiteStore
from jwt_middleware.revocation.store import MemoryStore
from jwt_middleware.revocation.watch import DenialWatch

from .conftest import NOW

LATER = NOW + 3600
KEY = "{jwt_middleware}:denials"


class Asked:
    """A caller whose token is asked for."""

    token_id = client_id = key_id = issuer = application = None
    kind = "person"

    def __init__(self, subject: str) -> None:
        self.subject: str | None = subject


def subjects(following: Following, *asked: str) -> list[str]:
    """Bring the list up to date; return which of these subjects it denies."""
    following.catch_up()
    found = following.list.find
    return [name for name in asked if found(Asked(name), lambda: None, NOW) is not None]


class _Brief(sqlite3.Connection):
    """A connection that is closed when nobody uses it any more."""

    def __del__(self) -> None:
        self.close()


def raw(store: Any) -> Any:
    """A connection of somebody else to the same store."""
    if isinstance(store, SQLiteStore):
        return sqlite3.connect(
            store._path, isolation_level=None, check_same_thread=False, factory=_Brief
        )
    return store._client


def forget_changes(store: Any) -> None:
    """Trim the log to its last change."""
    if isinstance(store, MemoryStore):
        while len(store._log) > 1:
            store._log.popleft()
    elif isinstance(store, SQLiteStore):
        raw(store).execute(
            "DELETE FROM jwt_middleware_changes WHERE sequence < "
            "(SELECT max(sequence) FROM jwt_middleware_changes)"
        )
    else:
        raw(store).zremrangebyrank(f"{KEY}:changes", 0, -2)


def by_hand(watch: DenialWatch) -> DenialWatch:
    """Stop the thread of a watch, which looks where it is told to and after a change here."""
    assert watch._poller is not None
    watch._poller.stop()
    return watch
