"""Who calls: the principal, made only of claims that were verified for this request."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

from .claim_names import PERSON, SERVICE, ClaimName, ClaimNames, ListClaim, text_at
from .read_only import ReadOnlyDict, frozen, thawed

PRINCIPAL_KEY = "jwt_middleware.principal"
"""Where the principal stands in an ASGI scope, a WSGI environ and Django's ``request.META``."""

V_co = TypeVar("V_co", covariant=True)


class Vocabulary(Protocol[V_co]):
    """A typed reading of claims: anything that makes itself from a read-only claims mapping."""

    def __call__(self, claims: Mapping[str, Any], /) -> V_co:
        """Read the claims."""
        ...


_NOTHING: Mapping[str, Any] = ReadOnlyDict()


class Grants(NamedTuple):
    """What a client's entry in the registry makes of a token's claims."""

    roles: frozenset[str]
    permissions: frozenset[str]
    attributes: Mapping[str, Any] = _NOTHING
    policies: Mapping[str, Any] = _NOTHING


_NONE: frozenset[str] = frozenset()
_TOKEN_ID: tuple[ClaimName, ...] = ("jti",)
NO_NAMES = ClaimNames()


class Principal:
    """A verified caller. Deeply read-only: one object may serve many requests at a time."""

    __slots__ = ("_claims", "_mark", "_original", "_permissions", "_roles", "_values")

    _claims: ReadOnlyDict
    _mark: str
    _original: Principal
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
    def claims(self) -> ReadOnlyDict:
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
        return names.subject_of(claims)

    @property
    def client_id(self) -> str | None:
        """The client that calls; which claim says so is the gateway's matter."""
        claims, names, *_ = self._values
        return names.first(names.client_id, claims)

    @property
    def kind(self) -> str:
        """``"person"``, or ``"service"`` for an application or a service account by itself."""
        claims, names, *_ = self._values
        return names.kind(claims)

    @property
    def original(self) -> Principal | None:
        """The caller before the caller, where the request carried its assertion (``original=``)."""
        return getattr(self, "_original", None)

    def with_original(self, original: Principal) -> Principal:
        """Return a copy of this principal for one request, with the caller before it."""
        copy = _new(type(self))
        _set_values(copy, self._values)
        object.__setattr__(copy, "_original", original)
        return copy

    @property
    def application(self) -> str | None:
        """The application that calls, by the name that the gateway has for it; for the audit only.

        Nothing is decided by it, so a claim of another shape counts as absent.
        """
        claims, names, *_ = self._values
        texts = (text_at(claims, name) for name in names.application)
        return next((text for text in texts if text is not None), None)

    @property
    def issuer(self) -> str | None:
        """The ``iss`` claim (RFC 7519, section 4.1.1)."""
        return self._values[0].get("iss")

    @property
    def token_id(self) -> str | None:
        """The ``jti`` claim (RFC 7519, section 4.1.7). Gateways repeat it for many requests."""
        claims, names, *_ = self._values
        return names.first(_TOKEN_ID, claims)

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
        return vocabulary(self.view_claims)

    @property
    def view_claims(self) -> Mapping[str, Any]:
        """The claims as views read them: of a dialect of its own, under the names of the views."""
        dialect = self._values[1].dialect
        if dialect is None:
            return self.claims
        of_views, of_gateway = dialect
        # A claim that already has the views' name is not the gateway's word, so it is left out.
        others = {n: v for n, v in self.claims.items() if not n.startswith(of_views)}
        renamed = {
            of_views + name.removeprefix(of_gateway): value
            for name, value in self.claims.items()
            if name.startswith(of_gateway)
        }
        return ReadOnlyDict(others | renamed)

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

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON, in dicts and lists of its own; times in seconds since 1970.

        Without the policies of the registry, which are rules and not data.
        """
        return {
            "kind": self.kind,
            "subject": self.subject,
            "client_id": self.client_id,
            "issuer": self.issuer,
            "roles": sorted(self.roles),
            "permissions": sorted(self.permissions),
            "attributes": thawed(self.attributes),
            "expires_at": self.expires_at,
            "token_id": self.token_id,
            "key_id": self.key_id,
            "claims": thawed(self.claims),
            "original": None if self.original is None else self.original.to_dict(),
        }

    def __copy__(self) -> Principal:
        return self

    def __deepcopy__(self, _: Any) -> Principal:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # Policies are rules with the app's own functions: they stay in this process.
        _, names, expires_at, key_id, grants = self._values
        if grants is not None:
            grants = grants._replace(policies=_NOTHING)
        own = (self.claims, names, expires_at, key_id, grants)
        return _restored, (type(self), own, self.original)

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


def _restored(kind: type[Principal], values: Any, original: Principal | None) -> Principal:
    """Return a principal from what ``pickle`` has kept of it."""
    claims, *others = values
    principal = kind.of_token(thawed(claims), *others)
    return principal if original is None else principal.with_original(original)


# What ``of_token`` calls for each token that is verified: looked up once.
_new = object.__new__
_set_values = Principal.__dict__["_values"].__set__


def acting_caller(principal: Principal) -> Principal:
    """Return the principal for whom a request is made, in BYU's order.

    The first that is there: the original resource owner (a person), the current resource owner, the
    original client, the current client (byu-oit/byu-jwt-nodejs, ``byu-jwt``).
    """
    first = principal if principal.original is None else principal.original
    return principal if first.kind == SERVICE and principal.kind == PERSON else first
