"""The conditions themselves: who calls, for which client, with which role or permission."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from ..events.log import log_bounded
from ..principal import Principal
from .predicate import Evaluation, NamedPolicy, Predicate, Verdict, checked_name, is_async
from .predicate import authenticated as authenticated  # one of the conditions, for importers
from .request import RequestView


class ClientIs(Predicate):
    """The client id is this one; unknown where the token names no client."""

    __slots__ = ("client_id",)

    def __init__(self, client_id: str) -> None:
        self.client_id = checked_name(client_id, "client")

    def verdict(self, evaluation: Evaluation) -> Verdict:
        principal = evaluation.principal
        if principal is None or principal.client_id is None:
            return None
        return principal.client_id == self.client_id

    def needed_and_held(self, evaluation: Evaluation) -> tuple[str, str]:
        principal = evaluation.principal
        return f"client {self.client_id}", f"client {principal and principal.client_id}"

    def __repr__(self) -> str:
        return f"client({self.client_id!r})"


class _Holds(Predicate):
    """The principal has this name; having none at all is False, never unknown."""

    __slots__ = ("name",)
    _kind: ClassVar[str]

    def __init__(self, name: str) -> None:
        self.name = checked_name(name, f"has_{self._kind}")

    def _held(self, principal: Principal) -> frozenset[str]:
        raise NotImplementedError

    def verdict(self, evaluation: Evaluation) -> Verdict:
        principal = evaluation.principal
        return None if principal is None else self.name in self._held(principal)

    def needed_and_held(self, evaluation: Evaluation) -> tuple[str, str]:
        principal = evaluation.principal
        held = sorted(self._held(principal)) if principal is not None else []
        return f"{self._kind} {self.name}", f"{self._kind}s [{', '.join(held)}]"

    def __repr__(self) -> str:
        return f"has_{self._kind}({self.name!r})"


class HasRole(_Holds):
    """The role is among the principal's."""

    __slots__ = ()
    _kind = "role"

    def _held(self, principal: Principal) -> frozenset[str]:
        return principal.roles


class HasPermission(_Holds):
    """The permission is among the principal's."""

    __slots__ = ()
    _kind = "permission"

    def _held(self, principal: Principal) -> frozenset[str]:
        return principal.permissions


Function = Callable[[Principal, RequestView], bool]
Answer = TypeVar("Answer")


class Ask(Predicate):
    """The app's own function returns True; anything but True or False is unknown."""

    __slots__ = ("function",)

    def __init__(self, function: Function) -> None:
        if not callable(function):
            raise TypeError(f"predicate() takes a function, not {type(function).__name__}")
        if is_async(function):
            raise TypeError(
                f"predicate({_name(function)}) is async: a condition is decided at once. Look the "
                "data up in the handler, or before it, and compare there"
            )
        try:
            inspect.signature(function).bind(None, None)
        except TypeError:
            raise TypeError(
                f"predicate({_name(function)}): the function takes (principal, request_view)"
            ) from None
        except ValueError:
            pass  # a builtin without a signature
        self.function = function

    def verdict(self, evaluation: Evaluation) -> Verdict:
        if evaluation.principal is None:
            return None
        # Called once for each decision: the explanation must match the answer, which may change.
        asked = id(self), id(evaluation.principal)
        if asked not in evaluation.answers:
            evaluation.answers[asked] = self._ask(evaluation.principal, evaluation.request)
        return evaluation.answers[asked]

    def _ask(self, principal: Principal, request: RequestView | None) -> Verdict:
        try:
            answer: Any = self.function(principal, request or RequestView())
        except Exception as error:  # noqa: BLE001 - the app's own code: a failure denies
            log_bounded(logging.WARNING, "%r raised %s, which denies", self, type(error).__name__)
            return None
        if answer is True or answer is False:
            return bool(answer)
        if inspect.iscoroutine(answer):
            answer.close()
        kind = type(answer).__name__
        log_bounded(logging.WARNING, "%r returned %s, not a bool, which denies", self, kind)
        return None

    def needed_and_held(self, evaluation: Evaluation) -> tuple[str, str]:
        answer = self.verdict(evaluation)
        return f"{self!r} to return True", "unknown" if answer is None else str(answer)

    def __repr__(self) -> str:
        return f"predicate({_name(self.function)})"


def client(client_id: str) -> Predicate:
    """The token's client is this one."""
    return ClientIs(client_id)


def has_role(name: str) -> Predicate:
    """The principal has this role."""
    return HasRole(name)


def has_permission(name: str) -> Predicate:
    """The principal has this permission."""
    return HasPermission(name)


def predicate(function: Function) -> Predicate:
    """Wrap a function of ``(principal, request_view)`` that returns True or False.

    Raises:
        TypeError: it is not callable, or is async.

    """
    return Ask(function)


def _name(function: Any) -> str:
    name: str = getattr(function, "__qualname__", None) or type(function).__name__
    code = getattr(function, "__code__", None)
    if "<lambda>" not in name or code is None:
        return name
    return f"<lambda> in {os.path.basename(code.co_filename)}:{code.co_firstlineno}"


class Policy(Predicate):
    """What the registry says that this name means for the token's client.

    Unknown, and so denied, where the client's entry does not have the policy.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = checked_name(name, "policy")

    def verdict(self, evaluation: Evaluation) -> Verdict:
        meaning = self._meaning(evaluation)
        if meaning is None:
            return None
        verdict = meaning.predicate.verdict(evaluation)
        lets_in = not evaluation.negated
        if meaning.enforce or evaluation.strict or verdict is lets_in:
            return verdict
        evaluation.shadowed = True  # shadow mode: it lets in, under ``~`` too
        return lets_in

    def failed_leaf(self, evaluation: Evaluation) -> Predicate:
        meaning = self._meaning(evaluation)
        if meaning is None:
            return self
        return _Through(self, meaning.predicate.failed_leaf(evaluation))

    def needed_and_held(self, evaluation: Evaluation) -> tuple[str, str]:
        principal = evaluation.principal
        client = None if principal is None else principal.client_id
        return f"the policy {self.name}", f"client {client}, whose entry does not have it"

    def _meaning(self, evaluation: Evaluation) -> NamedPolicy | None:
        principal = evaluation.principal
        return None if principal is None else principal.policies.get(self.name)

    def __repr__(self) -> str:
        return f"policy({self.name!r})"


class _Through(Predicate):
    """The condition inside a policy that decided, explained with the policy's name."""

    __slots__ = ("leaf", "policy")

    def __init__(self, policy: Policy, leaf: Predicate) -> None:
        self.policy = policy
        self.leaf = leaf

    def needed_and_held(self, evaluation: Evaluation) -> tuple[str, str]:
        return self.leaf.needed_and_held(evaluation)

    def __repr__(self) -> str:
        return f"{self.policy!r}: {self.leaf!r}"


def policy(name: str) -> Predicate:
    """The named policy of the registry holds, as the token's client has it."""
    return Policy(name)


class OfOriginal(Predicate):
    """A condition on the caller before the caller; unknown where no assertion of it came along."""

    __slots__ = ("part",)

    def __init__(self, part: Predicate) -> None:
        self.part = part

    def verdict(self, evaluation: Evaluation) -> Verdict:
        return self._on_original(evaluation, self.part.verdict, None)

    def failed_leaf(self, evaluation: Evaluation) -> Predicate:
        leaf = self._on_original(evaluation, self.part.failed_leaf, None)
        return self if leaf is None else OfOriginal(leaf)

    def needed_and_held(self, evaluation: Evaluation) -> tuple[str, str]:
        nothing = repr(self), "no original assertion"
        return self._on_original(evaluation, self.part.needed_and_held, nothing)

    def leaves(self) -> tuple[Predicate, ...]:
        return self.part.leaves()

    def _on_original(
        self, evaluation: Evaluation, ask: Callable[[Evaluation], Answer], otherwise: Answer
    ) -> Answer:
        caller = evaluation.principal
        if caller is None or caller.original is None:
            return otherwise
        evaluation.principal = caller.original
        try:
            return ask(evaluation)
        finally:
            evaluation.principal = caller

    def __repr__(self) -> str:
        return f"original({self.part!r})"


def original(part: Predicate) -> Predicate:
    """The caller before the caller meets this condition (the middleware's ``original`` option).

    Raises:
        TypeError: it is no predicate.

    """
    if not isinstance(part, Predicate):
        raise TypeError(f"original() takes a predicate, not {type(part).__name__}")
    return OfOriginal(part)
