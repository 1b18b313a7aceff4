"""The headers that keep a caller's answer out of shared caches.

A gateway removes the caller's ``Authorization``, from which a shared cache would know that an
answer is not for others (RFC 9111, 3.5). ``Vary`` and ``private`` say the same about the header
that replaces it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from ..responses import directive_name, list_members, parted

_ALLOWS_OR_FORBIDS = frozenset({"public", "s-maxage", "must-revalidate", "no-store"})
"""Directives by which the app itself has decided about shared caches (RFC 9111, 3 and 3.5)."""

_LENGTHS = frozenset({len("vary"), len("cache-control")})
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


class CacheHeaders:
    """Adds the headers that make an answer depend on the request headers of these names."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        listed = ", ".join(names)
        self._text = [("Vary", listed), ("Cache-Control", "private")]
        self._raw = [(b"vary", listed.encode("latin-1")), (b"cache-control", b"private")]

    def raw(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Return the headers of an ASGI answer with ``vary`` and ``cache-control``."""
        lines = headers if type(headers) is list else list(headers)
        for name, _ in lines:
            if len(name) in _LENGTHS:  # maybe one of the two; few answers have such a name
                others, own = parted(lines, (b"vary", b"cache-control"))
                return [*others, *_joined_raw(self._names, own)]
        return lines + self._raw

    def text(self, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the headers of a WSGI answer with ``Vary`` and ``Cache-Control``."""
        lines = headers if type(headers) is list else list(headers)
        for name, _ in lines:
            if len(name) in _LENGTHS:
                others, own = parted(lines, ("vary", "cache-control"))
                return [*others, *_joined(self._names, own)]
        return lines + self._text


# An app sends the same values with nearly every answer, so they are parsed once.
@lru_cache(maxsize=256)
def _joined_raw(
    names: tuple[str, ...], own: tuple[tuple[bytes, bytes], ...]
) -> tuple[tuple[bytes, bytes], ...]:
    texts = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in own)
    return tuple(
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in _joined(names, texts)
    )


@lru_cache(maxsize=256)
def _joined(
    names: tuple[str, ...], own: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    """Join the app's values and ours in one line per name, which is equivalent (RFC 9110, 5.3)."""
    vary = ", ".join(value for name, value in own if name.lower() == "vary")
    control = ", ".join(value for name, value in own if name.lower() == "cache-control")
    return (("Vary", _varied(names, vary)), ("Cache-Control", _private(control)))


def _varied(names: tuple[str, ...], value: str) -> str:
    listed = [name.strip() for name in value.split(",") if name.strip()]
    if "*" in listed:
        return value
    known = {name.lower() for name in listed}
    return ", ".join([*listed, *(name for name in names if name.lower() not in known)])


def _private(value: str) -> str:
    members = list_members(value)
    if any(
        directive_name(member) in _ALLOWS_OR_FORBIDS or member.lower() == "private"
        for member in members
    ):
        return value
    # ``private="set-cookie"`` keeps that header from shared caches, and leaves them the answer.
    others = [member for member in members if directive_name(member) != "private"]
    if '"' in _QUOTED.sub("", value):
        return ", ".join(["private", *others])  # text after an open quotation mark is no directive
    return ", ".join([*others, "private"])
