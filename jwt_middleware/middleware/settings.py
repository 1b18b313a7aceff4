"""The middleware's options, from code, a TOML file or the environment, checked when made.

Code beats TOML beats environment. An option that weakens is never read from the environment, where
nobody reviews it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

from ..authorization.paths import PathList, path_list
from ..authorization.predicate import Predicate
from ..authorization.request import RequestView
from ..authorization.terms import terms_of
from ..errors import ConfigurationError
from ..options import checks as check
from ..options.checks import ANY
from ..options.service_links import check_no_service_link
from ..responses import Refusal
from ..revocation.option import Revocations
from ..verification.issuer import Issuer
from ..verification.verifier import Verifier
from ..verification.verifier_options import VerifierOptions

ENVIRONMENT_PREFIX = "JWT_MIDDLEWARE_"
CONFIG_FILE = ENVIRONMENT_PREFIX + "CONFIG"

Refuse = Callable[[Refusal, RequestView], Refusal]


class Options(VerifierOptions, total=False):
    """The options of every middleware; the README's table says what each means."""

    header: str | None
    authorize: Predicate | None
    optional: bool | tuple[str, ...] | list[str]
    exempt: tuple[str, ...] | list[str]
    cors_preflight: str
    unguarded: str
    fail_fast: bool
    refuse: Refuse | None
    vary: bool
    verifier: Verifier | None


class _Option(NamedTuple):
    """Where an option may be given. ``from_text`` reads it from the environment, if it may."""

    from_text: Callable[[str], Any] | None = None
    in_files: bool = True
    why_not: str = ""


_WEAKENS = "it weakens the check, so it is never read from the environment; set it in code or TOML"
_CODE = "it can only be given in code"


def _comma_list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _keys_text(text: str) -> Any:
    return text if "-----BEGIN" in text else _comma_list(text)


def _preflight_text(text: str) -> str:
    if text == "pass":
        raise ConfigurationError(f"pass: {_WEAKENS}")
    return text


def _audiences_text(text: str) -> list[str]:
    names = _comma_list(text)
    if "ANY" in names:
        raise ConfigurationError(f"ANY: {_WEAKENS}")
    return names


def _switch(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise ValueError("true or false")
    return text.lower() in ("true", "1")


_TABLE: Mapping[str, _Option] = {
    "keys": _Option(_keys_text),
    "gateway": _Option(str),
    "header": _Option(str),
    "algorithms": _Option(_comma_list),
    "issuer": _Option(_comma_list),
    "audience": _Option(_audiences_text),
    "issuers": _Option(why_not="a list of tables belongs into the TOML file"),
    "api": _Option(_comma_list),
    "typ": _Option(str),
    "leeway": _Option(float),
    "max_age": _Option(float),
    "client_claim": _Option(str),
    "clients": _Option(str),
    "revocations": _Option(str),
    "cache_size": _Option(int),
    "max_token_size": _Option(int),
    "check_certificate_dates": _Option(_switch),
    "cors_preflight": _Option(_preflight_text),
    "unguarded": _Option(str),
    "fail_fast": _Option(_switch),
    "minimum_rsa_bits": _Option(why_not=_WEAKENS),
    "allow_wso2_default_keys": _Option(why_not=_WEAKENS),
    "optional": _Option(why_not=_WEAKENS),
    "exempt": _Option(why_not=_WEAKENS),
    "vary": _Option(why_not=_WEAKENS),
    "authorize": _Option(in_files=False, why_not=_CODE),
    "refuse": _Option(in_files=False, why_not=_CODE),
    "listeners": _Option(in_files=False, why_not=_CODE),
    "clock": _Option(in_files=False, why_not=_CODE),
    "verifier": _Option(in_files=False, why_not=_CODE),
}
"""The one table of options."""

# RFC 9110, 5.6.2 allows more, which only patterns and templates write: !#$%&'*+^`|~ and "_".
_HEADER_NAME = re.compile(r"[A-Za-z0-9.-]+")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a middleware needs, checked."""

    verifier: Verifier
    header: str
    authorize: Predicate | None
    optional: bool | PathList
    exempt: PathList
    passes_preflight: bool
    unguarded: str
    fail_fast: bool
    refuse: Refuse | None
    varies: bool

    @classmethod
    def read(cls, code: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Settings:
        """Merge the three sources and check the whole.

        Raises:
            ConfigurationError: an option is unknown, wrong, or given where it may not be.

        """
        environ = os.environ if environ is None else environ
        check.known(code, _TABLE)
        merged = {**_from_environment(environ), **_from_file(environ), **code}
        verifier = _verifier(merged)
        return cls(
            verifier=verifier,
            header=_header(merged.get("header"), verifier.gateway.header),
            authorize=_authorize(merged.get("authorize"), verifier),
            optional=_optional(merged.get("optional", False)),
            exempt=path_list("exempt", merged.get("exempt", ())),
            passes_preflight=_preflight(merged.get("cors_preflight", "refuse")),
            unguarded=_unguarded(merged.get("unguarded", "allow")),
            fail_fast=check.flag("fail_fast", merged.get("fail_fast", False)),
            refuse=_refuse(merged.get("refuse")),
            varies=check.flag("vary", merged.get("vary", True)),
        )


def revocations_named(environ: Mapping[str, str]) -> Revocations | None:
    """Return ``revocations`` of the TOML file, else of the environment; None without.

    Raises:
        ConfigurationError: an option there is unknown, wrong, or given where it may not be.

    """
    option = {**_from_environment(environ), **_from_file(environ)}.get("revocations")
    return Revocations(option) if isinstance(option, str) else option


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for variable in sorted(environ):
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable == CONFIG_FILE:
            continue
        check_no_service_link(variable, environ[variable])
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        check.known([name], _TABLE, f"option for the environment variable {variable}:")
        option = _TABLE[name]
        if option.from_text is None:
            raise ConfigurationError(f"{variable}: {option.why_not}")
        value = environ[variable].strip()
        if not value:
            raise ConfigurationError(f"{variable}: empty; unset it, or give a value")
        try:
            found[name] = option.from_text(value)
        except ConfigurationError as error:
            raise ConfigurationError(f"{variable}: {error}") from None
        except ValueError:
            raise ConfigurationError(f"{variable}: its value cannot be read") from None
    return found


def _from_file(environ: Mapping[str, str]) -> dict[str, Any]:
    name = environ.get(CONFIG_FILE)
    if name is None:
        return {}
    import tomllib  # few have such a file

    path = Path(name)
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigurationError(f"{CONFIG_FILE}: {path} cannot be read: {reason}") from None
    for option in table:
        try:
            check.known([option], _TABLE)
        except ConfigurationError as error:
            raise ConfigurationError(f"{path}: {error}") from None
        if not _TABLE[option].in_files:
            raise ConfigurationError(f"{path}: {option}: {_TABLE[option].why_not}")
    if table.get("audience") == "ANY":
        table["audience"] = ANY
    if "keys" in table:
        table["keys"] = _relative(table["keys"], path.parent)
    if isinstance(table.get("clients"), str):
        table["clients"] = path.parent / table["clients"]
    if "revocations" in table:
        table["revocations"] = _revocations(table["revocations"], path)
    if "issuers" in table:
        if not isinstance(table["issuers"], list):
            raise ConfigurationError(f"{path}: issuers: write [[issuers]] tables")
        table["issuers"] = [_issuer(entry, path) for entry in table["issuers"]]
    return table


def _issuer(entry: Any, path: Path) -> Issuer:
    if not isinstance(entry, dict):
        raise ConfigurationError(f"{path}: issuers: write [[issuers]] tables")
    names = ("issuer", "keys", "audience", "algorithms", "gateway")
    check.known(entry, names, f"option in {path}, [[issuers]]:")
    fields: dict[str, Any] = dict(entry)
    if fields.get("audience") == "ANY":
        fields["audience"] = ANY
    if "keys" in fields:
        fields["keys"] = _relative(fields["keys"], path.parent)
    if "issuer" not in fields:
        raise ConfigurationError(f"{path}: an [[issuers]] table names no issuer")
    return Issuer(**fields)


def _revocations(value: Any, path: Path) -> Revocations:
    """Read ``revocations = "URL"``, or a table with more; a relative file starts at this one."""
    fields: dict[str, Any] = dict(value) if isinstance(value, dict) else {"url": value}
    check.known(
        fields, ("url", "fail", "one_time", "keep_for"), f"option in {path}, [revocations]:"
    )
    url = fields.get("url")
    if not isinstance(url, str) or not url:
        raise ConfigurationError(f"{path}: revocations: a store's URL, or a table with url")
    from ..revocation.urls import relative_to  # few have a store

    try:
        fields["url"] = relative_to(url, path.parent)
        return Revocations(**fields)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def _relative(keys: Any, folder: Path) -> Any:
    """Read relative paths from the folder of the file that names them."""
    if isinstance(keys, list):
        return [_relative(each, folder) for each in keys]
    if isinstance(keys, str) and "://" not in keys and "-----BEGIN" not in keys:
        return folder / keys
    return keys


def _verifier(merged: Mapping[str, Any]) -> Verifier:
    given = {name: merged[name] for name in VerifierOptions.__annotations__ if name in merged}
    ready = merged.get("verifier")
    if ready is None:
        return Verifier(**given)
    if not isinstance(ready, Verifier):
        raise ConfigurationError(f"verifier: a Verifier, not {type(ready).__name__}")
    if given:
        raise ConfigurationError(
            f"verifier: {', '.join(sorted(given))} beside it; a ready verifier has its own"
        )
    return ready


def _header(name: Any, default: str) -> str:
    header = check.text("header", name) or default
    if not _HEADER_NAME.fullmatch(header):
        hint = ""
        if "*" in header:
            hint = "; there is no wildcard here, a middleware reads one header by its whole name"
        elif "_" in header:
            hint = "; servers cannot tell '_' from '-', so a header with '_' is not to be trusted"
        raise ConfigurationError(
            f"header: {header!r} is no header name, which is letters, digits, '-' and '.'{hint}"
        )
    return header


def _authorize(predicate: Any, verifier: Verifier) -> Predicate | None:
    if predicate is None:
        return None
    if not isinstance(predicate, Predicate):
        raise ConfigurationError(
            f"authorize: a predicate, such as has_role('staff'), not {check.kind(predicate)}"
        )
    for term in terms_of(predicate):
        if term.of_request == "route":
            raise ConfigurationError(
                f"authorize: {term.written} is not known before the app has routed; use it in "
                "requires(...) on the route"
            )
    faults = verifier.unknown_names(predicate)
    if faults:
        raise ConfigurationError(f"authorize: {faults[0]}")
    return predicate


def _optional(value: Any) -> bool | PathList:
    return value if isinstance(value, bool) else path_list("optional", value)


def _preflight(value: Any) -> bool:
    if value not in ("refuse", "pass"):
        raise ConfigurationError(f"cors_preflight: 'refuse' or 'pass', not {value!r}")
    return bool(value == "pass")


def _unguarded(value: Any) -> str:
    if value not in ("allow", "warn", "refuse"):
        raise ConfigurationError(f"unguarded: 'allow', 'warn' or 'refuse', not {value!r}")
    return str(value)


def _refuse(value: Any) -> Refuse | None:
    if value is None:
        return None
    if not callable(value):
        raise ConfigurationError("refuse: a function of (refusal, request_view), or None")
    return cast("Refuse", value)
