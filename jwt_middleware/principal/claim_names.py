"""Which claims hold what: names, paths into objects, lists, and the marks of a service's token.

``ClaimNames`` is data: each gateway has one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
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

    def rule(self) -> Callable[[Mapping[str, Any]], None]:
        """Return a function that raises ``InvalidClaim`` for a claim in a shape it cannot have.

        A malformed claim is never treated as an absent one, so this happens before there is a
        principal. A list that is null counts as absent: serializers write null for "none".
        """
        all_texts: tuple[ClaimName, ...] = (*self.subject, *self.client_id, "jti")
        all_lists = tuple(claim.name for claim in (*self.roles, *self.permissions))
        texts, deep_texts = _by_depth(all_texts)
        lists, deep_lists = _by_depth(all_lists)
        text_types = _ID_TYPES if self.numeric_ids else _TEXT

        def check_shapes(claims: Mapping[str, Any]) -> None:
            get = claims.get
            for name in texts:
                if type(get(name, "")) not in text_types:
                    raise InvalidClaim(name, "type")
            for name in lists:
                value = get(name)
                if value is not None and type(value) is not str and not _is_list_of_text(value):
                    raise InvalidClaim(name, "type")
            for path in deep_texts:
                value = claim_at(claims, path)
                if value is not ABSENT and type(value) not in text_types:
                    raise InvalidClaim(written(path), "type")
            for path in deep_lists:
                _listed_at(claims, ListClaim(path))

        return check_shapes

    def first(self, names: tuple[ClaimName, ...], claims: Mapping[str, Any]) -> str | None:
        """Return the first of these claims that is present; an empty text counts as absent."""
        for name in names:
            path = path_of(name)  # cached: a plain name costs no call
            value = claims.get(path[0], ABSENT) if len(path) == 1 else claim_at(claims, path)
            if value is not ABSENT and value != "":
                return value if type(value) is str else str(value)
        return None

    def values(self, names: tuple[ListClaim, ...], claims: Mapping[str, Any]) -> frozenset[str]:
        """Return all values of these claims; the empty set where none is present."""
        found: set[str] = set()
        for name in names:
            found.update(_listed_at(claims, name))
        return frozenset(found)

    def kind(self, claims: Mapping[str, Any]) -> str:
        """Return ``"person"`` or ``"service"``: who acts, by the marks of these claims.

        A token that names a client and no subject is a service's.
        """
        if any(mark.is_in(claims) for mark in self.person):
            return PERSON
        if any(mark.is_in(claims) for mark in self.service):
            return SERVICE
        has_subject = self.first(self.subject, claims) is not None
        return PERSON if has_subject or self.first(self.client_id, claims) is None else SERVICE


def _by_depth(names: tuple[ClaimName, ...]) -> tuple[tuple[str, ...], tuple[ClaimName, ...]]:
    """Return the claims that are members of the payload itself, and the paths into objects."""
    paths = [path_of(name) for name in names]
    return (
        tuple(path[0] for path in paths if len(path) == 1),
        tuple(name for name, path in zip(names, paths, strict=True) if len(path) > 1),
    )


def _listed_at(claims: Mapping[str, Any], claim: ListClaim) -> tuple[str, ...]:
    value = claim_at(claims, claim.name)
    if value is ABSENT or value is None:
        return ()
    return listed(value, claim.separator, written(claim.name))


_LISTS = (list, tuple)
_TEXT = frozenset({str})
_ID_TYPES = frozenset({str, int})


def listed(value: Any, separator: str | None, name: str) -> tuple[str, ...]:
    """Read a claim of several values as a tuple; raise ``InvalidClaim`` for any other shape."""
    if type(value) is str:
        if separator is None:
            return (value,)
        return tuple(part.strip() for part in value.split(separator) if part.strip())
    if _is_list_of_text(value):
        return tuple(value)
    raise InvalidClaim(name, "type")


def _is_list_of_text(value: Any) -> bool:
    return type(value) in _LISTS and _TEXT.issuperset(map(type, value))
