"""Where a person may be sent: crafted values stay at home, good paths arrive as they are."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwt_middleware.sign_on.destinations import local_path

from .go_values import CRAFTED, GOOD

SITE = "https://app.example.edu/auth/callback/jwt-auth"


def test_there_are_more_than_200_crafted_values() -> None:
    assert len(CRAFTED) > 200


def test_a_crafted_value_is_no_path_of_this_site() -> None:
    assert len(CRAFTED) > 200
    assert [value for value in CRAFTED if local_path(value) is not None] == []


@pytest.mark.parametrize("times, good", [(7, True), (8, False), (300, False)])
def test_a_path_may_be_encoded_seven_times_and_no_more(times: int, good: bool) -> None:
    path = "/%" + "25" * (times - 1) + "61"

    assert local_path(path) == (path if good else None)


@pytest.mark.parametrize("value", GOOD, ids=lambda value: ascii(value)[:60])
def test_a_path_of_this_site_goes_into_location_in_ascii(value: str) -> None:
    found = local_path(value)

    assert found == GOOD[value]
    assert found.isascii()


@pytest.mark.parametrize("value", GOOD, ids=lambda value: ascii(value)[:60])
def test_what_goes_into_location_is_itself_a_path_of_this_site(value: str) -> None:
    assert local_path(GOOD[value]) == GOOD[value]


_PIECES = st.sampled_from([*"/\\.:@?#%;& \t\r\n\x00", "%2f", "%5c", "%2e", "%25", "//", "..", "x"])


@given(st.one_of(st.text(), st.lists(_PIECES).map("".join), st.lists(_PIECES).map("/".join)))
def test_nothing_that_is_let_through_leaves_the_site(value: str) -> None:
    found = local_path(value)
    if found is None:
        return

    joined = urlsplit(urljoin(SITE, found))

    assert (joined.scheme, joined.netloc) == ("https", "app.example.edu")
    assert found.startswith("/")
    assert found[1:2] not in ("/", "\\")
    assert found.isascii()
    assert found.isprintable()
    assert " " not in found
