"""Who calls through a gateway of one's own: OAuth clients, and people who sign in; as data."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from os import PathLike
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..authorization.registry import ClientRegistry
from ..errors import ConfigurationError
from ..gateways.views import WSO2_DIALECT
from ..options.checks import kind, nearest

SAMPLE = Path(__file__).with_name("accounts.toml")
"""The accounts of the demo: its six clients, a public tester, and two people."""

_TYPES: Final[Mapping[str, type]] = {
    "secret": str,
    "application": str,
    "subscriber": str,
    "names_itself": bool,
    "redirect_uris": list,
    "roles": list,
    "permissions": list,
    "attributes": dict,
    "password": str,
    "subject": str,
    "claims": dict,
    "wso2": dict,
}
_OF_CLIENT: Final = (
    "secret",
    "application",
    "subscriber",
    "names_itself",
    "redirect_uris",
    "roles",
    "permissions",
    "attributes",
    "claims",
    "wso2",
)
_OF_USER: Final = ("password", "subject", "roles", "claims", "wso2")


class ClientAccount(NamedTuple):
    """An OAuth client (RFC 6749, 2), and what its assertions say.

    Attributes:
        client_id: its id.
        secret: None makes it public: it has to use PKCE (RFC 7636).
        application: the application's name; the client id where None.
        subscriber: who registered the application.
        names_itself: whether assertions carry the client id.
        redirect_uris: where people are sent back to; on loopback any port counts.
        roles: granted by it; ``permissions`` and ``attributes`` likewise.
        claims: written as they are.

    """

    client_id: str
    secret: str | None = None
    application: str | None = None
    subscriber: str = "admin"
    names_itself: bool = True
    redirect_uris: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = {}
    claims: Mapping[str, Any] = {}

    def __repr__(self) -> str:
        return f"ClientAccount({self.client_id!r})"  # a secret is printed nowhere


class User(NamedTuple):
    """A person who signs in. ``subject`` is the end user's name in assertions."""

    name: str
    password: str
    subject: str
    roles: tuple[str, ...] = ()
    claims: Mapping[str, Any] = {}

    def __repr__(self) -> str:
        return f"User({self.name!r})"


class Accounts(NamedTuple):
    """Clients and people by name, and the registry that says where clients' claims stand."""

    clients: Mapping[str, ClientAccount]
    users: Mapping[str, User]
    registry: ClientRegistry | None = None

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Accounts:
        """Read a TOML file; the path of its ``registry`` starts at its folder.

        Raises:
            ConfigurationError: with every fault of the file.

        """
        source = Path(path)
        try:
            document = tomllib.loads(source.read_text("utf-8"))
        except OSError as error:
            raise ConfigurationError(f"{source}: {error.strerror}") from None
        except (ValueError, RecursionError) as error:
            raise ConfigurationError(f"{source}: no TOML: {error}") from None
        return _read(document, source)


@cache
def sample_accounts() -> Accounts:
    """Return the accounts of ``SAMPLE``."""
    return Accounts.read(SAMPLE)


def _read(document: dict[str, Any], source: Path) -> Accounts:
    faults: list[str] = []
    _known("", document, ("registry", "clients", "users"), faults)
    registry = document.get("registry")
    clients = {
        name: ClientAccount(name, **_entry(f"clients.{name}", table, _OF_CLIENT, faults))
        for name, table in _tables(document, "clients", faults)
    }
    users: dict[str, User] = {}
    for name, table in _tables(document, "users", faults):
        found: dict[str, Any] = {
            "password": "",
            "subject": name,
            **_entry(f"users.{name}", table, _OF_USER, faults),
        }
        if not found["password"]:
            faults.append(f"users.{name}.password: missing")
        users[name] = User(name, **found)
    if not clients and not faults:
        faults.append("clients: missing: write a table [clients.ID] for each client")
    if registry is not None and (not isinstance(registry, str) or not registry):
        faults.append("registry: the path of a registry's TOML")
    if faults:
        told = "".join(f"\n  {fault}" for fault in faults)
        raise ConfigurationError(f"{source}: what is wrong:{told}")
    read = None if registry is None else ClientRegistry(source.parent / registry)
    return Accounts(clients, users, read)


def _tables(
    document: Mapping[str, Any], name: str, faults: list[str]
) -> list[tuple[str, dict[str, Any]]]:
    found = document.get(name, {})
    if not isinstance(found, dict):
        faults.append(f"{name}: tables [{name}.ID]")
        return []
    for key, table in found.items():
        if not isinstance(table, dict):
            faults.append(f"{name}.{key}: a table, not {kind(table)}")
    return [(key, table) for key, table in found.items() if isinstance(table, dict)]


def _entry(
    where: str, table: dict[str, Any], names: tuple[str, ...], faults: list[str]
) -> dict[str, Any]:
    _known(f"{where}.", table, names, faults)
    found: dict[str, Any] = {}
    for name, value in table.items():
        if name not in names:
            continue
        wanted = _TYPES[name]
        texts = isinstance(value, list) and all(isinstance(each, str) for each in value)
        if not isinstance(value, wanted) or (wanted is list and not texts):
            what = "a list of texts" if wanted is list else f"a {wanted.__name__}"
            faults.append(f"{where}.{name}: {what}, not {kind(value)}")
        elif value == "":
            faults.append(f"{where}.{name}: empty; leave it out, or give it a value")
        else:
            found[name] = tuple(value) if isinstance(value, list) else value
    dialect = found.pop("wso2", {})
    if dialect:
        named = {WSO2_DIALECT + name: value for name, value in dialect.items()}
        found["claims"] = named | found.get("claims", {})
    return found


def _known(where: str, table: Mapping[str, Any], names: tuple[str, ...], faults: list[str]) -> None:
    faults += [
        f"{where}{name}: there is no such key{nearest(name, names)}"
        for name in table
        if name not in names
    ]
