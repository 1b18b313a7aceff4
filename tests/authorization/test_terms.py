"""The sides of a comparison: operands of another type, and absent ones, are unknown."""

from typing import Any

import pytest

from jwt_middleware import (
    Predicate,
    Principal,
    RequestView,
    attribute,
    claim,
    header,
    path_param,
    query_param,
)
from jwt_middleware.authorization.predicates import authenticated, has_role
from jwt_middleware.authorization.terms import Term, terms_of

from .conftest import Verdict

x, y = claim("x"), claim("y")


@pytest.mark.parametrize(
    "left, equal, different",
    [
        ("a", "a", "b"),
        ("", "", "a"),
        (1, 1, 2),
        (1, 1.0, 1.5),
        (10**30, 10**30, 10**30 + 1),
        (True, True, False),
        ([1, "a"], [1, "a"], ["a", 1]),
        ([], [], [1]),
    ],
    ids=repr,
)
def test_operands_of_one_type_are_equal_or_not(
    left: Any, equal: Any, different: Any, verdict: Verdict
) -> None:
    assert verdict(x == equal, {"x": left}) is True
    assert verdict(x.equals(equal), {"x": left}) is True
    assert verdict(x == different, {"x": left}) is False
    assert verdict(x != different, {"x": left}) is True
    assert verdict(x != equal, {"x": left}) is False


TYPES: list[Any] = ["1", 1, True, [1]]


@pytest.mark.parametrize(
    "left, right",
    [
        pytest.param(left, right, id=f"{left!r}-{right!r}")
        for left in (*TYPES, None, {"a": 1})
        for right in TYPES
        if type(left) is not type(right)
    ],
)
def test_operands_of_different_json_types_are_unknown(
    left: Any, right: Any, verdict: Verdict
) -> None:
    for relation in (x == right, x != right, x < right, x <= right, x > right, x >= right):
        assert verdict(relation, {"x": left}) is None
        assert verdict(~relation, {"x": left}) is None


@pytest.mark.parametrize("left, right", [([True], [1]), ([1], [True]), ([[True]], [[1]])])
def test_a_truth_value_is_no_number_inside_a_list_either(
    left: Any, right: Any, verdict: Verdict
) -> None:
    assert verdict(x == right, {"x": left}) is not True
    assert verdict(x.contains(right[0]), {"x": left}) is not True
    assert verdict(x.is_in([right]), {"x": left}) is not True


def test_an_absent_operand_is_unknown_on_either_side(verdict: Verdict) -> None:
    for relation in (x == "a", x != "a", x < "a", x.is_in(["a"]), x.contains("a"), x == y):
        assert verdict(relation, {}) is None
        assert verdict(~relation, {}) is None
        assert verdict(relation, None) is None
    assert verdict(x == y, {"x": "a"}) is None
    assert verdict(x == y, {"y": "a"}) is None


@pytest.mark.parametrize("low, high", [(1, 2), (1, 1.5), ("a", "b"), ("B", "a")], ids=repr)
def test_numbers_and_texts_are_ordered(low: Any, high: Any, verdict: Verdict) -> None:
    claims = {"x": low}

    assert verdict(x < high, claims) is True
    assert verdict(x <= high, claims) is True
    assert verdict(x < low, claims) is False
    assert verdict(x <= low, claims) is True
    assert verdict(x >= low, claims) is True
    assert verdict(x > low, claims) is False
    assert verdict(x.at_least(low), claims) is True
    assert verdict(x.at_least(high), claims) is False


@pytest.mark.parametrize("value", [True, [1], [True]], ids=repr)
def test_truth_values_and_lists_have_no_order(value: Any, verdict: Verdict) -> None:
    for relation in (x < value, x <= value, x > value, x >= value):
        assert verdict(relation, {"x": value}) is None


def test_text_is_compared_without_folding_case_or_unicode(verdict: Verdict) -> None:
    for other in ("A", "a ", "\u0430", "\uff41"):
        assert verdict(x == "a", {"x": other}) is False
    assert verdict(x == "é", {"x": "e\u0301"}) is False


def test_two_claims_are_compared_with_each_other(verdict: Verdict) -> None:
    assert verdict(x == y, {"x": [1], "y": [1]}) is True
    assert verdict(y > x, {"x": 1, "y": 2}) is True
    assert verdict(x == y, {"x": {"a": 1}, "y": {"a": 1}}) is None


def test_is_in_is_equality_with_one_of_several(verdict: Verdict) -> None:
    assert verdict(x.is_in(["a", "b"]), {"x": "b"}) is True
    assert verdict(x.is_in(["a", "b"]), {"x": "c"}) is False
    assert verdict(~x.is_in(("a", "b")), {"x": "c"}) is True
    assert verdict(x.is_in(iter(["a"])), {"x": "a"}) is True
    assert verdict(x.is_in({1, 2}), {"x": 2.0}) is True
    assert verdict(x.is_in([1, 2]), {"x": "1"}) is None
    assert verdict(~x.is_in([1, 2]), {"x": True}) is None


@pytest.mark.parametrize("values", ["ab", b"ab", {"a": 1}, 5, None, x, []], ids=repr)
def test_is_in_takes_a_list_of_values_and_no_text(values: Any) -> None:
    with pytest.raises(TypeError):
        x.is_in(values)


def test_contains_is_for_lists_and_unknown_on_text(verdict: Verdict) -> None:
    assert verdict(x.contains("a"), {"x": ["b", "a"]}) is True
    assert verdict(x.contains("a"), {"x": ["ab", "A"]}) is False
    assert verdict(x.contains("a"), {"x": []}) is False
    for other in ([True], ["1"], [None], [{"a": 1}]):
        assert verdict(x.contains(1), {"x": other}) is None
        assert verdict(~x.contains(1), {"x": other}) is None
    assert verdict(x.contains(1), {"x": ["1", 1]}) is True
    for text in ("a", "cat", "a,b"):
        assert verdict(x.contains("a"), {"x": text}) is None
        assert verdict(~x.contains("a"), {"x": text}) is None
    assert verdict(x.contains("a"), {"x": {"a": 1}}) is None


def test_contains_takes_a_term_too(verdict: Verdict) -> None:
    assert verdict(x.contains(y), {"x": ["a"], "y": "a"}) is True
    assert verdict(x.contains(y), {"x": ["a"]}) is None


def test_is_present_is_never_unknown(verdict: Verdict) -> None:
    assert verdict(x.is_present, {}) is False
    assert verdict(~x.is_present, {}) is True
    for value in (None, "", 0, False, [], {}):
        assert verdict(x.is_present, {"x": value}) is True


def test_an_operand_that_cannot_be_read_is_unknown_and_present(verdict: Verdict) -> None:
    def broken(principal: Principal, request: RequestView | None) -> Any:
        raise ValueError("zeta")

    term = Term("broken", broken)

    assert verdict(term == 1, {}) is None
    assert verdict(~(term == 1), {}) is None
    assert verdict(term.is_present, {}) is True
    assert "zeta" not in (term == 1).evaluate(Principal({})).explain()


@pytest.mark.parametrize(
    "value",
    [None, {"a": 1}, b"a", pytest.param(object(), id="object"), {1}, [None], [["a"], {}]],
    ids=str,
)
def test_what_can_never_be_compared_is_refused_when_it_is_written(value: Any) -> None:
    for compare in (lambda: x == value, lambda: x.contains(value), lambda: x.is_in([value])):
        with pytest.raises(TypeError):
            compare()


def test_comparing_with_none_names_is_present_as_the_remedy() -> None:
    with pytest.raises(TypeError, match=r"claim\('x'\)\.is_present"):
        _ = x == None  # noqa: E711


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda: bool(x), id="bool"),
        pytest.param(lambda: x and y, id="and"),
        pytest.param(lambda: not x, id="not"),
        pytest.param(lambda: 1 < x < 5, id="chained"),
        pytest.param(lambda: x == y == "a", id="chained-equality"),
        pytest.param(lambda: "a" in [x], id="in-list"),
        pytest.param(lambda: hash(x), id="hash"),
        pytest.param(lambda: {x: 1}, id="dict-key"),
        pytest.param(lambda: "a" in x, id="in-term"),
        pytest.param(lambda: x & authenticated, id="and-predicate"),
        pytest.param(lambda: authenticated | x, id="or-term"),
        pytest.param(lambda: ~x, id="invert"),
    ],
)
def test_a_term_is_no_predicate_and_has_no_truth_value(use: Any) -> None:
    with pytest.raises(TypeError):
        use()


@pytest.mark.parametrize("made", [claim, attribute, path_param, query_param, header])
@pytest.mark.parametrize("name", ["", None, 5, b"x"], ids=repr)
def test_a_name_is_a_text_that_is_not_empty(made: Any, name: Any) -> None:
    with pytest.raises(TypeError):
        made(name)


def test_a_dotted_claim_is_a_path_into_objects_and_never_a_name(verdict: Verdict) -> None:
    assert verdict(claim("a.b") == 1, {"a": {"b": 1}}) is True
    assert verdict(claim("a.b") == 1, {"a.b": 1}) is None
    assert verdict(claim("a.b") == 1, {"a.b": 1, "a": {"b": 2}}) is False
    assert verdict(claim("a.b.c") == 1, {"a": {"b": {"c": 1}}}) is True
    assert verdict(claim("a.b") == 1, {"a": "text"}) is None
    assert verdict(claim("a.b") == 1, {"a": None}) is None


def test_a_dot_in_a_tuple_is_part_of_the_name(verdict: Verdict) -> None:
    assert verdict(claim(("a.b",)) == 1, {"a.b": 1}) is True
    assert verdict(claim(("a.b",)) == 1, {"a": {"b": 1}}) is None
    assert verdict(claim(("a.b", "c")) == 1, {"a.b": {"c": 1}}) is True


def test_a_claim_whose_name_is_a_uri_is_read_by_its_full_name_alone(verdict: Verdict) -> None:
    assert verdict(claim("http://wso2.org/claims/tier") == "Gold", {"tier": "Gold"}) is None


def test_without_a_registry_every_attribute_is_absent(verdict: Verdict) -> None:
    assert verdict(attribute("level") == "a", {"level": "a"}) is None
    assert verdict(attribute("level").is_present, {"level": "a"}) is False


def test_a_path_parameter_compares_as_text(verdict: Verdict) -> None:
    request = RequestView(path_params={"id": 7, "name": "a"})

    assert verdict(path_param("id") == "7", {}, request) is True
    assert verdict(path_param("id") == 7, {}, request) is None
    assert verdict(path_param("name") == "A", {}, request) is False
    assert verdict(path_param("other") == "a", {}, request) is None
    assert verdict(path_param("id") == "7", {}) is None
    assert verdict(x == path_param("name"), {"x": "a"}, request) is True


def test_a_query_value_counts_only_where_it_stands_once(verdict: Verdict) -> None:
    term = query_param("id")

    assert verdict(term == "a b", {}, RequestView(query_string="id=a%20b&x=1")) is True
    assert verdict(term == "", {}, RequestView(query_string="id=")) is True
    for repeated in ("id=a&id=a", "id=a&id=b", "id=b&%69d=a"):
        assert verdict(term == "a", {}, RequestView(query_string=repeated)) is None
    assert verdict(term == "a", {}, RequestView(query_string="ID=a")) is None
    assert verdict(term == "a", {}) is None


def test_a_header_counts_only_where_it_was_sent_once(verdict: Verdict) -> None:
    one, two = ("X-Tenant", "a"), ("x-tenant", "a")

    assert verdict(header("x-TENANT") == "a", {}, RequestView(headers=[one])) is True
    assert verdict(header("x-tenant") == "a", {}, RequestView(headers=[one, two])) is None
    assert verdict(header("x-tenant") == "a", {}, RequestView()) is None


def test_only_a_path_parameter_belongs_to_a_route() -> None:
    terms = (claim("x"), attribute("x"), query_param("x"), header("x"))

    assert path_param("x").of_request == "route"
    assert not any(term.of_request == "route" for term in terms)


def test_every_term_of_a_predicate_is_found() -> None:
    predicate = (x == path_param("id")) & ~y.is_present & has_role("a") | x.is_in([1])

    assert [repr(term) for term in terms_of(predicate)] == [
        "claim('x')",
        "path_param('id')",
        "claim('y')",
        "claim('x')",
    ]


def test_equality_of_comparisons_distinguishes_types() -> None:
    pairs: list[tuple[Predicate, Predicate]] = [
        (x == 1, x == True),  # noqa: E712
        (x == "1", x == 1),
        (x == y, x == "claim('y')"),
        (x.is_in([1]), x.is_in([True])),
        (x == [1], x == [True]),
        (x == 1, x != 1),
    ]

    for one, other in pairs:
        assert one != other
    assert (x == [1, 2]) == (x == (1, 2))
    assert hash(x == [1, 2]) == hash(x == (1, 2))


def test_a_refusal_says_what_was_needed_and_what_was_held() -> None:
    decision = (x >= 5).evaluate(Principal({"x": 4}))

    assert (decision.leaf, decision.needed, decision.held) == (
        "claim('x') >= 5",
        "claim('x') >= 5",
        "4",
    )
    assert (x == 5).evaluate(Principal({})).held == "nothing"
