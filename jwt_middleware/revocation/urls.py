"""What a store's URL says, and what of it may be told."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from ..errors import ConfigurationError

MEMORY = "process-memory"
SQLITE = "sqlite:///"
REDIS = ("redis://", "rediss://")


def sqlite_path(url: str) -> Path:
    """Return the file of an SQLite URL.

    Raises:
        ConfigurationError: it names none.

    """
    name = url.removeprefix(SQLITE)
    if not name or name == ":memory:" or "?" in name or "\0" in name or name.endswith("/"):
        raise ConfigurationError(
            "the store's URL: sqlite:///file names a file, and sqlite:////absolute/file one by its "
            f"absolute path; for a store in memory write {MEMORY!r}"
        )
    return Path(name)


def redis_name(url: str) -> str:
    """Return a Redis URL without user, password and options.

    Raises:
        ConfigurationError: it names no server.

    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 6379
    except ValueError:
        host, port = None, 0
    else:
        database = parts.path.strip("/") or "0"
        if host and database.isdigit():
            host = f"[{host}]" if ":" in host else host
            return f"{parts.scheme}://{host}:{port}/{database}"
    raise ConfigurationError(
        "the store's URL: redis://host:port/number, or rediss:// for TLS, with user and password "
        "before the host as in redis://user:password@host"
    )


def relative_to(url: str, folder: Path) -> str:
    """Return the URL with an SQLite file's relative path read from a folder."""
    return f"{SQLITE}{folder / sqlite_path(url)}" if url.startswith(SQLITE) else url


def is_missing_file(url: str) -> bool:
    """Whether it names an SQLite file that is not there yet."""
    return url.startswith(SQLITE) and not sqlite_path(url).exists()


def plain_name(url: str) -> str:
    """Return what may be told of a URL: all but a user, a password and options."""
    if url == MEMORY:
        return url
    if url.startswith(SQLITE):
        return f"{SQLITE}{sqlite_path(url)}"
    if url.startswith(REDIS):
        return redis_name(url)
    # Not what was given: a password may stand in it.
    raise ConfigurationError(
        f"the store's URL: {MEMORY!r}, 'sqlite:///file' (sqlite:////absolute/file), or "
        "'redis://host:port/0'"
    )
