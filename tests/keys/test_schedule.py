"""When keys are fetched: every rule to the second, on a clock that the test moves."""

from __future__ import annotations

import pytest

from jwt_middleware.keys.schedule import RefreshSchedule

from ..conftest import Clock


def schedule(
    clock: Clock, *, fresh_for: float = 300, stale_for: float = 3600, jitter: float = 0.5
) -> RefreshSchedule:
    return RefreshSchedule(
        fresh_for=fresh_for, stale_for=stale_for, clock=clock, jitter=lambda: jitter
    )


def test_the_first_fetch_is_due_at_once(clock: Clock) -> None:
    assert schedule(clock).is_due()


@pytest.mark.parametrize(("jitter", "due_after"), [(0.0, 240), (1.0, 270)])
def test_a_background_fetch_is_due_from_80_to_90_percent_of_freshness(
    clock: Clock, jitter: float, due_after: float
) -> None:
    times = schedule(clock, jitter=jitter)
    times.succeeded(None)

    clock.now += due_after - 1
    assert not times.is_due()
    clock.now += 1
    assert times.is_due()


@pytest.mark.parametrize(
    ("max_age", "fresh_for"),
    [(None, 300), (60.0, 60), (0.0, 30), (-5.0, 30), (1e9, 86_400)],
    ids=["says nothing", "says a minute", "says none", "has aged", "says for ever"],
)
def test_cache_control_is_honoured_between_30_seconds_and_a_day(
    clock: Clock, max_age: float | None, fresh_for: float
) -> None:
    times = schedule(clock)
    times.succeeded(max_age)

    clock.now += fresh_for - 1
    assert times.is_fresh()
    clock.now += 1
    assert not times.is_fresh()


def test_old_keys_are_usable_for_the_stale_window_and_not_a_second_more(clock: Clock) -> None:
    times = schedule(clock)
    times.succeeded(None)

    clock.now += 300 + 3600 - 1
    assert times.is_usable()
    clock.now += 1
    assert not times.is_usable()


def test_without_a_stale_window_keys_end_with_their_freshness(clock: Clock) -> None:
    times = schedule(clock, stale_for=0)
    times.succeeded(None)

    clock.now += 300
    assert not times.is_usable()


def test_failures_back_off_1_2_4_up_to_60_seconds(clock: Clock) -> None:
    times = schedule(clock)

    assert [times.failed(None) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]


@pytest.mark.parametrize(("jitter", "pause"), [(0.0, 0.8), (1.0, 1.2)])
def test_back_off_varies_by_a_fifth_so_that_a_fleet_does_not_fetch_in_step(
    clock: Clock, jitter: float, pause: float
) -> None:
    assert schedule(clock, jitter=jitter).failed(None) == pytest.approx(pause)


def test_nothing_is_due_during_a_back_off(clock: Clock) -> None:
    times = schedule(clock)
    times.failed(None)

    clock.now += 0.9
    assert not times.is_due()
    assert not times.may_ask_for("new")
    clock.now += 0.1
    assert times.is_due()


def test_the_endpoint_s_retry_after_is_honoured_up_to_a_minute(clock: Clock) -> None:
    assert schedule(clock).failed(20.0) == 20
    assert schedule(clock).failed(9_999.0) == 60


def test_a_success_ends_the_back_off_and_its_count(clock: Clock) -> None:
    times = schedule(clock)
    times.failed(None)
    times.succeeded(None)

    assert times.waits() == 0
    assert times.failed(None) == 1


def test_unknown_keys_may_cause_two_fetches_at_once_and_then_one_every_ten_seconds(
    clock: Clock,
) -> None:
    times = schedule(clock)
    times.succeeded(None)

    assert [times.may_ask_for(f"kid-{n}") for n in range(4)] == [True, True, False, False]
    clock.now += 9.9
    assert not times.may_ask_for("kid-10")
    clock.now += 0.1
    assert [times.may_ask_for(f"kid-{n}") for n in (11, 12)] == [True, False]


def test_a_flood_of_random_kids_draws_one_fetch_per_ten_seconds_with_a_burst_of_two(
    clock: Clock,
) -> None:
    times = schedule(clock)
    times.succeeded(None)
    allowed = 0
    for number in range(5_000):
        clock.now += 0.02  # a hundred seconds in all
        allowed += times.may_ask_for(f"forged-{number}")

    assert allowed == 2 + 10 - 1


def test_the_same_unknown_key_is_not_asked_for_again_within_ten_seconds(clock: Clock) -> None:
    times = schedule(clock)
    times.succeeded(None)

    assert times.may_ask_for("forged")
    clock.now += 9.9
    assert not times.may_ask_for("forged")
    clock.now += 0.2
    assert times.may_ask_for("forged")


def test_unknown_keys_are_forgotten_when_the_keys_change(clock: Clock) -> None:
    times = schedule(clock)
    times.succeeded(None)
    times.may_ask_for("early")
    times.forget_unknown()

    assert times.may_ask_for("early")


def test_at_most_128_unknown_keys_are_remembered(clock: Clock) -> None:
    times = schedule(clock)
    times.succeeded(None)
    for number in range(1_000):
        clock.now += 0.01
        times._bucket = 2  # as if every one were allowed
        times.may_ask_for(f"forged-{number}")

    assert len(times._unknown) == 128
