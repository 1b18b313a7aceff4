"""Counts of key ids: never too low, close for what is often named, in fixed memory."""

from __future__ import annotations

from jwt_middleware.keys.tally import Tally


def test_a_count_is_never_too_low() -> None:
    tally = Tally()
    for number in range(20_000):
        tally.add(str(number))

    assert [tally.add("often") >= least for least in range(1, 200)] == [True] * 199


def test_what_is_often_named_stands_out_among_ten_thousand_others() -> None:
    tally = Tally()
    counts = {}
    for number in range(10_000):
        counts[number] = tally.add(f"other {number}")
        if number % 500 == 0:
            often = tally.add("often")

    assert often >= 20
    assert sum(count >= often for count in counts.values()) < 3


def test_a_count_ends_at_255_and_begins_again_when_cleared() -> None:
    tally = Tally()
    for _ in range(300):
        count = tally.add("a")
    assert count == 256

    tally.clear()
    assert tally.add("a") == 1
