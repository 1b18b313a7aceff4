"""``jwt-assertion check``: what a configuration means in words, with its dangers."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Any

from ...authorization.registry import ClientRegistry
from ...authorization.routes import dangers_of
from ...errors import ConfigurationError
from ...keys.option import key_source
from ...middleware.settings import Settings
from ...options.looking import only_looking
from ...options.sources import CONFIG_FILE
from ..explain.configuration import Report, explain_clients, explain_settings
from ..explain.integrations import explain_integrations
from ..explain.times import count
from .routes import find_app
from .shared import UNKNOWN, add_command, answer


def add_to(commands: Any) -> None:
    """Add the command."""
    command = add_command(
        commands,
        _check,
        "explain a configuration, with its dangers",
        ["main:app", "options.toml", "clients.toml --json"],
    )
    command.add_argument("what", help="a TOML file, or module:app")


@only_looking()
def _check(options: argparse.Namespace) -> int:
    """Read a configuration as the middleware does, and print what it means.

    A file holds options (as JWT_MIDDLEWARE_CONFIG names it), a registry of clients, or the
    integrations of sign-on. An app's options and routes are checked as at its start. The exit
    status is 2 where something is wrong, and 3 where the keys or the store cannot be had now.
    """
    path = Path(options.what)
    report = _of_file(path) if path.suffix == ".toml" or path.exists() else _of_app(options.what)
    answer(options, report._asdict(), report.lines())
    return UNKNOWN if report.outages else 0


def _of_file(path: Path) -> Report:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        document = {}  # reading it as options reports what is wrong with it
    if isinstance(document.get("integrations"), dict):
        return explain_integrations(path)
    if not isinstance(document.get("clients"), dict):
        return explain_settings(Settings.read({}, {CONFIG_FILE: str(path)}))
    clients = ClientRegistry(path).clients
    for client in clients:
        if client.trust is not None and client.trust.keys is not None:
            key_source(client.trust.keys)  # raises where a key file is missing
    return explain_clients(clients)


def _of_app(spec: str) -> Report:
    app = find_app(spec)
    if app.middleware is None:
        raise ConfigurationError(f"{spec}: JWTMiddleware is not installed on it")
    app.middleware.inspect(app.routes)
    report = explain_settings(app.middleware.settings)
    report.dangers.extend(dangers_of(app.routes, app.middleware.settings.held_by_nobody))
    report.dangers.extend(app.misplaced)
    unguarded = sum(route.kind == "unguarded" for route in app.routes)
    report.meaning.append(f"{count(len(app.routes), 'route')}, {unguarded} without a guard.")
    return report
