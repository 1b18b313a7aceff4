"""Read a registry's TOML whole: one error lists every fault with its file and key path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from ..errors import ConfigurationError
from ..options.checks import ANY, AnyAudience, claim_name, relative_keys
from ..options.shapes import (
    FLAG,
    NAMES_OR_ANY,
    TEXT,
    Keys,
    Shape,
    described,
    of_room,
    one_of,
    or_list,
    table,
    table_of,
    with_default,
)
from ..options.tables import TableReader, read_toml, toml_key
from ..principal import ClaimName, ListClaim
from .client import TYPES, Attribute, Client, ClientTrust, check_namespace
from .name_checks import policy_faults
from .predicate import NamedPolicy
from .predicates_toml import read_predicate

T = TypeVar("T")

_CLAIM: Final[Shape] = or_list(TEXT)
"""A claim's name, or its path into objects as a list of names."""
LIST_CLAIM: Final[Keys] = {
    "claim": described(_CLAIM, "the claim's name, or its path into objects"),
    "separator": described(TEXT, "splits a single text; left out, it is one value"),
}
_LIST_CLAIMS: Final[Shape] = {
    "type": "array",
    "items": {"anyOf": [*_CLAIM["anyOf"], table(LIST_CLAIM, required=["claim"])]},
}
ATTRIBUTE: Final[Keys] = {
    "claim": _CLAIM,
    "type": with_default(one_of(TYPES), "string"),
    "levels": {"type": "array", "minItems": 1, "uniqueItems": True, "items": TEXT},
    "namespaced": with_default(FLAG, False),
}
TRUST: Final[Keys] = {
    "keys": or_list(of_room("key_source")),
    "issuer": NAMES_OR_ANY,
    "audience": NAMES_OR_ANY,
    "algorithms": of_room("algorithms"),
}
CLIENT: Final[Keys] = {
    "name": TEXT,
    "namespace": {**TEXT, "pattern": "^[^_ ]+$"},
    "enabled": with_default(FLAG, True),
    "roles": _LIST_CLAIMS,
    "permissions": _LIST_CLAIMS,
    "required": {"type": "array", "items": _CLAIM},
    "attributes": table_of(of_room("attribute")),
    "trust": of_room("trust"),
    "policies": table_of(of_room("policy")),
}
CLIENTS_FILE: Final[Shape] = table(
    {
        "clients": described(
            table_of(of_room("client"), minProperties=1, propertyNames=TEXT),
            "the clients, by the value of the client claim",
        )
    },
    required=["clients"],
)
"""The shape of a registry's TOML file."""


def read_clients(content: bytes, path: Path) -> list[Client]:
    """Read the clients of a registry file; relative paths of keys start at its folder.

    Raises ``ConfigurationError`` with every fault of the file.
    """
    registry = _Registry(path)
    clients = registry.read(read_toml(content, path))
    registry.raise_faults(path)
    return clients


def read_tables(tables: Mapping[str, Any]) -> Iterator[Client]:
    """Yield the clients that tables describe, or that stand in their place, by their ids.

    Relative paths of keys start at the working directory. Raises ``ConfigurationError`` with every
    fault, at the end.
    """
    registry = _Registry(Path("clients"))
    # A copy, as the app may change its own meanwhile. Each table is freed as soon as it is read:
    # thousands that are freed together would hold up every thread.
    waiting = dict(tables)
    del tables
    for client_id in list(waiting):
        entry = waiting.pop(client_id)
        if not isinstance(entry, Client):
            yield registry.client(client_id, entry)
        elif entry.client_id == client_id:
            yield entry
        else:
            registry.fault(f"clients.{client_id}", f"it is the entry of {entry.client_id!r}")
    registry.raise_faults(Path("clients"))


class _Registry(TableReader):
    """One reading of a document: each method reports faults and returns what is usable."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._folder = path.parent

    def _made(self, where: str, make: Callable[[], T]) -> T | None:
        """Return what a function makes; collect the error that it raises about one of the keys."""
        try:
            return make()
        except ConfigurationError as error:
            name, _, what = str(error).partition(": ")
            self.fault(f"{where}.{name}", what)
            return None

    def read(self, document: dict[str, Any]) -> list[Client]:
        self.known("", document, ("clients",), "table")
        tables = document.get("clients")
        if not isinstance(tables, dict) or not tables:
            self.fault("clients", "missing: write a table [clients.ID] for each client")
            return []
        return [self.client(client_id, table) for client_id, table in tables.items()]

    def client(self, client_id: str, table: Any) -> Client:
        """Read one client; where a fault is reported, what is usable of it."""
        where = f"clients.{toml_key(client_id)}"
        before = self.faults
        if not client_id or not isinstance(table, dict):
            what = f"a table [{where}]" if client_id else "a client id is not empty"
            self.fault(where, what)
            return Client(client_id or "?")
        self.known(where, table, CLIENT)
        word = self.text(where, table, "namespace")
        namespace = None if word is None else self._made(where, lambda: check_namespace(word))
        attributes: dict[str, Attribute] = {}
        for name, entry in self.table(where, table, "attributes").items():
            path = f"{where}.attributes.{toml_key(name)}"
            attribute = self._attribute(path, entry, namespace)
            if attribute is not None:
                attributes[name] = attribute
        client = Client(
            client_id,
            name=self.text(where, table, "name") or client_id,
            namespace=namespace,
            enabled=self.flag(where, table, "enabled", default=True),
            roles=self._list_claims(where, table, "roles"),
            permissions=self._list_claims(where, table, "permissions"),
            required=self._required(where, table),
            attributes=attributes,
            trust=self._trust(where, table),
            policies=self._policies(where, table),
        )
        if self.faults > before:
            return client  # what it lacks would only cause more faults
        for name, named in client.policies.items():
            for what in policy_faults(named.predicate, client):
                self.fault(f"{where}.policies.{toml_key(name)}", what)
        return client

    def _attribute(self, where: str, entry: Any, namespace: str | None) -> Attribute | None:
        if not isinstance(entry, dict):
            self.fault(where, "a table, such as { claim = 'departmentId' }")
            return None
        before = self.faults
        self.known(where, entry, ATTRIBUTE)
        claim = self._claim(where, entry)
        kind = self.text(where, entry, "type") or "string"
        levels = self.texts(where, entry, "levels")
        if entry.get("levels") == []:
            self.fault(f"{where}.levels", "empty: leave it out, or name one")
        namespaced = self.flag(where, entry, "namespaced", default=False)
        if namespaced and namespace is None:
            self.fault(f"{where}.namespaced", "the client has no namespace")
        if namespaced and namespace is not None:
            for number, level in enumerate(levels, 1):
                if namespace not in level.split("_"):
                    self.fault(f"{where}.levels", f"level {number} does not carry {namespace!r}")
        if self.faults > before or claim is None:
            return None
        return self._made(where, lambda: Attribute(claim, kind, levels, namespaced))

    def _trust(self, where: str, table: dict[str, Any]) -> ClientTrust | None:
        if "trust" not in table:
            return None
        entry = table["trust"]
        where = f"{where}.trust"
        if not isinstance(entry, dict):
            self.fault(where, f"a table [{where}]")
            return None
        self.known(where, entry, TRUST)
        if not entry:
            self.fault(where, f"empty: one or more of {', '.join(TRUST)}")
        keys = entry.get("keys")
        if "keys" in entry:
            listed = keys if isinstance(keys, list) and keys else [keys]
            if not all(map(_names_keys, listed)):
                self.fault(
                    f"{where}.keys", "a path, PEM text or URL, or a list of them, or a table"
                )
            keys = relative_keys(listed, self._folder)
        issuer = self._texts_or_any(where, entry, "issuer")
        audience = self._texts_or_any(where, entry, "audience")
        algorithms = self.texts(where, entry, "algorithms", single=True)
        return ClientTrust(keys, issuer or None, audience or None, algorithms or None)

    def _texts_or_any(
        self, where: str, entry: dict[str, Any], name: str
    ) -> tuple[str, ...] | AnyAudience:
        texts = self.texts(where, entry, name, single=True)
        if texts == ("ANY",):
            return ANY
        if "ANY" in texts:
            self.fault(f"{where}.{name}", "'ANY' stands alone, or not at all")
            return ()
        return texts

    def _policies(self, where: str, table: dict[str, Any]) -> dict[str, NamedPolicy]:
        policies: dict[str, NamedPolicy] = {}
        for name, entry in self.table(where, table, "policies").items():
            path = f"{where}.policies.{toml_key(name)}"
            enforce = True
            if isinstance(entry, dict) and "enforce" in entry:
                enforce = self.flag(path, entry, "enforce", default=True)
                entry = {word: value for word, value in entry.items() if word != "enforce"}
            predicate = read_predicate(entry, path, self.fault)
            if predicate is not None:
                policies[name] = NamedPolicy(predicate, enforce)
        return policies

    def _list_claims(self, where: str, table: dict[str, Any], name: str) -> tuple[ListClaim, ...]:
        entries = table.get(name, [])
        if not isinstance(entries, list):
            self.fault(f"{where}.{name}", "a list of claim names")
            return ()
        claims: list[ListClaim] = []
        for number, entry in enumerate(entries):
            path = f"{where}.{name}[{number}]"
            if isinstance(entry, str | list) and entry:
                name_there = self._claim_name(path, entry)
                if name_there is not None:
                    claims.append(ListClaim(name_there))
            elif isinstance(entry, dict):
                self.known(path, entry, LIST_CLAIM)
                claim = self._claim(path, entry)
                separator = self.text(path, entry, "separator")
                if claim is not None:
                    claims.append(ListClaim(claim, separator))
            else:
                self.fault(path, "a claim's name, or { claim = '...', separator = ',' }")
        return tuple(claims)

    def _claim(self, where: str, entry: dict[str, Any]) -> ClaimName | None:
        if "claim" not in entry:
            self.fault(f"{where}.claim", "missing: the name of the claim that holds it")
            return None
        return self._claim_name(f"{where}.claim", entry["claim"])

    def _claim_name(self, where: str, value: Any) -> ClaimName | None:
        """Read a claim's name or path; an array of names is a path whose dots are literal."""
        name = tuple(value) if isinstance(value, list) else value
        try:
            claim_name("a claim", name)
        except ConfigurationError as error:
            self.fault(where, str(error).removeprefix("a claim: "))
            return None
        found: ClaimName = name
        return found

    def _required(self, where: str, table: dict[str, Any]) -> tuple[ClaimName, ...]:
        entries = table.get("required", [])
        if not isinstance(entries, list) or not all(
            isinstance(e, str | list) and e for e in entries
        ):
            self.fault(f"{where}.required", "a list of texts")
            return ()
        names = [self._claim_name(f"{where}.required[{n}]", e) for n, e in enumerate(entries)]
        return tuple(name for name in names if name is not None)


def _names_keys(source: Any) -> bool:
    """Whether an entry of ``trust.keys`` is a text, or a table that names a source."""
    if isinstance(source, dict):
        return not source.keys().isdisjoint(("url", "path", "issuer"))
    return isinstance(source, str) and bool(source)
