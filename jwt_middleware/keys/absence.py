"""Whether keys may be missing: in tests only, where an app is made and refuses every token."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from ..errors import ConfigurationError

_allowances: list[str] = []
"""Who allows it now; nobody in production."""


def may_be_absent() -> bool:
    """Whether an app may be made without the keys that it names."""
    return bool(_allowances)


def excuse(fault: str) -> None:
    """Do nothing where keys may be missing; else raise ``ConfigurationError`` with this text."""
    if not may_be_absent():
        raise ConfigurationError(fault) from None


def allow_absence() -> None:
    """Let keys be missing for the rest of the process."""
    if "process" not in _allowances:
        _allowances.append("process")


@contextmanager
def allowed_absence() -> Generator[None]:
    """Let keys be missing until the context ends."""
    _allowances.append("block")
    try:
        yield
    finally:
        _allowances.remove("block")


class NoFile:
    """Stands for the watched file that is missing."""

    def current(self) -> None:
        """Return None: there are no keys."""

    def look_now(self) -> None:
        """Return None: there is nothing to wait for."""
