"""The algebra of predicates: and, or, not, over three truth values.

A predicate is a plain value: it prints as it was written, compares and hashes. It is True, False,
or *unknown* (Kleene's logic) where an operand is absent, of another type, or could not be computed.
Unknown at the root denies, and so does its negation.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any, ClassVar, NamedTuple, NoReturn

from ..errors import Decision
from ..principal import Principal
from .request import RequestView

Verdict = bool | None
"""True, False, or None for unknown."""


class Evaluation:
    """One principal and one request, with what their evaluation has shown so far."""

    __slots__ = ("answers", "negated", "principal", "request", "shadowed", "strict")

    def __init__(self, principal: Principal | None, request: RequestView | None) -> None:
        self.principal = principal
        self.request = request
        self.answers: dict[tuple[int, int], Verdict] = {}
        self.shadowed = False
        """Whether a policy in shadow mode has let in what it does not allow."""
        self.strict = False
        """Whether policies in shadow mode are enforced, to learn what they would refuse."""
        self.negated = False
        """Whether what is being evaluated is under an odd number of ``~``."""


class Predicate:
    """A condition. Combine with ``&``, ``|`` and ``~``, or ``all_of`` and ``any_of``."""

    __slots__ = ()
    _binds: ClassVar[int] = 4  # how tightly its repr holds together, to place parentheses

    def evaluate(self, principal: Principal | None, request: RequestView | None = None) -> Decision:
        """Decide for a principal, and for a request where the predicate looks at one."""
        refusal = self.refusal(Evaluation(principal, request))
        return Decision(True, leaf=repr(self)) if refusal is None else refusal

    def would_refuse(self, evaluation: Evaluation) -> Decision | None:
        """Return what would refuse if no policy were in shadow mode; None where nothing would."""
        if not evaluation.shadowed:
            return None
        strictly = Evaluation(evaluation.principal, evaluation.request)
        strictly.answers = evaluation.answers
        strictly.strict = True
        return self.refusal(strictly)

    def refusal(self, evaluation: Evaluation) -> Decision | None:
        """Return None where this is True, else why it is not. Never raises."""
        try:
            if self.verdict(evaluation) is True:
                return None
            leaf = self.failed_leaf(evaluation)
            needed, held = leaf.needed_and_held(evaluation)
            # As texts, since events keep them and an app's own predicate may return anything.
            return Decision(False, "insufficient_permission", repr(leaf), str(needed), str(held))
        except Exception as error:  # noqa: BLE001 - a predicate of the app's own: a failure denies
            failed = f"{type(error).__name__} raised"
            return Decision(False, "insufficient_permission", type(self).__name__, "True", failed)

    def verdict(self, evaluation: Evaluation) -> Verdict:
        """Return the truth value."""
        raise NotImplementedError

    def failed_leaf(self, evaluation: Evaluation) -> Predicate:  # noqa: ARG002 - for the subclasses
        """Return the leaf because of which this is not True."""
        return self

    def needed_and_held(self, evaluation: Evaluation) -> tuple[str, str]:  # noqa: ARG002 - for the subclasses
        """Return what was needed and what was held, for the operator."""
        return repr(self), "nothing that says so"

    def leaves(self) -> tuple[Predicate, ...]:
        """Return every condition that it is made of."""
        return (self,)

    def key(self) -> tuple[Any, ...]:
        """Return what makes two predicates of one class equal: the values of its slots."""
        if type(self) is Predicate or hasattr(self, "__dict__"):
            raise NotImplementedError  # an app's own class must define it
        slots = (name for kind in type(self).__mro__ for name in getattr(kind, "__slots__", ()))
        return tuple(getattr(self, name) for name in slots)

    def __and__(self, other: object) -> Predicate:
        return all_of(self, _predicate(other, "&"))

    def __or__(self, other: object) -> Predicate:
        return any_of(self, _predicate(other, "|"))

    def __invert__(self) -> Predicate:
        return Not(self)

    __rand__ = __and__
    __ror__ = __or__

    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"a predicate has no truth value before a request: write '&', '|' and '~' instead of "
            f"'and', 'or' and 'not', and no 'x < t < y' (in {self!r})"
        )

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.key() == self.key()

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.key()))

    def __repr__(self) -> str:
        raise NotImplementedError

    def within(self, binds: int) -> str:
        """Return the repr, in parentheses where the surroundings bind more tightly."""
        return repr(self) if self._binds > binds else f"({self!r})"


class _Parts(Predicate):
    """Several predicates under one operator; nested ones of the same operator are one."""

    __slots__ = ("parts",)
    parts: tuple[Predicate, ...]
    _sign: ClassVar[str]
    _decides: ClassVar[bool]  # the value of one part that settles the whole

    def __init__(self, parts: tuple[Predicate, ...]) -> None:
        flat: list[Predicate] = []
        for part in parts:
            flat += part.parts if isinstance(part, _Parts) and type(part) is type(self) else [part]
        self.parts = tuple(flat)

    def verdict(self, evaluation: Evaluation) -> Verdict:
        unknown = False
        for part in self.parts:
            verdict = part.verdict(evaluation)
            if verdict is self._decides:
                return self._decides
            # A predicate of the app's own may return anything: only True and False are known.
            unknown = unknown or verdict is not (not self._decides)
        return None if unknown else not self._decides

    def failed_leaf(self, evaluation: Evaluation) -> Predicate:
        failed = [part for part in self.parts if part.verdict(evaluation) is not True]
        # A False part says more than an unknown one.
        failed.sort(key=lambda part: part.verdict(evaluation) is None)
        return failed[0].failed_leaf(evaluation)

    def leaves(self) -> tuple[Predicate, ...]:
        return tuple(leaf for part in self.parts for leaf in part.leaves())

    def __repr__(self) -> str:
        return f" {self._sign} ".join(part.within(self._binds) for part in self.parts)


class And(_Parts):
    """Every part holds."""

    __slots__ = ()
    _sign = "&"
    _binds = 2
    _decides = False


class Or(_Parts):
    """At least one part holds."""

    __slots__ = ()
    _sign = "|"
    _binds = 1
    _decides = True


class Not(Predicate):
    """The part is known, and does not hold."""

    __slots__ = ("part",)
    _binds = 3

    def __init__(self, part: Predicate) -> None:
        self.part = part

    def verdict(self, evaluation: Evaluation) -> Verdict:
        evaluation.negated = not evaluation.negated
        try:
            verdict = self.part.verdict(evaluation)
        finally:
            evaluation.negated = not evaluation.negated
        return not verdict if verdict is True or verdict is False else None

    def needed_and_held(self, evaluation: Evaluation) -> tuple[str, str]:
        return repr(self), self.part.needed_and_held(evaluation)[1]

    def leaves(self) -> tuple[Predicate, ...]:
        return self.part.leaves()

    def __repr__(self) -> str:
        return f"~{self.part.within(2)}"


class Authenticated(Predicate):
    """There is a principal."""

    __slots__ = ()

    def verdict(self, evaluation: Evaluation) -> Verdict:
        return evaluation.principal is not None

    def __repr__(self) -> str:
        return "authenticated"


authenticated: Predicate = Authenticated()
"""There is a principal."""


class NamedPolicy(NamedTuple):
    """What a policy's name means for one client; not ``enforce`` is shadow mode."""

    predicate: Predicate
    enforce: bool = True


def all_of(*parts: Predicate) -> Predicate:
    """Every one of these holds; like ``&``."""
    return _combined(And, parts, "all_of")


def any_of(*parts: Predicate) -> Predicate:
    """At least one of these holds; like ``|``."""
    return _combined(Or, parts, "any_of")


def _combined(kind: type[_Parts], parts: tuple[Predicate, ...], written: str) -> Predicate:
    if not parts:
        raise TypeError(f"{written}() needs at least one predicate")
    for part in parts:
        _predicate(part, written)
    return parts[0] if len(parts) == 1 else kind(parts)


def checked_name(name: object, where: str) -> str:
    """Return a condition's name; raise ``TypeError`` unless it is a text that is not empty."""
    if not isinstance(name, str) or not name:
        raise TypeError(f"{where}() takes a name, not {name!r}")
    return name


def is_async(function: Any) -> bool:
    """Whether calling a function, or an object that can be called, makes a coroutine."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an object with an async __call__
    )


def _predicate(value: object, where: str) -> Predicate:
    if not isinstance(value, Predicate):
        raise TypeError(f"{where} takes predicates, not {type(value).__name__}")
    return value
