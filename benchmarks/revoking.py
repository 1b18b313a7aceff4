"""What a deny list adds to a hit, and what using a token once costs."""

from __future__ import annotations

import itertools
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from jwt_middleware import Revocations
from jwt_middleware.revocation import Denial, deny_many, open_store
from jwt_middleware.revocation.following import Following
from jwt_middleware.revocation.store import ListedStore, Store

from .material import material, raw_verify, verifier
from .measuring import Case, Section
from .verifying import RAW

OFF = "off"
DENIALS = 1_000
MANY = (1_000, 10_000, 100_000)


def revoking() -> Iterator[Section]:
    """Yield hits with and without a deny list, and claims; Redis where its server is installed."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        urls = {
            "process-memory": "process-memory",
            "sqlite": f"sqlite:///{folder}/store.db",
            "redis": stack.enter_context(_redis(folder)),
        }
        stores: dict[str, Store] = {}
        for name, url in urls.items():
            if url:
                stores[name] = store = open_store(url)
                stack.callback(store.close)
        kind = material("RS256", "wso2")
        token = kind.token.encode()
        cases = [Case(OFF, _hit(token))]
        for name, store in stores.items():
            deny_many(store, [Denial(subject=f"somebody-{number}") for number in range(DENIALS)])
            cases.append(Case(name, _hit(token, Revocations(store))))
        cases.append(
            Case("sqlite, fail='open'", _hit(token, Revocations(stores["sqlite"], "open")))
        )
        yield Section(f"hit with revocations, {DENIALS:,} denials, RS256, wso2", OFF, cases)
        uses = [Case(f"use once, {name}", _use(store)) for name, store in stores.items()]
        yield from _one_more(urls)
        yield Section("one-time use", RAW, [Case(RAW, raw_verify(kind, kind.token)), *uses])


def _one_more(urls: dict[str, str]) -> Iterator[Section]:
    """Yield what one more denial costs its maker and a worker together, by what is there."""
    for name, url in urls.items():
        cases: list[Case] = []
        for number in MANY if url else ():
            # A store of its own each: a file, a number of Redis, a memory.
            own = {"sqlite": f"{url}-{number}", "redis": f"{url[:-1]}{len(cases) + 1}"}
            store = open_store(own.get(name, url))
            deny_many(store, [Denial(token_id=f"t-{n}") for n in range(number)])
            cases.append(Case(f"{name}, {number:,} denials", _deny_and_read(store)))
        if cases:
            yield Section(f"one more denial, {name}", cases[0].name, cases)


def _deny_and_read(store: ListedStore) -> Callable[[], object]:
    numbers = itertools.count()
    following = Following(store)
    following.catch_up()

    def call() -> None:
        store.deny(Denial(token_id=f"more-{next(numbers)}"))
        following.catch_up()

    return call


def _hit(token: bytes, revocations: Revocations | None = None) -> Callable[[], object]:
    known = verifier(material("RS256", "wso2"), revocations=revocations)
    known.verify(token)
    view = memoryview(token)
    return lambda: known.verify(bytes(view))


def _use(store: Store) -> Callable[[], object]:
    numbers = itertools.count()
    return lambda: store.use_once(f"token-{next(numbers)}", time.time() + 60)


@contextmanager
def _redis(folder: Path) -> Generator[str]:
    """Run a Redis server on loopback; yield its URL, empty where there is none."""
    if shutil.which("redis-server") is None:
        yield ""
        return
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as server:
        try:
            ends = time.monotonic() + 10
            while time.monotonic() < ends:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.02)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()
