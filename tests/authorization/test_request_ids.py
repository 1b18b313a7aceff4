"""Which id a request goes by in the audit trail."""

from __future__ import annotations

import re

import pytest

from jwt_middleware.authorization.request import (
    LONGEST,
    EnvironView,
    RequestView,
    ScopeView,
    request_id_of,
)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def id_of(*headers: tuple[str, str]) -> str:
    return request_id_of(RequestView(headers=headers))


def is_random(found: str) -> bool:
    return re.fullmatch("[0-9a-f]{32}", found) is not None and found != TRACE


def test_the_callers_x_request_id_goes_before_traceparent() -> None:
    assert id_of(("X-Request-ID", "r-1"), ("traceparent", PARENT)) == "r-1"
    assert id_of(("traceparent", PARENT)) == TRACE


def test_a_request_that_brings_none_gets_a_random_one_each_time() -> None:
    first, second = id_of(), id_of()

    assert is_random(first)
    assert is_random(second)
    assert first != second


@pytest.mark.parametrize(
    "value",
    ["", " ", "a b", "a,b", "a\r\nb", "a\x00", "a\x1b[31m", "ü", "x" * (LONGEST + 1)],
)
def test_an_id_that_could_forge_or_flood_a_line_counts_as_absent(value: str) -> None:
    assert is_random(id_of(("X-Request-ID", value)))
    assert id_of(("X-Request-ID", value), ("traceparent", PARENT)) == TRACE


def test_the_longest_id_is_taken_whole() -> None:
    assert id_of(("X-Request-ID", "x" * 128)) == "x" * LONGEST


def test_two_ids_are_none() -> None:
    assert is_random(id_of(("X-Request-ID", "a"), ("X-Request-ID", "b")))
    assert is_random(id_of(("traceparent", PARENT), ("traceparent", PARENT)))


@pytest.mark.parametrize(
    "value",
    [
        TRACE,
        PARENT.upper(),
        PARENT[:-1],
        PARENT.replace(TRACE, "0" * 32),
        "ff" + PARENT[2:],
        PARENT.replace("-", "_"),
    ],
)
def test_a_traceparent_that_is_none_by_its_specification_counts_as_absent(value: str) -> None:
    assert is_random(id_of(("traceparent", value)))


def test_a_later_version_of_traceparent_may_have_more_fields() -> None:
    assert id_of(("traceparent", "01" + PARENT[2:] + "-more")) == TRACE


def test_both_protocols_read_the_same_id() -> None:
    scope = ScopeView({"headers": [(b"x-request-id", b"r-1")]})
    environ = EnvironView({"HTTP_X_REQUEST_ID": "r-1"})

    assert request_id_of(scope) == request_id_of(environ) == "r-1"
