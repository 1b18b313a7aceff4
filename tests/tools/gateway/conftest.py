"""A gateway before a raw ASGI app that tells, byte by byte, what reached it; both really served."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx2
import pytest

from jwt_middleware import Verifier
from jwt_middleware.keys.sources import PEM
from jwt_middleware.testing import LocalGateway, sample_accounts
from jwt_middleware.tools.gateway import Caller, DevelopmentGateway, serving

CONTEXT = "/orders/1.0"


class Upstream:
    """The app behind: it keeps what it was asked, and answers by its path."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.ended = asyncio.Event()

    def forget(self) -> None:
        """Begin anew for another test."""
        self.asked.clear()
        self.ended.clear()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return
        if scope["type"] == "websocket":
            await self._talk(scope, receive, send)
            return
        body, chunks = b"", 0
        while True:
            message = await receive()
            body += message.get("body", b"")
            chunks += 1
            if not message.get("more_body"):
                break
        self.asked.append(
            {
                "method": scope["method"],
                "raw_path": scope["raw_path"],
                "query": scope["query_string"],
                "headers": scope["headers"],
                "body": body,
                "chunks": chunks,
            }
        )
        await getattr(self, "answer_" + scope["path"].strip("/").split("/")[0], self.answer)(
            receive, send
        )

    async def answer(self, _: Any, send: Any) -> None:
        await _send(send, 200, [(b"content-type", b"text/plain")], b"fine")

    async def answer_cookies(self, _: Any, send: Any) -> None:
        lines = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"x-odd", b"caf\xe9")]
        await _send(send, 418, [*lines, (b"connection", b"x-hop"), (b"x-hop", b"1")], b"tea")

    async def answer_gzip(self, _: Any, send: Any) -> None:
        await _send(send, 200, [(b"content-encoding", b"gzip")], b"not really gzip")

    async def answer_unchanged(self, _: Any, send: Any) -> None:
        await _send(send, 304, [(b"etag", b'"1"')], b"")

    async def answer_stream(self, receive: Any, send: Any) -> None:
        """Send pieces until the one who asked has gone."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        gone = asyncio.ensure_future(receive())
        for _ in range(200):
            await send({"type": "http.response.body", "body": b"piece\n", "more_body": True})
            await asyncio.wait([gone], timeout=0.05)
            if gone.done():
                break
        self.ended.set()

    async def answer_never(self, receive: Any, _: Any) -> None:
        """Answer nothing, until the one who asked has gone."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self.ended.set()

    async def _talk(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        self.asked.append({"raw_path": scope["raw_path"], "headers": scope["headers"]})
        if scope["path"] == "/refused":
            start = {"type": "websocket.http.response.start", "status": 403}
            await send(start | {"headers": [(b"x-why", b"closed")]})
            await send({"type": "websocket.http.response.body", "body": b"not you"})
            return
        chosen = scope["subprotocols"][-1] if scope["subprotocols"] else None
        await send({"type": "websocket.accept", "subprotocol": chosen})
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self.asked.append({"closed": message["code"]})
                return
            if message.get("text") == "close":
                await send({"type": "websocket.close", "code": 4004, "reason": "as asked"})
                return
            kind = "text" if message.get("text") is not None else "bytes"
            await send({"type": "websocket.send", kind: message[kind]})


async def _send(send: Any, status: int, headers: Any, body: bytes) -> None:
    length = [] if status == 304 else [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": body})


class Site(NamedTuple):
    """The gateway's URL, what the app behind saw, and a verifier as the app would have it."""

    url: str
    upstream: Upstream
    gateway: DevelopmentGateway
    verifier: Verifier

    def received(self, name: bytes = b"x-jwt-assertion") -> list[bytes]:
        """The values of a header in the newest request."""
        return [value for key, value in self.upstream.asked[-1]["headers"] if key == name]

    def token(self, **form: str) -> str:
        """Get an access token; as acme_corp itself where nothing else is said."""
        asked = {"grant_type": "client_credentials", **form}
        client = ("acme_corp", "acme-secret")
        answer = httpx2.post(self.url + "/token", data=asked, auth=client, trust_env=False)
        assert answer.status_code == 200, answer.text
        found: str = json.loads(answer.text)["access_token"]
        return found


def site(everyone: Caller | None) -> Iterator[Site]:
    """Serve an app and a gateway before it."""
    accounts = sample_accounts()
    local = LocalGateway(clients=accounts.registry)
    upstream = Upstream()
    with serving(upstream) as behind:
        gateway = DevelopmentGateway({CONTEXT: behind}, accounts, local, everyone=everyone)
        verifier = Verifier(
            keys=PEM(local.key.certificate_pem), api=CONTEXT, clients=accounts.registry
        )
        with serving(gateway.app) as url:
            yield Site(url, upstream, gateway, verifier)


@pytest.fixture(scope="session")
def _closed() -> Iterator[Site]:
    yield from site(None)


@pytest.fixture
def closed(_closed: Site) -> Site:
    """A gateway that wants an access token."""
    _closed.upstream.forget()
    return _closed


@pytest.fixture(scope="session")
def _open() -> Iterator[Site]:
    yield from site(Caller(sample_accounts().clients["acme_corp"], None))


@pytest.fixture
def open_site(_open: Site) -> Site:
    """A gateway where every request is Acme's."""
    _open.upstream.forget()
    return _open


@pytest.fixture
def client() -> Iterator[httpx2.Client]:
    with httpx2.Client(trust_env=False, timeout=10) as made:
        yield made
