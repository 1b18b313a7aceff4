"""A store by its URL."""

from __future__ import annotations

import time
from collections.abc import Callable

from .store import MemoryStore, Store
from .urls import SQLITE, plain_name, sqlite_path


def open_store(url: str, *, clock: Callable[[], float] = time.time, make: bool = True) -> Store:
    """Open the store that a URL names; each ``"process-memory"`` is one of its own.

    ``clock`` tells the seconds since 1970. Without ``make`` an SQLite file is used as it is: one
    that is not there, or has no tables, is an outage.

    Raises:
        ConfigurationError: it names none, a file that cannot be one, or an extra is missing.

    """
    name = plain_name(url)
    if name.startswith(SQLITE):
        from .sqlite import SQLiteStore  # few have one

        return SQLiteStore(sqlite_path(url), clock=clock, make=make)
    if "://" in name:
        from .redis import RedisStore

        return RedisStore(url, clock=clock)
    return MemoryStore(clock=clock)
