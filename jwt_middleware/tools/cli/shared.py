"""What commands share: their options, what they read, and how they answer."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from inspect import cleandoc
from pathlib import Path
from textwrap import fill
from typing import Any

from ...errors import ConfigurationError, KeysUnavailable, StoreUnavailable
from ...middleware.settings import Settings
from ...options.catalogue import OPTIONS
from ...options.sources import CONFIG_FILE, ENVIRONMENT_PREFIX
from ...verification.verifier import Verifier
from ..explain.token import find_token, holds_token
from .loading import load

REFUSED, MISTAKEN, UNKNOWN = 1, 2, 3
"""Exit statuses beside 0."""
STATUSES = """
exit status:
  0  done, and nothing is refused
  1  something is refused, or does not hold
  2  a mistake in the command or in the configuration
  3  no answer now: the keys, or the store, cannot be had
""".strip()
_CANNOT_BE_TOLD = frozenset({KeysUnavailable.code, StoreUnavailable.code})
_TERMINALS_LINE = 4_095
"""Characters of a line that a terminal passes on (N_TTY in Linux)."""
_KEY_OPTIONS = ("ca_file", "allow_http", "password_file")
_ABOUT = {
    "gateway": "the gateway whose assertions these are: the name of a preset, or a Gateway of your "
    "own as module:name"
}
"""Options that the commands describe in other words than the pages."""
_OPTIONS = ("keys", "gateway", "api", "issuer", "audience", "signer", "clients")


def add_command(
    commands: Any,
    run: Callable[[argparse.Namespace], int],
    summary: str,
    examples: Sequence[str],
    *,
    json: bool = True,
) -> argparse.ArgumentParser:
    """Add a command: the name, the help and the exit status are those of the function ``run``.

    ``examples`` are what a person writes after ``jwt-assertion`` and the command's name.
    """
    name = run.__name__.removeprefix("_")
    paragraphs = cleandoc(run.__doc__ or "").split("\n\n")
    lines = [f"  jwt-assertion {name} {example}".rstrip() for example in examples]
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description="\n\n".join(fill(paragraph, 79) for paragraph in paragraphs),
        epilog="\n".join(["examples:", *lines, "", STATUSES]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    if json:
        command.add_argument("--json", action="store_true", help="print JSON, for a program")
    return command


def answer(options: argparse.Namespace, value: Any, lines: Iterable[str]) -> None:
    """Print the answer of a command: ``value`` with ``--json``, else its lines."""
    text = json.dumps(value, indent=2) if options.json else "\n".join(lines)
    with whatever_the_reader():
        print(text)


@contextmanager
def whatever_the_reader() -> Generator[None, None, None]:
    """Print for a reader who may close the pipe, which is no fault of the command."""
    try:
        yield
    except BrokenPipeError:  # the reader has seen enough
        print_no_more()


def print_no_more() -> None:
    """Have what is printed from now on reach nobody, as its reader has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def status_of(code: str | None) -> int:
    """Return the exit status of a verdict by its code; None where nothing was verified."""
    if code in _CANNOT_BE_TOLD:
        return UNKNOWN
    return 0 if code in (None, "accepted") else REFUSED


def fail(options: argparse.Namespace, code: str, error: Exception) -> None:
    """Say why a command failed: on standard error, and with ``--json`` as its answer too."""
    if getattr(options, "json", False):
        answer(options, {"code": code, "reason": str(error)}, ())
    complain(error)


def complain(text: object) -> None:
    """Print one line on standard error."""
    print(f"jwt-assertion: {text}", file=sys.stderr)


def add_verifier_options(command: argparse.ArgumentParser) -> None:
    """Add the options of a verifier."""
    command.add_argument("--config", type=Path, metavar="TOML", help="a file of options")
    for option in _OPTIONS:
        about = _ABOUT.get(option, OPTIONS[option].about).replace("``", "").replace("%", "%%")
        command.add_argument(f"--{option}", help=about)
    add_key_options(command)


def names_verifier(options: argparse.Namespace) -> bool:
    """Whether one of these options is given."""
    names = ("config", *_OPTIONS, *_KEY_OPTIONS)
    return any(getattr(options, name) is not None for name in names)


def add_key_options(command: argparse.ArgumentParser) -> None:
    """Add what a key source may need beside its name."""
    command.add_argument(
        "--ca-file", metavar="FILE", help="the PEM of the authority of the key URL's certificate"
    )
    command.add_argument(
        "--allow-http",
        action="store_const",
        const=True,
        help="http to private addresses too (without it: to loopback only)",
    )
    command.add_argument(
        "--password-file", metavar="FILE", help="the password of a PKCS#12 keystore"
    )


def keys_of(options: argparse.Namespace, source: str | None) -> Any:
    """Return the option ``keys`` from a source and the options beside it.

    Raises ``ConfigurationError`` where they do not go together.
    """
    beside = {name: value for name in _KEY_OPTIONS if (value := getattr(options, name)) is not None}
    if not beside:
        return source
    names = " and ".join("--" + name.replace("_", "-") for name in beside)
    if source is None:
        raise ConfigurationError(f"{names}: name the keys too, by --keys")
    is_url = "://" in source
    if is_url == ("password_file" in beside) or len(beside) > 1 + is_url:
        raise ConfigurationError(
            f"{names}: --ca-file and --allow-http belong to a URL, which begins with https:// or "
            "http://; --password-file belongs to a keystore's path"
        )
    return {"url" if is_url else "path": source, **beside}


def environment_of(options: argparse.Namespace) -> dict[str, str]:
    """Return the environment's options, in which ``--config`` is the file of options."""
    environment = options_in(os.environ)
    if options.config is not None:
        environment[CONFIG_FILE] = str(options.config)
    return environment


@contextmanager
def without_variables() -> Generator[None, None, None]:
    """Hide the options in the environment: they are the user's app's, not those of a tool's app."""
    kept = {name: os.environ.pop(name) for name in options_in(os.environ)}
    try:
        yield
    finally:
        os.environ.update(kept)


def options_in(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of an environment that are options, known or not."""
    return {k: v for k, v in environment.items() if k.startswith(ENVIRONMENT_PREFIX)}


def optional_verifier(
    options: argparse.Namespace, clock: Callable[[], float] = time.time
) -> Verifier | None:
    """Return the verifier of the options, a file and the environment; None where none is set.

    Raises ``ConfigurationError`` where an option is wrong.
    """
    given = {n: value for n in _OPTIONS if (value := getattr(options, n)) is not None}
    if (keys := keys_of(options, options.keys)) is not None:
        given["keys"] = keys
    if ":" in given.get("gateway", ""):
        given["gateway"] = load(given["gateway"], "gateway")
    environment = environment_of(options)
    if not given and not environment:
        return None
    return Settings.read(given | {"clock": clock}, environment).verifier


def required_verifier(verifier: Verifier | None, command: str) -> Verifier:
    """Return the verifier; raise ``ConfigurationError`` where no option makes one."""
    if verifier is None:
        raise ConfigurationError(f"{command}: name the keys: --keys gateway.pem, or --config FILE")
    return verifier


def port(text: str) -> int:
    """Read a port's number."""
    number = int(text)
    if not 0 <= number <= 65_535:
        raise ValueError
    return number


def time_of(option: str, text: str) -> float:
    """Read ``now`` or an ISO 8601 time (UTC where it names no offset), in seconds.

    Raises ``ConfigurationError`` where it is neither.
    """
    if text == "now":
        return time.time()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"{option}: {text!r} is not a time; write now, or 2026-11-17T19:22:31"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def read_text(path: str, what: str) -> str:
    """Read a file, or standard input for ``-``; raise ``ConfigurationError`` if that fails."""
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text("utf-8")
    except OSError as error:
        raise ConfigurationError(f"{what} cannot be read: {error}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{what} cannot be read: it is not UTF-8 text") from None


def read_token(path: str) -> str:
    """Read a token from a file, or from standard input for ``-``; asked for at a terminal.

    Raises ``ConfigurationError`` where that fails.
    """
    if holds_token(path) and not os.path.exists(path):
        raise ConfigurationError(
            "a token stands in the command, where the shell's history and the list of processes "
            "keep it; give it by standard input: jwt-assertion COMMAND < token.txt"
        )
    is_typed = path == "-" and sys.stdin.isatty()
    if is_typed:
        complain("paste the token, then press Enter and Ctrl-D")
    text = read_text(path, f"the token in {path}")
    if is_typed and max(map(len, text.splitlines()), default=0) >= _TERMINALS_LINE:
        raise ConfigurationError(
            f"the terminal cut the token at {_TERMINALS_LINE:,} characters; put it into a file"
        )
    token = find_token(text)
    if token != text.strip():
        complain("looking at the token alone; a header's value must be just that")
    return token


@contextmanager
def needing(extra: str, what: str) -> Generator[None, None, None]:
    """Turn a failed import of the block into a ``ConfigurationError`` that names the extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{what} needs {error.name}; install jwt-assertion-middleware[{extra}]"
        ) from None
