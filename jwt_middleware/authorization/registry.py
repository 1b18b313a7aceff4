"""The registry of clients: a TOML file that is watched, or clients made in code."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from ..background.watched_files import WatchedFile
from ..errors import ConfigurationError
from .clients import Client, Clients

T = TypeVar("T")


class ClientRegistry:
    """Which clients there are, and what each may be granted.

    Args:
        source: the path of a TOML file, or a list of ``Client``.

    ``clients`` is the first reading of the registry. A file is watched: verifiers use each new
    reading, and keep the last good one where an edit is broken.

    Raises:
        ConfigurationError: the file cannot be read, or is wrong; with every fault.

    """

    def __init__(self, source: str | os.PathLike[str] | Iterable[Client]) -> None:
        self.path: Path | None = None
        if isinstance(source, str | os.PathLike) and str(source):
            self.path = Path(source)
            try:
                content = self.path.read_bytes()
            except (OSError, ValueError) as error:
                raise _unreadable(self.path, error) from None
            self.clients = self._read(content)
            return
        clients: list[Any] = list(source) if isinstance(source, Iterable) else []
        if not clients or not all(isinstance(client, Client) for client in clients):
            raise ConfigurationError("clients: the path of a TOML file, or Client(...)s in a list")
        from .name_checks import policy_faults  # imported here: a file's reader has its own

        if len({client.client_id for client in clients}) != len(clients):
            raise ConfigurationError("clients: one client id stands in the list twice")
        faults = [
            f"{client.client_id}: {fault}"
            for client in clients
            for named in client.policies.values()
            for fault in policy_faults(named.predicate, client)
        ]
        if faults:
            raise ConfigurationError(f"clients: {'; '.join(faults)}")
        self.clients = Clients(clients)

    @property
    def name(self) -> str:
        """Its name in events and errors."""
        return "clients" if self.path is None else str(self.path)

    def watch(
        self, prepare: Callable[[Clients], T], on_change: Callable[[T | Exception], Any]
    ) -> Callable[[], T]:
        """Return a function that returns ``prepare(clients)`` of the newest good reading, at once.

        ``prepare`` runs on a thread of its own when the file has changed; where it raises, the last
        good reading stays in use. ``on_change`` gets the result or the error.
        """
        if self.path is None:
            prepared = prepare(self.clients)
            return lambda: prepared
        try:
            read = WatchedFile(self.path, lambda content: prepare(self._read(content)), on_change)
            return read.current
        except OSError as error:
            raise _unreadable(self.path, error) from None

    def _read(self, content: bytes) -> Clients:
        from .clients_toml import read_clients  # imported here: only a file needs it

        assert self.path is not None  # noqa: S101 - only files are read
        return Clients(read_clients(content, self.path), self.name)

    def __repr__(self) -> str:
        return f"<ClientRegistry {self.name}: {len(self.clients)} clients>"


def _unreadable(path: Path, error: Exception) -> ConfigurationError:
    reason = getattr(error, "strerror", None) or "no file can have this name"
    where = "" if path.is_absolute() else f" (from {Path.cwd()})"
    return ConfigurationError(f"clients: {path} cannot be read: {reason}{where}")
