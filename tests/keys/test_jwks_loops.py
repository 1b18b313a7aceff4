"""Waiting for keys on event loops: asyncio and trio alike, none blocked, none harmed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

from jwt_middleware.errors import KeysUnavailable
from jwt_middleware.testing import SigningKey

from ..key_server import KeyServer, document, hang, held
from .conftest import Reader, published

Reading = Callable[..., Reader]


def _on_asyncio(function: Callable[[], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        return await function()

    return asyncio.run(run())


LOOPS = pytest.mark.parametrize("run", [_on_asyncio, trio.run], ids=["asyncio", "trio"])


def test_200_requests_at_the_moment_of_a_rotation_all_succeed_with_one_fetch(
    key_server: KeyServer,
    reading: Reading,
    old_key: SigningKey,
    new_key: SigningKey,
    may_answer: threading.Event,
) -> None:
    key_server.script = document(published(old_key))
    reader = reading()
    reader.verify(old_key)
    key_server.script = held(document(published(old_key, new_key)), may_answer)
    tokens = [reader.token(new_key, n=n) for n in range(200)]

    async def ask_all() -> list[Any]:
        tasks = [asyncio.create_task(reader.verifier.verify_async(token)) for token in tokens]
        while reader.endpoint._flight.running is None and not tasks[0].done():
            await asyncio.sleep(0)
        may_answer.set()
        return await asyncio.gather(*tasks)

    assert [each.key_id for each in asyncio.run(ask_all())] == ["new"] * 200
    assert len(key_server.requests) == 2


@LOOPS
def test_waiting_for_the_first_fetch_does_not_block_the_loop(
    run: Callable[..., Any],
    key_server: KeyServer,
    reading: Reading,
    old_key: SigningKey,
    may_answer: threading.Event,
) -> None:
    """The answer is held back by the loop itself: were it blocked, none would come."""
    key_server.script = held(document(published(old_key)), may_answer)
    reader = reading()
    token, found = reader.token(old_key), []

    async def ask() -> None:
        found.append((await reader.verifier.verify_async(token)).key_id)

    async def on_trio() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked(0.02)
            may_answer.set()

    async def on_asyncio() -> None:
        tasks = [asyncio.create_task(ask()) for _ in range(5)]
        await asyncio.sleep(0)
        may_answer.set()
        await asyncio.gather(*tasks)

    run(on_trio if run is trio.run else on_asyncio)
    assert found == ["old"] * 5
    assert len(key_server.requests) == 1


@LOOPS
def test_an_outage_reaches_an_async_caller_within_the_wait_budget(
    run: Callable[..., Any], key_server: KeyServer, reading: Reading, old_key: SigningKey
) -> None:
    key_server.script = hang
    reader = reading(wait_budget=0.1)

    async def ask() -> None:
        with pytest.raises(KeysUnavailable):
            await reader.verifier.verify_async(reader.token(old_key))

    begun = time.monotonic()
    run(ask)
    assert time.monotonic() - begun < 3


@LOOPS
def test_cancelling_one_waiting_request_harms_no_other(
    run: Callable[..., Any],
    key_server: KeyServer,
    reading: Reading,
    old_key: SigningKey,
    may_answer: threading.Event,
) -> None:
    key_server.script = held(document(published(old_key)), may_answer)
    reader = reading()
    token, found = reader.token(old_key), []

    async def ask() -> None:
        found.append((await reader.verifier.verify_async(token)).key_id)

    async def on_trio() -> None:
        async with trio.open_nursery() as outer:
            outer.start_soon(ask)
            with trio.move_on_after(0.02):
                await ask()
            may_answer.set()

    async def on_asyncio() -> None:
        other, cancelled = asyncio.create_task(ask()), asyncio.create_task(ask())
        await asyncio.sleep(0.02)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        may_answer.set()
        await other

    run(on_trio if run is trio.run else on_asyncio)
    assert found == ["old"]
    assert reader.verify(old_key, n=1).key_id == "old"


def test_a_loop_that_closed_while_waiting_harms_no_other(
    key_server: KeyServer, reading: Reading, old_key: SigningKey, may_answer: threading.Event
) -> None:
    key_server.script = held(document(published(old_key)), may_answer)
    reader = reading()

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.verifier.verify_async(reader.token(old_key)), 0.02)

    asyncio.run(give_up())
    may_answer.set()

    assert reader.verify(old_key).key_id == "old"


def test_one_verifier_serves_one_loop_after_the_other(
    key_server: KeyServer, reading: Reading, old_key: SigningKey, new_key: SigningKey
) -> None:
    key_server.script = document(published(old_key))
    reader = reading()
    first = asyncio.run(reader.verifier.verify_async(reader.token(old_key)))
    key_server.script = document(published(new_key))
    second = asyncio.run(reader.verifier.verify_async(reader.token(new_key)))
    third = trio.run(reader.verifier.verify_async, reader.token(new_key, n=1))

    assert [each.key_id for each in (first, second, third)] == ["old", "new", "new"]
