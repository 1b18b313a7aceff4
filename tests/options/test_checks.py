"""Checks of single values: an empty one is an error, and every error names the option."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from jwt_middleware import ConfigurationError
from jwt_middleware.options import checks as check


@pytest.mark.parametrize(
    "value, read",
    [
        (None, ()),
        ("a", ("a",)),
        (["a", "b"], ("a", "b")),
        (("a",), ("a",)),
        pytest.param(iter("ab"), ("a", "b"), id="an iterator"),
    ],
    ids=repr,
)
def test_texts_are_one_or_many(value: Any, read: Any) -> None:
    assert check.texts("issuer", value) == read


@pytest.mark.parametrize(
    "value",
    ["", [], (), [""], ["a", ""], [None], [3], 3, True, {"a": 1}, b"a",
     pytest.param(object(), id="object")],
    ids=repr,
)  # fmt: skip
def test_texts_refuse_the_empty_and_all_else(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^issuer: "):
        check.texts("issuer", value)


@pytest.mark.parametrize("value", [None, "a", " "])
def test_a_text_is_itself(value: Any) -> None:
    assert check.text("typ", value) == value


@pytest.mark.parametrize("value", ["", 3, b"a", ["a"], False], ids=repr)
def test_a_text_is_never_empty_nor_anything_else(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^typ: "):
        check.text("typ", value)


@pytest.mark.parametrize("value", [0, 0.0, 30, 1.5])
def test_a_number_is_itself(value: Any) -> None:
    assert check.number("leeway", value) == value


@pytest.mark.parametrize(
    "value", [-1, -0.1, math.nan, math.inf, -math.inf, True, "30", None, 1j], ids=repr
)
def test_a_number_is_finite_not_negative_and_no_bool(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^leeway: "):
        check.number("leeway", value)


def test_a_number_may_have_to_be_above_a_bound() -> None:
    assert check.number("max_age", 0.1, above=0) == 0.1
    with pytest.raises(ConfigurationError, match=r"^max_age: more than 0"):
        check.number("max_age", 0, above=0)


@pytest.mark.parametrize("value", [63, 64.0, True, "64", None, -1], ids=repr)
def test_a_whole_number_is_whole_and_large_enough(value: Any) -> None:
    assert check.whole("max_token_size", 64, least=64) == 64
    with pytest.raises(ConfigurationError, match=r"^max_token_size: .*64"):
        check.whole("max_token_size", value, least=64)


@pytest.mark.parametrize("value", [0, 1, "true", None, []], ids=repr)
def test_a_flag_is_true_or_false_and_nothing_like_it(value: Any) -> None:
    assert check.flag("x", True) is True
    assert check.flag("x", False) is False
    with pytest.raises(ConfigurationError, match=r"^x: True or False"):
        check.flag("x", value)


@pytest.mark.parametrize(
    "name, hint",
    [
        ("leway", "did you mean 'leeway'?"),
        ("Leeway", "did you mean 'leeway'?"),
        ("audiences", "did you mean 'audience'?"),
        ("xyz", "there are: audience, issuer, leeway"),
    ],
)
def test_an_unknown_name_gets_the_nearest_one_or_all(name: str, hint: str) -> None:
    names = ["leeway", "issuer", "audience"]

    with pytest.raises(ConfigurationError) as caught:
        check.known(["issuer", name], names)

    assert repr(name) in str(caught.value)
    assert hint in str(caught.value)


def test_known_names_pass_silently() -> None:
    check.known(["a"], {"a": 1, "b": 2})
    check.known([], ["a"])


@pytest.mark.parametrize(
    "read",
    [
        lambda value: check.texts("issuer", value),
        lambda value: check.text("issuer", value),
        lambda value: check.number("issuer", value),
        lambda value: check.whole("issuer", value, least=0),
        lambda value: check.flag("issuer", value),
    ],
    ids=["texts", "text", "number", "whole", "flag"],
)
def test_no_error_echoes_a_value_of_a_wrong_type(read: Callable[[Any], Any]) -> None:
    """A secret that was put under a wrong name must not end in the log of a failed start."""
    secret = {"secret": "s3cr3t-of-the-gateway"}

    with pytest.raises(ConfigurationError) as caught:
        read(secret)

    assert "s3cr3t" not in str(caught.value)


def test_a_number_is_at_most_ten_years_of_seconds_unless_it_says_otherwise() -> None:
    """A time that is added to another one must stay a time."""
    years = 10 * 366 * 86_400
    assert check.number("max_age", years) == years
    assert check.number("leeway", 60, most=60) == 60
    for value, most in ((years + 1, {}), (10**400, {}), (61, {"most": 60})):
        with pytest.raises(ConfigurationError, match=r"^leeway: \S+ at the most"):
            check.number("leeway", value, **most)
