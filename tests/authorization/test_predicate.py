"""The algebra of predicates: Kleene's three values, and plain values that read as written."""

from itertools import permutations, product
from typing import Any

import pytest

from jwt_middleware import (
    Decision,
    Predicate,
    Principal,
    all_of,
    any_of,
    attribute,
    authenticated,
    claim,
    client,
    has_permission,
    has_role,
    header,
    path_param,
    query_param,
)
from jwt_middleware.authorization.predicate import Evaluation

from .conftest import NAMES, Verdict

TRUE, FALSE, UNKNOWN = has_role("held"), has_role("other"), claim("absent") == 1
LEAF = {True: TRUE, False: FALSE, None: UNKNOWN}
CLAIMS = {"roles": ["held"]}
VALUES = (True, False, None)


def kleene_and(*values: bool | None) -> bool | None:
    return False if False in values else None if None in values else True


def kleene_or(*values: bool | None) -> bool | None:
    return True if True in values else None if None in values else False


def test_the_leaves_of_these_tests_are_true_false_and_unknown(verdict: Verdict) -> None:
    for value, leaf in LEAF.items():
        assert verdict(leaf, CLAIMS) is value


@pytest.mark.parametrize("values", list(product(VALUES, repeat=2)), ids=str)
def test_kleenes_tables_of_two(values: tuple[bool | None, ...], verdict: Verdict) -> None:
    one, other = (LEAF[value] for value in values)

    assert verdict(one & other, CLAIMS) is kleene_and(*values)
    assert verdict(one | other, CLAIMS) is kleene_or(*values)


@pytest.mark.parametrize("values", list(product(VALUES, repeat=3)), ids=str)
def test_kleenes_tables_of_three_in_any_grouping(
    values: tuple[bool | None, ...], verdict: Verdict
) -> None:
    a, b, c = (LEAF[value] for value in values)

    for written in (a & b & c, a & (b & c), all_of(a, b, c)):
        assert verdict(written, CLAIMS) is kleene_and(*values)
    for written in (a | b | c, a | (b | c), any_of(a, b, c)):
        assert verdict(written, CLAIMS) is kleene_or(*values)
    assert verdict((a & b) | c, CLAIMS) is kleene_or(kleene_and(*values[:2]), values[2])
    assert verdict(a & (b | c), CLAIMS) is kleene_and(values[0], kleene_or(*values[1:]))


@pytest.mark.parametrize("value, negated", [(True, False), (False, True), (None, None)])
def test_the_negation_of_unknown_is_unknown(
    value: bool | None, negated: bool | None, verdict: Verdict
) -> None:
    assert verdict(~LEAF[value], CLAIMS) is negated
    assert verdict(~~LEAF[value], CLAIMS) is value


def test_de_morgan_holds_for_three_values(verdict: Verdict) -> None:
    for a, b in product(LEAF.values(), repeat=2):
        assert verdict(~(a & b), CLAIMS) is verdict(~a | ~b, CLAIMS)
        assert verdict(~(a | b), CLAIMS) is verdict(~a & ~b, CLAIMS)


def test_unknown_at_the_root_denies_and_so_does_its_negation() -> None:
    principal = Principal(CLAIMS, names=NAMES)

    for predicate in (UNKNOWN, ~UNKNOWN, ~~UNKNOWN, UNKNOWN & TRUE, ~(UNKNOWN & TRUE)):
        decision = predicate.evaluate(principal)
        assert (decision.allowed, decision.code) == (False, "insufficient_permission")


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda p: bool(p), id="bool"),
        pytest.param(lambda p: p and p, id="and"),
        pytest.param(lambda p: p or p, id="or"),
        pytest.param(lambda p: not p, id="not"),
        pytest.param(lambda p: 1 if p else 2, id="if"),
        pytest.param(lambda p: all([p]), id="all"),
    ],
)
@pytest.mark.parametrize("predicate", [TRUE, UNKNOWN, TRUE & FALSE, ~TRUE, authenticated], ids=repr)
def test_a_predicate_has_no_truth_value(predicate: Predicate, use: object) -> None:
    with pytest.raises(TypeError, match="'&'"):
        use(predicate)  # type: ignore[operator]


@pytest.mark.parametrize(
    "other",
    [True, None, "role", 1, pytest.param(lambda p, r: True, id="a function"), claim("a")],
    ids=repr,
)
def test_only_predicates_combine(other: object) -> None:
    for combine in (
        lambda: TRUE & other,  # type: ignore[operator]
        lambda: TRUE | other,  # type: ignore[operator]
        lambda: other & TRUE,  # type: ignore[operator]
        lambda: other | TRUE,  # type: ignore[operator]
        lambda: all_of(TRUE, other),  # type: ignore[arg-type]
        lambda: any_of(TRUE, other),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError):
            combine()


@pytest.mark.parametrize("combine", [all_of, any_of])
def test_all_of_and_any_of_need_predicates_and_no_list_of_them(combine: object) -> None:
    for arguments in ((), ([TRUE, FALSE],), ((TRUE,),)):
        with pytest.raises(TypeError):
            combine(*arguments)  # type: ignore[operator]


def test_all_of_one_is_that_one() -> None:
    assert all_of(TRUE) == any_of(TRUE) == TRUE


WRITTEN = [
    "authenticated",
    "client('acme_corp')",
    "client('it\\'s \"quoted\"\\n')",
    "has_role('a') & has_permission('b')",
    "has_role('a') & has_role('b') & has_role('c')",
    "has_role('a') | has_role('b') & has_role('c')",
    "(has_role('a') | has_role('b')) & has_role('c')",
    "~has_role('a')",
    "~~has_role('a')",
    "~(has_role('a') & has_role('b'))",
    "~(has_role('a') | ~has_role('b'))",
    "claim('x') == 1",
    "~(claim('x') == 1)",
    "(claim('x') >= 1.5) & (attribute('y') != 'z')",
    "(claim('x') == claim('y')) | client('c')",
    "attribute('project_id') == path_param('project_id')",
    "claim('x').is_in((1, 'a', True))",
    "claim('x').is_in(('a',))",
    "~claim('x').is_in(('a',))",
    "claim('x').contains(query_param('y')) & header('h').is_present",
    "~claim('x').is_present | authenticated",
    "claim('x') == (1, (2, 'a'))",
]
SCOPE = {
    "all_of": all_of,
    "any_of": any_of,
    "attribute": attribute,
    "authenticated": authenticated,
    "claim": claim,
    "client": client,
    "has_permission": has_permission,
    "has_role": has_role,
    "header": header,
    "path_param": path_param,
    "query_param": query_param,
}


@pytest.mark.parametrize("written", WRITTEN)
def test_repr_reads_as_it_was_written_and_back(written: str) -> None:
    predicate = eval(written, dict(SCOPE))
    again = eval(repr(predicate), dict(SCOPE))

    assert repr(predicate).replace('"', "'") == written.replace('"', "'") or "\\'" in written
    assert again == predicate
    assert hash(again) == hash(predicate)
    assert repr(again) == repr(predicate)


def test_no_two_predicates_of_these_are_equal() -> None:
    made = [eval(written, dict(SCOPE)) for written in WRITTEN]

    assert len(set(made)) == len(made)
    for one, other in permutations(made, 2):
        assert one != other


def test_equality_is_structural_and_ordered() -> None:
    assert has_role("held") & has_role("other") == TRUE & FALSE
    assert TRUE & FALSE != FALSE & TRUE
    assert TRUE & FALSE != TRUE | FALSE
    assert (TRUE & FALSE) & UNKNOWN == TRUE & (FALSE & UNKNOWN)
    assert has_role("a") != has_permission("a")
    assert has_role("a") != "has_role('a')"


def test_a_refusal_names_the_leaf_that_decided_and_prefers_a_false_one_to_an_unknown_one() -> None:
    principal = Principal(CLAIMS, names=NAMES)
    decision = (TRUE & UNKNOWN & FALSE).evaluate(principal)

    assert decision.leaf == "has_role('other')"
    assert decision.needed == "role other"
    assert decision.held == "roles [held]"
    assert "held" not in repr(decision)
    assert decision.explain() == (
        "insufficient_permission: has_role('other') needs role other; the token holds roles [held]"
    )


def test_an_allowed_decision_explains_itself() -> None:
    decision = TRUE.evaluate(Principal(CLAIMS, names=NAMES))

    assert (decision.allowed, decision.code) == (True, "allowed")
    assert decision.explain() == "allowed by has_role('held')"


def test_every_leaf_is_found() -> None:
    predicate = (TRUE & ~UNKNOWN) | (FALSE & authenticated)

    assert predicate.leaves() == (TRUE, UNKNOWN, FALSE, authenticated)


class Own(Predicate):
    """A predicate of an app's own, which may do anything."""

    def __init__(self, verdict: object, needed_and_held: object = ("a", "b")) -> None:
        self._verdict = verdict
        self._sides = needed_and_held

    def verdict(self, evaluation: Evaluation) -> bool | None:
        if isinstance(self._verdict, Exception):
            raise self._verdict
        return self._verdict  # type: ignore[return-value]

    def needed_and_held(self, evaluation: Evaluation) -> tuple[str, str]:
        return self._sides  # type: ignore[return-value]

    def __repr__(self) -> str:
        return "own"


def test_a_predicate_that_raises_denies_with_the_kind_of_its_error() -> None:
    decision = Own(ValueError("zeta")).evaluate(Principal({}))

    assert decision == Decision(
        False, "insufficient_permission", "Own", "True", "ValueError raised"
    )
    assert Own(True, needed_and_held=None).evaluate(Principal({})).allowed
    assert Own(False, needed_and_held=None).evaluate(Principal({})).held == "TypeError raised"
    assert Own(False, needed_and_held=(1, 2)).evaluate(Principal({})).held == "2"


@pytest.mark.parametrize("answer", [1, 0, "yes", "", [], None], ids=repr)
def test_only_true_and_false_are_known(answer: object, verdict: Verdict) -> None:
    assert not Own(answer).evaluate(Principal({})).allowed
    assert verdict(~Own(answer), {}) is None
    assert verdict(Own(answer) & TRUE, CLAIMS) is None
    assert verdict(Own(answer) | FALSE, CLAIMS) is None
    assert verdict(Own(answer) | TRUE, CLAIMS) is True


def test_whether_an_odd_number_of_negations_stands_above_is_known_below() -> None:
    seen: list[bool] = []

    class Looks(Own):
        def verdict(self, evaluation: Evaluation) -> bool | None:
            seen.append(evaluation.negated)
            return True

    leaf = Looks(True)
    for condition in (leaf, ~leaf, ~~leaf, ~~~leaf, ~leaf | leaf, ~(leaf & ~leaf)):
        condition.verdict(Evaluation(Principal({}), None))

    assert seen == [False, True, False, True, True, False, True, False]


def test_a_situation_begins_with_nothing_said() -> None:
    evaluation = Evaluation(None, None)

    assert (evaluation.answers, evaluation.shadowed, evaluation.strict, evaluation.negated) == (
        {}, False, False, False
    )  # fmt: skip


def test_what_shadow_mode_lets_in_is_decided_once_more_strictly_with_the_same_answers() -> None:
    class Shadowed(Own):
        def verdict(self, evaluation: Evaluation) -> bool | None:
            if not evaluation.strict:
                evaluation.answers[1] = True
            evaluation.shadowed = True
            seen.append((evaluation.strict, dict(evaluation.answers)))
            return not evaluation.strict

    seen: list[object] = []
    plain, shadowed = Evaluation(Principal({}), None), Evaluation(Principal({}), None)
    assert TRUE.would_refuse(plain) is None
    condition = Shadowed(True)
    assert condition.refusal(shadowed) is None
    decision = condition.would_refuse(shadowed)

    assert decision is not None
    assert not decision.allowed
    assert seen[:2] == [(False, {1: True}), (True, {1: True})]


@pytest.mark.parametrize(
    "combine, written",
    [
        (lambda: all_of(1), "all_of takes"),  # type: ignore[arg-type]
        (lambda: any_of(1), "any_of takes"),  # type: ignore[arg-type]
        (lambda: TRUE & 1, "& takes"),
        (lambda: TRUE | 1, r"\| takes"),
        (all_of, r"all_of\(\) needs"),
        (any_of, r"any_of\(\) needs"),
    ],
)
def test_a_wrong_part_is_reported_with_what_it_was_written_in(combine: Any, written: str) -> None:
    with pytest.raises(TypeError, match=f"^{written}"):
        combine()


def test_a_predicate_of_ones_own_must_say_what_it_is() -> None:
    for call in (lambda: Predicate().key(), lambda: Predicate().verdict(Evaluation(None, None))):
        with pytest.raises(NotImplementedError):
            call()
    assert Predicate.needed_and_held(Own(True), Evaluation(None, None)) == (
        "own",
        "nothing that says so",
    )
