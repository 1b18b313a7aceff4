"""Which claims hold what: names, paths into objects, lists, and the marks of a service's token.

``ClaimNames`` is data: each gateway has one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ..errors import InvalidClaim

ClaimName = str | tuple[str, ...]
"""A claim's name, or a path into objects.

A dotted text is a path (``realm_access.roles``), unless it has a ``:`` or a ``/``, as names that
are URIs do. A tuple is a path of exact names, so a dot is taken literally: ``("app.role",)``.
"""


@lru_cache(maxsize=4_096)
def path_of(name: ClaimName) -> tuple[str, ...]:
    """Return the path that a name stands for."""
    if isinstance(name, str):
        return (name,) if ":" in name or "/" in name else tuple(name.split("."))
    return name


def written(name: ClaimName) -> str:
    """Return a name or path as one text, for errors."""
    return name if isinstance(name, str) else ".".join(name)


ABSENT = object()
"""What ``claim_at`` returns for a claim that is not there."""


def claim_at(claims: Mapping[str, Any], name: ClaimName) -> Any:
    """Return the value at a name or path; ``ABSENT`` where it, or an object on the way, is absent.

    Raises:
        InvalidClaim: something else than an object stands where the path goes on.

    """
    path = path_of(name)
    if len(path) == 1:
        return claims.get(path[0], ABSENT)
    value: Any = claims
    for member in path:
        if value is None:  # serializers write null for an object that is not there
            return ABSENT
        if not isinstance(value, Mapping):
            raise InvalidClaim(written(name), "type")
        value = value.get(member, ABSENT)
        if value is ABSENT:
            return ABSENT
    return value


class ListClaim(NamedTuple):
    """A claim that holds several values: a JSON array of strings, or one string.

    ``separator`` splits the one string (WSO2 1.x joins roles by commas, RFC 8693 scopes are
    separated by spaces); with ``None`` it is a single value.
    """

    name: ClaimName
    separator: str | None = None


class Mark(NamedTuple):
    """A claim by whose text a kind of token is known.

    ``pattern`` is a regular expression for the whole text. With ``same_as``, the text must also be
    that of another claim. A claim that is absent, or no text, is no mark.
    """

    claim: ClaimName
    pattern: str = ".+"
    same_as: ClaimName | None = None

    def is_in(self, claims: Mapping[str, Any]) -> bool:
        """Whether the claims carry this mark."""
        value = text_at(claims, self.claim)
        if value is None:
            return False
        if self.same_as is not None and value != text_at(claims, self.same_as):
            return False
        return re.fullmatch(self.pattern, value, re.DOTALL) is not None


def text_at(claims: Mapping[str, Any], name: ClaimName) -> str | None:
    """Return the text at a name or path; None where there is none, or something else."""
    try:
        value = claim_at(claims, name)
    except InvalidClaim:
        return None
    return value if type(value) is str else None


PERSON, SERVICE = "person", "service"
"""The kinds of callers: a person; or an application or service that acts for itself."""


class ClaimNames(NamedTuple):
    """Which claims hold what. Of several names for one thing, the first that is present counts.

    ``service``: marks of a token that an application or a service account got for itself;
    ``person``: marks that outweigh these. ``numeric_ids`` also takes whole numbers as subject,
    client and ``jti``. ``dialect``: the prefix that the gateway's claims have instead of the one
    that views name, as ``(of the views, of the gateway)``.
    """

    subject: tuple[ClaimName, ...] = ("sub",)
    client_id: tuple[ClaimName, ...] = ("client_id",)
    roles: tuple[ListClaim, ...] = ()
    permissions: tuple[ListClaim, ...] = ()
    application: tuple[ClaimName, ...] = ()
    service: tuple[Mark, ...] = ()
    person: tuple[Mark, ...] = ()
    numeric_ids: bool = False
    dialect: tuple[str, str] | None = None

    def first(self, names: tuple[ClaimName, ...], claims: Mapping[str, Any]) -> str | None:
        """Return the first of these claims that is present."""
        for name in names:
            path = path_of(name)  # cached: a plain name costs no call
            value = claims.get(path[0], ABSENT) if len(path) == 1 else claim_at(claims, path)
            if value is not ABSENT:
                return value if type(value) is str else str(value)
        return None

    def subject_of(self, claims: Mapping[str, Any]) -> str | None:
        """Return the first subject that is present; an empty one counts as absent."""
        for name in self.subject:
            value = self.first((name,), claims)
            if value:
                return value
        return None

    def values(self, names: tuple[ListClaim, ...], claims: Mapping[str, Any]) -> frozenset[str]:
        """Return all values of these claims; the empty set where none is present."""
        found: set[str] = set()
        for name in names:
            found.update(listed_at(claims, name))
        return frozenset(found)

    def kind(self, claims: Mapping[str, Any]) -> str:
        """Return ``"person"`` or ``"service"``: who acts, by the marks of these claims.

        A token that names a client and no subject is a service's.
        """
        if any(mark.is_in(claims) for mark in self.person):
            return PERSON
        if any(mark.is_in(claims) for mark in self.service):
            return SERVICE
        has_subject = self.subject_of(claims) is not None
        return PERSON if has_subject or self.first(self.client_id, claims) is None else SERVICE


def listed_at(claims: Mapping[str, Any], claim: ListClaim) -> tuple[str, ...]:
    """Return the values of a list; none where it is absent or null, as serializers write "none".

    Raises:
        InvalidClaim: it has another shape.

    """
    value = claim_at(claims, claim.name)
    if value is ABSENT or value is None:
        return ()
    return listed(value, claim.separator, written(claim.name))


_LISTS = (list, tuple)
_TEXT = frozenset({str})


def listed(value: Any, separator: str | None, name: str) -> tuple[str, ...]:
    """Read a claim of several values as a tuple; raise ``InvalidClaim`` for any other shape."""
    if type(value) is str:
        if separator is None:
            return (value,)
        return tuple(part.strip() for part in value.split(separator) if part.strip())
    if is_list_of_text(value):
        return tuple(value)
    raise InvalidClaim(name, "type")


def is_list_of_text(value: Any) -> bool:
    """Whether a value is a JSON array of strings, as decoded or as a principal has it."""
    return type(value) in _LISTS and _TEXT.issuperset(map(type, value))
