"""One request handed on: bodies stream both ways, and what is not ours to change stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from .headers import Lines, forwarded

_CONNECT_SECONDS = 5


class Forwarder:
    """Hands requests to upstream servers, over connections that are kept."""

    def __init__(self) -> None:
        # No read timeout: an event stream is silent for as long as it likes.
        timeout = httpx2.Timeout(None, connect=_CONNECT_SECONDS)
        self._client = httpx2.AsyncClient(
            timeout=timeout, trust_env=False, limits=httpx2.Limits(max_connections=1_000)
        )

    async def close(self) -> None:
        """End the kept connections."""
        await self._client.aclose()

    async def forward(self, request: Request, upstream: str, headers: Lines) -> Response:
        """Send a request with these headers upstream; return the answer as it comes."""
        names = {name.lower() for name, _ in request.headers.raw}
        has_body = b"content-length" in names or b"transfer-encoding" in names
        is_read = anyio.Event()
        if not has_body:
            is_read.set()
        asked = httpx2.Request(
            request.method,
            upstream,
            headers=headers,
            content=_body(request, is_read) if has_body else None,
            # As it came: an httpx URL would put dot segments and escapes right.
            extensions={"target": target(request.scope, upstream), "timeout": _timeouts()},
        )
        answer: httpx2.Response | Response = Response(status_code=499)  # nobody reads it
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_end_when_gone, request, is_read, tasks.cancel_scope)
            try:
                answer = await self._client.send(asked, stream=True)
            except httpx2.TransportError as error:
                answer = unreachable(upstream, error)
            except ClientDisconnect:
                pass
            tasks.cancel_scope.cancel()
        if isinstance(answer, Response):
            return answer
        response = StreamingResponse(_content(answer), answer.status_code)
        response.raw_headers = forwarded(answer.headers.raw)
        return response


def target(scope: Any, upstream: str) -> bytes:
    """Return the request target (RFC 9112, 3.2) below the upstream's own path."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    base = urlsplit(upstream).path.rstrip("/").encode()
    return base + path + (b"?" + query if query else b"")


def unreachable(upstream: str, error: Exception) -> Response:
    """Answer for an upstream that gives none."""
    told = str(error) or type(error).__name__
    return PlainTextResponse(
        f"The gateway cannot reach the app at {upstream} ({told}). Is it running there? "
        "--upstream names it.\n",
        502,
    )


def _timeouts() -> dict[str, float | None]:
    return {"connect": _CONNECT_SECONDS, "read": None, "write": None, "pool": None}


async def _content(answer: httpx2.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    finally:
        # Also where the client has gone: upstream must not go on for nobody.
        with anyio.CancelScope(shield=True):
            await answer.aclose()


async def _body(request: Request, is_read: anyio.Event) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        if chunk:
            yield chunk
    is_read.set()


async def _end_when_gone(request: Request, is_read: anyio.Event, scope: anyio.CancelScope) -> None:
    """Ask upstream no longer once the client has gone; its body comes first by the same way."""
    await is_read.wait()
    while (await request.receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
