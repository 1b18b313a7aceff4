"""What a command needs beside the core: an extra, named where it is not installed."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from ...errors import ConfigurationError


@contextmanager
def needing(extra: str, what: str) -> Generator[None, None, None]:
    """Name the extra where an import in the block fails.

    Raises:
        ConfigurationError: a module is missing.

    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{what} needs {error.name}; install jwt-assertion-middleware[{extra}]"
        ) from None
