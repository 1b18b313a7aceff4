"""``jwt-assertion revoke`` and ``revocations``: deny tokens, take denials back, and list them."""

from __future__ import annotations

import argparse
import math
import sys
import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...errors import ConfigurationError
from ...events.fields import printable
from ...options.checks import MOST_LEEWAY
from ...options.sources import merged_options
from ...revocation import Denial, Revocations, open_store
from ...revocation.denials import KEEP_FOR
from ...revocation.option import only_looking
from ...revocation.store import Store
from ...revocation.urls import is_missing_file
from ..explain.times import count, moment, seconds_of
from ..explain.token import inspect
from .shared import add_command, answer, complain, environment_of, read_token, time_of

_NAMES = {
    "jti": ("token_id", "one token, by its jti"),
    "subject": ("subject", "every token of a subject"),
    "client": ("client_id", "every token of a client"),
    "key-id": ("key_id", "every token signed by a key, by its kid (of a PEM: the tokens' kid)"),
}


def add_to(commands: Any) -> None:
    """Add the commands."""
    revoke = add_command(commands, _revoke, "deny tokens before they expire, or take a denial back")
    named = revoke.add_mutually_exclusive_group()
    named.add_argument(
        "file",
        nargs="?",
        help="one token: the file that holds it, or - for standard input (default)",
    )
    for option, (field, help_text) in _NAMES.items():
        named.add_argument(f"--{option}", dest=field, metavar="X", help=help_text)
    add = revoke.add_argument
    add("--issuer", metavar="X", help="only tokens of this issuer; alone: all of its tokens")
    add("--issued-before", metavar="TIME", help="only tokens with an earlier iat, or without one")
    ends = revoke.add_mutually_exclusive_group()
    ends.add_argument(
        "--until",
        metavar="TIME",
        help="when the denial ends by itself (default: in a day, or after keep_for of --config)",
    )
    ends.add_argument("--forever", action="store_true", help="the denial never ends by itself")
    add("--note", default="", help="for those who read the list")
    add("--take-back", action="store_true", help="end the denial of this name now")
    listing = add_command(commands, _revocations, "list what is denied")
    for command in (revoke, listing):
        store = command.add_mutually_exclusive_group()
        store.add_argument("--store", metavar="URL", help="sqlite:///file or redis://host:port/0")
        store.add_argument(
            "--config", type=Path, metavar="TOML", help="the file of options that names the store"
        )


def _revoke(options: argparse.Namespace) -> int:
    """Deny the token on standard input, or all of a subject, client, key or issuer.

    The services refuse them within a second (401 token_revoked). Times are 'now' or ISO 8601 (UTC
    where they name no offset).
    """
    denial = _denial(options)
    if options.take_back:
        return _take_back(options, denial)
    if denial.until is not None and denial.until <= time.time():
        raise ConfigurationError(f"--until: {options.until} is over, so it would deny nothing")
    option = _option(options)
    denial = denial.ending(time.time(), option.keep_for)
    with closing(_store(option, make=True)) as store:
        store.deny(denial)
        stored = {known.identity: known for known in store.denials()}
        kept = stored.get(denial.identity, denial)
        answer(options, {"store": store.name, "denied": _as_json(kept)}, [f"denied: {_line(kept)}"])
    if kept.digest is not None:
        complain(
            "just that token; the gateway may sign its caller another one, which --subject X "
            "--issued-before now denies too"
        )
    return 0


def _take_back(options: argparse.Namespace, denial: Denial) -> int:
    if options.issued_before or options.until or options.forever or options.note:
        raise ConfigurationError(
            "--take-back ends every denial of a name: without times and a note"
        )
    with closing(_store(_option(options))) as store:
        was_denied = store.allow(denial)
        if was_denied or options.json:
            value = {"store": store.name, "taken_back": was_denied}
            answer(options, value, [f"taken back: {_name(denial)}"])
    if not was_denied:
        complain(f"{_name(denial)} was not denied")
    return 0 if was_denied else 1


@only_looking()
def _revocations(options: argparse.Namespace) -> int:
    """List the denials in force, the next to end first."""
    with closing(_store(_option(options))) as store:
        denials = store.denials()
        value = {"store": store.name, "denials": [*map(_as_json, denials)]}
        title = f"{store.name}: {count(len(denials), 'denial')} in force"
        answer(options, value, [title, *(f"  {_line(denial)}" for denial in denials)])
    return 0


def _option(options: argparse.Namespace) -> Revocations:
    named = options.store or merged_options({}, environment_of(options)).get("revocations")
    if named is None:
        raise ConfigurationError(
            "which store? --store sqlite:///file, or --config FILE with the option revocations"
        )
    option = Revocations.of(named)
    if option.url == "process-memory":
        raise ConfigurationError(
            "process-memory is the memory of the service itself, which no command reaches; use "
            "sqlite:///file or redis://host:port/0"
        )
    return option


def _store(option: Revocations, *, make: bool = False) -> Store:
    """Open the store; only a denial may ``make`` a missing one."""
    url = str(option.url)
    if is_missing_file(url):
        if not make:
            raise ConfigurationError(f"{option.name}: there is no such file, so it denies nothing")
        # A mistyped path would otherwise revoke nothing, unnoticed.
        complain(f"{option.name} is new; if a service uses a store already, this is not its path")
    return open_store(url, make=make)


def _denial(options: argparse.Namespace) -> Denial:
    values = {field: getattr(options, field) for field, _ in _NAMES.values()}
    given = {field: value for field, value in values.items() if value is not None}
    before, ends = options.issued_before, math.inf if options.forever else None
    if options.until is not None and not options.forever:
        ends = time_of("--until", options.until)
    if not given and options.issuer is None:
        return _of_token(options, ends)
    try:
        return Denial(
            **given,
            issuer=options.issuer,
            issued_before=None if before is None else time_of("--issued-before", before),
            until=ends,
            note=options.note,
        )
    except ValueError as error:
        raise ConfigurationError(f"revoke: {error}") from None


def _of_token(options: argparse.Namespace, ends: float | None) -> Denial:
    """Deny the token that is read, until it has surely ended. Nothing of it is verified."""
    named = "name what to deny: a token on standard input, " + ", ".join(
        f"--{option}" for option in (*_NAMES, "issuer")
    )
    if options.issued_before is not None:
        raise ConfigurationError(f"revoke: --issued-before says when; {named}")
    path = options.file or "-"
    if path == "-" and sys.stdin.isatty():
        raise ConfigurationError(f"revoke: {named}")
    token = read_token(path)
    if not token:
        raise ConfigurationError(f"revoke: {named}")
    inspection = inspect(token, None, time.time())
    if inspection.claims is None:
        fault = inspection.facts.get("unreadable", inspection.facts.get("encoding"))
        raise ConfigurationError(f"revoke: this is no token that could be denied: {fault}")
    expires = seconds_of(inspection.all_claims.get("exp"))
    if ends is None and expires is not None and expires + MOST_LEEWAY > time.time() + KEEP_FOR:
        ends = expires + MOST_LEEWAY
    return Denial.of_token(token, until=ends, note=options.note)


def _as_json(denial: Denial) -> dict[str, Any]:
    return asdict(denial) | ({"until": None} if denial.until == math.inf else {})


def _line(denial: Denial) -> str:
    parts = [_name(denial)]
    if denial.issued_before is not None:
        parts.append(f"issued before {moment(denial.issued_before)}")
    ends = math.inf if denial.until is None else denial.until
    parts.append("for ever" if ends == math.inf else f"until {moment(ends)}")
    note = f"  ({printable(denial.note, 1024)})" if denial.note else ""
    return ", ".join(parts) + note


def _name(denial: Denial) -> str:
    kind, value, issuer = denial.name
    words = {field: option.replace("-", " ") for option, (field, _) in _NAMES.items()}
    text = f"{words.get(kind, kind)} {printable(value, 1024)}"
    return text + (f" of issuer {printable(issuer, 1024)}" if issuer else "")
