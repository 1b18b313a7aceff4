"""What a failing key endpoint costs requests whose key is known: nothing.

Serves a guarded app in process, on one event loop, and times each request while the endpoint is
healthy, while it hangs, while forged key ids flood in, and during a rotation. A ticker on the same
loop tells how long anything has blocked it.

Times are for scale; the ratios to the healthy endpoint, measured in the same run, are the claim.
"""

from __future__ import annotations

import asyncio
import json
import logging
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, NamedTuple

from jwt_middleware import JWKSEndpoint, Verifier
from jwt_middleware.asgi import JWTMiddleware
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from .measuring import Effort, Row, spread

TITLE = "p99 of known keys beside a failing endpoint"

REQUESTS = 3_000
EVERY = 30
TICK = 0.010


class Endpoint(BaseHTTPRequestHandler):
    """The key endpoint: healthy, or hanging until it is released."""

    keys: dict[str, Any]
    released = Event()
    hangs = False

    def do_GET(self) -> None:
        if Endpoint.hangs:
            Endpoint.released.wait(30)
        body = json.dumps(Endpoint.keys).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Timed(NamedTuple):
    """Seconds of the requests of one round, and the worst lateness of the ticker."""

    requests: list[float]
    late: float

    def quantile(self, percent: int) -> float:
        return statistics.quantiles(self.requests, n=100)[percent - 1]


async def plain_app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def ask(app: Any, token: bytes) -> int:
    statuses: list[int] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    headers = [(b"x-jwt-assertion", token)]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers, "query_string": b""}
    await app(scope, None, send)
    return statuses[0]


async def round_of(app: Any, good: bytes, beside: Callable[[], Awaitable[object]] | None) -> Timed:
    """Time good requests one by one, with something else going on beside them, or nothing."""
    late = 0.0

    async def tick() -> None:
        nonlocal late
        while True:
            due = time.perf_counter() + TICK
            await asyncio.sleep(TICK)
            late = max(late, time.perf_counter() - due)

    ticker = asyncio.create_task(tick())
    times: list[float] = []
    for number in range(REQUESTS):
        if beside is not None and number % EVERY == 0:
            await beside()
        begun = time.perf_counter()
        status = await ask(app, good)
        times.append(time.perf_counter() - begun)
        assert status == 200, status
        if number % 10 == 0:
            await asyncio.sleep(0)
    ticker.cancel()
    return Timed(times, late)


class Others:
    """Requests that are under way beside the timed ones."""

    def __init__(self, app: Any, keys: Keys) -> None:
        self.app = app
        self.keys = keys
        self.tokens = list(keys.forged)
        self.under_way: list[asyncio.Task[int]] = []

    async def flood(self) -> None:
        """Send a token with a forged key id, each with another."""
        self._ask(self.tokens.pop())

    async def rotate(self) -> None:
        """Publish a new key, and send its token."""
        Endpoint.keys = {"keys": [self.keys.old.jwk(), self.keys.new.jwk()]}
        self._ask(self.keys.newer)

    def _ask(self, token: bytes) -> None:
        self.under_way.append(asyncio.create_task(ask(self.app, token)))


class Keys:
    """The keys of all rounds, and their tokens."""

    def __init__(self) -> None:
        self.old, self.new = SigningKey(key_id="old"), SigningKey(key_id="new")
        self.good = mint(self.old, ucsd_claims()).encode()
        self.newer = mint(self.new, ucsd_claims()).encode()
        forger = SigningKey(key_id="forged")
        self.forged = [
            mint(forger, ucsd_claims(), header={"kid": f"forged-{number}"}).encode()
            for number in range(REQUESTS // EVERY)
        ]


async def one_round(url: str, keys: Keys) -> dict[str, Timed]:
    """Measure every state of the endpoint once, with a verifier of its own."""
    Endpoint.keys = keys.old.jwks()
    endpoint = JWKSEndpoint(url, fresh_for=0.05, deadline=30)
    verifier = Verifier(keys=endpoint, api="/echo/1.0.0")
    app = JWTMiddleware(plain_app, verifier=verifier)
    await verifier.prefetch_async()
    others = Others(app, keys)
    found: dict[str, Timed] = {}
    for name, hangs, beside in (
        ("healthy", False, None),
        ("endpoint hangs", True, None),
        ("forged key ids", False, others.flood),
        ("rotation", False, others.rotate),
    ):
        Endpoint.hangs = hangs
        Endpoint.released.clear()
        found[name] = await round_of(app, keys.good, beside)
        Endpoint.released.set()
        await asyncio.gather(*others.under_way)
    return found


async def measured(rounds: int) -> dict[str, list[Timed]]:
    keys = Keys()
    Endpoint.keys = keys.old.jwks()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/jwks"
    found: dict[str, list[Timed]] = {}
    try:
        for _ in range(rounds):
            for name, timed in (await one_round(url, keys)).items():
                found.setdefault(name, []).append(timed)
    finally:
        Endpoint.released.set()
        server.shutdown()
        server.server_close()
    return found


def latencies(effort: Effort) -> Iterator[Row]:
    """Yield the p99 of requests with a known key, by what the endpoint does meanwhile."""
    logging.disable()  # a line for each forged token would be the benchmark's own load
    try:
        found = asyncio.run(measured(1 if effort.rounds < 5 else 5))
    finally:
        logging.disable(logging.NOTSET)
    healthy = [timed.quantile(99) for timed in found["healthy"]]
    for name, rounds in found.items():
        p99 = [timed.quantile(99) for timed in rounds]
        ratios = [one / base for one, base in zip(p99, healthy, strict=True)]
        late = max(timed.late for timed in rounds) * 1e3
        yield Row(
            TITLE,
            name,
            statistics.median(p99) * 1e6,
            spread=spread(p99),
            ratio=statistics.median(ratios),
            ratio_spread=spread(ratios),
            note=f"a 10 ms tick at most {late:.1f} ms late",
        )
