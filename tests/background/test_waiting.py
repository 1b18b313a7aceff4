"""One worker at a time, and waiters that harm neither it nor each other."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import trio

from jwt_middleware.background import waiting
from jwt_middleware.background.lanes import Lanes
from jwt_middleware.background.waiting import (
    Flight,
    SingleFlight,
    Steps,
    Wait,
    drive,
    drive_async,
    in_thread,
)

from ..conftest import Clock


class Work:
    """Work that ends when it is told, and counts how often it was begun."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = threading.Event()

    def __call__(self) -> None:
        self.begun += 1
        self.may_end.wait(10)


def begin(single: SingleFlight) -> Flight:
    with single.lock:
        return single.running or single.start()


@pytest.fixture
def work() -> Work:
    return Work()


def test_sixty_four_threads_share_one_flight(work: Work) -> None:
    single = SingleFlight(work, Lanes(1, "test"))
    answers: list[bool] = []
    threads = [
        threading.Thread(target=lambda: answers.append(begin(single).wait(10))) for _ in range(64)
    ]
    for thread in threads:
        thread.start()
    work.may_end.set()
    for thread in threads:
        thread.join(10)

    assert answers == [True] * 64
    assert work.begun <= 2  # a thread that came after the landing began another


def test_a_waiter_gives_up_when_its_time_is_over_and_the_work_goes_on(work: Work) -> None:
    single = SingleFlight(work, Lanes(1, "test"))
    flight = begin(single)

    assert not flight.wait(0.01)
    assert not asyncio.run(flight.wait_async(0.01))
    assert not trio.run(flight.wait_async, 0.01)
    work.may_end.set()
    assert flight.wait(10)


@pytest.mark.parametrize("run", [asyncio.run, lambda task: trio.run(lambda: task)])
def test_tasks_of_either_loop_are_woken(work: Work, run: Callable[..., None]) -> None:
    single = SingleFlight(work, Lanes(1, "test"))
    flight = begin(single)

    async def wait() -> None:
        threading.Timer(0.05, work.may_end.set).start()
        assert await flight.wait_async(10)
        assert await flight.wait_async(0)  # it has ended: nothing to wait for

    run(wait())


def test_cancelling_one_waiter_neither_cancels_nor_poisons_the_others(work: Work) -> None:
    single = SingleFlight(work, Lanes(1, "test"))
    flight = begin(single)

    async def wait() -> list[object]:
        tasks = [asyncio.create_task(flight.wait_async(10)) for _ in range(10)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.sleep(0)
        work.may_end.set()
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    outcomes = asyncio.run(wait())

    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes[::2])
    assert outcomes[1::2] == [True] * 5


def test_a_loop_that_closed_with_its_waiter_harms_nobody(work: Work) -> None:
    single = SingleFlight(work, Lanes(1, "test"))
    flight = begin(single)
    asyncio.run(flight.wait_async(0.01))
    work.may_end.set()

    assert flight.wait(10)


def test_several_loops_wait_for_one_flight(work: Work) -> None:
    single = SingleFlight(work, Lanes(1, "test"))
    flight = begin(single)
    answers: list[bool] = []
    threads = [
        threading.Thread(target=lambda: answers.append(asyncio.run(flight.wait_async(10))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    work.may_end.set()
    for thread in threads:
        thread.join(10)

    assert answers == [True] * 4


def test_work_that_raises_still_lands(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[object] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)

    def fail() -> None:
        raise ValueError

    single = SingleFlight(fail, Lanes(1, "test"))

    assert begin(single).wait(10)
    assert single.running is None
    assert len(raised) <= 1


def test_a_forked_child_starts_anew_although_its_parent_was_in_flight(work: Work) -> None:
    single = SingleFlight(work, Lanes(1, "test"))
    begin(single)
    single.lock.acquire()  # the worst moment to fork
    child = os.fork()
    if child == 0:
        work.may_end.set()
        landed = begin(single).wait(10)
        os._exit(0 if landed else 1)
    single.lock.release()
    work.may_end.set()

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# --- calls that block ------------------------------------------------------------------------

LOOPS = pytest.mark.parametrize(
    "run", [asyncio.run, lambda task: trio.run(lambda: task)], ids=["asyncio", "trio"]
)


@LOOPS
def test_a_call_that_blocks_is_made_on_another_thread(run: Callable[..., object]) -> None:
    assert run(in_thread(threading.current_thread)) is not threading.current_thread()
    with pytest.raises(ZeroDivisionError):
        run(in_thread(lambda: 1 // 0))
    with pytest.raises(ZeroDivisionError):
        run(in_thread(lambda: 1 // 0, 10))


@LOOPS
def test_the_loop_goes_on_meanwhile(work: Work, run: Callable[..., object]) -> None:
    async def wait() -> str:
        if run is asyncio.run:
            asyncio.get_running_loop().call_later(0.05, work.may_end.set)
            await in_thread(work)
        else:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(in_thread, work)
                await trio.sleep(0.05)
                work.may_end.set()
        return "done"

    assert run(wait()) == "done"
    assert work.begun == 1


@LOOPS
def test_a_call_is_waited_for_no_longer_than_this(work: Work, run: Callable[..., object]) -> None:
    async def wait() -> str:
        try:
            await in_thread(work, 0.02)
        except TimeoutError:
            work.may_end.set()
            return "over"
        return "done"

    assert run(wait()) == "over"


def test_a_call_that_had_not_begun_when_its_time_was_over_is_not_made(work: Work) -> None:
    late = Work()

    async def wait() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        first = asyncio.create_task(in_thread(work))
        await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            await in_thread(late, 0.02)
        work.may_end.set()
        await first

    asyncio.run(wait())

    assert (work.begun, late.begun) == (1, 0)


# --- steps that wait, in a thread and in a task ------------------------------------------------


class Awaited:
    """Work that takes so many seconds of a clock; it ends in time, or does not."""

    def __init__(self, clock: Clock, takes: float = 0.0) -> None:
        self._clock = clock
        self._takes = takes
        self.given: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.given.append(seconds)
        self._clock.now += min(self._takes, seconds)
        return self._takes <= seconds

    async def wait_async(self, seconds: float) -> bool:
        return self.wait(seconds)


def run_async(steps: Steps[str]) -> str:
    return asyncio.run(drive_async(steps))


def run_in_trio(steps: Steps[str]) -> str:
    return trio.run(drive_async, steps)


each_driver = pytest.mark.parametrize("run", [drive, run_async, run_in_trio])


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(100.0)
    monkeypatch.setattr(waiting.time, "monotonic", clock)
    return clock


@each_driver
def test_steps_that_wait_for_nothing_return_at_once(run: Callable[[Steps[str]], str]) -> None:
    def steps() -> Steps[str]:
        return "done"
        yield

    assert run(steps()) == "done"


@each_driver
def test_steps_go_on_where_they_waited_and_learn_whether_the_work_has_ended(
    now: Clock, run: Callable[[Steps[str]], str]
) -> None:
    quick, slow = Awaited(now, 1), Awaited(now, 9)

    def steps() -> Steps[str]:
        first = yield Wait(quick, 4, already_running=False)
        second = yield Wait(slow, 4, already_running=False)
        return f"{first} {second}"

    assert run(steps()) == "True False"


@each_driver
def test_the_budget_of_the_first_wait_covers_them_all(
    now: Clock, run: Callable[[Steps[str]], str]
) -> None:
    work = Awaited(now, 1.5)

    def steps() -> Steps[str]:
        for budget in (2, 9, 9):
            yield Wait(work, budget, already_running=False)
        return "done"

    run(steps())
    assert work.given == [2, 0.5, 0]


@each_driver
def test_an_error_of_the_steps_is_raised_as_it_is(run: Callable[[Steps[str]], str]) -> None:
    def steps() -> Steps[str]:
        raise KeyError("x")
        yield

    with pytest.raises(KeyError):
        run(steps())
