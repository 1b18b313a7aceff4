"""Timing in interleaved rounds: whatever disturbs the machine disturbs every case of a section.

A figure is the median of the rounds. A ratio is the median of the ratios within each round, so it
holds where microseconds do not.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

Clock = Callable[[], float]


class Case(NamedTuple):
    """What is timed. ``prepare`` runs before each batch of calls, untimed."""

    name: str
    call: Callable[[], object]
    note: str = ""
    prepare: Callable[[], object] | None = None


class Section(NamedTuple):
    """Cases that are compared with each other; the ``base`` is the one of ratio 1.

    ``adds``: the base is a part of every case, and what counts is what the others add to it.
    """

    title: str
    base: str
    cases: Sequence[Case]
    adds: bool = False
    clock: Clock = time.thread_time


class Row(NamedTuple):
    """One measured figure.

    ``value`` is in ``unit``; ``spread`` is the middle half of the rounds, in % of the median;
    ``ratio`` is to the base of the section, None where there is nothing to compare with.
    """

    section: str
    name: str
    value: float
    unit: str = "us"
    spread: float = 0.0
    ratio: float | None = None
    ratio_spread: float = 0.0
    note: str = ""


class Effort(NamedTuple):
    """How long to measure: rounds, and seconds of one batch of one case."""

    rounds: int
    batch: float


FULL = Effort(rounds=11, batch=0.012)
QUICK = Effort(rounds=3, batch=0.002)


def measure(section: Section, effort: Effort) -> list[Row]:
    """Time every case of a section, interleaved in shuffled order."""
    times: dict[str, list[float]] = {case.name: [] for case in section.cases}
    order = list(section.cases)
    shuffler = random.Random(0)
    gc.collect()
    gc.disable()  # a collection would hit one case and not another
    try:
        counts = {case.name: _calls_for(case, section.clock, effort.batch) for case in order}
        for _ in range(effort.rounds):
            shuffler.shuffle(order)
            for case in order:
                times[case.name].append(_batch(case, counts[case.name], section.clock))
    finally:
        gc.enable()
    base = times[section.base]
    return [_row(section, case, times[case.name], base) for case in section.cases]


def spread(values: Sequence[float]) -> float:
    """Return the middle half of the values, in % of the median."""
    if len(values) < 3:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4)
    middle = statistics.median(values)
    return abs(100 * (high - low) / middle) if middle else 0.0


def _row(section: Section, case: Case, found: list[float], base: list[float]) -> Row:
    ratios = [one / other for one, other in zip(found, base, strict=True)]
    return Row(
        section.title,
        case.name,
        statistics.median(found) * 1e6,
        spread=spread(found),
        ratio=statistics.median(ratios) - (1 if section.adds else 0),
        ratio_spread=spread(ratios),
        note=case.note,
    )


def _calls_for(case: Case, clock: Clock, batch: float) -> int:
    """Return how many calls take about as long as a batch."""
    calls = 1
    while True:
        seconds = _batch(case, calls, clock) * calls
        if seconds >= batch / 4 or calls >= 1_000_000:
            return max(1, round(calls * batch / max(seconds, 1e-9)))
        calls *= 4


def _batch(case: Case, calls: int, clock: Clock) -> float:
    """Return the seconds of one call, over a batch of them."""
    if case.prepare is not None:
        case.prepare()
    call = case.call
    started = clock()
    for _ in range(calls):
        call()
    return (clock() - started) / calls
