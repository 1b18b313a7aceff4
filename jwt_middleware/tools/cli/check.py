"""``jwt-assertion check``: what a configuration means in words, with its dangers."""

from __future__ import annotations

import argparse
import json
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from ...authorization.registry import ClientRegistry
from ...errors import ConfigurationError
from ...keys.option import key_source
from ...middleware.settings import Settings
from ...options.sources import CONFIG_FILE
from ..explain.configuration import (
    dangers_of,
    dangers_of_clients,
    meaning_of,
    meaning_of_clients,
)
from ..explain.integrations import dangers_of_integrations, meaning_of_integrations, read_file
from .apps import find_app


class _Report(NamedTuple):
    meaning: list[str]
    clients: list[str]
    dangers: list[str]


def add_check(commands: Any) -> None:
    """Add the command."""
    check = commands.add_parser(
        "check",
        help="tell what a configuration means, and its dangers",
        description="Read a configuration as the middleware does and tell what it means. A file "
        "is one of options (as JWT_MIDDLEWARE_CONFIG names it), a registry of clients, or the "
        "integrations of sign-on; an app's own options and routes are checked as when it starts. "
        "Exit status 2 where it is wrong.",
    )
    check.add_argument("what", help="a TOML file, or module:app")
    check.add_argument("--json", action="store_true", help="for a program")
    check.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> int:
    path = Path(options.what)
    report = _of_file(path) if path.suffix == ".toml" or path.exists() else _of_app(options.what)
    if options.json:
        print(json.dumps(report._asdict(), indent=2))
        return 0
    for line in report.meaning:
        print(line)
    for line in report.clients:
        print(f"  {line}")
    for line in report.dangers:
        print(f"  DANGER  {line}")
    return 0


def _of_file(path: Path) -> _Report:
    if _has_table(path, "integrations"):
        known = read_file(path)
        count = len(known.integrations)
        meaning = [f"{path}: {count} integration{'' if count == 1 else 's'}."]
        meaning += meaning_of_integrations(known)
        return _Report(meaning, [], dangers_of_integrations(known))
    if _has_table(path, "clients"):
        clients = ClientRegistry(path).clients
        meaning = [f"{path}: {len(clients)} clients."]
        for client in clients:
            if client.trust is not None and client.trust.keys is not None:
                key_source(client.trust.keys)  # a key file that is missing is told now
        return _Report(meaning, meaning_of_clients(clients), dangers_of_clients(clients))
    return _of_settings(Settings.read({}, {CONFIG_FILE: str(path)}))


def _has_table(path: Path, name: str) -> bool:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False  # the settings tell what is wrong with it
    return isinstance(document.get(name), dict)


def _of_app(spec: str) -> _Report:
    found = find_app(spec)
    if found.gate is None:
        raise ConfigurationError(f"{spec}: JWTMiddleware is not installed on it")
    found.gate.inspect(found.routes)
    report = _of_settings(found.gate.settings)
    bare = [str(route) for route in found.routes if route.kind == "unguarded"]
    meaning = f"{len(found.routes)} routes, {len(bare)} of them without a guard."
    return report._replace(meaning=[*report.meaning, meaning])


def _of_settings(settings: Settings) -> _Report:
    clients = settings.verifier.clients
    told = [] if clients is None else meaning_of_clients(clients)
    return _Report(meaning_of(settings), told, dangers_of(settings))
