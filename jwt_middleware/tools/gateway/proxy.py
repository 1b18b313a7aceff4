"""Forwards a request or a websocket: both ways stream, and nothing else is changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from .requests import Lines, forwarded

# No read timeout: an event stream may be silent for long.
_TIMEOUT = httpx2.Timeout(None, connect=5)
_OPEN_SECONDS = 10
_HANDSHAKE = (
    b"sec-websocket-accept",
    b"sec-websocket-extensions",
    b"sec-websocket-key",
    b"sec-websocket-protocol",
    b"sec-websocket-version",
    b"host",
    b"user-agent",
)


def upstream_client() -> httpx2.AsyncClient:
    """Return a client for ``forward``, which keeps connections; whoever made it closes it."""
    limits = httpx2.Limits(max_connections=1_000)
    return httpx2.AsyncClient(timeout=_TIMEOUT, trust_env=False, limits=limits)


async def forward(
    client: httpx2.AsyncClient, request: Request, upstream: str, headers: Lines
) -> Response:
    """Send a request with these headers upstream; stream its answer back."""
    has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
    is_read = anyio.Event()
    if not has_body:
        is_read.set()
    forwarded_request = httpx2.Request(
        request.method,
        upstream,
        headers=headers,
        content=_body(request, is_read) if has_body else None,
        # As it came: an httpx URL would normalize dot segments and escapes.
        extensions={"target": _target(request.scope, upstream), "timeout": _TIMEOUT.as_dict()},
    )
    answer: httpx2.Response | Response = Response(status_code=499)  # the client has gone
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_end_when_gone, request, is_read, tasks.cancel_scope)
        try:
            answer = await client.send(forwarded_request, stream=True)
        except httpx2.TransportError as error:
            answer = _unreachable(upstream, error)
        except ClientDisconnect:
            pass
        tasks.cancel_scope.cancel()
    if isinstance(answer, Response):
        return answer
    response = StreamingResponse(_content(answer), answer.status_code)
    response.raw_headers = forwarded(answer.headers.raw)
    return response


async def relay(socket: WebSocket, upstream: str, headers: Lines) -> None:
    """Connect upstream with these headers, then pass messages both ways."""
    parts = urlsplit(upstream)
    is_secure = parts.scheme == "https"
    named = dict(headers)
    # The URL has the host of the request, as over HTTP; the connection goes upstream all the same.
    host = named.get(b"host", b"").decode("latin-1")
    target = _target(socket.scope, upstream).decode("latin-1")
    try:
        connection = await connect(
            f"{'wss' if is_secure else 'ws'}://{host}{target}",
            additional_headers=[
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in forwarded(headers, without=_HANDSHAKE)
            ],
            user_agent_header=named.get(b"user-agent", b"").decode("latin-1") or None,
            subprotocols=[Subprotocol(name) for name in socket.scope["subprotocols"]] or None,
            open_timeout=_OPEN_SECONDS,
            max_size=None,
            proxy=None,
            host=parts.hostname,
            port=parts.port or (443 if is_secure else 80),
            server_hostname=parts.hostname if is_secure else None,
        )
    except InvalidStatus as refusal:
        await deny(socket, _same_answer(refusal))
        return
    except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
        await deny(socket, _unreachable(upstream, error))
        return
    async with connection:
        await socket.accept(connection.subprotocol)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_from_client, socket, connection)
            await _from_app(socket, connection)
            tasks.cancel_scope.cancel()


async def deny(socket: WebSocket, response: Response) -> None:
    """Refuse a websocket, with an HTTP answer where the server can send one."""
    if "websocket.http.response" in socket.scope.get("extensions", {}):
        await socket.send_denial_response(response)
    else:
        await socket.close(1008)


def _target(scope: Any, upstream: str) -> bytes:
    """Return the request target (RFC 9112, 3.2) below the upstream's own path."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    base = urlsplit(upstream).path.rstrip("/").encode()
    return base + path + (b"?" + query if query else b"")


def _unreachable(upstream: str, error: Exception) -> Response:
    reason = str(error) or type(error).__name__
    return PlainTextResponse(
        f"The gateway cannot reach the app at {upstream} ({reason}). Is it running there? "
        "--upstream names it.\n",
        502,
    )


async def _content(answer: httpx2.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    finally:
        # Also once the client has gone: upstream must not go on for nobody.
        with anyio.CancelScope(shield=True):
            await answer.aclose()


async def _body(request: Request, is_read: anyio.Event) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        if chunk:
            yield chunk
    is_read.set()


async def _end_when_gone(request: Request, is_read: anyio.Event, scope: anyio.CancelScope) -> None:
    """Cancel the request upstream once the client has gone; its body is read before."""
    await is_read.wait()
    while (await request.receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _same_answer(refusal: InvalidStatus) -> Response:
    answer = refusal.response
    response = Response(bytes(answer.body or b""), answer.status_code)
    lines = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in answer.headers.raw_items()]
    response.raw_headers += forwarded(lines, without=(b"content-length",))
    return response


async def _from_client(socket: WebSocket, connection: ClientConnection) -> None:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            await connection.close(_sendable(message.get("code") or 1005, 1000))
            return
        try:
            text = message.get("text")
            await connection.send(message["bytes"] if text is None else text)
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
    try:
        code = _sendable(connection.close_code or 1006, 1011)
        await socket.close(code, connection.close_reason or "")
    except RuntimeError:
        pass  # the client has closed first


def _sendable(code: int, instead: int) -> int:
    """Return a close code, or ``instead`` where it may not be sent (RFC 6455, 7.4)."""
    return code if code >= 1000 and code not in (1004, 1005, 1006, 1015) else instead
