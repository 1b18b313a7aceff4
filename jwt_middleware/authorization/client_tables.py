"""A registry's TOML, read whole: every fault is told at once, with its file and key path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..errors import ConfigurationError
from ..option_checks import nearest
from ..principal import ListClaim
from .clients import Attribute, Client, ClientTrust, NamedPolicy, check_namespace
from .name_checks import policy_faults
from .policy_tables import read_predicate, toml_key

_CLIENT: Final = (
    "name",
    "namespace",
    "enabled",
    "roles",
    "permissions",
    "required",
    "attributes",
    "trust",
    "policies",
)
_ATTRIBUTE: Final = ("claim", "type", "levels", "namespaced")
_TRUST: Final = ("keys", "issuer", "audience", "algorithms")


def read_clients(content: bytes, path: Path) -> list[Client]:
    """Read the clients of a registry file; relative paths of keys start at its folder.

    Raises:
        ConfigurationError: with every fault of the file.

    """
    import tomllib  # few have a registry

    try:
        document = tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        # The syntax error has line and column; what stood there may be a secret in a wrong place.
        raise ConfigurationError(f"{path}: no TOML: {error}") from None
    faults: list[str] = []
    clients = _Registry(path, faults).read(document)
    if faults:
        told = "".join(f"\n  {fault}" for fault in faults)
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise ConfigurationError(f"{path}: {count}{told}")
    return clients


class _Registry:
    """One reading of a document; each method tells ``fault`` and returns what is usable."""

    def __init__(self, path: Path, faults: list[str]) -> None:
        self._folder = path.parent
        self._faults = faults

    def fault(self, where: str, what: str) -> None:
        self._faults.append(f"{where}: {what}")

    def _tell(self, where: str, error: ConfigurationError) -> None:
        """Tell what a client or an attribute says of one of its own keys."""
        name, _, what = str(error).partition(": ")
        self.fault(f"{where}.{name}", what)

    def read(self, document: dict[str, Any]) -> list[Client]:
        self._known("", document, ("clients",), "table")
        tables = document.get("clients")
        if not isinstance(tables, dict) or not tables:
            self.fault("clients", "missing: write a table [clients.ID] for each client")
            return []
        return [self._client(client_id, table) for client_id, table in tables.items()]

    def _client(self, client_id: str, table: Any) -> Client:
        where = f"clients.{toml_key(client_id)}"
        before = len(self._faults)
        if not client_id or not isinstance(table, dict):
            what = f"a table [{where}]" if client_id else "a client id is not empty"
            self.fault(where, what)
            return Client(client_id or "?")
        self._known(where, table, _CLIENT)
        namespace = self._namespace(where, table)
        attributes: dict[str, Attribute] = {}
        for name, entry in self._table(where, table, "attributes").items():
            path = f"{where}.attributes.{toml_key(name)}"
            attribute = self._attribute(path, entry, namespace)
            if attribute is not None:
                attributes[name] = attribute
        client = Client(
            client_id,
            name=self._text(where, table, "name") or client_id,
            namespace=namespace,
            enabled=self._flag(where, table, "enabled", default=True),
            roles=self._list_claims(where, table, "roles"),
            permissions=self._list_claims(where, table, "permissions"),
            required=self._texts(where, table, "required"),
            attributes=attributes,
            trust=self._trust(where, table),
            policies=self._policies(where, table),
        )
        if len(self._faults) > before:
            return client  # what is missing of it would only cause more
        for name, named in client.policies.items():
            for what in policy_faults(named.predicate, client):
                self.fault(f"{where}.policies.{toml_key(name)}", what)
        return client

    def _namespace(self, where: str, table: dict[str, Any]) -> str | None:
        namespace = self._text(where, table, "namespace")
        if namespace is None:
            return None
        try:
            check_namespace(namespace)
        except ConfigurationError as error:
            self._tell(where, error)
            return None
        return namespace

    def _attribute(self, where: str, entry: Any, namespace: str | None) -> Attribute | None:
        if not isinstance(entry, dict):
            self.fault(where, "a table, such as { claim = 'departmentId' }")
            return None
        before = len(self._faults)
        self._known(where, entry, _ATTRIBUTE)
        claim = self._text(where, entry, "claim")
        if "claim" not in entry:
            self.fault(f"{where}.claim", "missing: the name of the claim that holds it")
        kind = self._text(where, entry, "type") or "string"
        levels = self._texts(where, entry, "levels")
        namespaced = self._flag(where, entry, "namespaced", default=False)
        if namespaced and namespace is None:
            self.fault(f"{where}.namespaced", "the client has no namespace")
        if namespaced and namespace is not None:
            for number, level in enumerate(levels, 1):
                if namespace not in level.split("_"):
                    self.fault(f"{where}.levels", f"level {number} does not carry {namespace!r}")
        if len(self._faults) > before or claim is None:
            return None
        try:
            return Attribute(claim, kind, levels, namespaced)
        except ConfigurationError as error:
            self._tell(where, error)
            return None

    def _trust(self, where: str, table: dict[str, Any]) -> ClientTrust | None:
        if "trust" not in table:
            return None
        entry = table["trust"]
        where = f"{where}.trust"
        if not isinstance(entry, dict):
            self.fault(where, f"a table [{where}]")
            return None
        self._known(where, entry, _TRUST)
        if not entry:
            self.fault(where, f"empty: one or more of {', '.join(_TRUST)}")
        keys = entry.get("keys")
        if "keys" in entry:
            listed = keys if isinstance(keys, list) and keys else [keys]
            if not all(isinstance(each, str) and each for each in listed):
                self.fault(f"{where}.keys", "a path, PEM text or URL, or a list of them")
                keys = None
            else:
                keys = [self._relative(str(each)) for each in listed]
        issuer = self._texts(where, entry, "issuer", single=True)
        audience = self._texts(where, entry, "audience", single=True)
        algorithms = self._texts(where, entry, "algorithms", single=True)
        return ClientTrust(keys, issuer or None, audience or None, algorithms or None)

    def _relative(self, keys: str) -> Any:
        return keys if "://" in keys or "-----BEGIN" in keys else self._folder / keys

    def _policies(self, where: str, table: dict[str, Any]) -> dict[str, NamedPolicy]:
        found: dict[str, NamedPolicy] = {}
        for name, entry in self._table(where, table, "policies").items():
            path = f"{where}.policies.{toml_key(name)}"
            enforce = True
            if isinstance(entry, dict) and "enforce" in entry:
                enforce = self._flag(path, entry, "enforce", default=True)
                entry = {word: value for word, value in entry.items() if word != "enforce"}
            predicate = read_predicate(entry, path, self.fault)
            if predicate is not None:
                found[name] = NamedPolicy(predicate, enforce)
        return found

    def _list_claims(self, where: str, table: dict[str, Any], name: str) -> tuple[ListClaim, ...]:
        entries = table.get(name, [])
        if not isinstance(entries, list):
            self.fault(f"{where}.{name}", "a list of claim names")
            return ()
        found: list[ListClaim] = []
        for number, entry in enumerate(entries):
            path = f"{where}.{name}[{number}]"
            if isinstance(entry, str) and entry:
                found.append(ListClaim(entry))
            elif isinstance(entry, dict):
                self._known(path, entry, ("claim", "separator"))
                claim = self._text(path, entry, "claim")
                if "claim" not in entry:
                    self.fault(f"{path}.claim", "missing: the name of the claim")
                found.append(ListClaim(claim or "", self._text(path, entry, "separator")))
            else:
                self.fault(path, "a claim's name, or { claim = '...', separator = ',' }")
        return tuple(found)

    def _texts(
        self, where: str, table: Mapping[str, Any], name: str, *, single: bool = False
    ) -> tuple[str, ...]:
        if name not in table:
            return ()
        value = table[name]
        found = [value] if single and isinstance(value, str) else value
        if not isinstance(found, list) or not all(isinstance(e, str) and e for e in found):
            self.fault(f"{where}.{name}", "a list of texts" + (", or one" if single else ""))
            return ()
        if not found and (single or name == "levels"):
            self.fault(f"{where}.{name}", "empty: leave it out, or name one")
        return tuple(found)

    def _text(self, where: str, table: Mapping[str, Any], name: str) -> str | None:
        value = table.get(name)
        if value is not None and (not isinstance(value, str) or not value):
            self.fault(f"{where}.{name}", "one text that is not empty")
            return None
        return value

    def _flag(self, where: str, table: Mapping[str, Any], name: str, *, default: bool) -> bool:
        value = table.get(name, default)
        if not isinstance(value, bool):
            self.fault(f"{where}.{name}", "true or false")
            return default
        return value

    def _table(self, where: str, table: Mapping[str, Any], name: str) -> dict[str, Any]:
        value = table.get(name, {})
        if not isinstance(value, dict):
            self.fault(f"{where}.{name}", f"a table [{where}.{name}]")
            return {}
        return value

    def _known(
        self, where: str, table: Mapping[str, Any], names: tuple[str, ...], what: str = "key"
    ) -> None:
        for name in table:
            if name not in names:
                path = f"{where}.{toml_key(name)}" if where else toml_key(name)
                dotted = isinstance(table[name], dict)
                hint = "; a name with a dot needs quotes" if dotted else nearest(name, names)
                self.fault(path, f"there is no such {what}{hint}")
