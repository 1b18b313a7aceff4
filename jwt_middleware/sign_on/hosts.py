"""Host names, of requests and of configuration, in one spelling."""

from __future__ import annotations

import re

# RFC 9110, 7.2: a name or an address, and a port. An IPv6 address stands in brackets (RFC 3986).
_HOST = re.compile(r"(?P<name>[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(:[0-9]{0,5})?")


def host_name(header: str) -> str | None:
    """Return the name of a ``Host`` header, in lower case and without its port, or None."""
    found = _HOST.fullmatch(header.lower()) if len(header) <= 300 else None
    return None if found is None else found["name"].removesuffix(".")
