"""By which names this machine's own server may be asked."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
_HOSTS = (*LOOPBACK_NAMES[:2], "[::1]")


class LocalNames:
    """Lets only requests to loopback's names pass.

    Any other name that leads here is somebody's trick (DNS rebinding): a page from elsewhere would
    be of the same origin for the browser, and could read tokens.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http" or scope["type"] == "websocket":
            host = Headers(scope=scope).get("host", "")
            name, _, port = host.rpartition(":")
            if (name if port.isdecimal() else host).lower() not in _HOSTS:
                told = "Ask this server as http://127.0.0.1 or http://localhost: it knows no other "
                told += "name (Host), so that no page from elsewhere can use it.\n"
                await PlainTextResponse(told, 421)(scope, receive, send)
                return
        await self._app(scope, receive, send)
