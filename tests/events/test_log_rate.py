"""What callers can repeat at will is logged at a bounded rate, and heard by listeners in full."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from jwt_middleware import Predicate, predicate
from jwt_middleware.authorization.request import RequestView
from jwt_middleware.errors import PermissionDenied
from jwt_middleware.events import log as event_log
from jwt_middleware.events.kinds import Decided
from jwt_middleware.events.log import BURST, LogListener, LogRate, log_bounded
from jwt_middleware.middleware.middleware import Middleware
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from ..conftest import Clock
from ..kit import Events

FLOOD = 5 * BURST


@pytest.fixture(autouse=True)
def _new_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "_rate", LogRate())


def test_lines_of_one_kind_are_bounded_and_the_next_minute_says_how_many_were_left_out(
    clock: Clock,
) -> None:
    rate = LogRate(3, clock)

    assert [rate.admit("a") is None for _ in range(5)] == [False, False, False, True, True]
    assert rate.admit("b") is not None
    clock.now += 60
    assert rate.admit("a") == " (2 more of this code were not written)"


def test_kinds_without_end_are_not_kept(clock: Clock) -> None:
    rate = LogRate(1, clock)
    for number in range(5_000):
        rate.admit(str(number))

    assert len(rate._windows) <= 1_024


def test_nothing_is_counted_where_the_log_would_not_write(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "jwt_middleware")
    for _ in range(FLOOD):
        log_bounded(logging.ERROR, "silent %s", "line")
    caplog.set_level(logging.DEBUG, "jwt_middleware")
    log_bounded(logging.ERROR, "silent %s", "line")

    assert [record.getMessage() for record in caplog.records] == ["silent line"]


async def _later() -> bool:
    return True


def raises(principal: Any, request: Any) -> bool:
    return bool(principal.claims["department"] == "math")


WRONG: dict[str, Callable[[Any, Any], Any]] = {
    "raises": raises,
    "a text": lambda principal, request: "yes",
    "a coroutine": lambda principal, request: _later(),
    "nothing": lambda principal, request: None,
}


@pytest.mark.parametrize("rule", [predicate(each) for each in WRONG.values()], ids=list(WRONG))
@pytest.mark.parametrize("shape", [lambda p: p, lambda p: ~p], ids=["as it is", "negated"])
def test_a_predicate_that_goes_wrong_is_logged_as_seldom_as_a_refusal(
    rule: Predicate,
    shape: Callable[[Predicate], Predicate],
    rsa_key: SigningKey,
    caplog: pytest.LogCaptureFixture,
) -> None:
    events = Events()
    middleware = Middleware(
        {
            "keys": rsa_key.public_pem,
            "api": "/echo",
            "authorize": shape(rule),
            "listeners": [events],
        }
    )
    token = mint(rsa_key, ucsd_claims())
    for _ in range(FLOOD):
        with pytest.raises(PermissionDenied):
            middleware.admit([token], {}, lambda _: RequestView())

    assert len([each for each in events.decisions if each.code]) == FLOOD
    assert len([r for r in caplog.records if "which denies" in r.getMessage()]) == BURST
    assert len([r for r in caplog.records if r.getMessage().startswith("refused ")]) == BURST


def refuse_badly(refusal: Any, request: Any) -> Any:
    raise LookupError(request.path)


@pytest.mark.parametrize("hook", [refuse_badly, lambda refusal, request: "no"], ids=["raises", "x"])
def test_a_refuse_hook_that_goes_wrong_is_logged_at_a_bounded_rate(
    hook: Any, rsa_key: SigningKey, caplog: pytest.LogCaptureFixture
) -> None:
    middleware = Middleware({"keys": rsa_key.public_pem, "api": "/echo", "refuse": hook})
    for number in range(FLOOD):
        middleware.refusal(PermissionDenied("no"), RequestView("GET", f"/{number}"))

    assert len([r for r in caplog.records if "refuse=" in r.getMessage()]) == BURST


def test_a_log_listener_has_a_rate_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    for log in (LogListener(burst=1), LogListener(burst=1)):
        for _ in range(3):
            log(Decided(False, code="bad_signature"))

    assert len(caplog.records) == 2
