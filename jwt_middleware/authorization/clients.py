"""Clients as data: which claims of a token grant what, and inside which namespace.

A client's roles, permissions and attributes are read only from the claims that its entry names. A
value outside the client's namespace is not granted, whoever signed it, so one client's token can
never carry another's role.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from ..errors import ClientDisabled, ConfigurationError, InvalidClaim, UnknownClient
from ..options import checks as check
from ..principal import (
    ABSENT,
    ClaimName,
    Grants,
    ListClaim,
    ReadOnlyDict,
    claim_at,
    listed,
    written,
)
from .predicate import NamedPolicy, Predicate
from .terms import Level

TYPES: Final = ("string", "integer", "list")


@dataclass(frozen=True)
class Attribute:
    """One typed attribute: which claim (or path into objects) holds it, and what it must be.

    Attributes:
        claim: the claim's name, or its path into objects.
        type: ``"string"``, ``"integer"`` or ``"list"`` (of texts).
        levels: makes a text an ordered level, lowest first.
        namespaced: True: a value must carry the client's namespace.

    """

    claim: ClaimName
    type: str = "string"
    levels: tuple[str, ...] = ()
    namespaced: bool = False

    def __post_init__(self) -> None:
        """Raise ``ConfigurationError`` where a field is wrong."""
        object.__setattr__(self, "levels", check.texts("levels", self.levels or None))
        check.claim_name("claim", self.claim)
        check.flag("namespaced", self.namespaced)
        if self.type not in TYPES:
            raise ConfigurationError(f"type: one of {', '.join(TYPES)}")
        if self.levels and self.type != "string":
            raise ConfigurationError("levels: they are texts; leave 'type' out")
        if len(set(self.levels)) != len(self.levels):
            raise ConfigurationError("levels: a level stands in the order once")
        if self.namespaced and self.type == "integer":
            raise ConfigurationError("namespaced: an integer carries no namespace")


class ClientTrust(NamedTuple):
    """What a client is bound to: a token that names it verifies under nothing else.

    None means: as for every other client.

    Attributes:
        keys: the client's own keys, as the option ``keys``.
        issuer: the issuer that speaks for it, or several; ``ANY`` lets every issuer do so.
        audience: the ``aud`` that its tokens must have, or several; ``ANY`` takes any.
        algorithms: the allow-list of its tokens.

    """

    keys: Any = None
    issuer: str | tuple[str, ...] | check.AnyAudience | None = None
    audience: str | tuple[str, ...] | check.AnyAudience | None = None
    algorithms: tuple[str, ...] | None = None

    @property
    def is_of_any_issuer(self) -> bool:
        """Whether every issuer may speak for the client, on purpose."""
        return isinstance(self.issuer, check.AnyAudience)

    @property
    def binds(self) -> bool:
        """Whether it binds the client to anything at all."""
        others = (self.keys, self.audience, self.algorithms)
        return not self.is_of_any_issuer or others != (None, None, None)

    def __repr__(self) -> str:
        # Without the keys, which may be a secret.
        return (
            f"ClientTrust(issuer={self.issuer!r}, audience={self.audience!r}, "
            f"algorithms={self.algorithms!r})"
        )


@dataclass(frozen=True)
class Client:
    """One client, as the registry's TOML describes it.

    Attributes:
        client_id: the value of the client claim.
        name: how people call it.
        namespace: a word that each role and permission carries between underscores; None grants
            every value that carries no other client's namespace.
        enabled: False refuses all its tokens.
        roles: the claims whose values are roles.
        permissions: the claims whose values are permissions.
        required: claims without which a token of this client is refused.
        attributes: attributes by the name that this service knows them by.
        trust: the client's own keys, issuer, audience or algorithms.
        policies: what the name of a policy means for this client.

    """

    client_id: str
    name: str = ""
    namespace: str | None = None
    enabled: bool = True
    roles: tuple[ListClaim, ...] = ()
    permissions: tuple[ListClaim, ...] = ()
    required: tuple[ClaimName, ...] = ()
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    trust: ClientTrust | None = None
    policies: Mapping[str, NamedPolicy] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ``ConfigurationError`` where a field is wrong; make claims of texts."""
        if not isinstance(self.client_id, str) or not self.client_id:
            raise ConfigurationError("clients: a client id is a text that is not empty")
        try:
            self._check()
        except ConfigurationError as error:
            raise ConfigurationError(f"clients: {self.client_id}: {error}") from None

    def _check(self) -> None:
        put = object.__setattr__
        put(self, "name", check.text("name", self.name or None) or self.client_id)
        check.flag("enabled", self.enabled)
        if check.text("namespace", self.namespace) is not None:
            check_namespace(self.namespace or "")
        put(self, "roles", _list_claims("roles", self.roles))
        put(self, "permissions", _list_claims("permissions", self.permissions))
        if not isinstance(self.required, list | tuple):
            raise ConfigurationError("required: a list of claim names")
        for name in self.required:
            check.claim_name("required", name)
        put(self, "required", tuple(self.required))
        _check_values("attributes", self.attributes, Attribute)
        if self.trust is not None and not isinstance(self.trust, ClientTrust):
            raise ConfigurationError(f"trust: a ClientTrust, not {check.kind(self.trust)}")
        trust = self.trust or ClientTrust(issuer=check.ANY)
        if not trust.is_of_any_issuer and "ANY" in check.texts("trust: issuer", trust.issuer):
            raise ConfigurationError("trust: issuer: 'ANY' is a text; write jwt_middleware.ANY")
        if isinstance(self.policies, Mapping):
            named = {
                name: NamedPolicy(policy) if isinstance(policy, Predicate) else policy
                for name, policy in self.policies.items()
            }
            put(self, "policies", named)
        _check_values("policies", self.policies, NamedPolicy)
        if not all(isinstance(policy.predicate, Predicate) for policy in self.policies.values()):
            raise ConfigurationError("policies: a NamedPolicy(...) holds no predicate")

    def __repr__(self) -> str:
        return f"Client({self.client_id!r})"


def check_namespace(namespace: str) -> str:
    """Return it; raise ``ConfigurationError`` unless it is one word."""
    if "_" in namespace or " " in namespace or not namespace.isprintable():
        raise ConfigurationError(
            "namespace: one word without '_', such as 'acme' for 'acme_buyer' and 'manage_acme_x'"
        )
    return namespace


def _list_claims(name: str, given: Any) -> tuple[ListClaim, ...]:
    is_list = isinstance(given, list | tuple) and not isinstance(given, ListClaim)
    items: list[Any] = list(given) if is_list else [None]
    if not all(isinstance(item, str | tuple) and item for item in items):
        raise ConfigurationError(f"{name}: a list of claim names, or of ListClaim(...)s")
    claims = tuple(item if isinstance(item, ListClaim) else ListClaim(item) for item in items)
    for claim in claims:
        check.list_claim(name, claim)
    return claims


def _check_values(name: str, given: Any, kind: type) -> None:
    if not isinstance(given, Mapping) or not all(
        isinstance(key, str) and key and isinstance(value, kind) for key, value in given.items()
    ):
        raise ConfigurationError(f"{name}: a dict of names and {kind.__name__}(...)s")


class Dropped(NamedTuple):
    """Values of one claim that are not granted. ``reason`` is ``namespace`` or ``level``."""

    claim: str
    values: int
    reason: str


class Clients:
    """One reading of a registry: immutable, so that a decision is made by one version alone."""

    def __init__(self, clients: Iterable[Client], source: str = "clients") -> None:
        self.source = source
        self._by_id = {client.client_id: client for client in clients}
        self.namespaces = frozenset(client.namespace for client in self if client.namespace)

    def __iter__(self) -> Iterator[Client]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, client_id: str) -> Client | None:
        """Return the entry of a client, or None."""
        return self._by_id.get(client_id)

    def shared_namespaces(self) -> dict[str, list[str]]:
        """Return each namespace that several clients have, with their ids.

        Each of them may carry the others' values. That is allowed, but a person should know.
        """
        ids: dict[str, list[str]] = {}
        for client in self:
            if client.namespace:
                ids.setdefault(client.namespace, []).append(client.client_id)
        return {namespace: sharing for namespace, sharing in ids.items() if len(sharing) > 1}

    def grants(
        self, client_id: str | None, claims: Mapping[str, Any]
    ) -> tuple[Grants, list[Dropped]]:
        """Return what a token grants its client, and the values that it does not grant.

        Raises:
            UnknownClient: the token names no client, or one that has no entry.
            ClientDisabled: the client is switched off.
            InvalidClaim: a claim that the entry needs is missing, or one that it names malformed.

        """
        if client_id is None:
            raise UnknownClient("the token names no client")
        client = self._by_id.get(client_id)
        if client is None:
            raise UnknownClient("the registry has no such client")
        if not client.enabled:
            raise ClientDisabled("the client is switched off")
        for name in client.required:
            value = claim_at(claims, name)
            if value is ABSENT:
                raise InvalidClaim(written(name), "missing")
            if value is None:
                raise InvalidClaim(written(name), "type")
        reading = _Reading(client, self.namespaces, claims)
        grants = Grants(
            reading.values(client.roles),
            reading.values(client.permissions),
            reading.attributes(),
            MappingProxyType(client.policies),
        )
        return grants, reading.dropped


class _Reading:
    """One token's claims, read by one client's entry."""

    def __init__(
        self, client: Client, namespaces: frozenset[str], claims: Mapping[str, Any]
    ) -> None:
        self._client = client
        self._namespaces = namespaces
        self._claims = claims
        self.dropped: list[Dropped] = []

    def values(self, names: tuple[ListClaim, ...]) -> frozenset[str]:
        granted: set[str] = set()
        for name, separator in names:
            value = claim_at(self._claims, name)
            if value is not ABSENT and value is not None:
                shown = written(name)
                granted.update(self._ours(shown, listed(value, separator, shown)))
        return frozenset(granted)

    def attributes(self) -> Mapping[str, Any]:
        found = {
            name: (attribute, claim_at(self._claims, attribute.claim))
            for name, attribute in self._client.attributes.items()
        }
        values = {
            name: self._attribute(attribute, value)
            for name, (attribute, value) in found.items()
            if value is not ABSENT
        }
        return ReadOnlyDict({name: value for name, value in values.items() if value is not None})

    def _attribute(self, attribute: Attribute, value: Any) -> Any:
        """Return the value as its type says, or None where it is not granted."""
        claim = written(attribute.claim)
        if attribute.type == "list":
            items = listed(value, None, claim)
            if not attribute.namespaced:
                return items
            # A list of which nothing is granted is absent, as a text is; an empty one stays empty.
            return self._ours(claim, items) or (None if items else ())
        if type(value) is not (int if attribute.type == "integer" else str):
            raise InvalidClaim(claim, "type")
        if attribute.namespaced and not self._ours(claim, (str(value),)):
            return None
        if not attribute.levels:
            return value
        if value not in attribute.levels:
            # Not malformed: a client that begins to use a new level would lose every route.
            self.dropped.append(Dropped(claim, 1, "level"))
            return None
        return Level(value, attribute.levels)

    def _ours(self, claim: str, values: tuple[str, ...]) -> tuple[str, ...]:
        kept = tuple(value for value in values if self._is_ours(value))
        if len(kept) != len(values):
            self.dropped.append(Dropped(claim, len(values) - len(kept), "namespace"))
        return kept

    def _is_ours(self, value: str) -> bool:
        own, words = self._client.namespace, value.split("_")
        is_inside = own is None or own in words
        # A value that carries two namespaces is nobody's: either client could have made it up.
        return is_inside and not any(w != own and w in self._namespaces for w in words)
