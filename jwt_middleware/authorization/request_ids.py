"""The id of a request in the audit events: the caller's where it brings one, else a random one."""

from __future__ import annotations

import os
import re

from .request import RequestView

LONGEST = 128
"""Characters of ``X-Request-ID`` that are taken."""

# No comma: WSGI joins two lines by one (PEP 3333).
_PLAIN = re.compile(rf"[\x21-\x2b\x2d-\x7e]{{1,{LONGEST}}}")
# W3C Trace Context, 3.2.2: version, trace id, parent id, flags; later versions may append.
_TRACEPARENT = re.compile("(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_NO_TRACE = "0" * 32


def request_id_of(request: RequestView) -> str:
    """Return the one ``X-Request-ID``, else the trace id of ``traceparent``, else 32 hex digits.

    A value that is there twice, is longer than 128 characters, or has a comma, a blank or anything
    but visible ASCII counts as absent. It is the caller's word, unless the gateway sets it.
    """
    given = request.header_values("X-Request-ID")
    if len(given) == 1 and _PLAIN.fullmatch(given[0]):
        return given[0]
    parents = request.header_values("traceparent")
    found = _TRACEPARENT.fullmatch(parents[0]) if len(parents) == 1 else None
    if found is not None and found[1] != _NO_TRACE:
        return found[1]
    # Of the system: those of ``random`` would give the app's own numbers away.
    return os.urandom(16).hex()
