"""Waiting for keys: on threads, asyncio and trio, within a budget, and shared by all who wait."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing

from jwt_middleware import Principal
from jwt_middleware.errors import KeysUnavailable
from jwt_middleware.testing import SigningKey, mint

from .conftest import KeyServer, Make


def test_a_fetch_beyond_the_wait_budget_is_an_outage_and_still_brings_its_keys(
    key_server: KeyServer, verifier_of: Make, old_key: SigningKey
) -> None:
    key_server.document = old_key.jwks()
    key_server.open.clear()
    verifier, token = verifier_of(wait_budget=0.1), mint(old_key, {})

    begun = time.monotonic()
    with pytest.raises(KeysUnavailable):
        verifier.verify(token)
    assert time.monotonic() - begun < 0.5

    key_server.open.set()
    assert _eventually(lambda: verifier.health()["ready"])
    assert verifier.verify(token).key_id == "old"
    assert len(key_server.requests) == 1


def _eventually(holds: Callable[[], bool]) -> bool:
    waiting = threading.Event()
    return any(holds() or waiting.wait(0.01) for _ in range(100))


def _on_asyncio(function: Callable[[], Any]) -> Any:
    return asyncio.run(function())


LOOPS = pytest.mark.parametrize("run", [_on_asyncio, trio.run], ids=["asyncio", "trio"])


@LOOPS
def test_waiting_for_the_first_fetch_does_not_block_the_loop(
    run: Callable[..., Any], key_server: KeyServer, verifier_of: Make, old_key: SigningKey
) -> None:
    """The answer is held back by the loop itself: were it blocked, none would come."""
    key_server.document = old_key.jwks()
    key_server.open.clear()
    verifier, token = verifier_of(), mint(old_key, {})
    found: list[Principal] = []

    async def ask() -> None:
        found.append(await verifier.verify_async(token))

    async def on_trio() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked(0.02)
            key_server.open.set()

    async def on_asyncio() -> None:
        tasks = [asyncio.create_task(ask()) for _ in range(5)]
        await asyncio.sleep(0)
        key_server.open.set()
        await asyncio.gather(*tasks)

    run(on_trio if run is trio.run else on_asyncio)
    assert [each.key_id for each in found] == ["old"] * 5
    assert len(key_server.requests) == 1


@LOOPS
def test_an_outage_reaches_an_async_caller_within_the_wait_budget(
    run: Callable[..., Any], key_server: KeyServer, verifier_of: Make, old_key: SigningKey
) -> None:
    key_server.open.clear()
    verifier = verifier_of(wait_budget=0.1)

    async def ask() -> None:
        with pytest.raises(KeysUnavailable):
            await verifier.verify_async(mint(old_key, {}))

    begun = time.monotonic()
    run(ask)
    assert time.monotonic() - begun < 0.6


@LOOPS
def test_cancelling_one_waiting_request_harms_no_other(
    run: Callable[..., Any], key_server: KeyServer, verifier_of: Make, old_key: SigningKey
) -> None:
    key_server.document = old_key.jwks()
    key_server.open.clear()
    verifier, token = verifier_of(), mint(old_key, {})
    found: list[Principal] = []

    async def ask() -> None:
        found.append(await verifier.verify_async(token))

    async def on_trio() -> None:
        async with trio.open_nursery() as outer:
            outer.start_soon(ask)
            with trio.move_on_after(0.02):
                await ask()
            key_server.open.set()

    async def on_asyncio() -> None:
        other = asyncio.create_task(ask())
        cancelled = asyncio.create_task(ask())
        await asyncio.sleep(0.02)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        key_server.open.set()
        await other

    run(on_trio if run is trio.run else on_asyncio)
    assert len(found) == 1


def test_a_loop_that_closed_while_waiting_harms_no_other(
    key_server: KeyServer, verifier_of: Make, old_key: SigningKey
) -> None:
    key_server.document = old_key.jwks()
    key_server.open.clear()
    verifier, token = verifier_of(), mint(old_key, {})

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(verifier.verify_async(token), 0.02)

    asyncio.run(give_up())
    key_server.open.set()

    assert verifier.verify(token).key_id == "old"
