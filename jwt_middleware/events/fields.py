"""Events as flat fields under stable names: what JSON lines, log records and spans have in common.

Names are those of OpenTelemetry's semantic conventions and of the Elastic Common Schema where they
have one (``enduser.id``, ``http.route``, ``http.request.id`` ...), else ``jwt.`` and the event's
own name for it. A kind of event that is not known here gets its fields by the same rule.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from .kinds import Decided

EVENT_NAME = "event.name"

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "allowed": "jwt.result",
        "method": "http.request.method",
        "path": "url.path",
        "protocol": "network.protocol.name",
        "request_id": "http.request.id",
        "route": "http.route",
        "status": "http.response.status_code",
        "subject": "enduser.id",
    }
)
"""The names that are not simply ``jwt.`` and the event's own."""

_RESULTS = {True: "allowed", False: "denied"}
_FOR_CODE = frozenset({"decision"})
"""What an event holds for code only: it quotes claims."""
MOST = 50
"""Values of one list."""


def printable(text: object, limit: int = 128) -> str:
    """Escape control characters and bound the length, so that a kid cannot forge a log line."""
    raw = str(text)
    cut = raw if len(raw) <= limit else raw[:limit] + "..."
    return cut.encode("unicode_escape", "backslashreplace").decode("ascii")


def readable(text: object) -> str:
    """Escape what a terminal acts on or hides, and leave the letters of every language as they are.

    Controls (C0 and C1), format characters such as U+202E and U+200B, separators other than the
    space, and halves of characters: what ``str.isprintable`` refuses.
    """
    raw = str(text)
    if raw.isprintable():
        return raw
    return "".join([mark if mark.isprintable() else printable(mark) for mark in raw])


def bounded(text: object, limit: int = 256) -> str:
    """Bound the length, and nothing else: for writers that escape what they must."""
    raw = str(text)
    cut = raw if len(raw) <= limit else raw[:limit] + "..."
    # A lone surrogate is no text.
    return cut if cut.isascii() else cut.encode("utf-8", "backslashreplace").decode()


def name_of(event: object) -> str:
    """Return the name of an event's kind: that of a ``KeysFetched`` is ``keys_fetched``."""
    return _snake_case(type(event).__name__)


@cache
def _snake_case(name: str) -> str:
    return re.sub("(?<!^)(?=[A-Z])", "_", name).lower()


def fields_of(event: Any, text: Callable[[object], str] = bounded) -> dict[str, Any]:
    """Return an event as flat fields of JSON's types; what is None or empty is left out.

    ``text`` bounds each text, and escapes it where its reader would not.
    """
    values: dict[str, Any] = event._asdict()
    if isinstance(event, Decided):
        del values["seconds"]  # for metrics: a line of what was decided has no use for it
    return {EVENT_NAME: name_of(event), **named(values, text)}


def named(values: Mapping[str, Any], text: Callable[[object], str] = bounded) -> dict[str, Any]:
    """Return values of an event's fields under their stable names; a route instead of its path."""
    is_routed = values.get("route") is not None
    return {
        NAMES.get(name, "jwt." + name): (
            _RESULTS[value] if name == "allowed" else plain(value, text)
        )
        for name, value in values.items()
        if value is not None and value != () and name not in _FOR_CODE
        if not (is_routed and name == "path")
    }


def plain(value: Any, text: Callable[[object], str] = bounded) -> Any:
    """Return a value as JSON has it, every text in it bounded."""
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, tuple | list):
        return [text(item) for item in value[:MOST]]
    return text(value)
