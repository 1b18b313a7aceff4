"""An hour of a service in two minutes: does memory stay, and is every answer right?

One app in process, with everything on: keys of a file that rotate, a registry that is edited,
denials in SQLite, an audit trail. Each round has requests of busy tokens and of new ones, some of
them bad, some denied. ``python -m benchmarks.soak`` prints a line for each tenth and ends with
status 1 where an answer was wrong, or memory grew after the first tenth by more than
``MOST_GROWTH``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from jwt_middleware import JSONLines
from jwt_middleware.asgi import JWTMiddleware
from jwt_middleware.revocation import Denial
from jwt_middleware.testing import SigningKey, mint

MOST_GROWTH = 5.0
"""MB that the process may grow by after its first tenth."""
SETTLED = 2.5
"""Seconds after which a change of a file, or a denial, is known to all that read it."""
KEYS, KNOWN, USED = 8, 4, 3
"""Keys that are published; the rounds after which one is known and signs; and for which a token is
used, before its key goes."""
CLIENTS, BUSY, BAD = 20, 500, 0.01


async def served(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def resident() -> float:
    """Return the megabytes that the process has in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def replace(path: Path, text: str) -> None:
    """Replace a file as a deployment does: whole, by a rename."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


class Soak:
    """The service, its files, and the callers."""

    def __init__(self, folder: Path) -> None:
        self.keys: deque[SigningKey] = deque(maxlen=KEYS)
        self.jwks, self.registry = folder / "jwks.json", folder / "clients.toml"
        self.number = 0
        for _ in range(KEYS):
            self.rotate()
        self.edit()
        self.app = JWTMiddleware(
            served,
            keys=str(self.jwks),
            gateway="standard",
            audience="api",
            clients=str(self.registry),
            revocations=f"sqlite:///{folder / 'denials.db'}",
            listeners=[JSONLines(folder / "audit.jsonl")],
            cache_size=1_000,  # full within the first tenth, so that what grows then is a leak
        )
        self.busy: deque[tuple[int, str]] = deque()
        self.denied: deque[tuple[int, float, str]] = deque()
        self.answers: Counter[tuple[str, int]] = Counter()

    def rotate(self) -> None:
        """Publish one more key; the oldest goes."""
        self.number += 1
        self.keys.append(SigningKey("ES256", key_id=f"k{self.number}"))
        replace(self.jwks, json.dumps({"keys": [key.jwk() for key in self.keys]}))

    def edit(self) -> None:
        """Edit the entry of one client."""
        edited = random.randrange(CLIENTS)
        entries = (
            f'[clients.c{n}]\nname = "{random.random() if n == edited else n}"\nroles = ["roles"]\n'
            for n in range(CLIENTS)
        )
        replace(self.registry, "\n".join(entries))

    def token(self) -> str:
        """Return a token by the newest key that has been known for some rounds."""
        claims = {"sub": "ana", "aud": "api", "client_id": f"c{random.randrange(CLIENTS)}"}
        claims["jti"] = os.urandom(8).hex()
        return mint(self.keys[-KNOWN], claims, form="standard", lifetime=3600)

    def deny(self) -> None:
        """Deny the token of one caller."""
        token = self.token()
        revocations = self.app.middleware.verifier.revocations
        assert revocations is not None
        revocations.deny(Denial.of_token(token))
        self.denied.append((self.number, time.monotonic(), token))

    async def ask(self, kind: str, token: str) -> None:
        """Send one request, and note how it was answered."""
        status = 0

        async def send(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            status = message.get("status", status)

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/orders",
            "query_string": b"",
            "headers": [(b"x-jwt-assertion", token.encode())],
        }
        await self.app(scope, receive, send)
        self.answers[kind, status] += 1

    async def round(self, requests: int) -> None:
        """Send the requests of one second."""
        while self.busy and self.number - self.busy[0][0] > USED:
            self.busy.popleft()
        while self.denied and self.number - self.denied[0][0] > USED:
            self.denied.popleft()
        while len(self.busy) < BUSY:
            self.busy.append((self.number, self.token()))
        now = time.monotonic()
        known = [token for _, at, token in self.denied if now - at > SETTLED]
        for _ in range(requests):
            if known and random.random() < 0.01:
                await self.ask("denied", random.choice(known))
            elif random.random() < BAD:
                await self.ask("bad", f"{random.choice(self.busy)[1][:-8]}AAAAAAAA")
            else:
                await self.ask("good", random.choice(self.busy)[1])

    @property
    def wrong(self) -> int:
        """How many answers were wrong."""
        return sum(
            count
            for (kind, status), count in self.answers.items()
            if status != (200 if kind == "good" else 401)
        )


async def run(rounds: int, requests: int) -> int:
    """Run it; return the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder))
        first = 0.0
        for number in range(1, rounds + 1):
            begun = time.monotonic()
            soak.rotate()
            for _ in range(3):
                soak.edit()
            for _ in range(10):
                soak.deny()
            await soak.round(requests)
            await asyncio.sleep(max(0.0, begun + 1 - time.monotonic()))
            if number % max(1, rounds // 10) == 0:
                memory = resident()
                first = first or memory
                files = len(os.listdir("/proc/self/fd"))
                print(
                    f"{sum(soak.answers.values()):>8,} requests, {soak.wrong} wrong, "
                    f"{memory:.1f} MB, {threading.active_count()} threads, {files} files",
                    flush=True,
                )
        growth = resident() - first
    print(f"answers: {dict(sorted(soak.answers.items()))}")
    print(f"grown after the first tenth: {growth:.1f} MB (at most {MOST_GROWTH})")
    return int(soak.wrong > 0 or growth > MOST_GROWTH)


def main() -> int:
    """Read the command line, and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=100, help="seconds, at the least")
    parser.add_argument("--requests", type=int, default=1_000, help="in each")
    options = parser.parse_args()
    return asyncio.run(run(options.rounds, options.requests))


if __name__ == "__main__":
    raise SystemExit(main())
