"""What is added to an answer's headers, and what the app's own say already."""

from __future__ import annotations

from typing import Any

import pytest

from jwt_middleware.middleware.caching import CacheHeaders
from jwt_middleware.responses import Refusal

ADDED = CacheHeaders(("X-JWT-Assertion",))
Lines = list[tuple[str, str]]


def values(lines: Any, name: str) -> list[str]:
    return [value for key, value in lines if key.lower() == name.lower()]


def test_an_answer_that_says_nothing_gets_both() -> None:
    answer = [("Content-Type", "text/plain")]

    assert ADDED.text(answer) == [
        ("Content-Type", "text/plain"),
        ("Vary", "X-JWT-Assertion"),
        ("Cache-Control", "private"),
    ]
    assert answer == [("Content-Type", "text/plain")]  # the app may send the same list again


def test_the_names_are_in_lower_case_under_asgi() -> None:
    assert ADDED.raw([(b"Cache-Control", b"max-age=60"), (b"X-Own", b"1")]) == [
        (b"X-Own", b"1"),
        (b"vary", b"X-JWT-Assertion"),
        (b"cache-control", b"max-age=60, private"),
    ]


@pytest.mark.parametrize("lines", [(), iter([]), [], ([b"date", b"now"],)])
def test_any_iterable_of_headers_will_do(lines: Any) -> None:
    assert (b"vary", b"X-JWT-Assertion") in ADDED.raw(lines)


@pytest.mark.parametrize(
    "own, vary",
    [
        (["Accept"], "Accept, X-JWT-Assertion"),
        (["Accept", "Cookie"], "Accept, Cookie, X-JWT-Assertion"),
        (["Accept,Cookie"], "Accept, Cookie, X-JWT-Assertion"),
        (["X-JWT-Assertion"], "X-JWT-Assertion"),
        (["accept, x-jwt-ASSERTION"], "accept, x-jwt-ASSERTION"),
        (["Accept", "x-jwt-assertion"], "Accept, x-jwt-assertion"),
        (["X-JWT-Assertion-Old"], "X-JWT-Assertion-Old, X-JWT-Assertion"),
        (["*"], "*"),
        (["Accept, *"], "Accept, *"),
        ([""], "X-JWT-Assertion"),
        ([" , Accept ,"], "Accept, X-JWT-Assertion"),
    ],
)
def test_the_header_is_named_once_beside_the_apps_own(own: list[str], vary: str) -> None:
    assert values(ADDED.text([("vary", value) for value in own]), "Vary") == [vary]


@pytest.mark.parametrize(
    "own, control",
    [
        (["max-age=60"], "max-age=60, private"),
        (["no-cache"], "no-cache, private"),
        (["no-cache, must-understand"], "no-cache, must-understand, private"),
        (["proxy-revalidate"], "proxy-revalidate, private"),
        ([""], "private"),
        (["max-age=60", "immutable"], "max-age=60, immutable, private"),
        (['community="public, s-maxage=5"'], 'community="public, s-maxage=5", private'),
        (['x="a\\", public"'], 'x="a\\", public", private'),
        (["publicly"], "publicly, private"),
        (["x=public"], "x=public, private"),
        # The directives of these are the app's own word.
        (["public"], "public"),
        (["PUBLIC, Max-Age=60"], "PUBLIC, Max-Age=60"),
        (["max-age=60", "public"], "max-age=60, public"),
        (["s-maxage=60"], "s-maxage=60"),
        (["max-age=1 , must-revalidate"], "max-age=1 , must-revalidate"),
        (["Private"], "Private"),
        (["no-store"], "no-store"),
        # It keeps one header from shared caches, and leaves them the answer.
        (['private="Set-Cookie, X-A", max-age=60'], "max-age=60, private"),
        (['no-cache="Set-Cookie", max-age=60'], 'no-cache="Set-Cookie", max-age=60, private'),
        # Behind an open quotation mark nobody would see it.
        (['x="public, max-age=60'], 'private, x="public, max-age=60'),
        (['max-age=60, x="a', 'b", public'], 'max-age=60, x="a, b", public'),
    ],
)
def test_private_is_joined_unless_the_app_has_decided(own: list[str], control: str) -> None:
    lines = ADDED.text([("CACHE-CONTROL", value) for value in own])

    assert values(lines, "Cache-Control") == [control]
    assert values(lines, "Vary") == ["X-JWT-Assertion"]


@pytest.mark.parametrize("own", ["max-age=60", "public", "no-store", "private", ""])
def test_a_door_inside_another_adds_nothing_twice(own: str) -> None:
    once = ADDED.text([("Cache-Control", own), ("Vary", "Accept")])

    assert ADDED.text(once) == once
    assert ADDED.raw(ADDED.raw([])) == ADDED.raw([])


def test_doors_that_read_different_headers_are_both_named() -> None:
    lines = CacheHeaders(("X-Other",)).text(ADDED.text([]))

    assert lines == [("Vary", "X-JWT-Assertion, X-Other"), ("Cache-Control", "private")]


@pytest.mark.parametrize("own", [b"\xff", b"max-age=\xe9"])
def test_bytes_beyond_ascii_pass_through(own: bytes) -> None:
    assert (b"cache-control", own + b", private") in ADDED.raw([(b"cache-control", own)])


@pytest.mark.parametrize(
    "own, sent",
    [
        ([], ["no-store"]),
        (["no-store"], ["no-store"]),
        (["max-age=60, NO-STORE"], ["max-age=60, NO-STORE"]),
        (["max-age=60", "public"], ["no-store"]),
        (['x="no-store"'], ["no-store"]),
    ],
)
def test_a_refusal_is_stored_nowhere(own: list[str], sent: list[str]) -> None:
    lines = (("X-Own", "1"), *(("Cache-control", value) for value in own))

    refusal = Refusal(401, lines, b"")

    assert values(refusal.sent_headers, "Cache-Control") == sent
    assert values(refusal.sent_headers, "X-Own") == ["1"]
