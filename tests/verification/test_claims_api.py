"""Which API contexts lie below one of ours: by whole segments, in one reading only."""

from typing import Any

import pytest

from .test_claims import NOW, policy, refusal

CONTEXT = {"contexts": ("/orders/1.0", "/api"), "context_claim": "ctx"}


@pytest.mark.parametrize(
    "context", ["/orders/1.0", "/orders/1.0/x", "/api", "/api/", "/api/v1", "/api/v1/x"]
)
def test_api_matches_whole_or_as_a_prefix_by_whole_segments(context: str) -> None:
    policy(**CONTEXT).check({"exp": NOW + 1, "ctx": context}, NOW)


@pytest.mark.parametrize(
    "context", ["/api2", "/ap", "api", "/API", "/orders", "/orders/1.00", "", "/", "//api", " /api"]
)
def test_api_never_matches_a_part_of_a_segment(context: str) -> None:
    assert refusal({"ctx": context}, policy(**CONTEXT)) == ("ctx", "mismatch")


@pytest.mark.parametrize(
    "context",
    [
        "/api/../admin",
        "/api/..",
        "/api/.",
        "/api/./x",
        "/api/x/../../admin",
        "/api/..;x/admin",
        "/api/.;/x",
        "/api/%2e%2e/admin",
        "/api/%2E./admin",
        "/api/..%2fadmin",
        "/api/x%2F..%2F..%2Fadmin",
        "/api/%252e%252e/admin",
        "/api/..%3bx/admin",
        "/api//x",
        "/api//",
        "/api/%2fx",
        "/api/..\\admin",
        "/api/%5c..%5cadmin",
        "/api/x\n",
        "/api/x%00",
    ],
)
def test_api_is_no_prefix_of_a_context_that_can_be_read_as_another_path(context: str) -> None:
    assert refusal({"ctx": context}, policy(**CONTEXT)) == ("ctx", "mismatch")


@pytest.mark.parametrize("context", ["/api/..x", "/api/a.b", "/api/x;v=1", "/api/caf%C3%A9"])
def test_api_is_a_prefix_of_a_context_with_dots_that_are_no_segment(context: str) -> None:
    policy(**CONTEXT).check({"exp": NOW + 1, "ctx": context}, NOW)


def test_an_api_that_is_configured_whole_is_compared_whole() -> None:
    rules = policy(contexts=("/a%20b/1.0",), context_claim="ctx")

    rules.check({"exp": NOW + 1, "ctx": "/a%20b/1.0"}, NOW)
    assert refusal({"ctx": "/a b/1.0"}, rules) == ("ctx", "mismatch")


def test_a_configured_api_is_required() -> None:
    assert refusal({}, policy(**CONTEXT)) == ("ctx", "missing")


@pytest.mark.parametrize("value", [None, 5, ["/api"], {"a": 1}], ids=repr)
def test_an_api_context_of_another_type_is_malformed(value: Any) -> None:
    assert refusal({"ctx": value}, policy(**CONTEXT)) == ("ctx", "type")
