"""Events as flat fields under stable names, for JSON lines, log records and spans.

Names are those of OpenTelemetry's semantic conventions and of the Elastic Common Schema where they
have one (``enduser.id``, ``http.route``, ``http.request.id`` ...), else ``jwt.`` and the event's
own name for it, also for an event of the app's own.
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
MOST = 50
"""Items that are written of one list."""


def printable(text: object, limit: int = 128) -> str:
    """Escape control characters and bound the length, so that a kid cannot forge a log line."""
    raw = str(text)
    cut = raw if len(raw) <= limit else raw[:limit] + "..."
    return cut.encode("unicode_escape", "backslashreplace").decode("ascii")


def readable(text: object) -> str:
    """Escape what a terminal acts on or hides, and keep the letters of every language.

    What ``str.isprintable`` refuses: controls (C0 and C1), format characters such as U+202E and
    U+200B, separators other than the space, and lone surrogates.
    """
    return "".join(mark if mark.isprintable() else printable(mark) for mark in str(text))


def bounded(text: object, limit: int = 256) -> str:
    """Bound the length, and escape lone surrogates only: for writers that escape the rest."""
    raw = str(text)
    cut = raw if len(raw) <= limit else raw[:limit] + "..."
    return cut if cut.isascii() else cut.encode("utf-8", "backslashreplace").decode()


@cache
def event_name(kind: str) -> str:
    """Return the name of an event by that of its class: ``keys_fetched`` for ``KeysFetched``."""
    return re.sub("(?<!^)(?=[A-Z])", "_", kind).lower()


def fields_of(event: Any, text: Callable[[object], str] = bounded) -> dict[str, Any]:
    """Return an event as flat fields of JSON's types, without those that are None or empty.

    ``text`` bounds each text, and escapes it where its reader would not.
    """
    values: dict[str, Any] = event._asdict()
    values.pop("decision", None)  # for code only, since it quotes claims
    if isinstance(event, Decided):
        del values["seconds"]  # for metrics only
    return {EVENT_NAME: event_name(type(event).__name__), **named(values, text)}


def named(values: Mapping[str, Any], text: Callable[[object], str] = bounded) -> dict[str, Any]:
    """Return values of an event's fields under their stable names; a route instead of its path."""
    left_out = {"path"} if values.get("route") is not None else set()
    return {
        NAMES.get(name, "jwt." + name): _RESULTS[value] if name == "allowed" else plain(value, text)
        for name, value in values.items()
        if value is not None and value != () and name not in left_out
    }


def plain(value: Any, text: Callable[[object], str] = bounded) -> Any:
    """Return a value in JSON's types, with its texts bounded."""
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, tuple | list):
        return [text(item) for item in value[:MOST]]
    return text(value)
