"""A directory of accounts on SQLAlchemy: a file of SQLite, or PostgreSQL by its URL.

An account is one row of ``sign_on_users``, found by realm and address, with its groups and credits
in tables of their own. ``metadata`` has the tables, for migrations and for the app's joins.
"""

from __future__ import annotations

import time
import uuid
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

try:
    import sqlalchemy as sa
    from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError
except ImportError as error:
    from ..errors import ConfigurationError

    raise ConfigurationError(
        "SQLDirectory needs SQLAlchemy: pip install 'jwt-assertion-middleware[sql]'"
    ) from error

from ..background.forks import at_fork
from ..errors import AccountRefused, ConfigurationError
from ..principal import frozen, thawed
from ..revocation.urls import make_private
from .accounts import Account
from .addresses import MOST_CHARACTERS
from .claims import MOST_GROUP_ID, MOST_ORDER_ID, Credit, GroupId, Profile

_TRIES = 5

metadata = sa.MetaData()
_users = sa.Table(
    "sign_on_users",
    metadata,
    # Never reused: a session may still name it.
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("realm", sa.String(64), nullable=False),
    sa.Column("email", sa.String(MOST_CHARACTERS), nullable=False),
    sa.Column("meta", sa.JSON, nullable=False),
    sa.Column("signed_on_at", sa.Float, nullable=False),
    sa.UniqueConstraint("realm", "email", name="sign_on_users_realm_email"),
)
_groups = sa.Table(
    "sign_on_groups",
    metadata,
    sa.Column("user_id", sa.ForeignKey(_users.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    # 7 and "7" are two groups to a partner who sends both.
    sa.Column("number", sa.BigInteger),
    sa.Column("name", sa.String(MOST_GROUP_ID)),
)
_credits = sa.Table(
    "sign_on_credits",
    metadata,
    sa.Column("user_id", sa.ForeignKey(_users.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("order_id", sa.String(MOST_ORDER_ID), nullable=False),
    sa.Column("credit_id", sa.BigInteger, nullable=False),
)


class User(NamedTuple):
    """An account. ``realm`` is the integration's id, or empty where address alone counts."""

    id: str
    realm: str
    email: str
    meta: Mapping[str, Any]
    groups: tuple[GroupId, ...]
    credits: tuple[Credit, ...]

    def __repr__(self) -> str:
        return f"<User {self.id}>"


class SQLDirectory:
    """Keeps accounts in a database. Threads, processes and machines may share one.

    Args:
        database: a URL for SQLAlchemy, or an ``Engine``. Missing tables are made, and a file of
            SQLite for its owner alone (mode 0600).

    Raises:
        ConfigurationError: it is neither, its driver is missing, or it cannot be opened.

    """

    def __init__(self, database: str | sa.Engine = "sqlite:///accounts.sqlite") -> None:
        if isinstance(database, sa.Engine):
            self._engine = database
        else:
            self._engine = _engine(database)
            weakref.finalize(self, self._engine.dispose)
        self._create_tables()
        # A forked worker must not speak on its parent's connections.
        self._engine.dispose()
        at_fork(self)

    def sync(self, profile: Profile, /) -> Account:
        """Update or create the person's account, as ``Directory.sync``."""
        for _ in range(_TRIES - 1):
            with suppress(IntegrityError):  # a concurrent sign-on has made the account
                return self._sync(profile)
        return self._sync(profile)

    def _sync(self, profile: Profile) -> Account:
        with self._engine.begin() as connection:
            return _synced(connection, profile)

    def find(self, realm: str, email: str) -> User | None:
        """Return an account by its integration's id (empty: found by address) and address."""
        return self._user((_users.c.realm == realm) & (_users.c.email == email))

    def get(self, user_id: str) -> User | None:
        """Return the account that a session names."""
        return self._user(_users.c.id == user_id)

    def close(self) -> None:
        """Close the connections that nobody uses now; the next use opens others."""
        self._engine.dispose()

    def renew(self) -> None:
        """Begin anew in a forked child: the connections are the parent's."""
        self._engine.dispose(close=False)

    def _user(self, condition: Any) -> User | None:
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(_users).where(condition)).one_or_none()
            if row is None:
                return None
            groups = connection.execute(_of_user(_groups, row.id)).all()
            credits = connection.execute(_of_user(_credits, row.id)).all()
        return User(
            row.id,
            row.realm,
            row.email,
            frozen(row.meta),
            tuple(group.name if group.number is None else group.number for group in groups),
            tuple(Credit(credit.order_id, credit.credit_id) for credit in credits),
        )

    def _create_tables(self) -> None:
        for left in reversed(range(_TRIES)):
            try:
                metadata.create_all(self._engine)
            except DBAPIError as error:
                # Another worker may be making them at the same time.
                if not left:
                    kind = type(error.orig).__name__
                    raise ConfigurationError(
                        f"SQLDirectory: the database cannot be opened ({kind})"
                    ) from None
                time.sleep(0.1)
            else:
                return


def _synced(connection: sa.Connection, profile: Profile) -> Account:
    place = (_users.c.realm == profile.realm) & (_users.c.email == profile.email)
    values: dict[str, Any] = {"signed_on_at": time.time()}
    if profile.meta is not None:
        values["meta"] = thawed(profile.meta)
    # A write first: it locks the account (PostgreSQL the row, SQLite the file), so that two
    # sign-ons of one person come one after the other.
    created = connection.execute(_users.update().where(place).values(values)).rowcount == 0
    if created:
        user_id = uuid.uuid4().hex
        who = {"id": user_id, "realm": profile.realm, "email": profile.email}
        connection.execute(_users.insert().values({"meta": {}, **who, **values}))
    else:
        user = connection.execute(sa.select(_users).where(place)).one()
        # A database's collation may take two addresses for one.
        if (user.realm, user.email) != (profile.realm, profile.email):
            raise AccountRefused("the database takes two addresses for one")
        user_id = str(user.id)
    if profile.groups is not None:
        groups = [
            {"number": group, "name": None}
            if isinstance(group, int)
            else {"number": None, "name": group}
            for group in profile.groups
        ]
        _replace(connection, _groups, user_id, groups)
    if profile.credits is not None:
        rows = [{"order_id": order_id, "credit_id": number} for order_id, number in profile.credits]
        _replace(connection, _credits, user_id, rows)
    return Account(user_id, created)


def _replace(
    connection: sa.Connection, table: sa.Table, user_id: str, rows: list[dict[str, Any]]
) -> None:
    connection.execute(table.delete().where(table.c.user_id == user_id))
    if rows:
        numbered = [{"user_id": user_id, "position": n, **row} for n, row in enumerate(rows)]
        connection.execute(table.insert(), numbered)


def _of_user(table: sa.Table, user_id: str) -> sa.Select[Any]:
    return sa.select(table).where(table.c.user_id == user_id).order_by(table.c.position)


def _engine(url: Any) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
            raise ConfigurationError(
                "SQLDirectory: SQLite's memory is one connection's own; name a file, such as "
                "'sqlite:///accounts.sqlite'"
            )
        # An error with its parameters would put personal data into the log.
        engine = sa.create_engine(parsed, hide_parameters=True, pool_pre_ping=True)
    except (NoSuchModuleError, ImportError) as error:
        raise ConfigurationError(f"SQLDirectory: the driver is missing: {error}") from None
    except (ArgumentError, AttributeError, TypeError):  # SQLAlchemy 2.0 returns what is no text
        # Without the URL, which may hold a password.
        raise ConfigurationError("SQLDirectory: no URL of a database") from None
    # A URI (``?uri=true``) has its own way of opening a file.
    if parsed.get_backend_name() == "sqlite" and parsed.database and "uri" not in parsed.query:
        make_private(Path(parsed.database))
    return engine
