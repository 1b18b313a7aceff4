"""An SQLite file that several processes and threads use, across forks too.

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
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..background.forks import at_fork
from ..errors import ConfigurationError, StoreUnavailable
from .urls import make_private

BUSY = 2.0
"""Seconds to wait for another process's write, which takes milliseconds."""

_CACHE = -256
"""KiB of the file that a connection keeps in memory: little, as a list is read only once."""

_EMPTIED = (
    "the file was emptied or replaced, and its denials may be lost; restore it, or begin a new "
    "list by 'jwt-assertion revoke' or by starting a service"
)

_Held = tuple[sqlite3.Connection, tuple[int, int]]
"""A connection, and the file that it is to."""


class SQLiteFile:
    """One file, with one connection, which a lock gives to one thread at a time.

    The tables are made by ``_make`` and never again: a file that loses them while it is in use is
    an outage, like a missing one, until it is opened anew.
    """

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self._path = path.absolute()
        self.name = f"sqlite:///{self._path}"
        self._mode = "ro" if read_only else "rw"
        self._locks = [threading.Lock()]
        self._is_forking = False
        self._held: list[_Held] = []
        weakref.finalize(self, _close_unused, self._locks, self._held)
        at_fork(self)

    @property
    def _lock(self) -> threading.Lock:
        return self._locks[0]

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            _close_all(self._held)

    def _make(self, tables: str) -> None:
        """Make the tables where they are not there yet."""
        make_private(self._path)
        try:
            with self._lock:
                connection = self._connect("rwc")
                connection.executescript(f"BEGIN IMMEDIATE;{tables}COMMIT;")
        except sqlite3.Error as error:
            if not _is_busy(error):
                raise ConfigurationError(f"the store {self.name}: {_reason(error)}") from None

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
            connection.execute(f"PRAGMA cache_size={_CACHE}")
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
            self._locks[0] = threading.Lock()
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


def _is_busy(error: sqlite3.Error) -> bool:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file is gone"
    if isinstance(error, sqlite3.OperationalError) and "no such table" in str(error):
        return _EMPTIED
    return getattr(error, "strerror", None) or str(error)


def _close_unused(locks: list[threading.Lock], held: list[_Held]) -> None:
    """Close the file at the end; a thread may be reading it while the interpreter exits."""
    if locks[0].acquire(timeout=BUSY):
        try:
            _close_all(held)
        finally:
            locks[0].release()


def _close_all(held: list[_Held]) -> None:
    while held:
        held.pop()[0].close()


_of_parents: list[_Held] = []
