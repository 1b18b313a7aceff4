"""A store by its URL."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..errors import ConfigurationError
from .revocation import MemoryStore, Store


def open_store(url: str, *, clock: Callable[[], float] = time.time) -> Store:
    """Open the store that a URL names; each ``"process-memory"`` is one of its own.

    Raises:
        ConfigurationError: it names none, a file that cannot be one, or an extra is missing.

    """
    if url == "process-memory":
        return MemoryStore(clock=clock)
    raise ConfigurationError(_unknown())


def _unknown() -> str:
    # Not what was given: a password may stand in it.
    return (
        "the store's URL: 'process-memory', 'sqlite:///file' (sqlite:////absolute/file), or "
        "'redis://host:port/0'"
    )
