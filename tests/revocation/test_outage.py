"""A store that is out, and one that comes back: what becomes of requests meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from jwt_middleware import (
    Revocations,
    StoreUnavailable,
    Verifier,
)
from jwt_middleware.errors import BadSignature
from jwt_middleware.events.kinds import StoreFailed
from jwt_middleware.revocation import watch as watching

from ..conftest import Clock, recalled
from .test_check import deny, refused, token, verifier_of


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a store whose list is too old at once when the store is out."""
    monkeypatch.setattr(watching, "USABLE_FOR", 0.0)
    monkeypatch.setattr(watching, "LOOK_EVERY", 0.02)
    return tmp_path / "store.db"


def outage(verifier: Verifier, path: Path) -> None:
    assert verifier.revocations is not None
    path.rename(path.with_suffix(".away"))
    assert eventually(lambda: "last_error" in health(verifier))


def health(verifier: Verifier) -> dict[str, Any]:
    found: dict[str, Any] = verifier.health()["revocations"]
    return found


def eventually(holds: Callable[[], bool]) -> bool:
    ends = time.monotonic() + 15
    while not holds() and time.monotonic() < ends:
        time.sleep(0.005)
    return holds()


def test_a_store_that_is_out_refuses_good_tokens_and_bad_ones_as_before(
    path: Path, clock: Clock
) -> None:
    events: list[Any] = []
    verifier = verifier_of(clock, f"sqlite:///{path}", listeners=[events.append])
    raw = token(clock)
    outage(verifier, path)
    for _ in range(3):
        with pytest.raises(StoreUnavailable) as refusal:
            verifier.verify(raw)
    assert refusal.value.retry_after == 5
    with pytest.raises(BadSignature):
        verifier.verify(raw[:-4] + ("AAAA" if not raw.endswith("AAAA") else "BBBB"))
    assert verifier.health()["ready"] is False
    path.with_suffix(".away").rename(path)

    assert eventually(lambda: "last_error" not in health(verifier))
    assert sum(isinstance(each, StoreFailed) for each in events) == 1
    verifier.close()


def test_open_goes_on_with_what_was_known(path: Path, clock: Clock) -> None:
    option = Revocations(f"sqlite:///{path}", fail="open")
    verifier = verifier_of(clock, option)
    raw, other = token(clock), token(clock, sub="b")
    deny(verifier, subject="jroe")
    outage(verifier, path)

    refused(verifier, raw)
    assert verifier.verify(other).subject == "b"
    assert verifier.health()["ready"] is True
    verifier.close()


def test_a_denial_that_could_not_be_stored_is_not_taken_for_one(path: Path, clock: Clock) -> None:
    verifier = verifier_of(clock, Revocations(f"sqlite:///{path}", fail="open"))
    outage(verifier, path)

    with pytest.raises(StoreUnavailable):
        deny(verifier, subject="jroe")
    verifier.close()


def test_a_process_that_slept_waits_for_the_next_look_instead_of_refusing(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LOOK_EVERY", 60.0)
    verifier = verifier_of(clock, f"sqlite:///{tmp_path}/store.db")
    raw = token(clock)
    time.sleep(0.05)  # until the thread waits for its minute to pass
    runs: list[Callable[[], Any]] = [
        lambda: verifier.verify(raw),
        lambda: asyncio.run(verifier.verify_async(raw)),
        lambda: trio.run(verifier.verify_async, raw),
    ]
    for run in runs:
        assert verifier.revocations is not None
        verifier.revocations.watch.usable_until = 0.0
        assert recalled(verifier, raw) is None
        assert run().subject == "jroe"
    verifier.close()


def test_a_closed_verifier_stops_looking_and_then_stops_serving(path: Path, clock: Clock) -> None:
    verifier = verifier_of(clock, f"sqlite:///{path}")
    verifier.close()
    time.sleep(0.05)
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable):
        verifier.verify(token(clock))

    assert time.monotonic() - begun < 1
