"""Times and numbers as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ...verification.claims import MILLISECONDS_FROM


def seconds_of(value: Any) -> float | None:
    """Return a time claim in seconds since the epoch, whatever its unit; None for no time."""
    if type(value) is str and value.isascii() and value.isdigit() and len(value) <= 16:
        value = int(value)
    if type(value) is not int and type(value) is not float:
        return None
    return value / 1000 if is_milliseconds(value) else float(value)


def is_milliseconds(value: Any) -> bool:
    """Whether a time claim, a number or its digits, counts milliseconds."""
    return float(value) >= MILLISECONDS_FROM


def moment(seconds: float) -> str:
    """Return seconds since the epoch as a date and time in UTC."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"{seconds:g} s after 1970, beyond any calendar"


def distance(seconds: float) -> str:
    """Return how far from now a time is; negative is past."""
    return f"in {length(seconds)}" if seconds >= 0 else f"{length(-seconds)} ago"


def length(seconds: float) -> str:
    """Return a length of time in its largest whole unit."""
    for unit, size in (("year", 31_556_952), ("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            return count(int(seconds // size), unit)
    return count(int(max(0, seconds)), "second")


def count(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 key``, ``2 keys``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
