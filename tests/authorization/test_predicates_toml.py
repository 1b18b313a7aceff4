"""Conditions as tables: every word and relation, and what is told where one is wrong."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from jwt_middleware import (
    Predicate,
    RequestView,
    all_of,
    any_of,
    attribute,
    authenticated,
    claim,
    has_permission,
    has_role,
    header,
    path_param,
    query_param,
)
from jwt_middleware.authorization.predicates_toml import read_predicate

from .conftest import Verdict

C = claim("c")
R, P = has_role("r"), has_permission("p")


def read(text: str) -> tuple[Predicate | None, list[tuple[str, str]]]:
    """Read a condition written as the value of a key."""
    faults: list[tuple[str, str]] = []
    table = tomllib.loads(f"it = {text}")["it"]
    return read_predicate(table, "it", lambda *fault: faults.append(fault)), faults


GOOD: dict[str, Predicate] = {
    '{ role = "r" }': R,
    '{ permission = "p" }': P,
    "{ authenticated = true }": authenticated,
    '{ not = { role = "r" } }': ~R,
    '{ not = { not = { role = "r" } } }': ~~R,
    '{ all = [{ role = "r" }, { permission = "p" }] }': all_of(R, P),
    '{ any = [{ role = "r" }, { permission = "p" }] }': any_of(R, P),
    '{ all = [{ role = "r" }] }': R,
    '{ any = [{ all = [{ role = "r" }, { permission = "p" }] }, { authenticated = true }] }': (
        (R & P) | authenticated
    ),
    '{ not = { any = [{ role = "r" }, { permission = "p" }] } }': ~(R | P),
    '{ claim = "c", equals = "v" }': C == "v",
    '{ equals = "v", claim = "c" }': C == "v",
    '{ claim = "c", not_equals = "v" }': C != "v",
    '{ claim = "c", at_least = 5 }': C >= 5,
    '{ claim = "c", at_most = 5 }': C <= 5,
    '{ claim = "c", more_than = 1.5 }': C > 1.5,
    '{ claim = "c", less_than = -5 }': C < -5,
    '{ claim = "c", is_in = ["a", 5, true] }': C.is_in(["a", 5, True]),
    '{ claim = "c", contains = "v" }': C.contains("v"),
    '{ claim = "c", is_present = true }': C.is_present,
    '{ claim = "c", equals = true }': C == True,  # noqa: E712
    '{ claim = "c", equals = false }': C == False,  # noqa: E712
    '{ claim = "c", equals = "" }': C == "",
    '{ claim = "c", equals = ["a", "b"] }': C == ["a", "b"],
    '{ attribute = "a", at_least = "gold" }': attribute("a") >= "gold",
    '{ path_param = "a", equals = "v" }': path_param("a") == "v",
    '{ query_param = "a", equals = "v" }': query_param("a") == "v",
    '{ header = "a", equals = "v" }': header("a") == "v",
    '{ claim = "c", equals = { path_param = "id" } }': C == path_param("id"),
    '{ claim = "c", not_equals = { query_param = "id" } }': C != query_param("id"),
    '{ claim = "c", contains = { header = "X-Unit" } }': C.contains(header("X-Unit")),
    '{ attribute = "a", at_least = { attribute = "b" } }': attribute("a") >= attribute("b"),
    '{ path_param = "id", equals = { claim = "c" } }': path_param("id") == C,
}


@pytest.mark.parametrize("text, meant", GOOD.items(), ids=GOOD)
def test_a_table_is_the_predicate_that_code_would_write(text: str, meant: Predicate) -> None:
    found, faults = read(text)

    assert faults == []
    assert found == meant
    assert repr(found) == repr(meant)


def test_one_is_not_true_in_a_table_either() -> None:
    assert read('{ claim = "c", equals = 1 }')[0] != read('{ claim = "c", equals = true }')[0]


@pytest.mark.parametrize(
    "relation, holds",
    {
        "equals": (False, True, False),
        "not_equals": (True, False, True),
        "at_least": (False, True, True),
        "at_most": (True, True, False),
        "more_than": (False, False, True),
        "less_than": (True, False, False),
    }.items(),
)
def test_each_relation_decides_below_at_and_above(
    relation: str, holds: tuple[bool, ...], verdict: Verdict
) -> None:
    found, _ = read(f'{{ claim = "c", {relation} = 5 }}')
    assert found is not None

    assert tuple(verdict(found, {"c": value}) for value in (4, 5, 6)) == holds
    for value in ("5", True, None, [5]):
        assert verdict(found, {"c": value}) is None
    assert verdict(found, {}) is None


def test_a_part_of_the_request_on_the_right_side_is_read_from_the_request(
    verdict: Verdict,
) -> None:
    found, _ = read('{ claim = "c", equals = { path_param = "id" } }')
    assert found is not None

    assert verdict(found, {"c": "7"}, RequestView(path_params={"id": "7"})) is True
    assert verdict(found, {"c": "7"}, RequestView(path_params={"id": "8"})) is False
    assert verdict(found, {"c": "7"}, RequestView(path_params={"other": "7"})) is None
    assert verdict(found, {"c": "7"}, RequestView(path="/7", query_string="id=7")) is None
    assert verdict(found, {"c": "7"}) is None


# --- faults ----------------------------------------------------------------------------------

TABLE = "a condition is a table, such as { role = '...' }"
LIST = "a list of conditions, at least one"
ONE = "a comparison has one subject (attribute, claim, path_param, query_param, header) and one of "
TERM = "one of attribute, claim, path_param, query_param, header"
BAD: list[tuple[str, str, str]] = [
    *((text, "it", TABLE) for text in ("{}", "[]", '"r"', "5", "true", '[{ role = "r" }]')),
    *((f"{{ all = {value} }}", "it.all", LIST) for value in ("[]", "{}", '"r"', "true", "5")),
    ('{ any = { role = "r" } }', "it.any", LIST),
    ('{ all = [{ role = "r" }, {}] }', "it.all[1]", TABLE),
    ('{ any = ["r"] }', "it.any[0]", TABLE),
    ('{ not = [{ role = "r" }] }', "it.not", TABLE),
    ("{ not = {} }", "it.not", TABLE),
    *((f"{{ role = {value} }}", "it.role", "one name") for value in ('""', "5", '["r"]', "true")),
    *((f"{{ permission = {value} }}", "it.permission", "one name") for value in ('""', "{}")),
    *(
        (f"{{ authenticated = {value} }}", "it.authenticated", "true, or another condition")
        for value in ("false", '"true"', "1")
    ),
    ('{ role = "r", permission = "p" }', "it", "one condition a table, not permission, role"),
    ('{ role = "r", not = { role = "s" } }', "it", "join them by 'all'"),
    ('{ roles = "r" }', "it.roles", "there is no such condition; did you mean 'role'?"),
    ('{ clam = "c" }', "it.clam", "did you mean 'claim'?"),
    ('{ policy = "p" }', "it.policy", "there is no such condition"),
    ('{ client = "c" }', "it.client", "there is no such condition"),
    ('{ xyzzy = "c" }', "it.xyzzy", "there are: all, any, attribute, authenticated, claim"),
    ('{ claim = "c" }', "it", ONE + "equals, not_equals, at_least"),
    ('{ claim = "c", equals = 5, at_least = 4 }', "it", ONE),
    ('{ claim = "c", attribute = "a", equals = 5 }', "it", ONE),
    ('{ claim = "c", attribute = "a" }', "it", ONE),
    ('{ claim = "c", equal = 5 }', "it.equal", "no such relation; did you mean 'equals'?"),
    ('{ claim = "c", role = "r" }', "it.role", "no such relation; there are: at_least, at_most"),
    *((f"{{ claim = {value}, equals = 5 }}", "it.claim", "one name") for value in ('""', "5")),
    ('{ claim = "c", is_present = false }', "it.is_present", "put { not = {...} } around it"),
    ('{ claim = "c", is_present = 1 }', "it.is_present", "true; "),
    ('{ claim = "c", is_in = [] }', "it.is_in", "needs at least one value"),
    *(
        (f'{{ claim = "c", is_in = {value} }}', "it.is_in", "takes a list")
        for value in ('"v"', "5")
    ),
    ('{ claim = "c", is_in = { claim = "d" } }', "it.is_in", "takes a list of values"),
    ('{ claim = "c", is_in = [{ claim = "d" }] }', "it.is_in", "cannot be compared with dict"),
    ('{ claim = "c", equals = 1979-05-27 }', "it.equals", "cannot be compared with date"),
    ('{ claim = "c", equals = [nan] }', "it.equals", "no JSON number is that"),
    ('{ claim = "c", at_least = inf }', "it.at_least", "no JSON number is that"),
    *(
        (f'{{ {subject} = "c", {relation} = "v" }}', f"it.{relation}", "only an attribute's levels")
        for subject in ("claim", "path_param", "query_param", "header")
        for relation in ("at_least", "at_most", "more_than", "less_than")
    ),
    ('{ claim = "c", equals = {} }', "it.equals", TERM),
    ('{ claim = "c", equals = { role = "r" } }', "it.equals", TERM),
    ('{ claim = "c", equals = { claim = "d", header = "h" } }', "it.equals", TERM),
    ('{ claim = "c", equals = { path_param = "" } }', "it.equals.path_param", "one name"),
    ('{ claim = "c", equals = { path_param = 5 } }', "it.equals.path_param", "one name"),
]


@pytest.mark.parametrize("text, path, what", BAD)
def test_a_wrong_table_is_no_predicate_and_says_where_and_why(
    text: str, path: str, what: str
) -> None:
    found, faults = read(text)

    assert found is None
    assert [where for where, _ in faults] == [path]
    assert what in faults[0][1]


@pytest.mark.parametrize(
    "right", ['{ path_param = "id", eqals = "x" }', '{ path_param = "id", role = "admin" }']
)
def test_no_word_of_a_right_side_is_passed_over(right: str) -> None:
    found, faults = read(f'{{ claim = "c", equals = {right} }}')

    assert found is None
    assert [where.startswith("it.equals") for where, _ in faults] == [True]


@pytest.mark.parametrize("word", ["a b", "x.read", "a\\nb"])
def test_a_key_path_quotes_a_word_as_toml_does(word: str) -> None:
    for text, where in (
        (f'{{ "{word}" = 5 }}', f'it."{word}"'),
        (f'{{ claim = "c", "{word}" = 5 }}', f'it."{word}"'),
        (f'{{ all = [{{ "{word}" = 5 }}] }}', f'it.all[0]."{word}"'),
    ):
        assert [path for path, _ in read(text)[1]] == [where]


def test_every_fault_of_a_nested_table_is_reported_and_nothing_of_it_is_used() -> None:
    found, faults = read(
        '{ all = [{ role = "r" }, { roles = "r" }, { any = [{ claim = "c", equals = {} }, 5] }, '
        "{ not = { authenticated = false } }] }"
    )

    assert found is None
    assert [where for where, _ in faults] == [
        "it.all[1].roles",
        "it.all[2].any[0].equals",
        "it.all[2].any[1]",
        "it.all[3].not.authenticated",
    ]


def _nested(word: str, tables: int) -> Any:
    table: Any = {"authenticated": True}
    for _ in range(tables - 1):
        table = {word: table if word == "not" else [table]}
    return table


@pytest.mark.parametrize("word", ["not", "all", "any"])
def test_tables_nest_32_deep_and_no_deeper(word: str) -> None:
    faults: list[tuple[str, str]] = []

    assert read_predicate(_nested(word, 32), "it", lambda *fault: faults.append(fault)) is not None
    assert faults == []
    assert read_predicate(_nested(word, 33), "it", lambda *fault: faults.append(fault)) is None
    assert [what for _, what in faults] == ["more than 32 levels of tables"]
    assert read_predicate(_nested(word, 5000), "it", lambda *fault: None) is None
