"""A stream does not outlive its token: websockets are closed and streaming answers ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import trio
import websockets
from fastapi import FastAPI, WebSocket
from fastapi.responses import StreamingResponse
from flask import Flask
from starlette.background import BackgroundTask
from websockets.exceptions import ConnectionClosed

import jwt_middleware.asgi
import jwt_middleware.wsgi
import jwt_middleware_flask
import jwt_middleware_starlette
from jwt_middleware import Principal
from jwt_middleware.errors import ConfigurationError
from jwt_middleware.events import StreamEnded
from jwt_middleware.middleware.streams import seconds_left
from jwt_middleware.testing import SigningKey, mint
from jwt_middleware.tools.gateway import serving

from ..kit import Events

HEADER = "X-JWT-Assertion"
NOW = 1_790_000_000.0
"""The verifiers' clock stands still, so that a slow machine refuses no token before its stream."""
LONG = 30.0
"""Seconds that a stream of these tests would take."""


def endless(ended: list[str]) -> FastAPI:
    """An app with a stream, a socket, a slow answer and a background task."""
    app = FastAPI()

    async def ticks() -> AsyncIterator[bytes]:
        try:
            yield b"data: first\n\n"
            await asyncio.sleep(LONG)
            yield b"data: late\n\n"
        finally:
            ended.append("stream")

    @app.get("/sse")
    async def sse() -> StreamingResponse:
        return StreamingResponse(ticks(), media_type="text/event-stream")

    @app.get("/slow")
    async def slow() -> dict[str, bool]:
        await asyncio.sleep(1.5)
        return {"whole": True}

    @app.get("/then")
    async def then() -> StreamingResponse:
        async def work() -> None:
            await asyncio.sleep(1.5)
            ended.append("background")

        async def whole() -> AsyncIterator[bytes]:
            yield b"whole"

        return StreamingResponse(whole(), background=BackgroundTask(work))

    @app.websocket("/ws")
    async def ws(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("hello")
        try:
            await socket.receive_text()
        finally:
            ended.append("socket")

    return app


def by_door(app: FastAPI, **options: Any) -> Any:
    return jwt_middleware.asgi.JWTMiddleware(lambda *a: app(*a), **options)


def by_adapter(app: FastAPI, **options: Any) -> Any:
    app.add_middleware(jwt_middleware_starlette.JWTMiddleware, **options)
    return app


DOORS: dict[str, Callable[..., Any]] = {"asgi": by_door, "fastapi": by_adapter}


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest, rsa_key: SigningKey) -> Any:
    """Serves an app with streams that end; yields its URL, what has ended, and the events."""
    ended: list[str] = []
    events = Events()
    options = {"keys": rsa_key.public_pem, "end_streams": True, "leeway": 0}
    options["clock"] = lambda: NOW
    app = DOORS[request.param](endless(ended), listeners=[events], **options)
    with serving(app) as url:
        yield url, ended, events


def token(key: SigningKey, seconds: float = 1.0) -> str:
    """A token that ends in so many seconds, in WSO2's milliseconds."""
    return mint(key, {"sub": "ana", "client_id": "c"}, form="wso2-1.9", now=NOW, lifetime=seconds)


def test_a_streaming_answer_ends_with_its_token(door: Any, rsa_key: SigningKey) -> None:
    url, ended, events = door
    began = time.monotonic()

    with httpx.stream("GET", f"{url}/sse", headers={HEADER: token(rsa_key)}, timeout=20) as answer:
        body = b"".join(answer.iter_bytes())
    assert body == b"data: first\n\n"
    assert 0.5 < time.monotonic() - began < 10
    assert ended == ["stream"]
    (event,) = events.of(StreamEnded)
    assert (event.protocol, event.path, event.subject, event.client_id) == (
        "http",
        "/sse",
        "ana",
        "c",
    )


def test_a_websocket_is_closed_with_its_token(door: Any, rsa_key: SigningKey) -> None:
    url, ended, events = door

    async def talk() -> tuple[str, int, str]:
        address = url.replace("http", "ws") + "/ws"
        async with websockets.connect(
            address, additional_headers={HEADER: token(rsa_key)}
        ) as socket:
            hello = await socket.recv()
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(socket.recv(), 10)
            assert closed.value.rcvd is not None
            return str(hello), closed.value.rcvd.code, closed.value.rcvd.reason

    assert asyncio.run(talk()) == ("hello", 3000, "token_expired")
    assert ended == ["socket"]
    assert [event.protocol for event in events.of(StreamEnded)] == ["websocket"]


def test_an_answer_that_is_no_stream_is_never_interrupted(door: Any, rsa_key: SigningKey) -> None:
    url, ended, events = door
    headers = {HEADER: token(rsa_key)}

    assert httpx.get(f"{url}/slow", headers=headers, timeout=20).json() == {"whole": True}
    headers = {HEADER: token(rsa_key)}
    assert httpx.get(f"{url}/then", headers=headers, timeout=20).content == b"whole"
    for _ in range(100):
        if ended == ["background"]:
            break
        time.sleep(0.05)
    assert ended == ["background"]
    assert events.of(StreamEnded) == []


def test_without_the_option_a_stream_goes_on(rsa_key: SigningKey) -> None:
    app = endless([])
    options: dict[str, Any] = {"keys": rsa_key.public_pem, "leeway": 0, "clock": lambda: NOW}
    app.add_middleware(jwt_middleware_starlette.JWTMiddleware, **options)

    with (
        serving(app) as url,
        httpx.stream(
            "GET", f"{url}/sse", headers={HEADER: token(rsa_key, 0.3)}, timeout=1.5
        ) as answer,
    ):
        chunks = answer.iter_bytes()
        assert next(chunks) == b"data: first\n\n"
        with pytest.raises(httpx.ReadTimeout):
            next(chunks)


def test_an_anonymous_stream_has_no_end(rsa_key: SigningKey) -> None:
    app = endless([])
    app.add_middleware(
        jwt_middleware_starlette.JWTMiddleware,
        keys=rsa_key.public_pem,
        optional=True,
        end_streams=True,
    )

    with serving(app) as url, httpx.stream("GET", f"{url}/sse", timeout=1) as answer:
        chunks = answer.iter_bytes()
        assert next(chunks) == b"data: first\n\n"
        with pytest.raises(httpx.ReadTimeout):
            next(chunks)


def test_under_trio_a_stream_ends_too(rsa_key: SigningKey) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await trio.sleep(LONG)

    ends = jwt_middleware.asgi.JWTMiddleware(
        app, keys=rsa_key.public_pem, end_streams=True, leeway=0, clock=lambda: NOW
    )
    sent: list[Any] = []

    async def serve() -> None:
        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            await trio.sleep_forever()

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "headers": [(HEADER.lower().encode(), token(rsa_key, 0.3).encode())],
        }
        with trio.fail_after(10):
            await ends(scope, receive, send)

    trio.run(serve)
    assert [message.get("body") for message in sent] == [None, b"first", b""]
    assert sent[-1]["more_body"] is False


def test_a_timeout_of_the_apps_own_is_the_apps(rsa_key: SigningKey) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise TimeoutError("the app's own")

    door = jwt_middleware.asgi.JWTMiddleware(
        app, keys=rsa_key.public_pem, end_streams=True, clock=lambda: NOW
    )
    headers = [(HEADER.lower().encode(), token(rsa_key).encode())]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}

    async def nothing(*_: Any) -> Any:
        return None

    with pytest.raises(TimeoutError, match="the app's own"):
        asyncio.run(door(scope, nothing, nothing))


@pytest.mark.parametrize(
    "expires_at, left",
    [(None, None), (float("inf"), None), (110.0, 10.0), (100.0, 30.0), (80.0, 10.0), (60.0, 0.0)],
)
def test_a_stream_lasts_until_its_tokens_end_or_the_leeway_s(
    expires_at: float | None, left: float | None
) -> None:
    principal = Principal({}, expires_at=expires_at)

    assert seconds_left(principal, now=100.0, leeway=30) == left


def test_under_wsgi_and_in_flask_it_is_an_error_at_the_start(rsa_key: SigningKey) -> None:
    options: dict[str, Any] = {"keys": rsa_key.public_pem, "end_streams": True}

    with pytest.raises(ConfigurationError, match="end_streams: this door cannot"):
        jwt_middleware.wsgi.JWTMiddleware(lambda *_: [], **options)
    with pytest.raises(ConfigurationError, match="end_streams: this door cannot"):
        jwt_middleware_flask.JWTMiddleware(Flask("streams"), **options)
