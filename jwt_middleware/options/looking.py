"""Whether what is made of options is only looked at, by a command, and must leave no trace."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

_only_looks: ContextVar[bool] = ContextVar("only_looks", default=False)


@contextmanager
def only_looking() -> Generator[None]:
    """Have files that are opened within it be read only, and the app's listeners hear nothing.

    Where there is no file, none is made, and nothing is denied.
    """
    token = _only_looks.set(True)
    try:
        yield
    finally:
        _only_looks.reset(token)


def is_only_looking() -> bool:
    """Whether this is within ``only_looking``."""
    return _only_looks.get()
