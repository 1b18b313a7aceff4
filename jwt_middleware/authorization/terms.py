"""The left and right sides of a comparison: a claim, an attribute, a part of the request.

A term is not a predicate and has no truth value; comparing it makes a predicate. Operands of
different JSON types, and absent ones, make the comparison unknown.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Final, NoReturn

from ..principal import Principal
from .levels import Level, ranks
from .predicate import Evaluation, Predicate, Verdict
from .request import RequestView

ABSENT: Final = object()
_FAILED: Final = object()

Read = Callable[[Principal, RequestView | None], Any]
"""Returns the operand, or ``ABSENT``."""


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

    def equals(self, other: object) -> Predicate:
        """Like ``==``."""
        return Comparison(self, "==", other)

    def at_least(self, other: object) -> Predicate:
        """Like ``>=``."""
        return Comparison(self, ">=", other)

    def is_in(self, values: Iterable[Any]) -> Predicate:
        """It equals one of these values."""
        if isinstance(values, str | bytes | Mapping | Term) or not isinstance(values, Iterable):
            given = type(values).__name__  # never the value: it may be a secret in a wrong place
            raise TypeError(f"{self.written}.is_in() takes a list of values, not {given}")
        found = tuple(_constant(value, self.written) for value in values)
        if not found:
            raise TypeError(f"{self.written}.is_in() needs at least one value")
        return Comparison(self, "is_in", found)

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

    def key(self) -> tuple[Any, ...]:
        return self.term.key()

    def __repr__(self) -> str:
        return f"{self.term.written}.is_present"


_ORDER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
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
        right = self._right(evaluation)
        if left is ABSENT or right is ABSENT:
            return None
        return _related(left, self.relation, right)

    def _right(self, evaluation: Evaluation) -> Any:
        return _read(self.right, evaluation) if isinstance(self.right, Term) else self.right

    def needed_and_held(self, evaluation: Evaluation) -> tuple[str, str]:
        needed = f"{self.left.written} {self.relation} {_shown(self.right, evaluation)}"
        if self.left.attribute is not None and _read(self.left, evaluation) is ABSENT:
            return needed, "nothing that is granted"  # a value may have been dropped
        return needed, _shown(self.left, evaluation)

    def terms(self) -> tuple[Term, ...]:
        """Return the operands that are terms."""
        return (self.left, self.right) if isinstance(self.right, Term) else (self.left,)

    @property
    def is_ordering(self) -> bool:
        """Whether the operands' order decides."""
        return self.relation in _ORDER

    def constants(self) -> tuple[Any, ...]:
        """Return the values that it compares with, where they are known when it is written."""
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


def claim(name: str) -> Term:
    """A claim by its full name, as the gateway sent it."""
    name = _name(name, "claim")
    return Term(f"claim({name!r})", lambda principal, _: principal.claims.get(name, ABSENT))


def attribute(name: str) -> Term:
    """An attribute by the name that the registry gives it; levels compare by their order."""
    name = _name(name, "attribute")

    def read(principal: Principal, _: RequestView | None) -> Any:
        return principal.attributes.get(name, ABSENT)

    return Term(f"attribute({name!r})", read, attribute=name)


def path_param(name: str) -> Term:
    """A parameter of the route's path, as text."""
    name = _name(name, "path_param")

    def read(_: Principal, request: RequestView | None) -> Any:
        if request is None or name not in request.path_params:
            return ABSENT
        return str(request.path_params[name])

    return Term(f"path_param({name!r})", read, of_request="route")


def query_param(name: str) -> Term:
    """A query parameter that stands in the URL exactly once, as text."""
    name = _name(name, "query_param")

    def read(_: Principal, request: RequestView | None) -> Any:
        return ABSENT if request is None else _only(request.query_values(name))

    return Term(f"query_param({name!r})", read, of_request="query")


def header(name: str) -> Term:
    """A request header that was sent exactly once, as text."""
    name = _name(name, "header")

    def read(_: Principal, request: RequestView | None) -> Any:
        return ABSENT if request is None else _only(request.header_values(name))

    return Term(f"header({name!r})", read, of_request="header")


def _only(values: Any) -> Any:
    """Return the one value. Several are there, but which of them counts is unknown."""
    if not values:
        return ABSENT
    return values[0] if len(values) == 1 else _FAILED


def _read(term: Term, evaluation: Evaluation) -> Any:
    if evaluation.principal is None:
        return ABSENT
    try:
        return term.read(evaluation.principal, evaluation.request)
    except Exception:  # noqa: BLE001 - a malformed claim or parameter is unknown, whatever failed
        return _FAILED


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
        return _contains(left, right)
    kind = _kind(left)
    if kind is None or kind != _kind(right):
        return None
    if relation in ("==", "!="):
        return _equal(left, right) is (relation == "==")
    # Truth values have no order, and lists none that anybody means.
    if kind in ("bool", "list"):
        return None
    if isinstance(left, Level) or isinstance(right, Level):
        found = ranks(left, right)
        return None if found is None else _ORDER[relation](*found)
    return _ORDER[relation](left, right)


def _contains(left: Any, right: Any) -> Verdict:
    return _any_equal(left, right) if isinstance(left, tuple) else None


def _any_equal(items: tuple[Any, ...], value: Any) -> Verdict:
    """Kleene's or: one that is equal settles it, else one of another type leaves it open."""
    if _kind(value) is None:
        return None
    verdicts = [_related(item, "==", value) for item in items]
    if True in verdicts:
        return True
    return None if None in verdicts else False


def _equal(left: Any, right: Any) -> bool:
    """Compare two values; inside lists too, ``True`` is not ``1``, as it is in Python."""
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(_equal, left, right))
    return _kind(left) == _kind(right) and bool(left == right)


def _tagged(value: Any) -> Any:
    """Return a key that only values of the same type share: ``1`` is not ``True``."""
    if isinstance(value, tuple):
        return tuple(_tagged(item) for item in value)
    return type(value).__name__, value


def _constant(value: Any, written: str) -> Any:
    """Check, when it is written, that a value can be compared at all."""
    if isinstance(value, list | tuple):
        return tuple(_constant(item, written) for item in value)
    if isinstance(value, float) and not math.isfinite(value):
        raise TypeError(f"{written} cannot be compared with {value}: no JSON number is that")
    if _kind(value) is None:
        hint = f"; write {written}.is_present, or ~ of it" if value is None else ""
        raise TypeError(f"{written} cannot be compared with {type(value).__name__}{hint}")
    return value


def _name(name: object, where: str) -> str:
    if not isinstance(name, str) or not name:
        raise TypeError(f"{where}() takes a name, not {name!r}")
    return name


def _shown(operand: object, evaluation: Evaluation) -> str:
    value = _read(operand, evaluation) if isinstance(operand, Term) else operand
    if value is _FAILED or value is ABSENT:
        return "nothing" if value is ABSENT else "something malformed"
    is_header = isinstance(operand, Term) and operand.of_request == "header"
    return "a value that is not kept" if is_header else repr(value)  # it may be the token


def terms_of(predicate: Predicate) -> tuple[Term, ...]:
    """Return every term that a predicate reads."""
    found: list[Term] = []
    for leaf in predicate.leaves():
        if isinstance(leaf, Comparison):
            found += leaf.terms()
        elif isinstance(leaf, Present):
            found.append(leaf.term)
    return tuple(found)
