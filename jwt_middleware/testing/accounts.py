"""Who calls through a development gateway, as data: OAuth clients, and people who sign in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from ..authorization.client import Client
from ..authorization.registry import ClientRegistry
from ..errors import ConfigurationError
from ..gateways.wso2 import WSO2_DIALECT
from ..options.shapes import (
    FLAG,
    TEXT,
    TEXTS,
    Keys,
    Shape,
    described,
    of_room,
    table,
    table_of,
    with_default,
)
from ..options.tables import TableReader, read_toml

SAMPLE = Path(__file__).with_name("accounts.toml")
"""The accounts of the demo: its six clients, a public tester, and two people."""

SUBSCRIBER = "admin"
"""Who registered an application, where its account does not say."""
_CLAIMS: Keys = {
    "claims": described(table_of({}), "claims that are written as they are"),
    "wso2": described(
        table_of({}), "claims of WSO2's dialect, without ``http://wso2.org/claims/`` before them"
    ),
}
ACCOUNT: Keys = {
    "secret": TEXT,
    "application": TEXT,
    "subscriber": with_default(TEXT, SUBSCRIBER),
    "names_itself": with_default(FLAG, True),
    "redirect_uris": TEXTS,
    "roles": TEXTS,
    "permissions": TEXTS,
    "attributes": table_of({}),
    **_CLAIMS,
}
USER: Keys = {"password": TEXT, "subject": TEXT, "roles": TEXTS, **_CLAIMS}
ACCOUNTS_FILE: Shape = table(
    {
        "registry": described(TEXT, "the path of the app's ``clients=``, from this file's folder"),
        "clients": described(
            table_of(of_room("account"), minProperties=1), "the OAuth clients, by their ids"
        ),
        "users": described(table_of(of_room("user")), "the people, by the names they sign in with"),
    },
    required=["clients"],
)
"""The shape of a file of accounts."""


class ClientAccount(NamedTuple):
    """An OAuth client (RFC 6749, 2), and what its assertions say.

    Attributes:
        secret: None makes it public: it has to use PKCE (RFC 7636).
        application: the application's name; the client id where None.
        subscriber: who registered the application.
        names_itself: whether assertions carry the client id.
        redirect_uris: where people may be sent back to; on loopback any port counts.
        roles: its roles.
        permissions: its permissions.
        attributes: its attributes, by the names that the registry gives them.
        claims: written as they are.

    """

    client_id: str
    secret: str | None = None
    application: str | None = None
    subscriber: str = SUBSCRIBER
    names_itself: bool = True
    redirect_uris: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = {}
    claims: Mapping[str, Any] = {}

    def __repr__(self) -> str:
        return f"ClientAccount({self.client_id!r})"  # never the secret


class User(NamedTuple):
    """A person who signs in.

    Attributes:
        password: as it is typed in at the development gateway.
        subject: the end user's name in assertions; the name where it is left out.
        roles: the person's roles.
        claims: written as they are.

    """

    name: str
    password: str
    subject: str
    roles: tuple[str, ...] = ()
    claims: Mapping[str, Any] = {}

    def __repr__(self) -> str:
        return f"User({self.name!r})"


class Accounts(NamedTuple):
    """Clients and people by name, and the registry that says which claims are whose."""

    clients: Mapping[str, ClientAccount]
    users: Mapping[str, User]
    registry: ClientRegistry | None = None

    def entry(self, client_id: str) -> Client | None:
        """Return the registry's entry of a client."""
        return None if self.registry is None else self.registry.clients.get(client_id)

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Accounts:
        """Read a TOML file; the path of its ``registry`` starts at its folder.

        Raises:
            ConfigurationError: with every fault of the file.

        """
        source = Path(path)
        try:
            document = read_toml(source.read_bytes(), source)
        except OSError as error:
            raise ConfigurationError(f"{source}: {error.strerror}") from None
        reader = TableReader()
        reader.known("", document, ACCOUNTS_FILE["properties"])
        clients = {n: _client(reader, n, t) for n, t in _tables(reader, document, "clients")}
        users = {n: _user(reader, n, t) for n, t in _tables(reader, document, "users")}
        if not clients:
            reader.fault("clients", "missing: write a table [clients.ID] for each client")
        registry = document.get("registry")
        if registry is not None and (not isinstance(registry, str) or not registry):
            reader.fault("registry", "the path of a registry's TOML")
        reader.raise_faults(source)
        entries = None if registry is None else ClientRegistry(source.parent / registry)
        return cls(clients, users, entries)


@cache
def sample_accounts() -> Accounts:
    """Return the accounts of ``SAMPLE``."""
    return Accounts.read(SAMPLE)


def _tables(
    reader: TableReader, document: Mapping[str, Any], name: str
) -> list[tuple[str, dict[str, Any]]]:
    tables = document.get(name, {})
    if not isinstance(tables, dict):
        reader.fault(name, f"tables [{name}.ID]")
        return []
    return [(key, reader.table(name, tables, key)) for key in tables]


def _client(reader: TableReader, name: str, entry: Mapping[str, Any]) -> ClientAccount:
    where = f"clients.{name}"
    reader.known(where, entry, ACCOUNT)
    return ClientAccount(
        name,
        secret=reader.text(where, entry, "secret"),
        application=reader.text(where, entry, "application"),
        subscriber=reader.text(where, entry, "subscriber") or SUBSCRIBER,
        names_itself=reader.flag(where, entry, "names_itself", default=True),
        redirect_uris=reader.texts(where, entry, "redirect_uris"),
        roles=reader.texts(where, entry, "roles"),
        permissions=reader.texts(where, entry, "permissions"),
        attributes=reader.table(where, entry, "attributes"),
        claims=_claims(reader, where, entry),
    )


def _user(reader: TableReader, name: str, entry: Mapping[str, Any]) -> User:
    where = f"users.{name}"
    reader.known(where, entry, USER)
    if "password" not in entry:
        reader.fault(f"{where}.password", "missing")
    return User(
        name,
        reader.text(where, entry, "password") or "",
        reader.text(where, entry, "subject") or name,
        reader.texts(where, entry, "roles"),
        _claims(reader, where, entry),
    )


def _claims(reader: TableReader, where: str, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    dialect = reader.table(where, entry, "wso2")
    return {WSO2_DIALECT + name: value for name, value in dialect.items()} | reader.table(
        where, entry, "claims"
    )
