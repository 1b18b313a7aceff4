"""Clients as data: which claims of a token grant what, and inside which namespace.

A client's roles, permissions and attributes are read only from the claims that its entry names. A
value outside the client's namespace is not granted, whoever signed it, so one client's token can
never carry another's role.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Set
from types import MappingProxyType
from typing import Any, NamedTuple

from ..errors import ClientDisabled, InvalidClaim, UnknownClient
from ..principal import (
    ABSENT,
    Grants,
    ListClaim,
    ReadOnlyDict,
    claim_at,
    listed,
    written,
)
from .client import Attribute as Attribute
from .client import Client as Client
from .client import ClientTrust as ClientTrust
from .terms import Level


class Dropped(NamedTuple):
    """Values of one claim that are not granted. ``reason`` is ``namespace`` or ``level``."""

    claim: str
    values: int
    reason: str


class Clients:
    """One reading of a registry: immutable, so that a decision is made by one version alone.

    Attributes:
        source: what it was read from, in errors.
        changed: the ids that differ from those of ``before``, new and gone ones included.
        mark: stands for this reading, and keeps nothing alive.
        before: the mark of the reading that this one was made of, if there was one.

    """

    def __init__(self, clients: Iterable[Client], source: str = "clients") -> None:
        self.source = source
        self._by_id = {client.client_id: client for client in clients}
        self._spaces = Counter(client.namespace for client in self if client.namespace)
        self.changed: Collection[str] = self._by_id.keys()
        self.mark = object()
        self.before: object = None

    def renewed(self, clients: dict[str, Client], changed: Collection[str]) -> Clients:
        """Return a reading of these clients by id, of which only some differ from those here.

        It keeps the dict, which nobody may change any more.
        """
        new = Clients((), self.source)
        new._by_id = clients
        new._spaces = self._spaces.copy()
        new.changed = changed
        new.before = self.mark
        for client_id in changed:
            for client, difference in ((self.get(client_id), -1), (new.get(client_id), 1)):
                if client is not None and client.namespace:
                    new._spaces[client.namespace] += difference
                    if not new._spaces[client.namespace]:
                        del new._spaces[client.namespace]
        return new

    def differences(self, before: object) -> Collection[str] | None:
        """Return the ids that differ from those of a reading, by its mark; None if not known."""
        if before is self.mark:
            return ()
        return self.changed if before is self.before else None

    @property
    def namespaces(self) -> Set[str]:
        """The words that are the namespace of a client."""
        return self._spaces.keys()

    def __iter__(self) -> Iterator[Client]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, client_id: str) -> Client | None:
        """Return the entry of a client, or None."""
        return self._by_id.get(client_id)

    def shared_namespaces(self, among: Iterable[str] | None = None) -> dict[str, list[str]]:
        """Return each namespace that several clients have, with their ids.

        Each of them may carry the others' values. That is allowed, but a person should know.
        ``among``: only the namespaces of these clients.
        """
        named = self if among is None else filter(None, map(self.get, among))
        ids: dict[str, list[str]] = {
            client.namespace: []
            for client in named
            if client.namespace and self._spaces[client.namespace] > 1
        }
        for client in self if ids else ():
            if client.namespace in ids:
                ids[client.namespace].append(client.client_id)
        return ids

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
        reading = _Reading(client, self._spaces, claims)
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
        self, client: Client, namespaces: Container[str], claims: Mapping[str, Any]
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
