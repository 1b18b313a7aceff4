"""Checks of single option values, each with an error that names the option and the way out.

An empty value is an error, never "unset": ``issuer=[]`` would otherwise mean every issuer.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from ..errors import ConfigurationError

W = TypeVar("W", bound=str)

MOST_SECONDS = 10 * 366 * 86_400.0
"""Ten years: the longest time that an option takes."""

MOST_LEEWAY = 3600
"""Seconds. No clock is further off; more leeway would only extend expired tokens."""

MILLISECONDS_FROM: Final = 1e11
"""From here on a time is in milliseconds: in seconds it would be beyond the year 5138."""


class AnyAudience:
    """The type of ``ANY``, which is its only instance."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ANY"


ANY: Final = AnyAudience()
"""``audience=ANY`` accepts a token whatever its ``aud`` says, and ``ClientTrust(issuer=ANY)`` lets
every issuer speak for a client. Both weaken the check."""


class InFile(dict[str, Any]):
    """A table of a TOML file: keyword arguments, and the file that they are from."""

    def __init__(self, table: Mapping[str, Any], file: Path) -> None:
        super().__init__(table)
        self.file = file


@contextmanager
def in_file(table: Mapping[str, Any]) -> Generator[None]:
    """Name the file in an error about one of its tables."""
    try:
        yield
    except ConfigurationError as error:
        if isinstance(table, InFile):
            raise ConfigurationError(f"{table.file}: {error}") from None
        raise


def relative_keys(keys: Any, folder: Path) -> Any:
    """Return ``keys`` with each relative path read from the folder of the file that names it."""
    if isinstance(keys, list | tuple):
        return [relative_keys(source, folder) for source in keys]
    if isinstance(keys, dict) and "keys" not in keys:
        named = {name: keys.get(name) for name in _PATHS}
        files = {n: v for n, v in named.items() if isinstance(v, str) and is_path(v)}
        return keys | {name: str(folder / file) for name, file in files.items()}
    if isinstance(keys, str) and is_path(keys):
        return folder / keys
    return keys


_PATHS = ("path", "ca_file", "password_file")
"""Members of a table of keys that name files."""


OF_KEYS = ("allow_http", "ca_file", "fresh_for", "headers", "jwks_origin", "stale_for")
"""Members of a table of keys with a URL, which people look for among the options."""


PEM_IN_BASE64 = "LS0tLS1CRUdJTi"
"""How PEM begins where it was encoded in base64 once more, as for an environment variable."""


def is_path(text: str) -> bool:
    """Whether a text that names keys is a path: no URL, and no PEM text."""
    return not any(mark in text for mark in ("://", "-----BEGIN", PEM_IN_BASE64))


def texts(name: str, value: Any) -> tuple[str, ...]:
    """Read a text or a list of texts; None is the empty tuple."""
    if value is None:
        return ()
    items = (value,) if isinstance(value, str) else value
    if isinstance(items, Mapping) or not isinstance(items, Iterable):
        raise ConfigurationError(f"{name}: a text or a list of texts, not {kind(value)}")
    items = tuple(items)
    if not items or not all(isinstance(item, str) and item for item in items):
        raise ConfigurationError(
            f"{name}: empty; leave the option out, or give one text or more (None unsets it)"
        )
    return items


def text(name: str, value: Any) -> str | None:
    """Read one text; None stays None."""
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        what = "an empty one" if value == "" else kind(value)
        raise ConfigurationError(f"{name}: one text that is not empty, not {what}")
    return value


def pattern(name: str, value: Any) -> re.Pattern[str]:
    """Read a regular expression."""
    try:
        return re.compile(text(name, "" if value is None else value) or "")
    except re.error as error:
        raise ConfigurationError(f"{name}: no regular expression: {error}") from None


# RFC 9110, 5.6.2 allows more characters, which only appear in patterns and templates:
# !#$%&'*+^`|~ and "_".
HEADER_NAME = re.compile(r"[A-Za-z0-9.-]+")


def header_names(option: str, value: Any) -> tuple[str, ...]:
    """Read one header name or a list of them; None is the empty tuple."""
    names = texts(option, value)
    for name in names:
        if not HEADER_NAME.fullmatch(name):
            hint = ""
            if "*" in name:
                hint = "; there is no wildcard here, list each header by its whole name"
            elif "_" in name:
                hint = (
                    "; servers cannot tell '_' from '-', so a header with '_' is not to be trusted"
                )
            raise ConfigurationError(
                f"{option}: {name!r} is no header name, which is letters, digits, '-' and '.'{hint}"
            )
    if len({name.lower() for name in names}) != len(names):
        raise ConfigurationError(f"{option}: a header is listed twice; case does not count")
    return names


def header_name(option: str, value: Any) -> str | None:
    """Read one header name; None stays None."""
    names = header_names(option, text(option, value))
    return names[0] if names else None


def claim_name(name: str, claim: Any) -> None:
    """Check a claim's name, or a path into objects: a dotted text or a tuple of names."""
    if isinstance(claim, tuple):
        if not claim or not all(isinstance(member, str) and member for member in claim):
            raise ConfigurationError(f"{name}: a path is a tuple of member names, none of it empty")
        return
    given = text(f"{name}: a claim's name", "" if claim is None else claim) or ""
    if ":" not in given and "/" not in given and not all(given.split(".")):
        raise ConfigurationError(
            f"{name}: {given!r} is no path into objects; for a dot that is part of the name, write "
            f"a tuple: ({given!r},)"
        )


def list_claim(name: str, claim: Any) -> None:
    """Check a ``ListClaim``: neither its name nor its separator may be empty."""
    claim_name(name, claim.name)
    text(f"{name}: separator", claim.separator)


def number(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    least: float = 0,
    most: float = MOST_SECONDS,
) -> float:
    """Read a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise ConfigurationError(f"{name}: a finite number, not {kind(value)}")
    if value > most:
        raise ConfigurationError(f"{name}: {most:g} at the most")
    if above is not None and not value > above:
        raise ConfigurationError(f"{name}: more than {above:g}, not {value!r}")
    if value < least:
        raise ConfigurationError(f"{name}: {least:g} or more, not {value!r}")
    return value


def whole(name: str, value: Any, *, least: int) -> int:
    """Read a whole number."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or value < least:
        given = value if is_whole else kind(value)
        raise ConfigurationError(f"{name}: a whole number of {least} or more, not {given}")
    return int(value)


def flag(name: str, value: Any) -> bool:
    """Read True or False."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name}: True or False, not {kind(value)}")
    return value


def one_of(name: str, value: Any, words: tuple[W, ...]) -> W:
    """Read one of a few words."""
    for word in words:
        if value == word:
            return word
    *others, last = map(repr, words)
    raise ConfigurationError(f"{name}: {', '.join(others)} or {last}, not {value!r}")


def kind(value: Any) -> str:
    """Name a value by its type alone: it may be a secret in the wrong place."""
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def known(
    given: Iterable[str],
    names: Iterable[str],
    what: str = "option",
    offered: Iterable[str] | None = None,
) -> None:
    """Raise for a name that is not known, with the nearest one that is.

    Where none is near, all of them are named, or those of ``offered``.
    """
    all_names = sorted(names)
    for name in given:
        if name not in all_names:
            hint = nearest(name, all_names, offered)
            raise ConfigurationError(f"there is no {what} {name!r}{hint}")


def nearest(name: str, names: Iterable[str], offered: Iterable[str] | None = None) -> str:
    """Return a hint: the nearest right name, or all of them (of ``offered``) if none is near."""
    import difflib  # only for errors

    all_names = sorted(names)
    close = difflib.get_close_matches(name, all_names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are: {', '.join(all_names if offered is None else sorted(offered))}"


def is_a(thing: Any, package: str, name: str) -> bool:
    """Whether a class or function, or a base of a class, has this name in this package.

    It imports nothing, since nothing can be of a package that is not imported.
    """
    return any(
        getattr(kind, "__name__", None) == name
        and str(getattr(kind, "__module__", "")).partition(".")[0] == package
        for kind in getattr(thing, "__mro__", (thing,))
    )
