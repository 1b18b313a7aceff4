"""What of a request may pass: which hosts, which header lines, and how long a body."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

Lines = list[tuple[bytes, bytes]]

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
_HOSTS = (*LOOPBACK_NAMES[:2], "[::1]")
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    b"transfer-encoding upgrade".split()
)
"""Headers for the next hop alone, as are those that ``Connection`` names (RFC 9110, 7.6.1)."""


class LocalNames:
    """Passes on requests to loopback's names alone.

    Any other name that leads here is an attack (DNS rebinding): to the browser, a page from
    elsewhere would be of the same origin, and could read tokens.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" or scope["type"] == "websocket":
            host = Headers(scope=scope).get("host", "")
            name, _, port = host.rpartition(":")
            if (name if port.isdecimal() else host).lower() not in _HOSTS:
                text = (
                    "Ask this server as http://127.0.0.1 or http://localhost. It answers to no "
                    "other name (Host), so that no page from elsewhere can use it.\n"
                )
                await PlainTextResponse(text, 421)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def forwarded(lines: Iterable[tuple[bytes, bytes]], *, without: Iterable[bytes] = ()) -> Lines:
    """Return the end-to-end header lines, in order, ``without`` those of these names.

    Names are compared as a backend may read them: in any case, and ``_`` for ``-`` (WSGI).
    """
    lines = list(lines)
    named = [value for name, value in lines if name.lower() == b"connection"]
    hop_by_hop = _HOP_BY_HOP | {part.strip().lower() for part in b",".join(named).split(b",")}
    left_out = {name.lower().replace(b"_", b"-") for name in without}
    return [
        (name, value)
        for name, value in lines
        if name.lower() not in hop_by_hop and name.lower().replace(b"_", b"-") not in left_out
    ]


async def bounded_body(request: Request, most: int) -> bytes | None:
    """Return the body, or None as soon as it has more than ``most`` bytes."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            return None
    return body
