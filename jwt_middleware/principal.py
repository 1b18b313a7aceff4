"""Who calls: the principal, made only of claims that were verified for this request.

``ClaimNames`` says which claims hold the subject, the client, the roles and the permissions. It is
data: each gateway preset has one.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeVar

from .errors import InvalidClaim

PRINCIPAL_KEY = "jwt_middleware.principal"
"""Where the principal stands in an ASGI scope, a WSGI environ and Django's ``request.META``."""

V_co = TypeVar("V_co", covariant=True)


class Vocabulary(Protocol[V_co]):
    """A typed reading of claims: anything that makes itself from a read-only claims mapping."""

    def __call__(self, claims: Mapping[str, Any], /) -> V_co:
        """Read the claims."""
        ...


class ListClaim(NamedTuple):
    """A claim that holds several values: a JSON array of strings, or one string.

    ``separator`` splits the one string (WSO2 1.x joins roles by commas, RFC 8693 scopes are
    separated by spaces); with ``None`` it is a single value.
    """

    name: str
    separator: str | None = None


class ClaimNames(NamedTuple):
    """Which claims hold what. Of several names for one thing, the first that is present counts."""

    subject: tuple[str, ...] = ("sub",)
    client_id: tuple[str, ...] = ("client_id",)
    roles: tuple[ListClaim, ...] = ()
    permissions: tuple[ListClaim, ...] = ()
    application: tuple[str, ...] = ()

    def rule(self) -> Callable[[Mapping[str, Any]], None]:
        """Return a function that raises ``InvalidClaim`` for a claim in a shape it cannot have.

        A malformed claim is never treated as an absent one, so this happens before there is a
        principal.
        """
        texts = (*self.subject, *self.client_id, "jti")
        lists = tuple(claim.name for claim in (*self.roles, *self.permissions))

        def check_shapes(claims: Mapping[str, Any]) -> None:
            get = claims.get
            for name in texts:
                if type(get(name, "")) is not str:
                    raise InvalidClaim(name, "type")
            for name in lists:
                value = get(name, "")
                if type(value) is not str and not _is_list_of_text(value):
                    raise InvalidClaim(name, "type")

        return check_shapes

    def first(self, names: tuple[str, ...], claims: Mapping[str, Any]) -> str | None:
        """Return the first of these claims that is present."""
        for name in names:
            if name in claims:
                value: str = claims[name]
                return value
        return None

    def values(self, names: tuple[ListClaim, ...], claims: Mapping[str, Any]) -> frozenset[str]:
        """Return all values of these claims; the empty set where none is present."""
        found: set[str] = set()
        for name, separator in names:
            if name in claims:
                found.update(listed(claims[name], separator, name))
        return frozenset(found)


_LISTS = (list, tuple)
_TEXT = frozenset({str})


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


def frozen(value: Any) -> Any:
    """Return the JSON value with every object a read-only mapping and every array a tuple."""
    kind = type(value)
    if kind is dict:
        return MappingProxyType({name: frozen(item) for name, item in value.items()})
    if kind is list:
        return tuple([frozen(item) for item in value])
    return value


_NOTHING: Mapping[str, Any] = MappingProxyType({})


def thawed(value: Any) -> Any:
    """Return what ``frozen`` was made of, in dicts and lists: for JSON."""
    if isinstance(value, Mapping):
        return {name: thawed(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [thawed(each) for each in value]
    return value


class Grants(NamedTuple):
    """What a client's entry in the registry makes of a token's claims."""

    roles: frozenset[str]
    permissions: frozenset[str]
    attributes: Mapping[str, Any] = _NOTHING
    policies: Mapping[str, Any] = _NOTHING


_NONE: frozenset[str] = frozenset()
NO_NAMES = ClaimNames()


class Principal:
    """A verified caller. Deeply read-only: one object may serve many requests at a time."""

    __slots__ = ("_claims", "_mark", "_permissions", "_roles", "_values")

    _claims: Mapping[str, Any]
    _mark: str
    _values: tuple[Mapping[str, Any], ClaimNames, float | None, str | None, Grants | None]

    def __init__(
        self,
        claims: Mapping[str, Any],
        *,
        names: ClaimNames = NO_NAMES,
        expires_at: float | None = None,
        key_id: str | None = None,
        grants: Grants | None = None,
    ) -> None:
        if hasattr(self, "_values"):
            raise AttributeError("a Principal is read-only: it is made once")
        own = frozen(dict(claims))
        object.__setattr__(self, "_values", (own, names, expires_at, key_id, grants))
        object.__setattr__(self, "_claims", own)

    @classmethod
    def of_token(
        cls,
        claims: dict[str, Any],
        names: ClaimNames,
        expires_at: float,
        key_id: str | None,
        grants: Grants | None = None,
    ) -> Principal:
        """Make the principal of a token; the claims are its own from here on."""
        self = _new(cls)
        _set_values(self, (claims, names, expires_at, key_id, grants))
        return self

    @property
    def claims(self) -> Mapping[str, Any]:
        """Every claim as the gateway sent it, read-only at any depth."""
        try:
            return self._claims
        except AttributeError:
            # Made on first use: of many tokens nobody ever asks.
            object.__setattr__(self, "_claims", frozen(self._values[0]))
            return self._claims

    @property
    def expires_at(self) -> float | None:
        """When the token's life ends, in seconds since the epoch, without leeway.

        The gateway's milliseconds are converted.
        """
        return self._values[2]

    @property
    def key_id(self) -> str | None:
        """The ``kid`` of the key that verified the token, if that key has one."""
        return self._values[3]

    @property
    def subject(self) -> str | None:
        """Who it is about; which claim says so is the gateway's matter."""
        claims, names, *_ = self._values
        return names.first(names.subject, claims)

    @property
    def client_id(self) -> str | None:
        """The client that calls; which claim says so is the gateway's matter."""
        claims, names, *_ = self._values
        return names.first(names.client_id, claims)

    @property
    def application(self) -> str | None:
        """The application that calls, by the name that the gateway has for it; for the audit only.

        Nothing is decided by it, so a claim of another shape counts as absent.
        """
        claims, names, *_ = self._values
        found = (claims.get(name) for name in names.application)
        return next((each for each in found if type(each) is str), None)

    @property
    def issuer(self) -> str | None:
        """The ``iss`` claim (RFC 7519, section 4.1.1)."""
        return self._values[0].get("iss")

    @property
    def token_id(self) -> str | None:
        """The ``jti`` claim (RFC 7519, section 4.1.7). Gateways repeat it for many requests."""
        return self._values[0].get("jti")

    @property
    def roles(self) -> frozenset[str]:
        """The roles; the empty set where the token has none."""
        grants = self._values[4]
        if grants is not None:
            return grants.roles
        names = self._values[1].roles
        return self._listed("_roles", names) if names else _NONE

    @property
    def permissions(self) -> frozenset[str]:
        """The permissions; the empty set where the token has none."""
        grants = self._values[4]
        if grants is not None:
            return grants.permissions
        names = self._values[1].permissions
        return self._listed("_permissions", names) if names else _NONE

    @property
    def attributes(self) -> Mapping[str, Any]:
        """The attributes by the registry's names, each of its type; without a registry, none."""
        grants = self._values[4]
        return _NOTHING if grants is None else grants.attributes

    @property
    def policies(self) -> Mapping[str, Any]:
        """The named policies of the client's entry, for ``policy(name)``; else none."""
        grants = self._values[4]
        return _NOTHING if grants is None else grants.policies

    def view(self, vocabulary: Callable[[Mapping[str, Any]], V_co]) -> V_co:
        """Return the claims as a vocabulary class reads them, such as ``WSO2`` or your own."""
        return vocabulary(self.claims)

    @property
    def is_authenticated(self) -> bool:
        """Always True (Starlette's and Django's ``request.user`` protocol)."""
        return True

    @property
    def display_name(self) -> str:
        """The subject, else the client (Starlette's ``BaseUser``)."""
        return self.subject or self.client_id or ""

    @property
    def identity(self) -> str:
        """The subject, else the client (Starlette's ``BaseUser``)."""
        return self.display_name

    def _listed(self, slot: str, names: tuple[ListClaim, ...]) -> frozenset[str]:
        # Split on first use and kept: most requests ask for no role at all.
        try:
            kept: frozenset[str] = getattr(self, slot)
        except AttributeError:
            claims, kinds, *_ = self._values
            kept = kinds.values(names, claims)
            object.__setattr__(self, slot, kept)
        return kept

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Principal is read-only: {name!r} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a Principal is read-only: {name!r} cannot be deleted")

    def __repr__(self) -> str:
        # Some caches make their key of it: it must not be that of another caller, nor tell a claim.
        try:
            mark: str = self._mark
        except AttributeError:
            mark = secrets.token_hex(8)
            object.__setattr__(self, "_mark", mark)
        return f"<Principal {mark} with {len(self._values[0])} claims>"


# What ``of_token`` calls for each token that is verified: looked up once.
_new = object.__new__
_set_values = Principal.__dict__["_values"].__set__
