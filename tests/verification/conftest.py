"""Key servers on loopback: a well-behaved one, and one that says whatever a test tells it to."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from jwt_middleware import Verifier
from jwt_middleware.testing import SigningKey
from jwt_middleware.verification.jwks import JWKSEndpoint


class KeyServer:
    """Serves one JSON document at ``url``. ``open`` holds back the answers while it is cleared."""

    def __init__(self) -> None:
        self.document: Any = {"keys": []}
        self.status = 200
        self.headers: dict[str, str] = {}
        self.requests: list[dict[str, str]] = []
        self.open = threading.Event()
        self.open.set()
        self.asked = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append({"path": self.path, **dict(self.headers)})
                outer.asked.set()
                outer.open.wait(5)
                document = outer.document
                body = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(outer.status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    pass

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/jwks"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self.open.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    server = KeyServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def old_key() -> SigningKey:
    return SigningKey(key_id="old")


@pytest.fixture(scope="module")
def new_key() -> SigningKey:
    return SigningKey(key_id="new")


Make = Callable[..., Verifier]


@pytest.fixture
def verifier_of(key_server: KeyServer) -> Make:
    """Makes a verifier whose keys come from the key server."""

    def make(heard: list[Any] | None = None, **options: Any) -> Verifier:
        endpoint = JWKSEndpoint(key_server.url, **{"wait_budget": 1, "deadline": 1, **options})
        return Verifier(keys=endpoint, listeners=[(heard if heard is not None else []).append])

    return make


Script = list[tuple[bytes, float]]
"""What a server sends, and how long it then waits."""


@pytest.fixture
def scripted() -> Iterator[Callable[[Script], str]]:
    """Makes a server that plays a script to its first caller; returns its URL."""
    sockets: list[socket.socket] = []
    over = threading.Event()

    def start(script: Script) -> str:
        listening = socket.create_server(("127.0.0.1", 0))
        sockets.append(listening)

        def play() -> None:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(65_536)
                    for piece, pause in script:
                        connection.sendall(piece)
                        if over.wait(pause):
                            return
                except OSError:
                    return

        threading.Thread(target=play, daemon=True).start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}/jwks"

    yield start
    over.set()
    for listening in sockets:
        listening.close()
