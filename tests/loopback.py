"""Services on loopback that note the headers they get, and the clients that call them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx
import httpx2


class Exchange(BaseHTTPRequestHandler):
    """Answers 200, or ``/redirect?status=302&to=...`` as it is asked to."""

    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        lines = [(name.lower(), value) for name, value in self.headers.items()]
        self.server.received.append(Received(self.command, self.path, lines))
        asked = parse_qs(urlsplit(self.path).query)
        self.send_response(int(asked.get("status", ["200"])[0]))
        if "to" in asked:
            self.send_header("Location", asked["to"][0])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        pass


class Received(NamedTuple):
    method: str
    path: str
    lines: list[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.lines if key == name.lower()]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    received: list[Received]


class Target(NamedTuple):
    """A service that is running."""

    port: int
    received: list[Received]

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def url_of_localhost(self) -> str:
        """The same service by another name: to clients another host."""
        return f"http://localhost:{self.port}"

    def all(self, name: str) -> list[list[str]]:
        """All lines of a header, for every request in turn."""
        return [request.all(name) for request in self.received]


@contextmanager
def target() -> Iterator[Target]:
    server = _Server(("127.0.0.1", 0), Exchange)
    server.received = []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield Target(server.server_port, server.received)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Client(NamedTuple):
    """A library, sync or async, whose clients follow redirects."""

    library: Any
    is_async: bool

    def ask(
        self, hook: Any, method: str, url: str, by_hand: Any = None, **options: Any
    ) -> httpx.Response:
        """Send one request, with headers given by hand, and follow where it leads."""
        hooks = {} if hook is None else {"request": [hook]}
        options = {"event_hooks": hooks, "follow_redirects": True, "trust_env": False} | options
        if not self.is_async:
            with self.library.Client(**options) as client:
                answer: httpx.Response = client.request(method, url, headers=by_hand)
                return answer

        async def ask() -> httpx.Response:
            async with self.library.AsyncClient(**options) as client:
                answer: httpx.Response = await client.request(method, url, headers=by_hand)
                return answer

        return asyncio.run(ask())

    def answering(self, answer: Any) -> Any:
        """A transport that answers by a function, without a network."""
        return self.library.MockTransport(answer)


CLIENTS = {
    "httpx": Client(httpx, False),
    "httpx async": Client(httpx, True),
    "httpx2": Client(httpx2, False),
    "httpx2 async": Client(httpx2, True),
}
