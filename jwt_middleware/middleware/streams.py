"""Ends websockets and streaming answers when the token ends (the option ``end_streams``).

A handler that computes is never interrupted: only an answer that is being streamed is ended, and a
websocket at any time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress

from ..authorization.request import ScopeView
from ..background.waiting import in_trio
from ..events.kinds import StreamEnded
from ..principal import PRINCIPAL_KEY, Principal
from ..responses import ASGIApp, Message, Receive, Scope, Send
from ..verification.verifier import Verifier

CLOSE_CODE = 3000
"""Of a websocket: Unauthorized (IANA's registry of WebSocket close codes)."""

CLOSE_REASON = "token_expired"


async def serve_with_token(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, verifier: Verifier
) -> None:
    """Serve a connection that is let in; end its stream when its token ends."""
    principal: Principal | None = scope.get(PRINCIPAL_KEY)
    leeway = verifier.issuers[0].policy.leeway  # the same for all
    seconds = None if principal is None else seconds_left(principal, verifier.clock(), leeway)
    if principal is None or seconds is None:
        await app(scope, receive, send)
        return
    place = scope["type"], ScopeView(scope).path
    stream = _Stream(scope["type"] == "websocket", send)
    limit = _TrioLimit() if in_trio() else _AsyncioLimit()
    if await limit.run(app, scope, receive, stream, seconds):
        who = principal.subject, principal.client_id, principal.token_id
        verifier.announce(StreamEnded(*place, *who))
        with suppress(Exception):  # the server may have ended the connection itself
            await stream.end(send)


class _Stream:
    """Passes messages on, and knows whether an answer is being streamed."""

    def __init__(self, is_websocket: bool, send: Send) -> None:
        self.is_websocket = is_websocket
        self._send = send
        self._is_open = True
        self.begin: Callable[[], None] = lambda: None
        """Called when an answer begins to be streamed; ``finish`` when it is whole."""
        self.finish: Callable[[], None] = lambda: None

    async def __call__(self, message: Message) -> None:
        """Send a message of the app."""
        await self._send(message)
        kind = message["type"]
        if kind == "http.response.body":
            if message.get("more_body"):
                self.begin()
            else:
                self._is_open = False
                self.finish()
        elif kind in ("websocket.close", "websocket.http.response.start"):
            self._is_open = False
            self.finish()

    async def end(self, send: Send) -> None:
        """Send what ends the stream."""
        if not self._is_open:
            return
        if self.is_websocket:
            close = {"type": "websocket.close", "code": CLOSE_CODE, "reason": CLOSE_REASON}
            await send(close)
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


class _AsyncioLimit:
    async def run(
        self, app: ASGIApp, scope: Scope, receive: Receive, stream: _Stream, seconds: float
    ) -> bool:
        """Serve; return whether it was ended."""
        import asyncio

        ends = asyncio.get_running_loop().time() + seconds
        limit = asyncio.timeout(None)
        try:
            async with limit:
                stream.begin = lambda: limit.reschedule(ends)
                stream.finish = lambda: limit.reschedule(None)
                if stream.is_websocket:
                    stream.begin()
                await app(scope, receive, stream)
        except TimeoutError:
            if not limit.expired():
                raise  # the app's own
            return True
        return False


class _TrioLimit:
    async def run(
        self, app: ASGIApp, scope: Scope, receive: Receive, stream: _Stream, seconds: float
    ) -> bool:
        """Serve; return whether it was ended."""
        import trio

        ends = trio.current_time() + seconds
        with trio.CancelScope() as limit:

            def until(deadline: float) -> None:
                limit.deadline = deadline

            stream.begin = lambda: until(ends)
            stream.finish = lambda: until(math.inf)
            if stream.is_websocket:
                stream.begin()
            await app(scope, receive, stream)
        return limit.cancelled_caught


def seconds_left(principal: Principal, now: float, leeway: float) -> float | None:
    """Return for how long a stream may last; None without an end.

    Until the token's end; of one that is let in within the leeway after it, until the leeway's.
    """
    expires_at = principal.expires_at
    if expires_at is None or expires_at == math.inf:
        return None
    left = expires_at - now
    return left if left > 0 else max(0.0, left + leeway)
