"""``jwt-assertion revoke`` and ``revocations``: deny tokens, take denials back, and list them."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...errors import ConfigurationError, StoreUnavailable
from ...events.fields import printable
from ...options.sources import merged_options
from ...revocation import Denial, Revocations, open_store
from ...revocation.store import Store
from ...revocation.urls import is_missing_file
from .configured import environment_of

_NAMES = {
    "jti": ("token_id", "one token, by its jti"),
    "subject": ("subject", "every token of a subject"),
    "client": ("client_id", "every token of a client"),
    "key-id": ("key_id", "every token signed by a key, by its kid (of a PEM: the tokens' kid)"),
}


def add_revocations(commands: Any) -> None:
    """Add the commands."""
    revoke = commands.add_parser(
        "revoke",
        help="deny tokens before their end, or take that back",
        description="Deny one token, or all of a subject, client, key or issuer, in the store that "
        "the services look at: they refuse them within a second, with 401 token_revoked. Times are "
        "'now' or ISO 8601 (UTC where no offset is named).",
    )
    named = revoke.add_mutually_exclusive_group()
    for option, (_, help_text) in _NAMES.items():
        named.add_argument(f"--{option}", metavar="X", help=help_text)
    revoke.add_argument("--issuer", metavar="X", help="of this issuer only; alone: all of them")
    revoke.add_argument(
        "--issued-before",
        metavar="TIME",
        help="only tokens with an iat before it, and those without an iat",
    )
    revoke.add_argument(
        "--until",
        metavar="TIME",
        help="the denial ends by itself then; tokens that live longer are accepted again (default: "
        "in a day, or as keep_for in the file of options says)",
    )
    revoke.add_argument("--forever", action="store_true", help="the denial never ends by itself")
    revoke.add_argument("--note", default="", help="for those who read the list")
    revoke.add_argument(
        "--take-back", action="store_true", help="end what was denied by this name, now"
    )
    revoke.set_defaults(run=_revoke)
    listing = commands.add_parser(
        "revocations",
        help="list what is denied",
        description="List the denials in force, those that end first first.",
    )
    listing.set_defaults(run=_list)
    for command in (revoke, listing):
        command.add_argument("--store", metavar="URL", help="sqlite:///file or redis://host:port/0")
        command.add_argument(
            "--config", type=Path, metavar="TOML", help="the file of options that names the store"
        )
        command.add_argument("--json", action="store_true", help="for a program")


def _revoke(options: argparse.Namespace) -> int:
    denial = _denial(options)
    if options.forever and options.until:
        raise ConfigurationError("--forever beside --until: a denial ends, or it does not")
    if not options.take_back:
        if denial.until is not None and denial.until <= time.time():
            raise ConfigurationError(f"--until: {options.until} is over, so it would deny nothing")
        option = _option(options)
        denial = denial.ending(time.time(), option.keep_for)
        return _with_store(option, lambda store: _deny(store, denial, options), make=True)
    if options.issued_before or options.until or options.forever or options.note:
        raise ConfigurationError(
            "--take-back ends whatever was denied by a name: without times and a note"
        )
    return _with_store(_option(options), lambda store: _allow(store, denial, options))


def _deny(store: Store, denial: Denial, options: argparse.Namespace) -> int:
    store.deny(denial)
    [kept] = [each for each in store.denials() if each.identity == denial.identity] or [denial]
    if options.json:
        print(json.dumps({"store": store.name, "denied": _plain(kept)}, indent=2))
    else:
        print(f"denied: {_told(kept)}")
    return 0


def _allow(store: Store, denial: Denial, options: argparse.Namespace) -> int:
    found = store.allow(denial)
    if options.json:
        print(json.dumps({"store": store.name, "taken_back": found}, indent=2))
    elif found:
        print(f"taken back: {_name(denial)}")
    if not found:
        print(f"jwt-assertion: {_name(denial)} was not denied", file=sys.stderr)
    return 0 if found else 1


def _list(options: argparse.Namespace) -> int:
    return _with_store(_option(options), lambda store: _print(store, options))


def _print(store: Store, options: argparse.Namespace) -> int:
    denials = store.denials()
    if options.json:
        listed = {"store": store.name, "denials": [_plain(denial) for denial in denials]}
        print(json.dumps(listed, indent=2))
        return 0
    print(f"{store.name}: {len(denials)} denial{'' if len(denials) == 1 else 's'} in force")
    for each in denials:
        print(f"  {_told(each)}")
    return 0


def _with_store(option: Revocations, act: Callable[[Store], int], *, make: bool = False) -> int:
    """Act on the store; only who denies may ``make`` one, or begin a lost one anew."""
    url = str(option.url)
    if is_missing_file(url):
        if not make:
            raise ConfigurationError(f"{option.name}: there is no such file, so it denies nothing")
        # Whoever mistypes a path would otherwise revoke nothing, and believe that he has.
        print(
            f"jwt-assertion: {option.name} is new; if a service uses a store already, this is not "
            "its path",
            file=sys.stderr,
        )
    with closing(open_store(url, make=make)) as store:
        try:
            return act(store)
        except StoreUnavailable as error:
            print(f"jwt-assertion: {error}", file=sys.stderr)
            return 1


def _option(options: argparse.Namespace) -> Revocations:
    if options.store is not None and options.config is not None:
        raise ConfigurationError("--store beside --config: the file names the store")
    if options.store is not None:
        option: Revocations | None = Revocations(options.store)
    else:
        option = Revocations.of(merged_options({}, environment_of(options)).get("revocations"))
    if option is None:
        raise ConfigurationError(
            "which store? --store sqlite:///file, or --config FILE with the option revocations"
        )
    if option.url == "process-memory":
        raise ConfigurationError(
            "process-memory is the memory of the service itself, which no command reaches; use "
            "sqlite:///file or redis://host:port/0"
        )
    return option


def _denial(options: argparse.Namespace) -> Denial:
    given = {
        field: value
        for option, (field, _) in _NAMES.items()
        if (value := getattr(options, option.replace("-", "_"))) is not None
    }
    try:
        return Denial(
            **given,
            issuer=options.issuer,
            issued_before=_time("--issued-before", options.issued_before),
            until=math.inf if options.forever else _time("--until", options.until),
            note=options.note,
        )
    except ValueError as error:
        named = ", ".join(f"--{option}" for option in _NAMES)
        told = error if given or options.issuer else f"name what to deny: {named} or --issuer"
        raise ConfigurationError(f"revoke: {told}") from None


def _time(option: str, text: str | None) -> float | None:
    if text is None:
        return None
    if text == "now":
        return time.time()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"{option}: {text!r} is no time; write now, or 2026-11-17T19:22:31"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _told(denial: Denial) -> str:
    parts = [_name(denial)]
    if denial.issued_before is not None:
        parts.append(f"issued before {_moment(denial.issued_before)}")
    ends = math.inf if denial.until is None else denial.until
    parts.append("for ever" if ends == math.inf else f"until {_moment(ends)}")
    note = f"  ({printable(denial.note, 1024)})" if denial.note else ""
    return ", ".join(parts) + note


def _plain(denial: Denial) -> dict[str, Any]:
    """Return it as JSON has it: ``until`` is null where it never ends."""
    return asdict(denial) | ({"until": None} if denial.until == math.inf else {})


def _name(denial: Denial) -> str:
    kind, value, issuer = denial.name
    words = {"token_id": "jti", "client_id": "client", "key_id": "key id"}
    told = f"{words.get(kind, kind)} {printable(value, 1024)}"
    return told + (f" of issuer {printable(issuer, 1024)}" if issuer else "")


def _moment(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"{seconds:g} s after 1970"
