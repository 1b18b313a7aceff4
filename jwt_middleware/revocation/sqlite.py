"""A store in an SQLite file, for all workers of one machine.

Triggers write each change of the denials into a log, whoever makes it: a service of an older
version too, which knows the denials and their revision only. A reader asks the log what it has
missed.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import ConfigurationError, StoreUnavailable
from .change_log import Log, Position, changes_since
from .denials import Denial, Identity, Made, joined
from .deny_list import Entry
from .sqlite_file import SQLiteFile
from .store import (
    AT_ONCE,
    CLEAR_AT_ONCE,
    LOG_SIZE,
    Changes,
    changed,
    digest,
    new_revision,
)

_TABLES = """
CREATE TABLE IF NOT EXISTS jwt_middleware_denials (
    kind TEXT NOT NULL, value TEXT NOT NULL, issuer TEXT NOT NULL, whole INTEGER NOT NULL,
    issued_before REAL, until REAL NOT NULL, note TEXT NOT NULL,
    PRIMARY KEY (kind, value, issuer, whole)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS jwt_middleware_made (
    kind TEXT NOT NULL, value TEXT NOT NULL, issuer TEXT NOT NULL, whole INTEGER NOT NULL,
    created REAL NOT NULL, by TEXT NOT NULL, until REAL NOT NULL,
    PRIMARY KEY (kind, value, issuer, whole)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS jwt_middleware_uses (
    key TEXT NOT NULL PRIMARY KEY, until REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS jwt_middleware_uses_until ON jwt_middleware_uses (until);
CREATE TABLE IF NOT EXISTS jwt_middleware_state (
    name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS jwt_middleware_denials_until ON jwt_middleware_denials (until);
CREATE INDEX IF NOT EXISTS jwt_middleware_made_until ON jwt_middleware_made (until);
CREATE TABLE IF NOT EXISTS jwt_middleware_changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, nonce TEXT NOT NULL,
    kind TEXT NOT NULL, value TEXT NOT NULL, issuer TEXT NOT NULL, whole INTEGER NOT NULL
);
"""
_LOG = "INSERT INTO jwt_middleware_changes (nonce, kind, value, issuer, whole)"
_NONCE = "lower(hex(randomblob(8)))"
_TRIGGERS = "".join(
    f"CREATE TRIGGER IF NOT EXISTS jwt_middleware_{event}_{row} AFTER {event} "
    f"ON jwt_middleware_denials BEGIN {_LOG} "
    f"VALUES ({_NONCE}, {row}.kind, {row}.value, {row}.issuer, {row}.whole); END;\n"
    for event, row in (("insert", "new"), ("update", "old"), ("update", "new"), ("delete", "old"))
)
_TRIMMED = f"""
CREATE TRIGGER IF NOT EXISTS jwt_middleware_changes_trim AFTER INSERT ON jwt_middleware_changes
BEGIN DELETE FROM jwt_middleware_changes WHERE sequence <= new.sequence - {LOG_SIZE}; END;
{_LOG} SELECT {_NONCE}, '', '', '', 0 WHERE NOT EXISTS (SELECT 1 FROM jwt_middleware_changes);
"""  # noqa: S608 - constants
"""The log is never empty: where a reader stands is its last change, which must still be there."""

_SELECT = "SELECT kind, value, issuer, issued_before, until, note FROM jwt_middleware_denials "
_OF_NAME = "WHERE kind = ? AND value = ? AND issuer = ?"
_AFTER = """
SELECT kind, value, issuer, whole, issued_before, until FROM jwt_middleware_denials
WHERE (kind, value, issuer, whole) > (?, ?, ?, ?) AND until > ?
ORDER BY kind, value, issuer, whole LIMIT ?
"""
_CHANGES = """
SELECT log.sequence, log.nonce, log.kind, log.value, log.issuer, log.whole, issued_before, until
FROM jwt_middleware_changes AS log LEFT JOIN jwt_middleware_denials AS denied
ON (denied.kind, denied.value, denied.issuer, denied.whole)
= (log.kind, log.value, log.issuer, log.whole)
WHERE log.sequence >= ? ORDER BY log.sequence LIMIT ?
"""


class SQLiteStore(SQLiteFile):
    """Denials and uses in a file, which is made for its owner alone (mode 0600).

    Without ``make``, or ``read_only``, nothing is made at all, and a missing file is an outage.

    Raises ``ConfigurationError`` where the file cannot be made, read or written.
    """

    is_shared = True

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.time,
        make: bool = True,
        read_only: bool = False,
    ) -> None:
        super().__init__(path, read_only=read_only)
        self._clock = clock
        if make and not read_only:
            self._begin()

    def use_once(self, key: str, until: float) -> bool:
        now = self._clock()
        with self._writing(durable=False) as connection:
            connection.execute(
                "DELETE FROM jwt_middleware_uses WHERE key IN (SELECT key FROM "
                "jwt_middleware_uses WHERE until <= ? LIMIT ?)",
                (now, CLEAR_AT_ONCE),
            )
            made = connection.execute(
                "INSERT INTO jwt_middleware_uses VALUES (?, ?) ON CONFLICT (key) "
                "DO UPDATE SET until = excluded.until WHERE until <= ?",
                (digest(key), until, now),
            )
            return made.rowcount == 1

    def was_used(self, key: str) -> bool:
        with self._reading() as connection:
            used = connection.execute(
                "SELECT 1 FROM jwt_middleware_uses WHERE key = ? AND until > ?",
                (digest(key), self._clock()),
            )
            return used.fetchone() is not None

    def deny(self, denial: Denial) -> None:
        self.deny_many([denial])

    def deny_many(self, denials: Iterable[Denial]) -> list[Denial]:
        with self._changing() as connection:
            now = self._clock()
            of_place = f"{_SELECT}{_OF_NAME} AND whole = ?"

            def known(denial: Denial) -> Denial | None:
                row = connection.execute(of_place, denial.identity).fetchone()
                return None if row is None else Denial.kept(*row)

            kept = joined(denials, now, known)
            # In the order of the key, so that each page of the file is read and written once.
            rows = sorted(kept.items())
            connection.executemany(
                "INSERT OR REPLACE INTO jwt_middleware_denials VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(*place, each.issued_before, each.until, each.note) for place, each in rows],
            )
            if _has(connection, "jwt_middleware_made"):
                connection.executemany(
                    "INSERT OR REPLACE INTO jwt_middleware_made VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [(*place, *each.made(now)) for place, each in rows],
                )
        return list(kept.values())

    def allow(self, denial: Denial) -> bool:
        with self._changing() as connection:
            if _has(connection, "jwt_middleware_made"):
                made = f"DELETE FROM jwt_middleware_made {_OF_NAME}"  # noqa: S608 - constants
                connection.execute(made, denial.name)
            delete = f"DELETE FROM jwt_middleware_denials {_OF_NAME}"  # noqa: S608 - constants
            now = self._clock()
            in_force = connection.execute(f"{delete} AND until > ?", (*denial.name, now)).rowcount
            connection.execute(delete, denial.name)
            return in_force > 0

    def denials(self) -> tuple[Denial, ...]:
        with self._reading() as connection:
            rows = connection.execute(
                f"{_SELECT}WHERE until > ? ORDER BY until, kind, value, issuer, whole",
                (self._clock(),),
            )
            return tuple([Denial.kept(*row) for row in rows])

    def changes(self, since: object | None) -> Changes:
        with self._snapshot() as connection:

            def read(first: int) -> Log:
                return connection.execute(_CHANGES, (first, AT_ONCE + 1)).fetchall()

            return changes_since(
                since, _position(connection), read, lambda log: [row[2:] for row in log]
            )

    def everything(self) -> Iterator[Sequence[Entry]]:
        last: tuple[str, str, str, int] = ("", "", "", -1)
        rows: Sequence[Entry] = [("", "", "", False, None, None)] * AT_ONCE
        while len(rows) == AT_ONCE:
            with self._reading() as connection:
                rows = connection.execute(_AFTER, (*last, self._clock(), AT_ONCE)).fetchall()
            if rows:
                last = rows[-1][:4]
                yield rows

    def made(self) -> dict[Identity, Made]:
        with self._reading() as connection:
            if not _has(connection, "jwt_middleware_made"):
                return {}
            rows = connection.execute(
                "SELECT kind, value, issuer, whole, created, by, until FROM jwt_middleware_made"
            )
            return {(*row[:3], bool(row[3])): Made(*row[4:]) for row in rows}

    def revision(self) -> str:
        return self._state("revision")

    def identity(self) -> str:
        """Return the id that the file got with its tables."""
        return self._state("identity")

    def _state(self, name: str) -> str:
        with self._reading() as connection:
            row = connection.execute(
                "SELECT value FROM jwt_middleware_state WHERE name = ?", (name,)
            ).fetchone()
            return "" if row is None else str(row[0])

    def _begin(self) -> None:
        """Make the tables where they are not there yet."""
        is_older = False
        with suppress(StoreUnavailable), self._reading() as connection:
            is_older = _has(connection, "jwt_middleware_denials") and not _has(
                connection, "jwt_middleware_changes"
            )
        self._make(_TABLES + _TRIGGERS + _TRIMMED)
        try:
            with self._writing(durable=True) as connection:
                connection.executemany(
                    "INSERT OR IGNORE INTO jwt_middleware_state VALUES (?, ?)",
                    [(name, new_revision()) for name in ("identity", "revision")],
                )
                # A file that cannot be written is refused now, not at the first revocation.
                connection.execute("DELETE FROM jwt_middleware_uses WHERE until <= 0")
        except StoreUnavailable as error:
            raise ConfigurationError(f"the store {error.reason}") from None
        if is_older:
            logging.getLogger("jwt_middleware").info(
                "%s: a file of an older version; it got a log of its changes, and services of that "
                "version may go on using it",
                self.name,
            )

    @contextmanager
    def _snapshot(self) -> Generator[sqlite3.Connection]:
        """Read several times of one state."""
        with self._reading() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def _changing(self) -> Generator[sqlite3.Connection]:
        """Change the denials, and have every reader look at them."""
        with self._writing(durable=True) as connection:
            before = connection.total_changes
            for table in ("jwt_middleware_denials", "jwt_middleware_made"):
                if _has(connection, table):
                    place = "(kind, value, issuer, whole)"
                    connection.execute(
                        f"DELETE FROM {table} WHERE {place} IN (SELECT {place[1:-1]} "  # noqa: S608 - constants
                        f"FROM {table} WHERE until <= ? ORDER BY until LIMIT {CLEAR_AT_ONCE})",
                        (self._clock(),),
                    )
            yield connection
            if connection.total_changes != before:
                connection.execute(
                    "INSERT OR REPLACE INTO jwt_middleware_state VALUES ('revision', ?)",
                    (new_revision(),),
                )
        changed(self.name)


def _has(connection: sqlite3.Connection, table: str) -> bool:
    """Whether the file has a table: one that an older version made has not all."""
    named = "SELECT 1 FROM sqlite_master WHERE name = ?"
    return connection.execute(named, (table,)).fetchone() is not None


def _position(connection: sqlite3.Connection) -> Position:
    state = dict(connection.execute("SELECT name, value FROM jwt_middleware_state"))
    last = None
    if _has(connection, "jwt_middleware_changes"):
        last = connection.execute(
            "SELECT sequence, nonce FROM jwt_middleware_changes ORDER BY sequence DESC LIMIT 1"
        ).fetchone()
    sequence, nonce = last or (0, "")
    return Position(state.get("identity", ""), state.get("revision", ""), sequence, nonce)
