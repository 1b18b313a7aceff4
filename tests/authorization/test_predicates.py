"""The conditions themselves: who calls, for which client, with which role; and the app's own."""

import functools
import logging
from typing import Any

import pytest

from jwt_middleware import (
    Predicate,
    Principal,
    RequestView,
    authenticated,
    client,
    has_permission,
    has_role,
    predicate,
)

from .conftest import NAMES, Verdict


def test_authenticated_means_that_there_is_a_principal(verdict: Verdict) -> None:
    assert verdict(authenticated, {}) is True
    assert verdict(authenticated, None) is False


def test_client_is_compared_whole(verdict: Verdict) -> None:
    assert verdict(client("acme"), {"client_id": "acme"}) is True
    for other in ("ACME", "acme ", "acm", "acme_corp", "", "*"):
        assert verdict(client("acme"), {"client_id": other}) is False


def test_an_absent_client_is_unknown_so_its_negation_admits_nobody(verdict: Verdict) -> None:
    assert verdict(client("acme"), {}) is None
    assert verdict(~client("acme"), {}) is None
    assert verdict(~client("acme"), {"client_id": "other"}) is True


@pytest.mark.parametrize(
    "made, claim", [(has_role, "roles"), (has_permission, "permissions")], ids=["role", "perm"]
)
def test_absent_roles_and_permissions_are_the_empty_set(
    made: Any, claim: str, verdict: Verdict
) -> None:
    assert verdict(made("a"), {claim: ["a", "b"]}) is True
    assert verdict(made("a"), {claim: ["A", "ab", "a b"]}) is False
    assert verdict(made("a"), {}) is False
    assert verdict(~made("a"), {}) is True


def test_without_a_principal_no_condition_is_known_but_authenticated(verdict: Verdict) -> None:
    own = predicate(lambda principal, request: True)

    for each in (client("a"), has_role("a"), has_permission("a"), own):
        assert verdict(each, None) is None
        assert verdict(~each, None) is None


@pytest.mark.parametrize("made", [client, has_role, has_permission])
@pytest.mark.parametrize("name", ["", None, 5, b"a", ["a"]], ids=repr)
def test_a_name_is_a_text_that_is_not_empty(made: Any, name: Any) -> None:
    with pytest.raises(TypeError):
        made(name)


def test_a_function_says_true_or_false(verdict: Verdict) -> None:
    own = predicate(lambda principal, request: principal.subject == "u")

    assert verdict(own, {"sub": "u"}) is True
    assert verdict(own, {"sub": "v"}) is False
    assert verdict(~own, {"sub": "v"}) is True


def test_a_function_gets_the_principal_and_the_request(verdict: Verdict) -> None:
    request = RequestView("PUT", "/orders")
    own = predicate(lambda principal, seen: seen is request and seen.method == "PUT")

    assert verdict(own, {}, request) is True
    assert verdict(predicate(lambda principal, seen: seen.path == "/"), {}) is True


async def _coroutine() -> bool:
    return True


async def _generator() -> Any:
    yield True


NOT_A_BOOL: dict[str, Any] = {
    "one": lambda: 1,
    "zero": lambda: 0,
    "yes": lambda: "yes",
    "empty-text": lambda: "",
    "none": lambda: None,
    "list": lambda: [True],
    "float": lambda: 1.0,
    "not-implemented": lambda: NotImplemented,
    "predicate": lambda: authenticated,
    "function": lambda: lambda: True,
    "coroutine": _coroutine,
    "async-generator": _generator,
}


@pytest.mark.parametrize("answer", NOT_A_BOOL.values(), ids=NOT_A_BOOL)
def test_any_other_answer_than_a_bool_denies_and_so_does_its_negation(
    answer: Any, verdict: Verdict
) -> None:
    own = predicate(lambda principal, request: answer())

    assert verdict(own, {}) is None
    assert verdict(~own, {}) is None


@pytest.mark.parametrize(
    "error", [ValueError, KeyError, RecursionError, AssertionError, StopIteration, MemoryError]
)
def test_a_function_that_raises_denies_and_its_message_is_not_logged(
    error: type[Exception], verdict: Verdict, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(principal: Principal, request: RequestView) -> bool:
        raise error("zeta")

    assert verdict(predicate(broken), {}) is None
    assert verdict(~predicate(broken), {}) is None
    assert error.__name__ in caplog.text
    assert "zeta" not in caplog.text


def test_what_a_function_answered_is_not_logged(
    verdict: Verdict, caplog: pytest.LogCaptureFixture
) -> None:
    verdict(predicate(lambda principal, request: "zeta"), {})

    assert "str" in caplog.text
    assert "zeta" not in caplog.text


class AsyncCall:
    async def __call__(self, principal: Principal, request: RequestView) -> bool:
        return True

    async def method(self, principal: Principal, request: RequestView) -> bool:
        return True


async def _asks(principal: Principal, request: RequestView) -> bool:
    return True


async def _asks_more(principal: Principal, request: RequestView, extra: int) -> bool:
    return True


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(_asks, id="function"),
        pytest.param(functools.partial(_asks_more, extra=1), id="partial"),
        pytest.param(AsyncCall(), id="object"),
        pytest.param(functools.partial(AsyncCall()), id="partial-of-object"),
        pytest.param(AsyncCall().method, id="method"),
    ],
)
def test_an_async_function_is_refused_at_declaration(function: Any) -> None:
    with pytest.raises(TypeError, match="async"):
        predicate(function)


@pytest.mark.parametrize("function", [None, True, "name", authenticated, 5], ids=repr)
def test_what_cannot_be_called_is_refused_at_declaration(function: Any) -> None:
    with pytest.raises(TypeError):
        predicate(function)


def test_a_function_is_asked_once_per_decision() -> None:
    """What it says may change; the explanation must tell what decided."""
    asked: list[str | None] = []

    def own(principal: Principal, request: RequestView) -> bool:
        asked.append(principal.subject)
        return False

    condition = predicate(own)
    principal = Principal({"sub": "u"}, names=NAMES)
    decision = ((condition | condition) & ~condition & condition).evaluate(principal)

    assert not decision.allowed
    assert asked == ["u"]
    condition.evaluate(principal)
    assert len(asked) == 2


def test_a_function_is_not_asked_where_the_parts_before_it_have_decided(verdict: Verdict) -> None:
    asked: list[int] = []
    own = predicate(lambda principal, request: not asked.append(1))

    assert verdict(has_role("a") & own, {}) is False
    assert asked in ([], [1])


def test_a_condition_of_ones_own_reads_as_the_functions_name() -> None:
    def own(principal: Principal, request: RequestView) -> bool:
        return True

    assert repr(predicate(own)).startswith("predicate(")
    assert "own" in repr(predicate(own))
    assert predicate(own) == predicate(own)
    assert predicate(own) != predicate(lambda principal, request: True)


def test_a_refusal_of_ones_own_function_says_what_it_answered() -> None:
    principal = Principal({})

    assert predicate(lambda p, r: False).evaluate(principal).held == "False"
    assert predicate(lambda p, r: 1).evaluate(principal).held == "unknown"  # type: ignore[return-value]


def test_a_keyboard_interrupt_is_not_swallowed() -> None:
    def interrupted(principal: Principal, request: RequestView) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predicate(interrupted).evaluate(Principal({}))


def test_no_warning_is_logged_for_an_answer_that_is_a_bool(
    verdict: Verdict, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    verdict(predicate(lambda principal, request: False), {})

    assert caplog.records == []


def test_predicates_of_other_names_are_other_predicates() -> None:
    for made in (client, has_role, has_permission):
        assert made("a") == made("a")
        assert made("a") != made("b")
        assert hash(made("a")) == hash(made("a"))
    assert len({client("a"), has_role("a"), has_permission("a"), authenticated, ~client("a")}) == 5


@pytest.mark.parametrize(
    "condition, explained",
    [
        (client("a"), "client('a') needs client a; the token holds client b"),
        (has_role("x"), "has_role('x') needs role x; the token holds roles [p, q]"),
        (
            has_permission("x"),
            "has_permission('x') needs permission x; the token holds permissions [r]",
        ),
        (~client("b"), "~client('b'); the token holds client b"),
        (~has_role("p"), "~has_role('p'); the token holds roles [p, q]"),
    ],
    ids=str,
)
def test_a_refusal_says_what_was_needed_and_what_was_held(
    condition: Predicate, explained: str
) -> None:
    claims = {"client_id": "b", "roles": ["q", "p"], "permissions": ["r"]}
    decision = condition.evaluate(Principal(claims, names=NAMES))

    assert (decision.allowed, decision.code) == (False, "insufficient_permission")
    assert decision.explain() == f"insufficient_permission: {explained}"


def test_without_a_principal_nothing_is_held() -> None:
    assert has_role("x").evaluate(None).held == "roles []"
    assert client("x").evaluate(None).held == "client None"


@pytest.mark.parametrize(
    "function", [lambda: True, lambda principal: True, lambda a, b, c: True], ids=range(3)
)
def test_a_function_that_takes_no_principal_and_request_is_refused_at_declaration(
    function: Any,
) -> None:
    with pytest.raises(TypeError, match=r"takes \(principal, request_view\)"):
        predicate(function)


def test_a_function_without_a_name_reads_as_its_type_and_a_lambda_as_its_place() -> None:
    class Rule:
        def __call__(self, principal: Any, request: Any) -> bool:
            return True

    def named(principal: Any, request: Any) -> bool:
        return True

    nameless = lambda p, r: True  # noqa: E731
    line = nameless.__code__.co_firstlineno
    assert repr(predicate(nameless)) == f"predicate(<lambda> in test_predicates.py:{line})"
    assert repr(predicate(Rule())) == "predicate(Rule)"
    assert repr(predicate(named)).endswith("<locals>.named)")


@pytest.mark.parametrize(
    "made, written",
    [(client, "client"), (has_role, "has_role"), (has_permission, "has_permission")],
)
def test_a_wrong_name_is_reported_with_what_it_was_written_in(made: Any, written: str) -> None:
    with pytest.raises(TypeError, match=rf"^{written}\(\) takes a name"):
        made("")


def test_what_is_no_function_is_reported_by_its_type() -> None:
    with pytest.raises(TypeError, match=r"^predicate\(\) takes a function, not int$"):
        predicate(5)  # type: ignore[arg-type]


def test_what_only_calls_itself_a_lambda_has_no_place() -> None:
    class Rule:
        __qualname__ = "<lambda>"

        def __call__(self, principal: Any, request: Any) -> bool:
            return True

    rule = Rule()
    rule.__qualname__ = "<lambda>"  # type: ignore[misc]

    assert repr(predicate(rule)) == "predicate(<lambda>)"
