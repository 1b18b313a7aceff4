"""Who calls through a development gateway, as data: OAuth clients, and people who sign in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from ..authorization.clients import Client
from ..authorization.registry import ClientRegistry
from ..errors import ConfigurationError
from ..gateways.wso2 import WSO2_DIALECT
from ..options.tables import TableReader, read_toml

SAMPLE = Path(__file__).with_name("accounts.toml")
"""The accounts of the demo: its six clients, a public tester, and two people."""


class ClientAccount(NamedTuple):
    """An OAuth client (RFC 6749, 2), and what its assertions say.

    Attributes:
        secret: None makes it public: it has to use PKCE (RFC 7636).
        application: the application's name; the client id where None.
        subscriber: who registered the application.
        names_itself: whether assertions carry the client id.
        redirect_uris: where people may be sent back to; on loopback any port counts.
        roles: its own; ``permissions`` and ``attributes`` likewise.
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
        return f"ClientAccount({self.client_id!r})"  # never the secret


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
        reader.known("", document, ("registry", "clients", "users"))
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


def _client(reader: TableReader, name: str, table: Mapping[str, Any]) -> ClientAccount:
    where = f"clients.{name}"
    reader.known(where, table, (*ClientAccount._fields[1:], "wso2"))
    return ClientAccount(
        name,
        secret=reader.text(where, table, "secret"),
        application=reader.text(where, table, "application"),
        subscriber=reader.text(where, table, "subscriber") or "admin",
        names_itself=reader.flag(where, table, "names_itself", default=True),
        redirect_uris=reader.texts(where, table, "redirect_uris"),
        roles=reader.texts(where, table, "roles"),
        permissions=reader.texts(where, table, "permissions"),
        attributes=reader.table(where, table, "attributes"),
        claims=_claims(reader, where, table),
    )


def _user(reader: TableReader, name: str, table: Mapping[str, Any]) -> User:
    where = f"users.{name}"
    reader.known(where, table, (*User._fields[1:], "wso2"))
    if "password" not in table:
        reader.fault(f"{where}.password", "missing")
    return User(
        name,
        reader.text(where, table, "password") or "",
        reader.text(where, table, "subject") or name,
        reader.texts(where, table, "roles"),
        _claims(reader, where, table),
    )


def _claims(reader: TableReader, where: str, table: Mapping[str, Any]) -> Mapping[str, Any]:
    dialect = reader.table(where, table, "wso2")
    return {WSO2_DIALECT + name: value for name, value in dialect.items()} | reader.table(
        where, table, "claims"
    )
