"""What a store's URL says, which part of it may be shown, and files for their owner alone."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from ..background.forks import ForkLock
from ..errors import ConfigurationError

MEMORY = "process-memory"
SQLITE = "sqlite:///"
REDIS = ("redis://", "rediss://")

_making = ForkLock()


def sqlite_path(url: str) -> Path:
    """Return the file of an SQLite URL; raise ``ConfigurationError`` where it names none."""
    name = url.removeprefix(SQLITE)
    if not name or name == ":memory:" or "?" in name or "\0" in name or name.endswith("/"):
        raise ConfigurationError(
            "the store's URL: sqlite:///file names a file, and sqlite:////absolute/file one by its "
            f"absolute path; for a store in memory write {MEMORY!r}"
        )
    return Path(name)


def redis_name(url: str) -> str:
    """Return a Redis URL without user, password and options.

    Raises ``ConfigurationError`` where it names no server.
    """
    with suppress(ValueError):
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 6379
        database = parts.path.strip("/") or "0"
        if host and database.isdigit():
            host = f"[{host}]" if ":" in host else host
            return f"{parts.scheme}://{host}:{port}/{database}"
    raise ConfigurationError(
        "the store's URL: redis://host:port/number, or rediss:// for TLS, with user and password "
        "before the host as in redis://user:password@host"
    )


def relative_to(url: str, folder: Path) -> str:
    """Return the URL with an SQLite file's relative path taken from a folder."""
    return f"{SQLITE}{folder / sqlite_path(url)}" if url.startswith(SQLITE) else url


def is_missing_file(url: str) -> bool:
    """Whether it names an SQLite file that is not there yet."""
    return url.startswith(SQLITE) and not sqlite_path(url).exists()


def plain_name(url: str) -> str:
    """Return a URL as it may be shown: without user, password and options."""
    if url == MEMORY:
        return url
    if url.startswith(SQLITE):
        return f"{SQLITE}{sqlite_path(url)}"
    if url.startswith(REDIS):
        return redis_name(url)
    # Without what was given, which may hold a password.
    raise ConfigurationError(
        f"the store's URL: {MEMORY!r}, 'sqlite:///file' (sqlite:////absolute/file), or "
        "'redis://host:port/0'"
    )


def make_private(path: Path) -> None:
    """Make an empty file of mode 0600 for SQLite; one that exists stays as it is.

    SQLite gives its ``-wal``, ``-shm`` and ``-journal`` the mode of the file. Where the file cannot
    be made, SQLite says why when it opens it.
    """
    # One at a time: closing the file would drop the locks that another thread has on it.
    with _making, suppress(OSError, ValueError):
        # The target of a symlink, which O_EXCL does not follow.
        os.close(os.open(os.path.realpath(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
