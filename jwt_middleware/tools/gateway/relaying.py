"""One websocket handed on: messages both ways, and the closing of either end."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import anyio
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from .forwarding import target, unreachable
from .headers import Lines, forwarded

_HANDSHAKE = (
    b"sec-websocket-accept",
    b"sec-websocket-extensions",
    b"sec-websocket-key",
    b"sec-websocket-protocol",
    b"sec-websocket-version",
    b"host",
    b"user-agent",
)
_OPEN_SECONDS = 10


async def relay(socket: WebSocket, upstream: str, headers: Lines) -> None:
    """Connect upstream with these headers, then pass on what either side says."""
    parts = urlsplit(upstream)
    is_secure = parts.scheme == "https"
    named = dict(headers)
    # The host is the one that was asked for, as over HTTP; the connection goes upstream, whatever
    # the address says.
    host = named.get(b"host", b"").decode("latin-1")
    asked = target(socket.scope, upstream).decode("latin-1")
    where: dict[str, Any] = {"host": parts.hostname, "port": parts.port or (80, 443)[is_secure]}
    if is_secure:
        where["server_hostname"] = parts.hostname
    try:
        connection = await connect(
            f"{'wss' if is_secure else 'ws'}://{host}{asked}",
            additional_headers=[
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in forwarded(headers, without=_HANDSHAKE)
            ],
            user_agent_header=named.get(b"user-agent", b"").decode("latin-1") or None,
            subprotocols=[Subprotocol(name) for name in socket.scope["subprotocols"]] or None,
            open_timeout=_OPEN_SECONDS,
            max_size=None,
            proxy=None,
            **where,
        )
    except InvalidStatus as refused:
        await deny(socket, _same_answer(refused))
        return
    except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
        await deny(socket, unreachable(upstream, error))
        return
    async with connection:
        await socket.accept(connection.subprotocol)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_from_client, socket, connection)
            await _from_app(socket, connection)
            tasks.cancel_scope.cancel()


def _same_answer(refused: InvalidStatus) -> Response:
    answer = refused.response
    response = Response(bytes(answer.body or b""), answer.status_code)
    lines = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in answer.headers.raw_items()]
    response.raw_headers += forwarded(lines, without=(b"content-length",))
    return response


async def deny(socket: WebSocket, response: Response) -> None:
    """Refuse a websocket by an answer, where the server can send one."""
    if "websocket.http.response" in socket.scope.get("extensions", {}):
        await socket.send_denial_response(response)
    else:
        await socket.close(1008)


async def _from_client(socket: WebSocket, connection: ClientConnection) -> None:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            code = message.get("code") or 1005
            await connection.close(code if _may_be_sent(code) else 1000)
            return
        try:
            content = message.get("text")
            await connection.send(message["bytes"] if content is None else content)
        except ConnectionClosed:
            return


async def _from_app(socket: WebSocket, connection: ClientConnection) -> None:
    try:
        async for message in connection:
            if isinstance(message, str):
                await socket.send_text(message)
            else:
                await socket.send_bytes(message)
    except ConnectionClosed:
        pass
    except (WebSocketDisconnect, RuntimeError):
        return  # the client has gone
    code = connection.close_code or 1006
    try:
        await socket.close(code if _may_be_sent(code) else 1011, connection.close_reason or "")
    except RuntimeError:
        pass  # it closed first


def _may_be_sent(code: int) -> bool:
    """RFC 6455, 7.4: 1005, 1006 and 1015 are told by nobody; they are found."""
    return code >= 1000 and code not in (1004, 1005, 1006, 1015)
