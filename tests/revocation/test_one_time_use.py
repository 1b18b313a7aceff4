"""Tokens that are taken once: at each door's way of waiting, by threads, tasks and workers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import trio

from jwt_middleware import Principal, Revocations, StoreUnavailable, TokenReused, Verifier
from jwt_middleware.errors import BadSignature, TokenRevoked
from jwt_middleware.events.kinds import Decided
from jwt_middleware.revocation import Denial, open_store
from jwt_middleware.revocation.check import WAIT_BUDGET
from jwt_middleware.revocation.store import CLOCKS_APART, MemoryStore
from jwt_middleware.testing import SigningKey

from ..conftest import Clock
from .test_check import token, verifier_of
from .test_outage import health, outage, path

__all__ = ["path"]

WAYS: dict[str, Callable[[Verifier, str], Principal]] = {
    "thread": lambda verifier, raw: verifier.verify(raw),
    "asyncio": lambda verifier, raw: asyncio.run(verifier.verify_async(raw)),
    "trio": lambda verifier, raw: trio.run(verifier.verify_async, raw),
}
EACH_WAY = pytest.mark.parametrize("way", WAYS)
CACHED = pytest.mark.parametrize("cache_size", [0, 16])


def once(clock: Clock, url: Any = "process-memory", **more: Any) -> Verifier:
    fail = more.pop("fail", "closed")
    return verifier_of(clock, Revocations(url, one_time=True, fail=fail), **more)


@EACH_WAY
@CACHED
def test_a_token_is_taken_once(way: str, cache_size: int, clock: Clock) -> None:
    events: list[Any] = []
    verifier = once(clock, cache_size=cache_size, listeners=[events.append])
    raw, other = token(clock), token(clock, jti="t-2")
    assert WAYS[way](verifier, raw).subject == "jroe"
    for _ in range(2):
        with pytest.raises(TokenReused):
            WAYS[way](verifier, raw)
    assert WAYS[way](verifier, other).subject == "jroe"

    told = [
        (each.code, each.token_id) for each in events if isinstance(each, Decided) and each.code
    ]
    assert told == [("token_reused", "t-1")] * 2
    assert sum(isinstance(each, Decided) and each.allowed for each in events) == 2


@pytest.mark.parametrize(
    "changes, same",
    [
        ({"extra": 1}, True),
        ({"jti": "t-2"}, False),
        ({"iss": "https://b"}, False),
        ({"jti": None}, False),
        ({"iss": None}, False),
    ],
    ids=str,
)
def test_a_token_is_known_by_its_id_and_its_issuer(
    changes: dict[str, Any], same: bool, clock: Clock
) -> None:
    verifier = once(clock)
    verifier.verify(token(clock))
    again = token(clock, **changes)
    if same:
        with pytest.raises(TokenReused):
            verifier.verify(again)
    else:
        verifier.verify(again)


def test_a_token_without_an_id_is_known_by_what_was_signed(clock: Clock) -> None:
    """Its signature can be spelled in several ways, of which each verifies."""
    verifier = once(clock)
    raw = token(clock, jti=None)
    verifier.verify(raw)
    body, _, signature = raw.rpartition(".")
    spelled = signature.translate(str.maketrans("+/", "-_")).rstrip("=")
    others = {f"{body}.{each}" for each in (spelled, spelled + "=" * (-len(spelled) % 4))}
    others.discard(raw)
    assert others
    for other in others:
        with pytest.raises(TokenReused):
            verifier.verify(other)
    # Another token of the same second is another.
    verifier.verify(token(clock, jti=None, sub="b"))


@EACH_WAY
def test_a_token_that_is_refused_was_not_used(way: str, clock: Clock) -> None:
    verifier = once(clock)
    assert verifier.revocations is not None
    raw = token(clock)
    other_key = SigningKey("ES256", key_id="k")
    with pytest.raises(BadSignature):
        body = raw.rpartition(".")[0]
        WAYS[way](verifier, f"{body}.{'A' * 86}")
    assert other_key.key_id == "k"
    verifier.revocations.deny(Denial(subject="jroe"))
    with pytest.raises(TokenRevoked):
        WAYS[way](verifier, raw)
    verifier.revocations.allow(Denial(subject="jroe"))

    assert WAYS[way](verifier, raw).subject == "jroe"


def test_a_use_is_remembered_as_long_as_the_token_could_be_taken_anywhere(clock: Clock) -> None:
    store = MemoryStore(clock=clock)
    verifier = once(clock, store, leeway=30)
    verifier.verify(token(clock))
    [until] = store._used.values()

    assert until == clock.now + 900 + 30 + CLOCKS_APART


@pytest.mark.parametrize("kind", ["process-memory", "sqlite"])
def test_of_many_threads_one_gets_in(kind: str, clock: Clock, tmp_path: Path) -> None:
    verifier = once(clock, kind if kind != "sqlite" else f"sqlite:///{tmp_path}/store.db")
    raw = token(clock)
    ready = Barrier(24)

    def ask(_: int) -> bool:
        ready.wait(10)
        try:
            verifier.verify(raw)
        except TokenReused:
            return False
        return True

    with ThreadPoolExecutor(24) as pool:
        outcomes = list(pool.map(ask, range(24)))
    verifier.close()

    assert outcomes.count(True) == 1


@pytest.mark.parametrize("kind", ["process-memory", "sqlite"])
def test_of_many_tasks_one_gets_in(kind: str, clock: Clock, tmp_path: Path) -> None:
    verifier = once(clock, kind if kind != "sqlite" else f"sqlite:///{tmp_path}/store.db")
    raw = token(clock)

    async def ask_all() -> list[Any]:
        asks = [verifier.verify_async(raw) for _ in range(100)]
        return await asyncio.gather(*asks, return_exceptions=True)

    outcomes = asyncio.run(ask_all())
    verifier.close()

    assert sum(isinstance(each, Principal) for each in outcomes) == 1
    assert sum(isinstance(each, TokenReused) for each in outcomes) == 99


# The store is out, or slow.


@EACH_WAY
def test_while_the_store_is_out_nothing_is_taken(way: str, path: Path, clock: Clock) -> None:
    verifier = once(clock, f"sqlite:///{path}")
    outage(verifier, path)
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable):
        WAYS[way](verifier, token(clock))

    assert time.monotonic() - begun < 1
    verifier.close()


@pytest.mark.parametrize("fail", ["closed", "open"])
def test_a_store_that_is_known_to_be_out_is_asked_for_no_use(
    fail: str, path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every request would wait for the outage."""
    verifier = once(clock, f"sqlite:///{path}", fail=fail)
    outage(verifier, path)
    assert verifier.revocations is not None
    asked: list[str] = []
    monkeypatch.setattr(
        verifier.revocations.store, "use_once", lambda key, until: asked.append(key)
    )
    try:
        verifier.verify(token(clock))
    except StoreUnavailable:
        pass
    verifier.close()

    assert asked == []


@EACH_WAY
def test_where_it_fails_open_a_token_is_taken_meanwhile(way: str, path: Path, clock: Clock) -> None:
    verifier = once(clock, f"sqlite:///{path}", fail="open")
    raw = token(clock)
    outage(verifier, path)
    for _ in range(2):
        assert WAYS[way](verifier, raw).subject == "jroe"
    assert health(verifier)["one_time"] is True
    verifier.close()


class Failing(MemoryStore):
    """A store that answers all but uses."""

    def use_once(self, key: str, until: float) -> bool:
        raise ZeroDivisionError(key, until)


@EACH_WAY
def test_a_use_that_fails_is_no_use_and_no_reuse(way: str, clock: Clock) -> None:
    with pytest.raises(StoreUnavailable):
        WAYS[way](once(clock, Failing()), token(clock))

    fails_open = once(clock, Failing(), fail="open")
    assert [WAYS[way](fails_open, token(clock)).subject for _ in range(2)] == ["jroe", "jroe"]


class Stuck(MemoryStore):
    """A store whose answers take longer than anybody waits."""

    def use_once(self, key: str, until: float) -> bool:
        time.sleep(1.5)
        return super().use_once(key, until)


@pytest.mark.parametrize(
    "run", [asyncio.run, lambda task: trio.run(lambda: task)], ids=["asyncio", "trio"]
)
def test_a_loop_waits_for_a_slow_store_no_longer_than_its_budget(
    run: Callable[[Any], float], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jwt_middleware.revocation.check.WAIT_BUDGET", 0.1)
    assert WAIT_BUDGET == 2
    verifier = once(clock, Stuck())

    async def ask() -> float:
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await verifier.verify_async(token(clock))
        return time.monotonic() - begun

    assert run(ask()) < 1.2


def test_where_no_thread_can_be_started_no_token_is_taken(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = once(clock)

    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def ask() -> None:
        with monkeypatch.context() as patch, pytest.raises(StoreUnavailable):
            patch.setattr(threading.Thread, "start", fail)
            await verifier.verify_async(token(clock))

    asyncio.run(ask())


def test_the_middleware_uses_a_token_once_a_request(clock: Clock) -> None:
    """An ASGI door asks at once first, and then waits: both are the same use."""
    from jwt_middleware.asgi import JWTMiddleware

    statuses: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def ask() -> None:
        for raw in (token(clock), token(clock), token(clock, jti="t-2")):
            headers = [(b"x-jwt-assertion", raw.encode())]
            scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
            await door(scope, None, send)  # type: ignore[arg-type]

    door = JWTMiddleware(app, verifier=once(clock, open_store("process-memory", clock=clock)))
    asyncio.run(ask())

    assert statuses == [200, 401, 200]


@EACH_WAY
def test_two_tokens_of_one_id_and_no_issuer_are_two_tokens(way: str, clock: Clock) -> None:
    """An id is unique within its issuer only (RFC 7519, 4.1.7)."""
    verifier = once(clock)
    one, other = token(clock, iss=None), token(clock, iss=None, n=2)
    WAYS[way](verifier, one)
    WAYS[way](verifier, other)

    with pytest.raises(TokenReused):
        WAYS[way](verifier, one)


class Denying(MemoryStore):
    """A store in which the token's subject is denied while the token is being used."""

    def use_once(self, key: str, until: float) -> bool:
        self.deny(Denial(subject="jroe", until=until))
        return super().use_once(key, until)


@EACH_WAY
def test_a_denial_that_comes_while_the_request_waits_for_its_use_counts(
    way: str, clock: Clock
) -> None:
    verifier = once(clock, Denying(clock=clock))

    with pytest.raises(TokenRevoked):
        WAYS[way](verifier, token(clock))
