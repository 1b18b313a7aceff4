"""A shared cache as RFC 9111 lets it be, and no better: what it may store, it stores and gives."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from .harness import Answer, Headers

Origin = Callable[[str, str, Headers], Answer]
"""What stands behind the cache: a method, a path with its query, and headers."""

HEURISTIC_STATUSES = {200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501}
HEURISTIC_SECONDS = 60


class _Stored(NamedTuple):
    answer: Answer
    selected: Mapping[str, str | None]
    """The request's headers that the answer's ``Vary`` names."""
    fresh_until: float


class SharedCache:
    """Stands before an origin; ``now`` is its clock, in seconds."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._stored: dict[tuple[str, str], list[_Stored]] = {}
        self.now = 0.0

    def ask(self, method: str, path: str, headers: Headers = ()) -> Answer:
        headers = list(headers)
        known = self._stored.setdefault((method, path), [])
        for stored in known:
            # Section 4: the Vary of the stored answer selects it.
            if all(_value(headers, name) == value for name, value in stored.selected.items()):
                if stored.fresh_until > self.now:
                    return stored.answer
                return self._validated(stored, method, path, headers)
        answer = self._origin(method, path, headers)
        if _may_store(method, headers, answer):
            selected = {name: _value(headers, name) for name in _list(answer, "vary")}
            known.append(_Stored(answer, selected, self.now + _lifetime(answer)))
        return answer

    def _validated(
        self, stored: _Stored, method: str, path: str, headers: list[tuple[str, str]]
    ) -> Answer:
        tags = stored.answer.all("etag")
        answer = self._origin(method, path, [*headers, *(("If-None-Match", tag) for tag in tags)])
        return stored.answer if answer.status == 304 else answer


def _may_store(method: str, headers: list[tuple[str, str]], answer: Answer) -> bool:
    """Section 3."""
    said = _directives(answer)
    if method not in ("GET", "HEAD") or "no-store" in said or "*" in _list(answer, "vary"):
        return False
    if "private" in said and said["private"] is None:
        return False
    allowed = {"public", "s-maxage", "must-revalidate"} & said.keys()
    if _value(headers, "authorization") is not None and not allowed:
        return False  # section 3.5
    explicit = {"public", "s-maxage", "max-age"} & said.keys() or answer.all("expires")
    return bool(explicit) or answer.status in HEURISTIC_STATUSES


def _lifetime(answer: Answer) -> float:
    """Section 4.2.1, and an hour where ``Expires`` says when: the tests' clock knows no dates."""
    said = _directives(answer)
    if "no-cache" in said and said["no-cache"] is None:
        return 0.0
    for name in ("s-maxage", "max-age"):
        if said.get(name) is not None:
            return float(said[name] or 0)
    return 3600.0 if answer.all("expires") else HEURISTIC_SECONDS


def _directives(answer: Answer) -> dict[str, str | None]:
    text = ", ".join(answer.all("cache-control"))
    found = re.findall(r'([\w-]+)(?:="?((?<=")(?:[^"\\]|\\.)*|[^\s,"]*))?', text)
    return {name.lower(): value or None for name, value in found}


def _list(answer: Answer, name: str) -> list[str]:
    members = ",".join(answer.all(name)).split(",")
    return [member.strip().lower() for member in members if member.strip()]


def _value(headers: list[tuple[str, str]], name: str) -> str | None:
    found = [value for key, value in headers if key.lower() == name.lower()]
    return ", ".join(found) if found else None
