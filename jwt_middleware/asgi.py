"""The ASGI door: ``app = JWTMiddleware(app, keys=...)`` for any ASGI app.

Reads the raw header list, so a repeated header is seen and an underscore twin is never read. Scope
types other than ``http`` and ``websocket`` pass through.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NoReturn, Unpack

from .errors import ConfigurationError, RequestError
from .gate import GATE_KEY, Gate, check_no_routes, check_plain_app
from .principal import PRINCIPAL_KEY
from .request_view import ScopeView
from .responses import Refusal
from .settings import Options

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class JWTMiddleware:
    """Verifies the assertion header; the principal is ``scope["jwt_middleware.principal"]``.

    Raises:
        ConfigurationError: an option is unknown or wrong, or the app is one that another
            ``JWTMiddleware`` serves.

    """

    def __init__(self, app: ASGIApp, **options: Unpack[Options]) -> None:
        check_plain_app(app, "ASGI")
        self.app = app
        self.gate = Gate(options)
        check_no_routes(self.gate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the lifespan."""
        if scope["type"] in ("http", "websocket"):
            await guard_connection(self.gate, self.app, scope, receive, send)
        elif scope["type"] == "lifespan":
            await guard_lifespan(self.gate, self.app, scope, receive, send)
        else:
            await self.app(scope, receive, send)


async def guard_lifespan(
    gate: Gate, app: ASGIApp, scope: Scope, receive: Receive, send: Send
) -> None:
    """Get the keys, then let the app start; with ``fail_fast`` and no keys, it does not."""
    try:
        await gate.prefetch_async()
    except ConfigurationError as error:
        await fail_startup(error, receive, send)
    await app(scope, receive, send)


async def fail_startup(error: ConfigurationError, receive: Receive, send: Send) -> NoReturn:
    """Tell the server that the app cannot start; it exits. Test clients wait for the raise."""
    await receive()  # lifespan.startup
    await send({"type": "lifespan.startup.failed", "message": str(error)})
    raise error


async def guard_connection(
    gate: Gate, app: ASGIApp, scope: Scope, receive: Receive, send: Send
) -> None:
    """Let one http or websocket connection through to the app, or refuse it."""
    scope.pop(PRINCIPAL_KEY, None)
    scope[GATE_KEY] = gate
    request = ScopeView(scope)
    if not gate.is_open(request):
        try:
            principal = await gate.admit_async(header_lines(scope, gate.header), request)
        except RequestError as error:
            await serve(gate.refusal(error, request), scope, receive, send)
            return
        if principal is not None:
            scope[PRINCIPAL_KEY] = principal
    try:
        await app(scope, receive, send)
    except RequestError as error:
        # The app's own code asked who calls, and nobody between has answered.
        try:
            await serve(gate.refusal(error, request), scope, receive, send)
        except Exception:  # noqa: BLE001 - the app had begun to answer: it is for the server now
            raise error from None


def header_lines(scope: Scope, name: str) -> list[bytes]:
    """Return every line of a header, by its exact name in any case."""
    wanted = name.lower().encode("ascii")
    size = len(wanted)
    return [value for key, value in scope["headers"] if len(key) == size and key.lower() == wanted]


async def serve(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a refusal: as an HTTP response, or before a websocket is accepted."""
    prefix = ""
    if scope["type"] == "websocket":
        await receive()  # websocket.connect
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008})
            return
        prefix = "websocket."
    await send(
        {
            "type": f"{prefix}http.response.start",
            "status": refusal.status,
            "headers": raw_headers(refusal),
        }
    )
    await send({"type": f"{prefix}http.response.body", "body": refusal.body})


def raw_headers(refusal: Refusal) -> list[tuple[bytes, bytes]]:
    """Return the headers as ASGI sends them."""
    return [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in refusal.headers]
