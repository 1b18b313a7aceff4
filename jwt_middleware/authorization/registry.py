"""The registry of clients: a TOML file or a function that is watched, or clients made in code."""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from pathlib import Path
from typing import Any, TypeVar

from ..background.forks import ForkLock
from ..background.watched_calls import WatchedCall
from ..background.watched_files import WatchedFile
from ..errors import ConfigurationError
from ..options import checks as check
from .client import Client, making_anew, same
from .clients import Clients
from .predicate import is_async

T = TypeVar("T")

Entries = Iterable[Client] | Mapping[str, Client | Mapping[str, Any]]
"""Clients, or by their ids clients or tables as in the registry's TOML."""

_AT_A_TIME = 100
"""Entries that are made, or compared, before other threads have their turn."""

_TURN = 0.0005
"""Seconds for which they do. A request must not wait for a reading of many clients."""


class ClientRegistry:
    """Which clients there are, and what each may be granted.

    Args:
        source: the path of a TOML file; a list of ``Client``; or a function without arguments that
            returns the clients: an iterable of ``Client``, or a mapping of ids to ``Client`` or to
            tables as the file has them.
        every: seconds between two calls of the function; no fewer than one while no request comes.

    ``clients`` is the first reading of the registry. A file is watched, and a function is called
    again in the background: verifiers use each new reading, and keep the last good one where an
    edit is broken, or the function raises or returns no client.

    Raises:
        ConfigurationError: the file cannot be read, or is wrong; with every fault. The function
            raises, is async, or returns something else.

    """

    def __init__(
        self,
        source: str | os.PathLike[str] | Iterable[Client] | Callable[[], Entries],
        *,
        every: float = 5,
    ) -> None:
        self.path: Path | None = None
        self._load: Callable[[], Any] | None = None
        self._every = check.number("clients: every", every, above=0)
        self._lock = ForkLock()
        self._newest = Clients((), self.name)
        self._digest = b""
        self._loaded_at = time.monotonic()
        self._failure: str | None = None
        if isinstance(source, str | os.PathLike) and str(source):
            self.path = Path(source)
            try:
                content = self.path.read_bytes()
            except (OSError, ValueError) as error:
                raise _unreadable(self.path, error) from None
            self._newest = Clients((), self.name)
            self._read(content)
        elif callable(source):
            if is_async(source):
                raise ConfigurationError(
                    "clients: the function is async; it is called on a thread of its own, so it "
                    "may block: write a plain one"
                )
            self._load = source
            self._call()
        else:
            clients: list[Any] = list(source) if isinstance(source, Iterable) else []
            if not clients or not all(isinstance(client, Client) for client in clients):
                raise ConfigurationError(
                    "clients: the path of a TOML file, Client(...)s in a list, or a function that "
                    "returns them"
                )
            self._take(clients)
        self.clients = self._newest

    @property
    def name(self) -> str:
        """Its name in events and errors."""
        return "clients" if self.path is None else str(self.path)

    def watch(
        self, prepare: Callable[[Clients], T], on_change: Callable[[T | Exception], Any]
    ) -> Callable[[], T]:
        """Return a function that returns ``prepare(clients)`` of the newest good reading, at once.

        ``prepare`` runs on a thread of its own when there is a new reading; where it raises, the
        last good one stays in use. ``on_change`` gets the result or the error.
        """
        if self._load is not None:
            return WatchedCall(self.ask, prepare, on_change, every=self._every).current
        if self.path is None:
            prepared = prepare(self.clients)
            return lambda: prepared
        try:
            read = WatchedFile(self.path, lambda content: prepare(self._read(content)), on_change)
            return read.current
        except OSError as error:
            raise _unreadable(self.path, error) from None

    def _read(self, content: bytes) -> Clients:
        """Return the reading of a file's content; the last one serves all who watch the file."""
        from .clients_toml import read_clients  # imported here: only a file needs it

        assert self.path is not None  # noqa: S101 - only files are read
        digest = hashlib.sha256(content).digest()
        with self._lock:
            if digest != self._digest:
                with making_anew(self._known()):
                    self._take(read_clients(content, self.path), are_checked=True)
                self._digest = digest
            return self._newest

    def ask(self) -> Clients:
        """Return what the function says, which is asked once for all who watch it."""
        with self._lock:
            if time.monotonic() >= self._loaded_at + self._every / 2:
                try:
                    self._call()
                    self._failure = None
                except ConfigurationError as error:
                    self._failure = str(error)
                self._loaded_at = time.monotonic()
            if self._failure is not None:
                raise ConfigurationError(self._failure)
            return self._newest

    def _call(self) -> None:
        assert self._load is not None  # noqa: S101 - only a function is asked
        try:
            with making_anew(self._known()):
                self._take(_entries(self._load()))
        except ConfigurationError:
            raise
        except Exception as error:
            # Not its text, which may hold a password of the app's database.
            raise ConfigurationError(
                f"clients: the function raised {type(error).__name__}"
            ) from error

    def _known(self) -> Callable[[str], Client | None] | None:
        """Return what finds a client of the last reading and gives way; None if there is none."""
        before, numbers = self._newest, itertools.count(1)

        def find(client_id: str) -> Client | None:
            _give_way(next(numbers))
            return before.get(client_id)

        return find if before else None

    def _take(self, clients: Iterable[Client], *, are_checked: bool = False) -> None:
        """Make the newest reading, of the last one: only what differs from that is checked."""
        from .name_checks import policy_faults  # imported here: a file's reader has its own

        before = self._newest
        found: dict[str, Client] = {}
        changed: list[str] = []
        faults: list[str] = []
        for number, given in enumerate(clients, 1):
            if before:  # nobody else waits while the app starts
                _give_way(number)
            client_id = given.client_id
            if client_id in found:
                raise ConfigurationError("clients: one client id stands in the list twice")
            client = same(before.get(client_id), given)
            found[client_id] = client
            if client is given and before.get(client_id) is not given:
                changed.append(client_id)
                faults += [
                    f"{client_id}: {fault}"
                    for named in (() if are_checked else client.policies.values())
                    for fault in policy_faults(named.predicate, client)
                ]
        if faults:
            raise ConfigurationError(f"clients: {'; '.join(faults)}")
        if not found:
            raise ConfigurationError("clients: the function returned no client")
        changed += [each.client_id for each in before if each.client_id not in found]
        if changed:
            self._newest = before.renewed(found, tuple(changed))

    def __repr__(self) -> str:
        return f"<ClientRegistry {self.name}: {len(self.clients)} clients>"


def _give_way(number: int) -> None:
    """Let other threads have their turn after every so many entries; this is the ``number``-th."""
    if number % _AT_A_TIME == 0:
        time.sleep(_TURN)


def _entries(given: Any) -> Iterator[Client]:
    """Yield the clients that a function has returned."""
    if isinstance(given, Mapping):
        from .clients_toml import read_tables  # imported here: most functions return clients

        return read_tables(given)
    if not isinstance(given, Iterable) or isinstance(given, str | bytes):
        raise ConfigurationError(
            f"clients: the function returned {check.kind(given)}; it returns Client(...)s, or "
            "them by their ids"
        )
    return map(_client, _drained(given) if isinstance(given, Sized) else given)


def _client(each: Any) -> Client:
    if not isinstance(each, Client):
        raise ConfigurationError(
            f"clients: the function returned {check.kind(each)} among the Client(...)s"
        )
    return each


def _drained(given: Iterable[Any]) -> Iterator[Any]:
    """Yield each, and let go of it at once.

    Thousands that are let go of together, as a list's are, would hold up every thread.
    """
    waiting = deque(given)
    del given
    while waiting:
        yield waiting.popleft()


def _unreadable(path: Path, error: Exception) -> ConfigurationError:
    reason = getattr(error, "strerror", None) or "no file can have this name"
    where = "" if path.is_absolute() else f" (from {Path.cwd()})"
    return ConfigurationError(f"clients: {path} cannot be read: {reason}{where}")
