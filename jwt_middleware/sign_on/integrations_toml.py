"""Integrations in TOML: every fault is named at once, by its key path, and no value is echoed."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from ..options.checks import relative_keys
from ..options.shapes import (
    FLAG,
    TEXT,
    TEXT_OR_TEXTS,
    Keys,
    Shape,
    described,
    number,
    of_room,
    one_of,
    table,
    table_of,
    with_default,
)
from ..options.tables import TableReader, read_toml, toml_key
from .integrations import (
    BY_EMAIL,
    ID,
    MOST_SECRETS,
    OWN,
    Integration,
    SecretPlace,
    faults_together,
    integration_faults,
)

_PLAIN: Final[Keys] = {
    "hosts": {"type": "array", "items": TEXT},
    "issuer": TEXT,
    "algorithms": of_room("algorithms"),
    "audience": TEXT_OR_TEXTS,
    "max_age": number(above=0),
    "accounts": with_default(one_of((OWN, BY_EMAIL)), OWN),
    "enabled": with_default(FLAG, True),
}
_SECRET: Final[Keys] = {
    "file": described(TEXT, "the file that holds the secret"),
    "env": described(TEXT, "the environment variable that holds the secret"),
    "kid": described(TEXT, "the ``kid`` by which tokens choose it; one without is tried"),
}
_SECRETS: Final[Keys] = {
    "secret_file": _SECRET["file"],
    "secret_env": _SECRET["env"],
    "secrets": described(
        {
            "type": "array",
            "minItems": 1,
            "maxItems": MOST_SECRETS,
            "items": {
                **table(_SECRET),
                "oneOf": [{"required": ["file"]}, {"required": ["env"]}],
            },
        },
        "one secret, or two while one takes the other's place",
    ),
}
INTEGRATION: Final[Keys] = {**_PLAIN, **_SECRETS, "keys": TEXT_OR_TEXTS}
INTEGRATIONS_FILE: Final[Shape] = table(
    {
        "integrations": described(
            table_of(of_room("integration"), propertyNames={"pattern": f"^{ID.pattern}$"}),
            "the integrations, by their names here",
        )
    },
    required=["integrations"],
)
"""The shape of the file of integrations."""
INTEGRATION_TABLE: Final[Shape] = {
    **table(INTEGRATION),
    "oneOf": [{"required": [name]} for name in (*_SECRETS, "keys")],
}
"""The shape of one integration, which signs with one secret place, or keys."""


def read_integrations(content: bytes, path: Path) -> tuple[Integration, ...]:
    """Read a file of integrations, whole.

    Relative paths of secrets and keys start at its folder. The table ``[integrations]`` may be
    empty but not absent, so a file that was cut off while it was written is refused.

    Raises ``ConfigurationError`` with every fault.
    """
    reader = _Tables(path)
    integrations = reader.read(read_toml(content, path))
    reader.raise_faults(path)
    return integrations


class _Tables(TableReader):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._folder = path.parent

    def read(self, document: dict[str, Any]) -> tuple[Integration, ...]:
        self.known("", document, ("integrations",), "table")
        tables = document.get("integrations")
        if not isinstance(tables, dict):
            self.fault(
                "integrations",
                "missing: write a table [integrations.ID] for each, or an empty [integrations] "
                "where none is left",
            )
            return ()
        entries = [self._integration(name, table) for name, table in tables.items()]
        integrations = tuple(entry for entry in entries if entry is not None)
        for fault in faults_together(integrations):
            where, _, what = fault.partition(": ")
            self.fault(where, what)
        return integrations

    def _integration(self, name: str, table: Any) -> Integration | None:
        where = f"integrations.{toml_key(name)}"
        if not isinstance(table, dict):
            self.fault(where, f"a table [{where}]")
            return None
        before = self.faults
        if "secret" in table:
            self.fault(f"{where}.secret", "no secret stands here: use secret_file or secret_env")
        known = {key: value for key, value in table.items() if key != "secret"}
        self.known(where, known, INTEGRATION)
        values: dict[str, Any] = {
            **{field.name: field.default for field in fields(Integration)},
            **{key: table[key] for key in _PLAIN if key in table},
            "id": name,
            "secret": self._secrets(where, table) or None,
            "keys": relative_keys(self.texts(where, table, "keys", single=True), self._folder)
            or None,
        }
        is_named = any(key in table for key in ("secret", *_SECRETS))
        for field, what in integration_faults(values):
            if field == "secret" and is_named:
                continue  # reported at its own key
            if field == "secret":
                what = "missing: name secret_file, secret_env, secrets or keys"
            self.fault(where if field == "id" else f"{where}.{field}", what)
        return Integration(**values) if self.faults == before else None

    def _secrets(self, where: str, table: dict[str, Any]) -> list[SecretPlace]:
        named = [key for key in _SECRETS if key in table]
        if len(named) > 1:
            self.fault(where, f"{' beside '.join(named)}; two secrets stand in secrets = [...]")
            return []
        file, variable = (self.text(where, table, key) for key in ("secret_file", "secret_env"))
        if file is not None:
            return [SecretPlace(file=self._folder / file)]
        if variable is not None:
            return [SecretPlace(variable=variable)]
        entries = table.get("secrets", [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
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
