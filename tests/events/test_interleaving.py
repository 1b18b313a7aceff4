"""Counts of events add up wherever a thread halts."""

from __future__ import annotations

import io
import logging
from typing import Any

import pytest

from jwt_middleware.background import once
from jwt_middleware.errors import Decision
from jwt_middleware.events import json_lines, log, record
from jwt_middleware.events.json_lines import JSONLines
from jwt_middleware.events.kinds import ConfigurationWarning
from jwt_middleware.events.log import Announcer, LogRate
from jwt_middleware.events.record import Audit
from jwt_middleware.principal import Principal

from ..interleaving import Pair, halted_anywhere

DENIED = Decision("role", "has_role('a')", None)
ANA = Principal({"sub": "ana"})


def test_what_two_requests_would_have_been_refused_is_counted_twice() -> None:
    def make() -> Pair:
        audit = Audit(Announcer(is_silent=True))

        def would_refuse() -> None:
            audit.would_refuse(DENIED, ANA, None, "guard")

        def must_hold(*_: None) -> None:
            assert audit.would_have_refused == 2

        return would_refuse, would_refuse, must_hold

    halted_anywhere(make, record)


def test_two_lost_lines_are_counted_twice() -> None:
    def make() -> Pair:
        stream = io.StringIO()
        lines = JSONLines(stream)
        stream.close()

        def must_hold(*_: None) -> None:
            assert lines.lost == 2

        return lambda: lines.write("one"), lambda: lines.write("other"), must_hold

    halted_anywhere(make, json_lines)


def test_two_threads_do_not_write_more_lines_than_may_be() -> None:
    def make() -> Pair:
        rate = LogRate(1, lambda: 0.0)

        def must_hold(*admitted: str | None) -> None:
            assert [each is None for each in admitted].count(False) == 1

        return lambda: rate.admit("kind"), lambda: rate.admit("kind"), must_hold

    halted_anywhere(make, log)


def test_a_listener_that_fails_in_two_threads_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, "jwt_middleware")

    def fails(_: Any) -> None:
        raise ValueError

    def make() -> Pair:
        announce = Announcer([fails])
        caplog.clear()
        caplog.set_level(logging.ERROR, "jwt_middleware")
        event = ConfigurationWarning("a warning")

        def must_hold(*_: None) -> None:
            assert len(caplog.records) == 1

        return lambda: announce(event), lambda: announce(event), must_hold

    halted_anywhere(make, log, once)
