"""The fields of a typed view of claims: what a gateway's file, or an app, makes its view of.

``principal.view(UCSD).user_id`` reads one; ``UCSD.user_id == path_param("id")`` compares one. A
view shows the claims that are there, and an absent one is ``None``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar, overload

from ..authorization.request import RequestView
from ..authorization.terms import ABSENT, Term
from ..errors import InvalidClaim
from ..principal import ABSENT as NO_CLAIM
from ..principal import ClaimName, Principal, claim_at, listed, path_of, written

T = TypeVar("T")


class Field(Generic[T]):
    """One claim of a vocabulary: a value on a view, a term on the class.

    Args:
        names: every spelling in use, each a claim's name or a path into objects.
        absent_mark: the text that the sender writes where this claim has no value.
        doc: what the claim means, in a sentence.

    """

    def __init__(self, *names: ClaimName, absent_mark: str | None = None, doc: str = "") -> None:
        self.names = names
        self.absent_mark = absent_mark
        self.__doc__ = doc
        self.name = written(names[0])
        """The first spelling, for errors."""
        self._written = self.name

    def __set_name__(self, owner: type, name: str) -> None:
        self._written = f"{owner.__name__}.{name}"

    @overload
    def __get__(self, view: None, owner: type) -> Term: ...
    @overload
    def __get__(self, view: object, owner: type) -> T | None: ...
    def __get__(self, view: Any, owner: type) -> Term | T | None:
        if view is None:
            origin = (type(self), *map(path_of, self.names), self.absent_mark)
            return Term(self._written, self._operand, origin=origin)
        return self.read(view.claims)

    def read(self, claims: Mapping[str, Any]) -> T | None:
        """Return the claim's value, or None where it is absent.

        Raises:
            InvalidClaim: it has another type, or two of its spellings disagree.

        """
        found = (claim_at(claims, name) for name in self.names)
        values = [value for value in found if value is not NO_CLAIM]
        if not values:
            return None
        if any(value != values[0] for value in values):
            raise InvalidClaim(self.name, "conflict")
        if self.absent_mark is not None and values[0] == self.absent_mark:
            return None
        return self.convert(values[0])

    def convert(self, value: Any) -> T:
        """Return a claim's value in the field's type."""
        raise NotImplementedError

    def _operand(self, principal: Principal, _: RequestView | None) -> Any:
        value = self.read(principal.view_claims)
        return ABSENT if value is None else value


class Text(Field[str]):
    """A claim that is one text. Numbers are read as text: WSO2 versions send ids as either."""

    def convert(self, value: Any) -> str:
        """Return the text."""
        if type(value) is str:
            return value
        if type(value) is int:
            return str(value)
        raise InvalidClaim(self.name, "type")


class Texts(Field[tuple[str, ...]]):
    """A claim of several texts: a JSON array, or one text joined by commas (WSO2 1.x)."""

    def convert(self, value: Any) -> tuple[str, ...]:
        """Return the texts."""
        return listed(value, ",", self.name)


class Object(Field[Mapping[str, Any]]):
    """A claim that is a JSON object, read-only."""

    def convert(self, value: Any) -> Mapping[str, Any]:
        """Return the object."""
        if isinstance(value, Mapping):
            return value
        raise InvalidClaim(self.name, "type")


class ClaimsView:
    """A base for views: it keeps the claims that the fields read."""

    def __init__(self, claims: Mapping[str, Any]) -> None:
        self.claims = claims
