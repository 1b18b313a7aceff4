"""Claims of event loops: on another thread, in order, and only while somebody waits."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from jwt_middleware.revocation.claiming import ClaimThread


def test_work_is_done_in_order_on_one_thread() -> None:
    claims = ClaimThread()
    done: list[tuple[int, threading.Thread]] = []
    flights = [
        claims.submit(lambda n=n: done.append((n, threading.current_thread())), 10)
        for n in range(50)
    ]
    assert all(each.wait(10) for each in flights)

    assert [number for number, _ in done] == list(range(50))
    assert len({thread for _, thread in done}) == 1


def test_work_that_nobody_waits_for_any_more_is_not_done() -> None:
    claims = ClaimThread()
    may_end = threading.Event()
    done: list[str] = []
    first = claims.submit(lambda: may_end.wait(10) and done.append("first"), 10)  # type: ignore[func-returns-value]
    late = claims.submit(lambda: done.append("late"), 0.02)
    time.sleep(0.05)
    may_end.set()
    assert first.wait(10)
    assert late.wait(10)

    assert done == ["first"]


class Slow:
    """Work that takes a while, and a task that ticks until it has been done."""

    def __init__(self) -> None:
        self.done = False
        self.ticks = 0

    def work(self) -> None:
        time.sleep(0.2)
        self.done = True

    async def tick(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        while not self.done:
            await sleep(0.005)
            self.ticks += 1


def test_asyncio_is_not_blocked_meanwhile() -> None:
    slow = Slow()

    async def ask() -> bool:
        ticking = asyncio.create_task(slow.tick(asyncio.sleep))
        answer = await ClaimThread().submit(slow.work, 5).wait_async(5)
        await ticking
        return answer

    assert asyncio.run(ask())
    assert slow.ticks >= 5


def test_trio_is_not_blocked_meanwhile() -> None:
    slow = Slow()

    async def ask() -> bool:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(slow.tick, trio.sleep)
            return await ClaimThread().submit(slow.work, 5).wait_async(5)

    assert trio.run(ask)
    assert slow.ticks >= 5


def test_the_thread_ends_with_its_owner() -> None:
    claims = ClaimThread()
    found: list[threading.Thread] = []
    assert claims.submit(lambda: found.append(threading.current_thread()), 10).wait(10)
    assert found[0].is_alive()
    del claims
    gc.collect()
    found[0].join(10)

    assert not found[0].is_alive()


def test_a_forked_child_starts_one_of_its_own() -> None:
    claims = ClaimThread()
    assert claims.submit(lambda: None, 10).wait(10)
    child = os.fork()
    if child == 0:
        os._exit(0 if claims.submit(lambda: None, 10).wait(10) else 1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0


def test_where_no_thread_can_be_started_nobody_waits(monkeypatch: Any) -> None:
    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)
    done: list[int] = []

    assert ClaimThread().submit(lambda: done.append(1), 10).wait(0)
    assert done == []
