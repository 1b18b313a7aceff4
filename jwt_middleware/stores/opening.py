"""A store by its URL."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ..errors import ConfigurationError
from .revocation import MemoryStore, Store


def open_store(url: str, *, clock: Callable[[], float] = time.time) -> Store:
    """Open the store that a URL names; each ``"process-memory"`` is one of its own.

    Raises:
        ConfigurationError: it names none, a file that cannot be one, or an extra is missing.

    """
    if not isinstance(url, str):
        raise ConfigurationError(_UNKNOWN)
    if url == "process-memory":
        return MemoryStore(clock=clock)
    if url.startswith("sqlite:///"):
        from .sqlite import SQLiteStore  # few have one

        return SQLiteStore(sqlite_path(url), clock=clock)
    if url.startswith(("redis://", "rediss://")):
        from .redis import RedisStore

        return RedisStore(url, clock=clock)
    raise ConfigurationError(_UNKNOWN)


def sqlite_path(url: str) -> Path:
    """Return the file of an SQLite URL.

    Raises:
        ConfigurationError: it names none.

    """
    name = url.removeprefix("sqlite:///")
    if not name or name == ":memory:" or "?" in name or "\0" in name or name.endswith("/"):
        raise ConfigurationError(
            "the store's URL: sqlite:///file names a file, and sqlite:////absolute/file one by its "
            "absolute path; for a store in memory write 'process-memory'"
        )
    return Path(name)


# Not what was given: a password may stand in it.
_UNKNOWN = (
    "the store's URL: 'process-memory', 'sqlite:///file' (sqlite:////absolute/file), or "
    "'redis://host:port/0'"
)
