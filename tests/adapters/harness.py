"""Raw clients for ASGI and WSGI apps: nothing between the test and the protocol.

A framework's own client tidies headers up (joins, lower-cases, strips), which is exactly what these
tests must be able to do without.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

Headers = Iterable[tuple[str, str]]


class Answer(NamedTuple):
    """What came back. Header names are in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name.lower()]

    def header(self, name: str) -> str | None:
        found = self.all(name)
        assert len(found) <= 1, f"{name} came {len(found)} times"
        return found[0] if found else None

    def json(self) -> Any:
        return json.loads(self.body)


def without_reference(refusal: Answer) -> tuple[bytes, str | None]:
    """The body and challenge of a refusal, which are the same at every door."""
    body = re.sub(rb'"[0-9a-f]{16}"', b"REFERENCE", refusal.body)
    return body, refusal.header("WWW-Authenticate")


ANSWER_HEADERS = ("Cache-Control", "Vary", "ETag", "Expires")


def answer_headers(query: str) -> dict[str, str]:
    """The headers that a request's query asks of an app of these tests."""
    return {name: value for name, value in parse_qsl(query) if name in ANSWER_HEADERS}


def http_scope(
    method: str, path: str, headers: Headers = (), *, query: str = "", kind: str = "http"
) -> dict[str, Any]:
    """A scope as a server makes it (ASGI 3.0, HTTP 2.4): ``path`` is decoded."""
    scope = {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": [
            (b"host", b"backend.example.edu"),
            *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers),
        ],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "extensions": {},
    }
    return scope | {"method": method} if kind == "http" else scope


async def ask_asgi(app: Any, scope: dict[str, Any]) -> Answer:
    """Send one request within a running loop."""
    done = asyncio.Event()
    requests = [{"type": "http.request", "body": b"", "more_body": False}]
    sent: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if requests:
            return requests.pop()
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            done.set()

    await app(scope, receive, send)
    start, *rest = sent
    assert start["type"] == "http.response.start"
    return Answer(start["status"], _decoded(start["headers"]), _joined(rest))


def call_asgi(
    app: Any,
    method: str,
    path: str,
    headers: Headers = (),
    *,
    query: str = "",
    scope_changes: Mapping[str, Any] | None = None,
    lifespan: bool = False,
) -> Answer:
    """Send one request in a loop of its own; with ``lifespan``, as a server that offers it."""
    scope = http_scope(method, path, headers, query=query) | dict(scope_changes or {})

    async def ask() -> Answer:
        if not lifespan:
            return await ask_asgi(app, scope)
        async with Lifespan(app) as life:
            assert life.started, life.sent
            return await ask_asgi(app, scope)

    return asyncio.run(ask())


class Lifespan:
    """The lifespan of an app: started on entry, shut down on exit. ``sent`` is what it said."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.sent: list[Mapping[str, Any]] = []

    @property
    def started(self) -> bool:
        return bool(self.sent) and self.sent[0]["type"] == "lifespan.startup.complete"

    async def __aenter__(self) -> Lifespan:
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._answered = asyncio.Event()
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        self._inbox.put_nowait({"type": "lifespan.startup"})
        self._task = asyncio.create_task(self.app(scope, self._inbox.get, self._send))
        answered = asyncio.create_task(self._answered.wait())
        await asyncio.wait((self._task, answered), return_when=asyncio.FIRST_COMPLETED)
        answered.cancel()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._inbox.put_nowait({"type": "lifespan.shutdown"})
        if self.started:
            await self._task
        else:
            await asyncio.wait([self._task])  # it may raise what it has told the server
            self._task.exception()

    async def _send(self, message: Mapping[str, Any]) -> None:
        self.sent.append(message)
        self._answered.set()


def start_and_stop(app: Any) -> list[Mapping[str, Any]]:
    """Run the lifespan of an app and return what it sent."""

    async def run() -> list[Mapping[str, Any]]:
        async with Lifespan(app) as life:
            pass
        return life.sent

    return asyncio.run(run())


DENIAL = {"websocket.http.response": {}}


class Handshake(NamedTuple):
    """How a websocket's opening ended: with an HTTP answer, a close code, or accepted."""

    accepted: bool
    close_code: int | None
    denial: Answer | None
    texts: tuple[str, ...]


def open_websocket(
    app: Any,
    path: str,
    headers: Headers = (),
    *,
    extensions: Mapping[str, Any] | None = None,
    scope_changes: Mapping[str, Any] | None = None,
) -> Handshake:
    """Open a websocket and hang up; ``extensions=DENIAL`` is a server that can deny by HTTP."""
    scope = http_scope("GET", path, headers, kind="websocket")
    scope |= {"subprotocols": [], "extensions": dict(extensions or {})} | dict(scope_changes or {})
    inbox = [{"type": "websocket.disconnect", "code": 1001}, {"type": "websocket.connect"}]
    sent: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return inbox.pop()

    async def send(message: Mapping[str, Any]) -> None:
        assert len(inbox) < 2, "an app may not send before it has received websocket.connect"
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    kinds = [message["type"] for message in sent]
    denial = None
    if kinds[:1] == ["websocket.http.response.start"]:
        denial = Answer(sent[0]["status"], _decoded(sent[0]["headers"]), _joined(sent[1:]))
    return Handshake(
        accepted="websocket.accept" in kinds,
        close_code=next((m.get("code") for m in sent if m["type"] == "websocket.close"), None),
        denial=denial,
        texts=tuple(m["text"] for m in sent if m["type"] == "websocket.send"),
    )


def call_wsgi(
    app: Any,
    method: str,
    path: str,
    headers: Headers = (),
    *,
    query: str = "",
    environ_changes: Mapping[str, Any] | None = None,
) -> Answer:
    """Send one request as a careless server does.

    Repeated headers are joined by commas, and ``X_A`` becomes the same key as ``X-A``.
    """
    environ = wsgi_environ(method, path, headers, query=query) | dict(environ_changes or {})
    started: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(status: str, found: list[tuple[str, str]], exc_info: Any = None) -> Any:
        assert not started or exc_info
        started[:] = [(status, found)]
        return written.append

    chunks = app(environ, start_response)
    try:
        written.extend(chunks)
    finally:
        if hasattr(chunks, "close"):
            chunks.close()
    [(status, found)] = started
    names = tuple((name.lower(), value) for name, value in found)
    return Answer(int(status.split(" ", 1)[0]), names, b"".join(written))


def wsgi_environ(
    method: str, path: str, headers: Headers = (), *, query: str = ""
) -> dict[str, Any]:
    """An environ as PEP 3333 has it: ``path`` is decoded, its UTF-8 bytes as latin-1."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path.encode().decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "backend.example.edu",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers:
        key = "HTTP_" + name.upper().replace("-", "_")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ


def _decoded(headers: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    return tuple((k.decode("latin-1").lower(), v.decode("latin-1")) for k, v in headers)


def _joined(messages: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(message.get("body", b"") for message in messages)
