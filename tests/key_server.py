"""A key endpoint on loopback that answers as it is told: rightly, wrongly, slowly or never."""

from __future__ import annotations

import gzip
import json
import ssl
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Script = Callable[["Exchange"], None]


class Exchange(BaseHTTPRequestHandler):
    """One request; a script answers it."""

    server: Endpoint
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        key_server = self.server.owner
        with key_server.lock:
            key_server.requests.append({"path": self.path, **self.headers})
        try:
            key_server.script(self)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the fetcher has hung up, as it should
        self.close_connection = True

    def answer(
        self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Endpoint(ThreadingHTTPServer):
    daemon_threads = True
    owner: KeyServer


class KeyServer:
    """Runs while its ``with`` block does. ``script`` may be changed at any time."""

    def __init__(self, script: Script | None = None, *, context: ssl.SSLContext | None = None):
        self.script: Script = script or status(503)
        self.requests: list[dict[str, str]] = []
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self._server = Endpoint(("127.0.0.1", 0), Exchange)
        self._server.owner = self
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._scheme = "http" if context is None else "https"

    @property
    def origin(self) -> str:
        return f"{self._scheme}://localhost:{self._server.server_port}".replace(
            "localhost", "localhost" if self._scheme == "https" else "127.0.0.1"
        )

    @property
    def url(self) -> str:
        return self.origin + "/jwks"

    def __enter__(self) -> KeyServer:
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def document(content: Any, **headers: str) -> Script:
    """A 200 answer; header names with ``_`` for ``-``. It has an ETag, and honours it."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    etag = f'"{hash(body):x}"'
    named = {"ETag": etag, **{name.replace("_", "-"): value for name, value in headers.items()}}

    def script(exchange: Exchange) -> None:
        if exchange.headers.get("If-None-Match") == etag:
            exchange.answer(304, headers=named)
        else:
            exchange.answer(200, body, named)

    return script


def status(code: int, body: bytes = b"", **headers: str) -> Script:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda exchange: exchange.answer(code, body, named)


def raw(*pieces: tuple[bytes, float]) -> Script:
    """Exactly these bytes, each followed by a pause of so many seconds, then the end."""

    def script(exchange: Exchange) -> None:
        for piece, pause in pieces:
            exchange.wfile.write(piece)
            if exchange.server.owner.ended.wait(pause):
                return

    return script


def hang(exchange: Exchange) -> None:
    """Take the request and say nothing until the server ends."""
    exchange.server.owner.ended.wait(30)


def held(script: Script, until: threading.Event) -> Script:
    """Take the request, and answer it when it is time."""

    def answer(exchange: Exchange) -> None:
        until.wait(10)
        script(exchange)

    return answer


def drip(content: Any) -> Script:
    """One byte at a time, each in time, the whole never."""
    body = json.dumps(content).encode()

    def script(exchange: Exchange) -> None:
        exchange.send_response(200)
        exchange.send_header("Content-Length", str(len(body)))
        exchange.end_headers()
        for byte in body:
            if exchange.server.owner.ended.wait(0.05):
                return
            exchange.wfile.write(bytes([byte]))

    return script


def endless(exchange: Exchange) -> None:
    """A body without an end."""
    exchange.send_response(200)
    exchange.end_headers()
    for _ in range(4096):
        exchange.wfile.write(b" " * 65536)


def truncated(content: Any) -> Script:
    """Less than the Content-Length says."""
    body = json.dumps(content).encode()

    def script(exchange: Exchange) -> None:
        exchange.send_response(200)
        exchange.send_header("Content-Length", str(len(body) + 100))
        exchange.end_headers()
        exchange.wfile.write(body)

    return script


def gzip_bomb(exchange: Exchange) -> None:
    """Ten megabytes of blanks in ten kilobytes."""
    body = gzip.compress(b" " * 10_000_000)
    exchange.answer(200, body, {"Content-Encoding": "gzip"})


def redirect(location: str, code: int = 302) -> Script:
    return lambda exchange: exchange.answer(code, headers={"Location": location})
