"""The left and right sides of a comparison: a claim, an attribute, a part of the request.

A term is not a predicate and has no truth value; comparing it makes a predicate. Operands of
different JSON types, and absent ones, make the comparison unknown.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Final, NoReturn

from ..principal import ABSENT as ABSENT
from ..principal import Principal
from .predicate import Evaluation, Predicate, Verdict
from .request import RequestView

FAILED: Final = object()
"""The operand that could not be read."""

Read = Callable[[Principal, RequestView | None], Any]
"""Returns the operand, or ``ABSENT``."""


class Level(str):
    """A level as the token has it; it compares by the declared order, not by the alphabet."""

    __slots__ = ("order",)

    order: tuple[str, ...]

    def __new__(cls, name: str, order: tuple[str, ...]) -> Level:
        """Make a level of this order, lowest first."""
        level = super().__new__(cls, name)
        level.order = order
        return level

    def __reduce__(self) -> tuple[type[Level], tuple[str, tuple[str, ...]]]:
        return Level, (str(self), self.order)


def ranks(left: object, right: object) -> tuple[int, int] | None:
    """Return the places of both texts in the left one's order, else in the right one's.

    None where one of them is not in it. Raises ``TypeError`` where neither is a level.
    """
    level = left if isinstance(left, Level) else right
    if not isinstance(level, Level):
        raise TypeError("neither is a level")
    try:
        return level.order.index(str(left)), level.order.index(str(right))
    except ValueError:
        return None


class Term:
    """One operand. Compare with ``==``, ``!=``, ``<`` to ``>=``, or the named methods."""

    __slots__ = ("attribute", "of_request", "origin", "read", "written")
    __hash__ = None  # type: ignore[assignment]  # == makes a predicate, so a term is no dict key

    def __init__(
        self,
        written: str,
        read: Read,
        *,
        origin: Hashable = None,
        of_request: str | None = None,  # which part of the request it is, always a text
        attribute: str | None = None,
    ) -> None:
        self.written = written
        self.read = read
        self.origin = origin
        self.of_request = of_request
        self.attribute = attribute

    def key(self) -> tuple[Hashable, ...]:
        """Return what makes two terms the same: two classes may write theirs alike."""
        return self.written, self.origin

    def __eq__(self, other: object) -> Predicate:  # type: ignore[override]
        return Comparison(self, "==", other)

    def __ne__(self, other: object) -> Predicate:  # type: ignore[override]
        return Comparison(self, "!=", other)

    def __lt__(self, other: object) -> Predicate:
        return Comparison(self, "<", other)

    def __le__(self, other: object) -> Predicate:
        return Comparison(self, "<=", other)

    def __gt__(self, other: object) -> Predicate:
        return Comparison(self, ">", other)

    def __ge__(self, other: object) -> Predicate:
        return Comparison(self, ">=", other)

    equals, at_least = __eq__, __ge__

    def is_in(self, values: Iterable[Any]) -> Predicate:
        """It equals one of these values."""
        if isinstance(values, str | bytes | Mapping | Term) or not isinstance(values, Iterable):
            given = type(values).__name__  # never the value: it may be a secret in a wrong place
            raise TypeError(f"{self.written}.is_in() takes a list of values, not {given}")
        constants = _constant(list(values), self.written)
        if not constants:
            raise TypeError(f"{self.written}.is_in() needs at least one value")
        return Comparison(self, "is_in", constants)

    def contains(self, value: object) -> Predicate:
        """It is a list, and this value is in it; on text it is unknown."""
        return Comparison(self, "contains", value)

    @property
    def is_present(self) -> Predicate:
        """It is there at all. Never unknown."""
        return Present(self)

    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"{self.written} has no truth value: compare it, or write {self.written}.is_present"
        )

    def __repr__(self) -> str:
        return self.written


class Present(Predicate):
    """The operand is there."""

    __slots__ = ("term",)

    def __init__(self, term: Term) -> None:
        self.term = term

    def verdict(self, evaluation: Evaluation) -> Verdict:
        return _read(self.term, evaluation) is not ABSENT

    def needed_and_held(self, evaluation: Evaluation) -> tuple[str, str]:
        return f"{self.term.written} to be there", _shown(self.term, evaluation)

    def terms(self) -> tuple[Term, ...]:
        """Return the operand."""
        return (self.term,)

    def key(self) -> tuple[Any, ...]:
        return self.term.key()

    def __repr__(self) -> str:
        return f"{self.term.written}.is_present"


ORDERINGS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Comparison(Predicate):
    """Two operands and the relation that must hold between them."""

    __slots__ = ("left", "relation", "right")

    def __init__(self, left: Term, relation: str, right: object) -> None:
        self.left = left
        self.relation = relation
        self.right = right if isinstance(right, Term) else _constant(right, left.written)

    @property
    def _binds(self) -> int:  # type: ignore[override]
        return 4 if self.relation in ("is_in", "contains") else 0

    def verdict(self, evaluation: Evaluation) -> Verdict:
        left = _read(self.left, evaluation)
        right = _read(self.right, evaluation) if isinstance(self.right, Term) else self.right
        if left is ABSENT or right is ABSENT:
            return None
        return _related(left, self.relation, right)

    def needed_and_held(self, evaluation: Evaluation) -> tuple[str, str]:
        needed = f"{self.left.written} {self.relation} {_shown(self.right, evaluation)}"
        if self.left.attribute is not None and _read(self.left, evaluation) is ABSENT:
            return needed, "nothing that is granted"  # a value may have been dropped
        return needed, _shown(self.left, evaluation)

    def terms(self) -> tuple[Term, ...]:
        """Return the operands that are terms."""
        return (self.left, self.right) if isinstance(self.right, Term) else (self.left,)

    def constants(self) -> tuple[Any, ...]:
        """Return the values, other than terms, that it compares with."""
        if isinstance(self.right, Term):
            return ()
        right: tuple[Any, ...] = self.right if self.relation == "is_in" else (self.right,)
        return right

    def key(self) -> tuple[Any, ...]:
        right = self.right
        tagged = right.key() if isinstance(right, Term) else _tagged(right)
        return self.left.key(), self.relation, tagged

    def __repr__(self) -> str:
        right = self.right.written if isinstance(self.right, Term) else repr(self.right)
        if self.relation in ("is_in", "contains"):
            return f"{self.left.written}.{self.relation}({right})"
        return f"{self.left.written} {self.relation} {right}"


def _read(term: Term, evaluation: Evaluation) -> Any:
    if evaluation.principal is None:
        return ABSENT
    try:
        return term.read(evaluation.principal, evaluation.request)
    except Exception:  # noqa: BLE001 - a malformed claim or parameter is unknown, whatever failed
        return FAILED


def _kind(value: Any) -> str | None:
    """Return the JSON type; bool is no number (it is one in Python)."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, tuple):
        return "list"
    return None


def _related(left: Any, relation: str, right: Any) -> Verdict:
    if relation == "is_in":
        return _any_equal(right, left)
    if relation == "contains":
        return _any_equal(left, right) if isinstance(left, tuple) else None
    kind = _kind(left)
    if kind is None or kind != _kind(right):
        return None
    if relation in ("==", "!="):
        return _equal(left, right) is (relation == "==")
    # Truth values have no order, and nobody means the order of lists.
    if kind in ("bool", "list"):
        return None
    if isinstance(left, Level) or isinstance(right, Level):
        places = ranks(left, right)
        return None if places is None else ORDERINGS[relation](*places)
    return ORDERINGS[relation](left, right)


def _any_equal(items: tuple[Any, ...], value: Any) -> Verdict:
    """Return Kleene's or: an equal item settles it, else one of another type leaves it open."""
    if _kind(value) is None:
        return None
    verdicts = [_related(item, "==", value) for item in items]
    if True in verdicts:
        return True
    return None if None in verdicts else False


def _equal(left: Any, right: Any) -> bool:
    """Compare two values; unlike in Python, ``True`` is not ``1``, not even in a list."""
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(_equal, left, right))
    return _kind(left) == _kind(right) and bool(left == right)


def _tagged(value: Any) -> Any:
    """Return a key that only values of the same type share: ``1`` is not ``True``."""
    if isinstance(value, tuple):
        return tuple(_tagged(item) for item in value)
    return type(value).__name__, value


def _constant(value: Any, written: str) -> Any:
    """Check at declaration that a value can be compared at all; a list becomes a tuple."""
    if isinstance(value, list | tuple):
        return tuple(_constant(item, written) for item in value)
    if isinstance(value, float) and not math.isfinite(value):
        raise TypeError(f"{written} cannot be compared with {value}: no JSON number is that")
    if _kind(value) is None:
        hint = f"; write {written}.is_present, or ~ of it" if value is None else ""
        raise TypeError(f"{written} cannot be compared with {type(value).__name__}{hint}")
    return value


def _shown(operand: object, evaluation: Evaluation) -> str:
    value = _read(operand, evaluation) if isinstance(operand, Term) else operand
    if value is FAILED or value is ABSENT:
        return "nothing" if value is ABSENT else "something malformed"
    is_header = isinstance(operand, Term) and operand.of_request == "header"
    return "a value that is not kept" if is_header else repr(value)  # it may be the token


def terms_of(predicate: Predicate) -> tuple[Term, ...]:
    """Return every term that a predicate reads."""
    leaves = (leaf for leaf in predicate.leaves() if isinstance(leaf, Comparison | Present))
    return tuple(term for leaf in leaves for term in leaf.terms())
