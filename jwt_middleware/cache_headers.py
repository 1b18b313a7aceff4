"""What an answer tells caches: that it is one caller's, and that a refusal is nobody's to keep.

A gateway takes the caller's ``Authorization`` away, by which a shared cache would know that an
answer is not for others (RFC 9111, 3.5). ``Vary`` and ``private`` say the same of the header that
came in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_ALLOWS_OR_FORBIDS = frozenset({"public", "s-maxage", "must-revalidate", "no-store"})
"""Directives by which the app itself has decided about shared caches (RFC 9111, 3 and 3.5)."""

_MEMBER = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


class CacheHeaders:
    """Adds to an answer's headers that it depends on the request header of this name."""

    def __init__(self, header: str) -> None:
        self._header = header
        self._text = [("Vary", header), ("Cache-Control", "private")]
        self._raw = [(b"vary", header.encode("latin-1")), (b"cache-control", b"private")]

    def raw(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Return the headers of an ASGI answer with ``vary`` and ``cache-control``."""
        lines = list(headers)
        for name, _ in lines:
            size = len(name)
            if size == 4 or size == 13:  # it may be one of the two: few answers have any such
                return self._joined_raw(lines)
        lines += self._raw
        return lines

    def text(self, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the headers of a WSGI answer with ``Vary`` and ``Cache-Control``."""
        lines = list(headers)
        for name, _ in lines:
            size = len(name)
            if size == 4 or size == 13:
                return self._joined(lines)
        lines += self._text
        return lines

    def _joined_raw(self, lines: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        own = [line for line in lines if line[0].lower() in (b"vary", b"cache-control")]
        others = [line for line in lines if line[0].lower() not in (b"vary", b"cache-control")]
        texts = self._joined([(k.decode("latin-1"), v.decode("latin-1")) for k, v in own])
        return others + [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in texts]

    def _joined(self, lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the lines with the app's own words in one line a name (RFC 9110, 5.3)."""
        others, varied = _parted(lines, "vary")
        others, controlled = _parted(others, "cache-control")
        return [
            *others,
            ("Vary", _varied(self._header, ", ".join(varied))),
            ("Cache-Control", _private(", ".join(controlled))),
        ]


def without_storage(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return a refusal's headers with ``Cache-Control: no-store``, whatever stood there before."""
    others, values = _parted(headers, "cache-control")
    if any(_name(member) == "no-store" for value in values for member in _members(value)):
        return headers
    return (*others, ("Cache-Control", "no-store"))


def _parted(
    lines: Iterable[tuple[str, str]], wanted: str
) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the other headers, and the values of the wanted one."""
    lines = list(lines)
    others = [line for line in lines if line[0].lower() != wanted]
    return others, [value for name, value in lines if name.lower() == wanted]


@lru_cache(maxsize=256)
def _varied(header: str, value: str) -> str:
    names = [name.strip() for name in value.split(",") if name.strip()]
    if "*" in names:
        return value
    if header.lower() not in (name.lower() for name in names):
        names.append(header)
    return ", ".join(names)


@lru_cache(maxsize=256)
def _private(value: str) -> str:
    members = _members(value)
    if any(
        _name(member) in _ALLOWS_OR_FORBIDS or member.lower() == "private" for member in members
    ):
        return value
    # ``private="set-cookie"`` keeps that header from shared caches, and leaves them the answer.
    others = [member for member in members if _name(member) != "private"]
    if '"' in _QUOTED.sub("", value):
        return ", ".join(["private", *others])  # what followed an open quotation mark is no word
    return ", ".join([*others, "private"])


def _members(value: str) -> list[str]:
    """Return the members of a list; a comma between quotation marks parts none."""
    return [member.strip() for member in _MEMBER.findall(value) if member.strip()]


def _name(directive: str) -> str:
    return directive.partition("=")[0].strip().lower()
