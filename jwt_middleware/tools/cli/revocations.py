"""``jwt-assertion revoke`` and ``revocations``: deny tokens, take denials back, and list them."""

from __future__ import annotations

import argparse
import getpass
import math
import sys
import time
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import ConfigurationError
from ...events.fields import bounded, printable
from ...gateways import PRESETS
from ...options.checks import MOST_LEEWAY
from ...options.looking import only_looking
from ...options.sources import merged_options
from ...revocation import Denial, Revocations, open_store
from ...revocation.denials import KEEP_FOR
from ...revocation.store import ListedStore
from ...revocation.urls import is_missing_file
from ..explain.times import count, distance, moment, seconds_of
from ..explain.token import Inspection, inspect
from .shared import add_command, answer, complain, environment_of, read_token, time_of

_NAMES = {
    "jti": ("token_id", "one token, by its jti"),
    "subject": ("subject", "every token of a subject"),
    "client": ("client_id", "every token of a client"),
    "key-id": ("key_id", "every token signed by a key, by its kid (of a PEM: the tokens' kid)"),
}


def add_to(commands: Any) -> None:
    """Add the commands."""
    revoke = add_command(
        commands,
        _revoke,
        "deny tokens before they expire, or take a denial back",
        [
            "--config options.toml < token.txt",
            "--store sqlite:///revocations.db --subject jroe --issued-before now",
            "--store sqlite:///revocations.db --subject jroe --take-back",
        ],
    )
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
    add("--by", metavar="NAME", help="who denies, for them too (default: the user of this machine)")
    add("--take-back", action="store_true", help="end the denial of this name now")
    add("--create", action="store_true", help="make the SQLite file where there is none")
    listing = add_command(
        commands,
        _revocations,
        "list what is denied",
        ["--config options.toml", "--store redis://127.0.0.1:6379/0 --json"],
    )
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
    token = _token_to_deny(options)
    denial = _denial_of_name(options) if token is None else _denial_of_token(options, token)
    if options.take_back:
        return _take_back(options, denial)
    has_ended = None if token is None else token.has_ended(time.time())
    if has_ended is not None:
        value = {"store": _option(options).name, "denied": None, "reason": has_ended}
        answer(options, value, [has_ended])
        return 0
    if denial.until is not None and denial.until <= time.time():
        raise ConfigurationError(f"--until: {options.until} is over, so it would deny nothing")
    option = _option(options)
    by = _user() if options.by is None else options.by
    try:
        denial = replace(denial.ending(time.time(), option.keep_for), by=by)
    except ValueError as error:
        raise ConfigurationError(f"revoke: {error}") from None
    if not options.create:  # a mistyped path would revoke nothing, unnoticed
        _check_file(option, "; correct the path, or add --create where no service has begun it yet")
    with closing(open_store(str(option.url))) as store:
        [kept] = store.deny_many([denial])
        said = _line(replace(kept, created=None))  # which is now
        answer(options, {"store": store.name, "denied": _as_json(kept)}, [f"denied: {said}"])
    if token is not None and token.expires is not None and token.expires <= time.time():
        ago = distance(token.expires - time.time())
        complain(f"it has expired, {ago}; only a service with a long leeway still takes it")
    elif token is not None:
        more = (
            "--subject X --issued-before now denies too"
            if "iat" in token.inspection.all_claims
            else "--subject X denies too, and each later one: these tokens have no iat"
        )
        complain(f"just that token; the gateway may sign its caller another one, which {more}")
    return 0


def _take_back(options: argparse.Namespace, denial: Denial) -> int:
    if any((options.issued_before, options.until, options.forever, options.note, options.by)):
        raise ConfigurationError(
            "--take-back ends every denial of a name: without times, a note and --by"
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
        made = store.made()
        denials = [denial.known_from(made.get(denial.identity)) for denial in store.denials()]
        value = {"store": store.name, "denials": [*map(_as_json, denials)]}
        title = f"{store.name}: {count(len(denials), 'denial')} in force"
        answer(options, value, [title, *(f"  {_line(denial)}" for denial in denials)])
    return 0


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return ""


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


def _store(option: Revocations) -> ListedStore:
    """Open the store as it is."""
    _check_file(option, "")
    return open_store(str(option.url), make=False)


def _check_file(option: Revocations, way_out: str) -> None:
    if is_missing_file(str(option.url)):
        raise ConfigurationError(
            f"{option.name}: there is no such file, so it denies nothing{way_out}"
        )


def _ends(options: argparse.Namespace) -> float | None:
    if options.forever:
        return math.inf
    return None if options.until is None else time_of("--until", options.until)


def _denial_of_name(options: argparse.Namespace) -> Denial:
    before = options.issued_before
    try:
        return Denial(
            **_given(options),
            issuer=options.issuer,
            issued_before=None if before is None else time_of("--issued-before", before),
            until=_ends(options),
            note=options.note,
        )
    except ValueError as error:
        raise ConfigurationError(f"revoke: {error}") from None


def _given(options: argparse.Namespace) -> dict[str, Any]:
    values = {field: getattr(options, field) for field, _ in _NAMES.values()}
    return {field: value for field, value in values.items() if value is not None}


class _Token(NamedTuple):
    """A token that is to be denied. Nothing of it is verified."""

    text: str
    inspection: Inspection

    @property
    def expires(self) -> float | None:
        """When it expires by its own account, in seconds since 1970."""
        return seconds_of(self.inspection.all_claims.get("exp"))

    def has_ended(self, now: float) -> str | None:
        """Say that no service takes it any more; None where one may."""
        if self.expires is None or now < self.expires + MOST_LEEWAY:
            return None
        return (
            f"nothing to deny: the token has ended already, at {moment(self.expires)}, "
            f"{distance(self.expires - now)}"
        )

    def of_whom(self) -> str:
        """Return whose token it says that it is, as a note for those who read the list."""
        claims, gateway = self.inspection.all_claims, self.inspection.gateway or PRESETS["wso2"]
        names = gateway.names
        known = {
            "subject": names.subject_of(claims),
            "client": names.first(names.client_id, claims),
            "jti": names.first(("jti",), claims),
        }
        said = [f"{name} {bounded(value)}" for name, value in known.items() if value]
        return f"by its own account {', '.join(said)}" if said else ""


def _token_to_deny(options: argparse.Namespace) -> _Token | None:
    """Return the token that is read; None where the options name what to deny."""
    if _given(options) or options.issuer is not None:
        return None
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
    return _Token(token, inspection)


def _denial_of_token(options: argparse.Namespace, token: _Token) -> Denial:
    """Deny a token until it has surely ended."""
    ends, expires = _ends(options), token.expires
    if ends is None and expires is not None and expires + MOST_LEEWAY > time.time() + KEEP_FOR:
        ends = expires + MOST_LEEWAY
    return Denial.of_token(token.text, until=ends, note=options.note or token.of_whom())


def _as_json(denial: Denial) -> dict[str, Any]:
    return asdict(denial) | ({"until": None} if denial.until == math.inf else {})


def _line(denial: Denial) -> str:
    parts = [_name(denial)]
    if denial.issued_before is not None:
        parts.append(f"issued before {moment(denial.issued_before)}")
    ends = math.inf if denial.until is None else denial.until
    parts.append("for ever" if ends == math.inf else f"until {moment(ends)}")
    if denial.created is not None:
        by = f" by {printable(denial.by, 1024)}" if denial.by else ""
        parts.append(f"denied {moment(denial.created)}{by}")
    note = f"  ({printable(denial.note, 1024)})" if denial.note else ""
    return ", ".join(parts) + note


def _name(denial: Denial) -> str:
    kind, value, issuer = denial.name
    words = {field: option.replace("-", " ") for option, (field, _) in _NAMES.items()}
    words["digest"] = "one token, by its digest"
    text = f"{words.get(kind, kind)} {printable(value, 1024)}"
    return text + (f" of issuer {printable(issuer, 1024)}" if issuer else "")
