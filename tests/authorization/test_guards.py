"""What every ``requires`` and ``public`` is made of: 401 before 403, and marks that survive."""

import asyncio
import functools
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from jwt_middleware import (
    Principal,
    RequestView,
    attribute,
    authenticated,
    claim,
    client,
    has_role,
    header,
    path_param,
    policy,
    predicate,
)
from jwt_middleware.authorization.decorators import is_public, public, requires_by
from jwt_middleware.authorization.exposure import guards_of
from jwt_middleware.authorization.guards import Guard
from jwt_middleware.errors import MissingToken, PermissionDenied

from .conftest import NAMES

ADMIN, USER = has_role("admin"), has_role("user")


class Entered:
    """An adapter's ``requires``: it writes down which guard was entered, with what."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.refusal: Exception | None = None

    def __call__(self, condition: Any) -> Callable[[Any], Any]:
        return requires_by(self._enter)(condition)

    def _enter(self, guard: Guard, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.calls.append((repr(guard), args, kwargs))
        if self.refusal is not None:
            raise self.refusal

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.calls]


@pytest.fixture
def requires() -> Entered:
    return Entered()


@pytest.mark.parametrize("condition", [authenticated, ADMIN, ~ADMIN, client("a"), ~client("a")])
def test_401_comes_before_403_whatever_the_predicate_says(condition: Any) -> None:
    with pytest.raises(MissingToken):
        Guard(condition).check(None, RequestView())


def test_a_negated_client_never_admits_nobody() -> None:
    guard = Guard(~client("x"))

    guard.check(Principal({"client_id": "y"}, names=NAMES), None)
    with pytest.raises(PermissionDenied):
        guard.check(Principal({}, names=NAMES), None)
    with pytest.raises(MissingToken):
        guard.check(None, None)


def test_only_true_lets_pass() -> None:
    principal = Principal({"roles": ["admin"]}, names=NAMES)
    Guard(ADMIN).check(principal, None)

    unknown = predicate(lambda p, r: 1)  # type: ignore[arg-type,return-value]
    for condition in (USER, ~ADMIN, unknown, ~unknown):
        with pytest.raises(PermissionDenied) as refusal:
            Guard(condition).check(principal, None)
        assert refusal.value.decision is not None
        assert "admin" not in str(refusal.value)


def test_the_decision_of_a_refusal_asks_no_function_again() -> None:
    asked: list[int] = []
    condition = predicate(lambda p, r: bool(asked.append(1)))

    with pytest.raises(PermissionDenied):
        Guard(condition).check(Principal({}), None)
    assert len(asked) == 1


@pytest.mark.parametrize(
    "condition",
    [None, True, "admin", has_role, lambda p, r: True, [ADMIN], len],
    ids=["none", "true", "text", "factory", "function", "list", "builtin"],
)
def test_requires_takes_a_predicate_and_nothing_else(condition: Any, requires: Entered) -> None:
    with pytest.raises(TypeError, match="predicate"):
        requires(condition)


def test_requires_without_parentheses_is_refused_at_declaration(requires: Entered) -> None:
    with pytest.raises(TypeError, match=r"requires\(authenticated\)"):

        @requires
        def handler() -> None: ...


def test_requires_alone_lets_in_every_proven_caller() -> None:
    guarded = requires_by(lambda guard, *_: guard.check(Principal({"sub": "ana"}), None))()
    assert guarded(lambda: "done")() == "done"

    refused = requires_by(lambda guard, *_: guard.check(None, None))()
    with pytest.raises(MissingToken):
        refused(lambda: "done")()


def test_a_guard_is_entered_before_the_handler(requires: Entered) -> None:
    ran: list[Any] = []
    handler = requires(ADMIN)(lambda *args, **kwargs: ran.append((args, kwargs)) or "done")

    assert handler(1, a=2) == "done"
    assert ran == [((1,), {"a": 2})]
    assert requires.calls == [("requires(has_role('admin'))", (1,), {"a": 2})]

    requires.refusal = PermissionDenied("no")
    with pytest.raises(PermissionDenied):
        handler(1)
    assert len(ran) == 1


def test_an_async_handler_stays_async_and_is_guarded(requires: Entered) -> None:
    ran: list[int] = []

    @requires(ADMIN)
    async def handler(number: int) -> int:
        ran.append(number)
        return number

    assert inspect.iscoroutinefunction(handler)
    assert asyncio.run(handler(5)) == 5
    requires.refusal = MissingToken()
    with pytest.raises(MissingToken):
        asyncio.run(handler(6))
    assert ran == [5]


class AsyncHandler:
    async def __call__(self) -> str:
        return "async"

    async def method(self) -> str:
        return "method"


@pytest.mark.parametrize(
    "handler, answer",
    [
        pytest.param(AsyncHandler(), "async", id="object"),
        pytest.param(AsyncHandler().method, "method", id="method"),
        pytest.param(functools.partial(AsyncHandler().method), "method", id="partial"),
    ],
)
def test_async_handlers_of_other_shapes_are_awaited(
    handler: Any, answer: str, requires: Entered
) -> None:
    wrapped = requires(ADMIN)(handler)

    assert inspect.iscoroutinefunction(wrapped)
    assert asyncio.run(wrapped()) == answer
    assert len(requires.calls) == 1


def test_the_wrapper_keeps_name_signature_and_doc(requires: Entered) -> None:
    @requires(ADMIN)
    def handler(order_id: int, *, full: bool = False) -> str:
        """Show an order."""
        return ""

    assert handler.__name__ == "handler"
    assert handler.__doc__ == "Show an order."
    assert list(inspect.signature(handler).parameters) == ["order_id", "full"]


def test_two_guards_must_both_hold(requires: Entered) -> None:
    @requires(ADMIN)
    @requires(USER)
    def handler() -> str:
        return "done"

    assert handler() == "done"
    assert requires.names == ["requires(has_role('admin'))", "requires(has_role('user'))"]
    assert len(guards_of(handler)) == 2


def _plain(handler: Any) -> Any:
    @functools.wraps(handler)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return handler(*args, **kwargs)

    return wrapper


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(_plain, id="wraps"),
        pytest.param(lambda handler: _plain(_plain(handler)), id="wraps-twice"),
        pytest.param(functools.partial, id="partial"),
        pytest.param(functools.lru_cache, id="lru_cache"),
    ],
)
def test_a_guard_is_found_through_wrapping(wrap: Any, requires: Entered) -> None:
    def handler() -> None: ...

    assert len(guards_of(wrap(requires(ADMIN)(handler)))) == 1
    assert guards_of(wrap(handler)) == ()


def test_a_guard_is_found_on_a_method_and_its_bound_form(requires: Entered) -> None:
    class View:
        @requires(ADMIN)
        def get(self) -> str:
            return "done"

    assert len(guards_of(View.get)) == 1
    assert len(guards_of(View().get)) == 1
    assert View().get() == "done"
    assert len(requires.calls) == 1


@pytest.mark.parametrize(
    "decorate", [public, requires_by(lambda *_: None)(ADMIN)], ids=["public", "requires"]
)
@pytest.mark.parametrize("target", [type("View", (), {}), None, 5, "handler"], ids=repr)
def test_a_decorator_on_a_class_or_on_no_function_is_refused(decorate: Any, target: Any) -> None:
    with pytest.raises(TypeError):
        decorate(target)


def test_public_marks_and_changes_nothing() -> None:
    def handler() -> str:
        return "open"

    assert not is_public(handler)
    assert public(handler) is handler
    assert is_public(handler)
    assert is_public(_plain(handler))
    assert guards_of(handler) == ()


def test_a_handler_without_any_mark_has_none() -> None:
    assert guards_of(lambda: None) == ()
    assert guards_of(None) == ()


@pytest.mark.parametrize(
    "rule, written",
    [
        (ADMIN & ~client("a"), "has_role(...) & ~client('a')"),
        (policy("audit.read") | authenticated, "policy('audit.read') | authenticated"),
        (claim("ssn") == "123-45", "claim('ssn') == ..."),
        (attribute("level") >= 3.5, "attribute('level') >= ..."),
        (claim("x").is_in(["it's", 'a "b"', True]), "claim('x').is_in((..., ..., ...))"),
        (attribute("project") == path_param("id"), "attribute('project') == path_param('id')"),
        (header("X-Zone") == "zeta", "header('X-Zone') == ..."),
    ],
    ids=str,
)
def test_a_guard_is_written_without_the_values_that_it_asks_for(rule: Any, written: str) -> None:
    assert Guard(rule).written == written


def test_a_guard_reads_as_it_was_written() -> None:
    assert repr(Guard(ADMIN & ~client("a"))) == "requires(has_role('admin') & ~client('a'))"


@pytest.mark.parametrize(
    "handler, words",
    [(Entered, "on a class, .*Entered"), (5, "on int, which is no function")],
    ids=["class", "number"],
)
def test_what_is_no_function_is_named_with_its_decorator(
    requires: Entered, handler: Any, words: str
) -> None:
    with pytest.raises(TypeError, match=f"^@requires stands {words}"):
        requires(ADMIN)(handler)
    with pytest.raises(TypeError, match=f"^@public stands {words}"):
        public(handler)


@pytest.mark.parametrize("option", ["enforce", "routed"])
def test_an_option_of_a_guard_is_true_or_false(option: str) -> None:
    with pytest.raises(TypeError, match=f"^{option} is True or False, not 'no'"):
        Guard(ADMIN, **{option: "no"})
