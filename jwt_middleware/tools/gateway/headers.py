"""Which header lines pass through a proxy, and which are for it alone."""

from __future__ import annotations

from collections.abc import Iterable

Lines = list[tuple[bytes, bytes]]

_HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
"""RFC 9110, 7.6.1: these speak to the next hop, as do those that ``Connection`` names."""


def forwarded(lines: Iterable[tuple[bytes, bytes]], *, without: Iterable[bytes] = ()) -> Lines:
    """Return the end-to-end header lines, in order, less those of these names.

    Names are compared as a backend may read them: in any case, and ``_`` for ``-`` (WSGI).
    """
    found = [(name, value) for name, value in lines]
    named = {
        option.strip().lower()
        for name, value in found
        if name.lower() == b"connection"
        for option in value.split(b",")
    }
    dropped = _HOP_BY_HOP | named
    spoken = {name.lower().replace(b"_", b"-") for name in without}
    return [
        (name, value)
        for name, value in found
        if name.lower() not in dropped and name.lower().replace(b"_", b"-") not in spoken
    ]
