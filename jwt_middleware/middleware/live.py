"""The gates of this process, whose verifiers a test may change for a while."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any, Protocol
from weakref import WeakSet

from ..verification.verifier import Verifier
from .settings import Settings


class SeenGate(Protocol):
    """What is asked of a gate."""

    settings: Settings
    verifier: Verifier

    def use(self, verifier: Verifier) -> None:
        """Ask this verifier from now on."""


_live: WeakSet[SeenGate] = WeakSet()
"""Every gate of this process."""

_substitutes: list[Callable[[Any], Verifier]] = []
"""What makes the verifier of a gate that is made during a test's ``substituted``."""


def join(gate: SeenGate) -> None:
    """Take a new gate among those of this process."""
    _live.add(gate)
    if _substitutes:
        gate.use(_substitutes[-1](gate))


@contextmanager
def substituted(
    make: Callable[[Any], Verifier], gates: Iterable[SeenGate] | None = None
) -> Generator[None]:
    """Ask the verifiers that ``make`` makes for these gates, for a while: for tests.

    Where ``gates`` is None, every gate of this process is meant, also one that is made meanwhile:
    Django makes one for each handler, when it likes.
    """
    before = {gate: gate.verifier for gate in (_live if gates is None else gates)}
    others = {gate: make(gate) for gate in before}
    for gate, verifier in others.items():
        gate.use(verifier)
    if gates is None:
        _substitutes.append(make)
    try:
        yield
    finally:
        for gate, verifier in before.items():
            gate.use(verifier)
        if gates is None:
            _substitutes.remove(make)
            for gate in [each for each in _live if each not in before]:
                gate.use(_substitutes[-1](gate) if _substitutes else gate.settings.verifier)
