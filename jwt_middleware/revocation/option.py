"""The option ``revocations``, and the store that it names.

A store's module is imported where the store is opened: most services have none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ..errors import ConfigurationError
from ..options import checks as check
from ..options.checks import InFile, in_file
from ..options.looking import is_only_looking
from ..options.shapes import FLAG, TEXT, Keys, number, one_of, whole, with_default
from .denials import KEEP_FOR, Denial

if TYPE_CHECKING:
    from .store import ListedStore, Store

_FAIL = ("closed", "open")
REVOCATIONS: Keys = {
    "url": TEXT,
    "fail": with_default(one_of(_FAIL), "closed"),
    "one_time": with_default(FLAG, False),
    "keep_for": number(above=0, default=KEEP_FOR),
    "replicas": whole(0),
}
"""The keys of the option's table."""

_FORGETS = (
    "a failover forgets a use of a token that no replica has, and the token is taken twice: say "
    "replicas=1 (or more) to wait for replicas at each use, or replicas=0 to live with that"
)


@dataclass(frozen=True)
class Revocations:
    """The option ``revocations`` with more than a URL.

    Attributes:
        url: ``"process-memory"``, ``"sqlite:///file"`` or ``"redis://host/0"``; or a client of
            redis-py (``Redis``, ``RedisCluster``, the ``master_for()`` of a ``Sentinel``), which
            keeps its own timeouts and is never closed; or an open store.
        fail: what happens while the store is out. ``"closed"``: every token is refused (503);
            ``"open"``: the last known denials serve, and tokens may be used twice.
        one_time: True: each token is accepted once. Every request then asks the store.
        keep_for: seconds after which a denial without an end ends; longer than any token lives.
        replicas: with ``one_time`` and Redis, how many replicas must have a use before the token is
            taken (503 where they have not within half a second); 0: none, so that a failover may
            let a token in twice. A Sentinel's or a cluster's client must say it.

    Raises:
        ConfigurationError: one of them is wrong.

    """

    url: str | Store | Any
    fail: str = "closed"
    one_time: bool = False
    keep_for: float = KEEP_FOR
    replicas: int | None = None

    def __post_init__(self) -> None:
        from .redis_clients import check_client, is_client
        from .urls import plain_name

        if isinstance(self.url, str):
            plain_name(self.url)
        elif is_client(self.url):
            check_client(self.url)
        elif not callable(getattr(self.url, "denials", None)):
            raise ConfigurationError(
                "revocations: a store's URL, a client of redis-py, or an open store, not "
                f"{check.kind(self.url)}"
            )
        check.one_of("revocations: fail", self.fail, _FAIL)
        check.flag("revocations: one_time", self.one_time)
        check.number("revocations: keep_for", self.keep_for, above=0)
        self._check_replicas()

    def _check_replicas(self) -> None:
        from .redis_clients import is_client, may_fail_over
        from .urls import REDIS

        if self.replicas is None:
            if self.one_time and is_client(self.url) and may_fail_over(self.url):
                raise ConfigurationError(f"revocations: one_time=True at {self.name}: {_FORGETS}")
            return
        check.whole("revocations: replicas", self.replicas, least=0)
        if not self.one_time:
            raise ConfigurationError("revocations: replicas counts only with one_time=True")
        is_redis = isinstance(self.url, str) and self.url.startswith(REDIS)
        if not is_redis and not is_client(self.url):
            raise ConfigurationError(
                "revocations: replicas are of Redis: give its URL, or a client of redis-py"
            )

    @classmethod
    def of(cls, value: Any) -> Revocations:
        """Return the option from itself, a store's URL, or a table.

        The relative path of a file in TOML starts at the folder of the TOML.
        """
        if isinstance(value, Revocations):
            return value
        table: Mapping[str, Any] = {"url": value} if isinstance(value, str) else value
        if not isinstance(table, Mapping):
            raise ConfigurationError(
                "revocations: a store's URL, such as 'sqlite:///revocations.db', or "
                f"Revocations(...), not {check.kind(value)}"
            )
        from .urls import relative_to

        with in_file(table):
            check.known(table, REVOCATIONS, "option of revocations:")
            url = table.get("url")
            if not isinstance(url, str):
                raise ConfigurationError("revocations: a store's URL, or a table with url")
            if isinstance(table, InFile):
                url = relative_to(url, table.file.parent)
            given: dict[str, Any] = {**table, "url": url}
            return cls(**given)

    @property
    def name(self) -> str:
        """The store's URL, without a password."""
        from .redis_clients import client_name, is_client
        from .urls import plain_name

        if isinstance(self.url, str):
            return plain_name(self.url)
        return client_name(self.url) if is_client(self.url) else str(self.url.name)

    def open(self, clock: Callable[[], float]) -> Store:
        """Return the open store; one that is given open stays the caller's."""
        from .redis_clients import is_client

        if isinstance(self.url, str) or is_client(self.url):
            return open_store(self.url, clock=clock, replicas=self.replicas or 0)
        return cast("Store", self.url)

    def advice(self, store: Store) -> str | None:
        """Return what an operator should know of a server that may fail over; None for nothing."""
        ask: Callable[[], int] | None = getattr(store, "replicas_not_awaited", None)
        if not self.one_time or self.replicas is not None or ask is None or not ask():
            return None
        return f"{self.name} has replicas, and with one_time=True {_FORGETS}"

    def __repr__(self) -> str:
        replicas = "" if self.replicas is None else f", replicas={self.replicas}"
        return (
            f"Revocations({self.name!r}, fail={self.fail!r}, one_time={self.one_time}, "
            f"keep_for={self.keep_for:g}{replicas})"
        )


def open_store(
    url: Any,
    *,
    clock: Callable[[], float] = time.time,
    make: bool = True,
    replicas: int = 0,
) -> ListedStore:
    """Open the store that a URL names; each call for ``"process-memory"`` makes a new one.

    Instead of a URL it may be a client of redis-py, as in ``Revocations``. ``clock`` returns the
    seconds since 1970. Without ``make`` an SQLite file is used as it is: one that is missing, or
    has no tables, is an outage. ``replicas``: how many of a Redis must have a use.

    Raises:
        ConfigurationError: the URL names no store, the file cannot be one, or an extra is missing.

    """
    from .urls import SQLITE, plain_name, sqlite_path

    if not isinstance(url, str):
        from .redis import RedisStore

        return RedisStore(url, clock=clock, replicas=replicas)
    name = plain_name(url)
    if name.startswith(SQLITE):
        path = sqlite_path(url)
        if is_only_looking() and not path.exists():
            from .store import MemoryStore

            return MemoryStore(clock=clock, name=f"{SQLITE}{path.absolute()}")
        from .sqlite import SQLiteStore

        return SQLiteStore(path, clock=clock, make=make, read_only=is_only_looking())
    if "://" in name:
        from .redis import RedisStore

        return RedisStore(url, clock=clock, replicas=replicas)
    from .store import MemoryStore

    return MemoryStore(clock=clock)


def deny_many(store: Store, denials: Iterable[Denial]) -> None:
    """Deny many tokens at once: all of them count from the same moment on, or none.

    ``store`` is an open one. One of an app's own that has no ``deny_many`` gets one denial after
    the other.

    Raises:
        StoreUnavailable: the store is out.

    """
    at_once: Callable[[Iterable[Denial]], object] | None = getattr(store, "deny_many", None)
    if at_once is not None:
        at_once(denials)
        return
    for denial in denials:
        store.deny(denial)
