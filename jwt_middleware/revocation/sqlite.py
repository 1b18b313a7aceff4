"""A store in an SQLite file, for all workers of one machine.

The file is in WAL mode (https://sqlite.org/wal.html): readers and the one writer do not wait for
each other, and a killed process leaves what it had committed. The file must be on a local disk: WAL
does not work over a network. No connection lives across a fork, which SQLite forbids
(https://sqlite.org/howtocorrupt.html, 2.6).
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from ..background.forks import at_fork
from ..errors import ConfigurationError, StoreUnavailable
from .denials import Denial, Identity, Made
from .store import changed, digest, new_revision
from .urls import make_private

BUSY = 2.0
"""Seconds to wait for another process's write, which takes milliseconds."""

_FORGET_AT_ONCE = 64
"""Old uses that one new use deletes: more than one, so that they never pile up."""

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
"""
_EMPTIED = (
    "the file was emptied or replaced, and its denials may be lost; restore it, or begin a new "
    "list by 'jwt-assertion revoke' or by starting a service"
)
_SELECT = "SELECT kind, value, issuer, issued_before, until, note FROM jwt_middleware_denials "
_OF_NAME = "WHERE kind = ? AND value = ? AND issuer = ?"


class SQLiteStore:
    """Denials and uses in a file, which is made for its owner alone (mode 0600).

    The tables are made here and never again: a file that loses them while it is in use is an
    outage, like a missing one, until the store is opened anew. Without ``make``, or ``read_only``,
    nothing is made at all, and a missing file is an outage too.

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
        self._path = path.absolute()
        self.name = f"sqlite:///{self._path}"
        self._clock = clock
        self._mode = "ro" if read_only else "rw"
        self._lock = threading.Lock()
        self._is_forking = False
        self._held: list[tuple[sqlite3.Connection, tuple[int, int]]] = []
        weakref.finalize(self, _close_all, self._held)
        at_fork(self)
        if make and not read_only:
            self._begin()

    def use_once(self, key: str, until: float) -> bool:
        now = self._clock()
        with self._writing(durable=False) as connection:
            connection.execute(
                "DELETE FROM jwt_middleware_uses WHERE key IN (SELECT key FROM "
                "jwt_middleware_uses WHERE until <= ? LIMIT ?)",
                (now, _FORGET_AT_ONCE),
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
        place = denial.identity
        with self._changing() as connection:
            row = connection.execute(f"{_SELECT}{_OF_NAME} AND whole = ?", place).fetchone()
            before = None if row is None else Denial.kept(*row)
            kept = denial.ending(self._clock()).joined(before)
            connection.execute(
                "INSERT OR REPLACE INTO jwt_middleware_denials VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*place, kept.issued_before, kept.until, kept.note),
            )
            if _has_made(connection):
                connection.execute(
                    "INSERT OR REPLACE INTO jwt_middleware_made VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (*place, *kept.made(self._clock())),
                )

    def allow(self, denial: Denial) -> bool:
        delete = f"DELETE FROM jwt_middleware_denials {_OF_NAME}"  # noqa: S608 - constants
        with self._changing() as connection:
            if _has_made(connection):
                made = f"DELETE FROM jwt_middleware_made {_OF_NAME}"  # noqa: S608 - constants
                connection.execute(made, denial.name)
            return connection.execute(delete, denial.name).rowcount > 0

    def denials(self) -> tuple[Denial, ...]:
        with self._reading() as connection:
            rows = connection.execute(
                f"{_SELECT}WHERE until > ? ORDER BY until, kind, value, issuer, whole",
                (self._clock(),),
            )
            return tuple([Denial.kept(*row) for row in rows])

    def made(self) -> dict[Identity, Made]:
        with self._reading() as connection:
            if not _has_made(connection):
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

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            _close_all(self._held)

    def _begin(self) -> None:
        """Make the tables where they are not there yet."""
        make_private(self._path)
        try:
            with self._lock:
                connection = self._connect("rwc")
                connection.executescript(f"BEGIN IMMEDIATE;{_TABLES}COMMIT;")
            with self._writing(durable=True) as connection:
                connection.executemany(
                    "INSERT OR IGNORE INTO jwt_middleware_state VALUES (?, ?)",
                    [(name, new_revision()) for name in ("identity", "revision")],
                )
                # A file that cannot be written is refused now, not at the first revocation.
                connection.execute("DELETE FROM jwt_middleware_uses WHERE until <= 0")
        except sqlite3.Error as error:
            if not _is_busy(error):
                raise ConfigurationError(f"the store {self.name}: {_reason(error)}") from None
        except StoreUnavailable as error:
            raise ConfigurationError(f"the store {error.reason}") from None

    def _connect(self, mode: str) -> sqlite3.Connection:
        if mode == "ro" and not os.path.exists(f"{self._path}-wal"):
            # Nobody has it open. Without this, SQLite would lay its -wal and -shm beside it.
            mode = "ro&immutable=1"
        connection = sqlite3.connect(
            f"{self._path.as_uri()}?mode={mode}",
            uri=True,
            timeout=BUSY,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            if self._mode == "rw":
                _in_wal_mode(connection)
            stat = os.stat(self._path)
        except BaseException:
            connection.close()
            raise
        self._held.append((connection, (stat.st_dev, stat.st_ino)))
        return connection

    def _connection(self) -> sqlite3.Connection:
        """Return the connection to the file that is at the path now."""
        stat = os.stat(self._path)
        if not stat.st_size:
            raise OSError(_EMPTIED)
        if self._held:
            connection, file = self._held[0]
            if file == (stat.st_dev, stat.st_ino):
                return connection
            _close_all(self._held)
        # Never make one here: an empty file in place of a removed one would let everything in.
        return self._connect(self._mode)

    @contextmanager
    def _reading(self) -> Generator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection()
            except (sqlite3.Error, OSError, ValueError, TypeError) as error:
                # The last two: somebody has written into it what is no denial.
                _close_all(self._held)
                raise StoreUnavailable(f"{self.name}: {_reason(error)}") from None

    @contextmanager
    def _writing(self, *, durable: bool) -> Generator[sqlite3.Connection]:
        """Write in one transaction. ``durable``: it survives a power failure right after it."""
        with self._reading() as connection:
            connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def _changing(self) -> Generator[sqlite3.Connection]:
        """Change the denials, and have every reader look at them."""
        with self._writing(durable=True) as connection:
            now = self._clock()
            connection.execute("DELETE FROM jwt_middleware_denials WHERE until <= ?", (now,))
            if _has_made(connection):
                connection.execute("DELETE FROM jwt_middleware_made WHERE until <= ?", (now,))
            yield connection
            connection.execute(
                "INSERT OR REPLACE INTO jwt_middleware_state VALUES ('revision', ?)",
                (new_revision(),),
            )
        changed(self.name)

    def before_fork(self) -> None:
        """Close the file, and keep it closed until the fork is over."""
        if self._lock.acquire(timeout=2 * BUSY):
            self._is_forking = True
            _close_all(self._held)

    def after_fork(self) -> None:
        """Go on, in the parent and in the child alike."""
        if self._is_forking:
            self._is_forking = False
            self._lock.release()

    def renew(self) -> None:
        """Go on in a child; begin anew where a thread of the parent was using the file."""
        if not self._is_forking:
            self._lock = threading.Lock()
            _of_parents.extend(self._held)  # closing them would drop the parent's locks
            self._held.clear()
        self.after_fork()


def _in_wal_mode(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL; SQLite itself does not wait for another process that does so."""
    ends = time.monotonic() + BUSY
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > ends:
                raise
            time.sleep(0.01)


def _has_made(connection: sqlite3.Connection) -> bool:
    """Whether the file has the table of who denied: one that an older version made has not."""
    named = "SELECT 1 FROM sqlite_master WHERE name = 'jwt_middleware_made'"
    return connection.execute(named).fetchone() is not None


def _is_busy(error: sqlite3.Error) -> bool:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file is gone"
    if isinstance(error, sqlite3.OperationalError) and "no such table" in str(error):
        return _EMPTIED
    return getattr(error, "strerror", None) or str(error)


def _close_all(held: list[tuple[sqlite3.Connection, tuple[int, int]]]) -> None:
    while held:
        held.pop()[0].close()


_of_parents: list[tuple[sqlite3.Connection, tuple[int, int]]] = []
