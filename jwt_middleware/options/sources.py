"""Where options are read from: code, a TOML file, the environment.

Code beats TOML beats environment. An option that weakens the check is never read from the
environment, where nobody reviews it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError
from . import checks as check
from .catalogue import OPTIONS
from .checks import ANY, InFile, in_file, relative_keys

ENVIRONMENT_PREFIX = "JWT_MIDDLEWARE_"
CONFIG_FILE = ENVIRONMENT_PREFIX + "CONFIG"


def merged_options(
    code: Mapping[str, Any],
    environ: Mapping[str, str] | None = None,
    *,
    only_in_code: Collection[str] = (),
) -> dict[str, Any]:
    """Return the options of all three sources; only their names and places are checked.

    Those of ``only_in_code`` are left out where the file or the environment has them.

    Raises:
        ConfigurationError: an option is unknown, unreadable, or given where it may not be.

    """
    environ = os.environ if environ is None else environ
    _known(code, OPTIONS)
    elsewhere = {**_from_environment(environ), **_from_file(environ)}
    read = {name: value for name, value in elsewhere.items() if name not in only_in_code}
    return {**read, **code}


def named_outside_code(environ: Mapping[str, str] | None = None) -> frozenset[str]:
    """Return the names of the options that the environment or the file sets."""
    environ = os.environ if environ is None else environ
    variables = (name.removeprefix(ENVIRONMENT_PREFIX).lower() for name in environ)
    named = {name for name in variables if ENVIRONMENT_PREFIX + name.upper() in environ}
    return frozenset({*named, *_from_file(environ)} & OPTIONS.keys())


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for variable in sorted(environ):
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable == CONFIG_FILE:
            continue
        check_no_service_link(variable, environ[variable])
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        readable = (each for each in OPTIONS if OPTIONS[each].from_text is not None)
        what = f"option for the environment variable {variable}:"
        _known([name], OPTIONS, what, readable)
        option = OPTIONS[name]
        if option.from_text is None:
            raise ConfigurationError(f"{variable}: {option.why_not}")
        value = environ[variable].strip()
        if not value:
            raise ConfigurationError(f"{variable}: empty; unset it, or give a value")
        try:
            options[name] = option.from_text(value)
        except ConfigurationError as error:
            raise ConfigurationError(f"{variable}: {error}") from None
        except ValueError:
            raise ConfigurationError(f"{variable}: its value cannot be read") from None
    return options


def _from_file(environ: Mapping[str, str]) -> dict[str, Any]:
    name = environ.get(CONFIG_FILE)
    if name is None:
        return {}
    path = Path(name)
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigurationError(f"{CONFIG_FILE}: {path} cannot be read: {reason}") from None
    from .tables import read_toml  # imported here: only a service with a file needs it

    table = read_toml(content, path)
    for option in table:
        if option in OPTIONS and OPTIONS[option].shape is None:
            raise ConfigurationError(f"{path}: {option}: {OPTIONS[option].why_not}")
    with in_file(InFile({}, path)):
        _known(table, [name for name in OPTIONS if OPTIONS[name].shape is not None])
    if isinstance(table.get("clients"), str):
        table["clients"] = path.parent / table["clients"]
    if "revocations" in table:
        value = table["revocations"]
        table["revocations"] = InFile(value if isinstance(value, dict) else {"url": value}, path)
    if isinstance(table.get("resource"), dict):
        table["resource"] = InFile(table["resource"], path)
    if "issuers" in table:
        entries = table["issuers"]
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise ConfigurationError(f"{path}: issuers: write [[issuers]] tables")
        table["issuers"] = [InFile(entry, path) for entry in entries]
        for entry in table["issuers"]:
            _read_common(entry, path)
    _read_common(table, path)
    return table


def _read_common(table: dict[str, Any], path: Path) -> None:
    """Read the options that the top of a file and its issuers have in common."""
    if table.get("audience") == "ANY":
        table["audience"] = ANY
    if "keys" in table:
        table["keys"] = relative_keys(table["keys"], path.parent)


def _known(
    given: Iterable[str],
    names: Collection[str],
    what: str = "option",
    offered: Iterable[str] | None = None,
) -> None:
    for name in given:
        if name in check.OF_KEYS:
            raise ConfigurationError(
                f"{name}: it belongs to a source of keys, so write in code "
                f'keys={{"url": "https://...", "{name}": ...}}, or in TOML '
                f'keys = {{ url = "https://...", {name} = ... }}'
            )
    check.known(given, names, what, offered)


# Docker-style variables: https://kubernetes.io/docs/concepts/services-networking/service/
_LINK = re.compile(
    r"[A-Z0-9_]+_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?"
    r"|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)


def check_no_service_link(variable: str, value: str) -> None:
    """Raise ``ConfigurationError`` for a variable that Kubernetes has set, with the way out."""
    is_url = variable.endswith("_PORT") and "://" in value
    if is_url or _LINK.fullmatch(variable):
        raise ConfigurationError(
            f"{variable} is not an option but a Kubernetes service link, the address of a Service "
            "whose name begins with jwt-middleware: set enableServiceLinks: false in the pod's "
            "spec, or give the Service another name"
        )
