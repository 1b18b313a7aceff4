"""Threads that interleave by force: one halts at each of its steps while another runs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any

NEVER = sys.maxsize
STEP = "line" if sys.version_info[:2] == (3, 12) else "opcode"
"""At what a call may halt. Python 3.12 crashes where several threads trace instructions."""

WAITS_FOR_A_LOCK = 0.005
"""Seconds after which a call that has not ended waits for a lock of the one that is halted."""


class Call:
    """A call on a thread of its own, which halts at its n-th step in some modules.

    The constructor returns when the call is halted or has ended. ``end`` lets it go on to its end,
    and returns what it has returned, or raises what it has raised.
    """

    def __init__(self, call: Callable[[], Any], at: int = NEVER, *modules: ModuleType) -> None:
        self._call = call
        self._left = at
        self._files = {module.__file__ for module in modules}
        self._stands = threading.Event()
        self._goes_on = threading.Event()
        self.is_halted = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._stands.wait(10 if modules else WAITS_FOR_A_LOCK)

    def lets_go(self) -> None:
        """Wait until it has ended, or waits for a lock."""
        self._thread.join(WAITS_FOR_A_LOCK)

    def end(self) -> Any:
        self._goes_on.set()
        self._thread.join(10)
        assert not self._thread.is_alive(), "it waits for ever"
        if self._error is not None:
            raise self._error
        return self._value

    def _run(self) -> None:
        if self._files:
            sys.settrace(self._trace)
        try:
            self._value = self._call()
        except BaseException as error:
            self._error = error
        finally:
            sys.settrace(None)
            self._stands.set()

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in self._files:
            return None
        frame.f_trace_opcodes = STEP == "opcode"
        if event == STEP:
            if not self._left:
                self.is_halted = True
                self._stands.set()
                self._goes_on.wait(10)
            self._left -= 1
        return self._trace


Pair = tuple[Callable[[], Any], Callable[[], Any], Callable[[Any, Any], None]]
"""Two calls, and what must hold of their results."""


def halted_anywhere(make: Callable[[], Pair], *modules: ModuleType) -> None:
    """Halt one call at each step in these modules, each time on new state from ``make``.

    Another call runs meanwhile, to its end unless it waits for a lock of the first.
    """
    for at in range(10_000):
        first, second, must_hold = make()
        halted = Call(first, at, *modules)
        other = Call(second)
        results = halted.end(), other.end()
        must_hold(*results)
        if not halted.is_halted:
            assert at > 1, "the call is not of these modules"
            return
    raise AssertionError("the call has no end")


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run calls at the same time, with a switch of threads after nearly each instruction."""
    barrier = threading.Barrier(len(calls))

    def begun(call: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            barrier.wait(10)
            return call()

        return run

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        return [call.end() for call in [Call(begun(call)) for call in calls]]
    finally:
        sys.setswitchinterval(before)
