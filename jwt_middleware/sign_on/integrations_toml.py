"""Integrations in TOML: every fault is told at once, with its key path, and no value is echoed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..errors import ConfigurationError
from ..options.tables import TableReader, read_toml, toml_key
from .hosts import host_name
from .integrations import (
    MOST_SECRETS,
    OWN,
    Integration,
    SecretPlace,
    check_together,
    integration_faults,
)

_INTEGRATION: Final = (
    "hosts",
    "issuer",
    "secret_file",
    "secret_env",
    "secrets",
    "keys",
    "algorithms",
    "audience",
    "max_age",
    "accounts",
    "enabled",
)
_SECRET: Final = ("file", "env", "kid")


class FaultyEntry(NamedTuple):
    """What can be read of an entry in which something is wrong."""

    hosts: tuple[str, ...]
    is_off: bool


class Entries(NamedTuple):
    """What a file says, right or wrong.

    ``integrations`` are those with no fault of their own, ``faulty`` the others by their names.
    ``fault`` tells everything that is wrong with the file.
    """

    integrations: tuple[Integration, ...]
    faulty: Mapping[str, FaultyEntry]
    fault: ConfigurationError | None


def read_entries(content: bytes, path: Path) -> Entries:
    """Read a file whose entries may be wrong, each for itself.

    Relative paths of secrets and keys start at its folder. The table ``[integrations]`` may be
    empty, as the last one may have been removed, but not absent: so a file that was cut off while
    it was written is none.

    Raises:
        ConfigurationError: it is no TOML, or has no table ``[integrations]``.

    """
    reader = _Tables(path)
    found = reader.read(read_toml(content, path))
    try:
        reader.raise_faults(path)
    except ConfigurationError as fault:
        if found is None:
            raise
        return Entries(found, reader.faulty, fault)
    return Entries(found or (), {}, None)


class _Tables(TableReader):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._folder = path.parent
        self.faulty: dict[str, FaultyEntry] = {}

    def read(self, document: dict[str, Any]) -> tuple[Integration, ...] | None:
        self.known("", document, ("integrations",), "table")
        if not isinstance(document.get("integrations"), dict):
            self.fault(
                "integrations",
                "missing: write a table [integrations.ID] for each, or an empty [integrations] "
                "where there is none any more",
            )
            return None
        tables = document["integrations"]
        found = {name: self._integration(name, table) for name, table in tables.items()}
        read = tuple(each for each in found.values() if each is not None)
        self.faulty = {name: _rest_of(tables[name]) for name, each in found.items() if each is None}
        for clash in check_together(read):
            where, _, what = clash.partition(": ")
            self.fault(where, what)
        return read

    def _integration(self, name: str, table: Any) -> Integration | None:
        where = f"integrations.{toml_key(name)}"
        if not isinstance(table, dict):
            self.fault(where, f"a table [{where}]")
            return None
        before = self.faults
        if "secret" in table:
            self.fault(f"{where}.secret", "no secret stands here: use secret_file or secret_env")
        self.known(where, {k: v for k, v in table.items() if k != "secret"}, _INTEGRATION)
        values: dict[str, Any] = {
            "id": name,
            "hosts": table.get("hosts", []),
            "issuer": table.get("issuer"),
            "secret": self._secrets(where, table) or None,
            "keys": self._keys(where, table),
            "algorithms": table.get("algorithms"),
            "audience": table.get("audience"),
            "max_age": table.get("max_age"),
            "accounts": table.get("accounts", OWN),
            "enabled": table.get("enabled", True),
        }
        is_named = any(word in table for word in ("secret", "secret_file", "secret_env", "secrets"))
        for field, what in integration_faults(values):
            if field == "secret" and is_named:
                continue  # its own key has told
            if field == "secret":
                what = "missing: name secret_file, secret_env, secrets or keys"
            self.fault(where if field == "id" else f"{where}.{field}", what)
        return Integration(**values) if self.faults == before else None

    def _secrets(self, where: str, table: dict[str, Any]) -> list[SecretPlace]:
        named = [word for word in ("secret_file", "secret_env", "secrets") if word in table]
        if len(named) > 1:
            self.fault(where, f"{' beside '.join(named)}; two secrets stand in secrets = [...]")
            return []
        file, variable = (self.text(where, table, word) for word in ("secret_file", "secret_env"))
        if file is not None:
            return [SecretPlace(file=self._folder / file)]
        if variable is not None:
            return [SecretPlace(variable=variable)]
        entries = table.get("secrets", [])
        if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
            self.fault(f"{where}.secrets", "a list of tables, such as [{ file = 'acme.secret' }]")
            return []
        if "secrets" in table and not 1 <= len(entries) <= MOST_SECRETS:
            self.fault(
                f"{where}.secrets", f"one, or {MOST_SECRETS} while one takes the other's place"
            )
        return [self._secret(f"{where}.secrets[{n}]", entry) for n, entry in enumerate(entries)]

    def _secret(self, where: str, entry: dict[str, Any]) -> SecretPlace:
        self.known(where, entry, _SECRET)
        if ("file" in entry) == ("env" in entry):
            self.fault(where, "either a file, or env (the name of an environment variable)")
        file = self.text(where, entry, "file")
        variable, key_id = self.text(where, entry, "env"), self.text(where, entry, "kid")
        return SecretPlace(None if file is None else self._folder / file, variable, key_id)

    def _keys(self, where: str, table: dict[str, Any]) -> list[Any] | None:
        if "keys" not in table:
            return None
        named = self.texts(where, table, "keys", single=True)
        return [k if "://" in k or "-----BEGIN" in k else self._folder / k for k in named] or None


def _rest_of(table: Any) -> FaultyEntry:
    if not isinstance(table, dict):
        return FaultyEntry((), is_off=False)
    named = table.get("hosts")
    texts = [each for each in (named if isinstance(named, list) else [named]) if type(each) is str]
    hosts = [name for name in map(host_name, texts) if name is not None]
    return FaultyEntry(tuple(hosts), is_off=table.get("enabled") is False)
