"""JSON Schemas of the files that people write, made of the tables that their readers go by."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any, Final

from ..authorization.client import Attribute, Client, ClientTrust
from ..authorization.clients_toml import ATTRIBUTE, CLIENT, CLIENTS_FILE, TRUST
from ..authorization.predicates_toml import PREDICATE_SHAPES
from ..gateways import PRESETS
from ..keys.algorithms import ALGORITHMS
from ..keys.discovery import Discovery
from ..keys.jwks import JWKSEndpoint
from ..keys.per_kid import PEMPerKid
from ..keys.tables import KEY_SOURCE, KEYS
from ..options.catalogue import OPTIONS_FILE
from ..options.resource import RESOURCE, ProtectedResource
from ..options.shapes import TEXT, Keys, Shape, one_of, or_list, table
from ..revocation.option import REVOCATIONS, Revocations
from ..sign_on.integrations import Integration
from ..sign_on.integrations_toml import INTEGRATION_TABLE, INTEGRATIONS_FILE
from ..testing.accounts import ACCOUNT, ACCOUNTS_FILE, USER, ClientAccount, User
from ..verification.options import ISSUER, Issuer

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_ATTRIBUTE = re.compile(r"^    (\w+): (.+(?:\n     .*)*)", re.MULTILINE)


def attributes_of(*classes: type) -> dict[str, str]:
    """Return what the docstrings say of each attribute or argument, each on one line."""
    found: dict[str, str] = {}
    for each in classes:
        for name, about in _ATTRIBUTE.findall(inspect.getdoc(each) or ""):
            found.setdefault(name, " ".join(about.split()).removesuffix("."))
    return found


def _told(shape: Any, *classes: type) -> Any:
    """Return a shape whose keys have the descriptions of the class that its tables make."""
    about = attributes_of(*classes)

    def told(part: Any) -> Any:
        if isinstance(part, list):
            return [told(each) for each in part]
        if not isinstance(part, dict):
            return part
        parts = {word: told(value) for word, value in part.items()}
        if isinstance(parts.get("properties"), dict):
            for key, value in parts["properties"].items():
                if key in about:
                    value.setdefault("description", about[key])
        return parts

    return told(shape)


_FETCHED = (JWKSEndpoint, Discovery, PEMPerKid)


def _rooms() -> Keys:
    """Return the shapes that tables refer to by name."""
    return {
        "keys": _told(KEYS, *_FETCHED),
        "key_source": _told(KEY_SOURCE, *_FETCHED),
        "gateway": one_of(PRESETS),
        "algorithms": or_list(one_of(ALGORITHMS)),
        "issuers": {
            "type": "array",
            "minItems": 1,
            "items": _told(table(ISSUER, required=["issuer"]), Issuer),
        },
        "revocations": {"anyOf": [TEXT, _told(table(REVOCATIONS, required=["url"]), Revocations)]},
        "resource": {
            "anyOf": [TEXT, _told(table(RESOURCE, required=["resource"]), ProtectedResource)]
        },
        "client": _told(table(CLIENT), Client),
        "attribute": _told(table(ATTRIBUTE, required=["claim"]), Attribute),
        "trust": _told({**table(TRUST), "minProperties": 1}, ClientTrust),
        "account": _told(table(ACCOUNT), ClientAccount),
        "user": _told(table(USER, required=["password"]), User),
        "integration": _told(INTEGRATION_TABLE, Integration),
        **PREDICATE_SHAPES,
    }


FILES: Final[Mapping[str, tuple[str, str, Shape]]] = {
    "clients": (
        "Registry of clients",
        "what each client's claims grant: the file of the option clients",
        CLIENTS_FILE,
    ),
    "integrations": (
        "Integrations of sign-on",
        "the partners that send people here with a token",
        INTEGRATIONS_FILE,
    ),
    "accounts": (
        "Accounts of the development gateway",
        "who calls through a development gateway: the file of its --accounts",
        ACCOUNTS_FILE,
    ),
    "options": (
        "Options of jwt_middleware",
        "the file that the variable JWT_MIDDLEWARE_CONFIG names",
        OPTIONS_FILE,
    ),
}
"""Each kind of file: its title, what it is, and its shape."""


def schema_of(name: str) -> dict[str, Any]:
    """Return the JSON Schema of one of ``FILES``."""
    title, about, shape = FILES[name]
    rooms = _rooms()
    used = {}
    asked = [shape]
    while asked:
        for reference in _references(asked.pop()):
            if reference not in used:
                used[reference] = rooms[reference]
                asked.append(rooms[reference])
    plain: dict[str, Any] = _plain(
        {
            "$schema": DIALECT,
            "title": title,
            "description": about,
            **shape,
            "$defs": dict(sorted(used.items())),
        }
    )
    return plain


def _references(shape: Any) -> list[str]:
    if isinstance(shape, list):
        return [name for each in shape for name in _references(each)]
    if not isinstance(shape, dict):
        return []
    own = [shape["$ref"].removeprefix("#/$defs/")] if "$ref" in shape else []
    return own + [name for each in shape.values() for name in _references(each)]


def _plain(shape: Any) -> Any:
    """Return a shape of JSON's own types, whose descriptions are Markdown."""
    if isinstance(shape, Mapping):
        return {word: _plain(value) for word, value in shape.items()}
    if isinstance(shape, list | tuple):
        return [_plain(each) for each in shape]
    return shape.replace("``", "`") if isinstance(shape, str) else shape
