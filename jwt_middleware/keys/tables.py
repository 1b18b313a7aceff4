"""Key sources as tables with ``url``, ``path`` or ``issuer``, in code and TOML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError
from ..options import checks as check
from ..options.checks import PEM_IN_BASE64
from ..options.shapes import FLAG, TEXT, Keys, Shape, described, number, or_list, table, table_of
from .absence import excuse
from .pem import is_pem
from .sources import KeyFile, KeySource

_KINDS = ("url", "path", "issuer")
_FETCHED: Keys = {
    "allow_http": FLAG,
    "ca_file": TEXT,
    "deadline": number(above=0),
    "fresh_for": number(above=0),
    "headers": table_of({"type": "string"}),
    "stale_for": number(),
    "wait_budget": number(above=0),
}
_PLACE = {
    "url": described(TEXT, "the URL of a JWKS or of an issuer's metadata, or one with ``{kid}``"),
    "path": described(TEXT, "the path of a file: PEM, certificate, PKCS#12 or JWKS"),
    "issuer": TEXT,
}
_MEMBERS: Mapping[str, Keys] = {
    "url": {
        "url": _PLACE["url"],
        "issuer": TEXT,
        "jwks_origin": TEXT,
        "kid": TEXT,
        **_FETCHED,
    },
    "path": {
        "path": _PLACE["path"],
        "password_file": described(TEXT, "the file that holds the keystore's password"),
    },
    "issuer": {"issuer": TEXT, "jwks_origin": TEXT, **_FETCHED},
}
KEY_TABLES = tuple(table(members, required=[kind]) for kind, members in _MEMBERS.items())
"""The shapes of a table that names a source."""
KEY_SOURCE: Shape = {"anyOf": [TEXT, *KEY_TABLES]}
"""The shape of a text or a table that names a source."""
KEYS: Shape = or_list(
    {
        "anyOf": [
            TEXT,
            *KEY_TABLES,
            described(table_of({}, required=["keys"]), "a JWKS (RFC 7517)"),
            described(table_of({}, required=["kty"]), "a JWK (RFC 7517)"),
            described(
                table_of({"type": "string", "pattern": "-----BEGIN|" + PEM_IN_BASE64}),
                "PEM texts by ``kid``",
            ),
        ]
    }
)
"""The shape of the option ``keys``."""


def is_table(value: Mapping[str, Any]) -> bool:
    """Whether a dict is a table of options, and neither a JWKS nor a map of ``kid`` to PEM."""
    if "keys" in value or "kty" in value or any(map(is_pem, value.values())):
        return False
    return any(kind in value for kind in _KINDS) or any(
        name in value for name in (*_FETCHED, "password_file", "jwks_origin")
    )


def source_of_table(entry: Mapping[str, Any]) -> KeySource:
    """Return the source that a table describes.

    Raises:
        ConfigurationError: a member is unknown, wrong, or of another kind of source.

    """
    kind = next((kind for kind in _KINDS if kind in entry), None)
    if kind is None:
        raise ConfigurationError(
            "keys: the table names no source; give it a url, a path or an issuer"
        )
    check.known(entry, _MEMBERS[kind], f"member of a table of keys with {kind}:")
    options = dict(entry)
    # None unsets a member, as it does an option.
    place = check.text(f"keys: {kind}", options.pop(kind))
    if place is None:
        raise ConfigurationError(f"keys: {kind}: a text, not None")
    if kind == "path":
        return KeyFile(place, password_in(options.get("password_file")))
    from .discovery import Discovery, is_metadata_url
    from .jwks import JWKSEndpoint
    from .per_kid import KID, PEMPerKid

    if kind == "issuer":
        return Discovery(place, **options)
    if "issuer" in options:
        return Discovery(options.pop("issuer"), url=place, **options)
    if is_metadata_url(place):
        return Discovery(place, **_without(options, "kid"))
    options = _without(options, "jwks_origin")
    return (
        PEMPerKid(place, **options)
        if KID in place
        else JWKSEndpoint(place, **_without(options, "kid"))
    )


def password_in(path: Any) -> str | None:
    """Read the password of a keystore from its file; the line break at its end does not count.

    Raises:
        ConfigurationError: the file cannot be read as text.

    """
    name = check.text("password_file", path)
    if name is None:
        return None
    try:
        return Path(name).read_text("utf-8").rstrip("\r\n")
    except FileNotFoundError:
        excuse(f"password_file: {name} cannot be read: No such file or directory")
        return None
    except OSError as error:
        raise ConfigurationError(
            f"password_file: {name} cannot be read: {error.strerror}"
        ) from None
    except ValueError:
        raise ConfigurationError(f"password_file: {name} is no UTF-8 text") from None


def _without(options: dict[str, Any], name: str) -> dict[str, Any]:
    if options.get(name) is not None:
        raise ConfigurationError(f"keys: {name} has no meaning for this URL; leave it out")
    return {key: value for key, value in options.items() if key != name}
