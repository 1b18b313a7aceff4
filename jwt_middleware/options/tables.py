"""Reads a whole TOML document: one error lists every fault with its key path."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError
from .checks import nearest


def read_toml(content: bytes, path: Path) -> dict[str, Any]:
    """Parse a file's content; raise ``ConfigurationError`` where it is not valid TOML."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigurationError(f"{path}: not valid TOML: it is UTF-16; save it as UTF-8")
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        # The error has line and column, and not the text there, which may be a secret.
        raise ConfigurationError(f"{path}: not valid TOML: {error}") from None


def toml_key(name: str) -> str:
    """Return a key as TOML writes it: bare where it may be."""
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else '"' + name.encode("unicode_escape").decode().replace('"', '\\"') + '"'


class TableReader:
    """Reads values of tables: each method reports faults and returns what is usable."""

    def __init__(self) -> None:
        self._faults: list[str] = []

    @property
    def faults(self) -> int:
        """How many there are so far."""
        return len(self._faults)

    def fault(self, where: str, what: str) -> None:
        """Remember what is wrong at a key path."""
        self._faults.append(f"{where}: {what}")

    def raise_faults(self, path: Path) -> None:
        """Raise ``ConfigurationError`` with every fault, where there is one."""
        if self._faults:
            lines = "".join(f"\n  {fault}" for fault in self._faults)
            count = "1 fault" if len(self._faults) == 1 else f"{len(self._faults)} faults"
            raise ConfigurationError(f"{path}: {count}{lines}")

    def texts(
        self, where: str, table: Mapping[str, Any], name: str, *, single: bool = False
    ) -> tuple[str, ...]:
        """Read a list of texts; with ``single``, one text or a list that is not empty."""
        if name not in table:
            return ()
        value = table[name]
        items = [value] if single and isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(i, str) and i for i in items):
            self.fault(f"{where}.{name}", "a list of texts" + (", or one" if single else ""))
            return ()
        if not items and single:
            self.fault(f"{where}.{name}", "empty: leave it out, or name one")
        return tuple(items)

    def text(self, where: str, table: Mapping[str, Any], name: str) -> str | None:
        """Read one text; None where it is absent or wrong."""
        value = table.get(name)
        if value is not None and (not isinstance(value, str) or not value):
            self.fault(f"{where}.{name}", "one text that is not empty")
            return None
        return value

    def flag(self, where: str, table: Mapping[str, Any], name: str, *, default: bool) -> bool:
        """Read true or false."""
        value = table.get(name, default)
        if not isinstance(value, bool):
            self.fault(f"{where}.{name}", "true or false")
            return default
        return value

    def table(self, where: str, table: Mapping[str, Any], name: str) -> dict[str, Any]:
        """Read a table; empty where it is absent or wrong."""
        value = table.get(name, {})
        if not isinstance(value, dict):
            self.fault(f"{where}.{name}", f"a table [{where}.{name}]")
            return {}
        return value

    def known(
        self, where: str, table: Mapping[str, Any], names: Collection[str], what: str = "key"
    ) -> None:
        """Report every key that is not known, with the nearest that is."""
        for name in table:
            if name not in names:
                path = f"{where}.{toml_key(name)}" if where else toml_key(name)
                dotted = isinstance(table[name], dict)
                hint = "; a name with a dot needs quotes" if dotted else nearest(name, names)
                self.fault(path, f"there is no such {what}{hint}")
