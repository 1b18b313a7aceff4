"""Tokens that were verified before. A gateway repeats one assertion for up to fifteen minutes.

Only verified tokens enter. An entry is found by the token's last bytes, which are its signature's,
and then compared whole: two tokens that differ in any byte never share one. A hit takes no lock.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, NamedTuple

from ..principal import Principal
from .key_sets import KeySet

_TAIL = 48


class VerifiedToken(NamedTuple):
    """A verified token, and what must still hold for it to count.

    ``ends``: the end of its life in seconds since the epoch. ``keys``: the key set that verified
    it; a newer one must verify it again. ``trust`` and ``roster`` are the verifier's: by whom it
    was verified, and the reading of the registry that granted what it may.
    """

    token: bytes
    principal: Principal
    ends: float
    keys: KeySet
    trust: Any = None
    roster: Any = None

    def __repr__(self) -> str:
        return f"<VerifiedToken of {self.principal!r}>"


class TokenCache:
    """A bounded table of verified tokens; the oldest entry makes room for a new one."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: dict[bytes, VerifiedToken] = {}
        self._order: deque[bytes] = deque()
        self._lock = threading.Lock()

    def get(self, token: bytes) -> VerifiedToken | None:
        """Return the entry of exactly this token."""
        entry = self._entries.get(token[-_TAIL:])
        return entry if entry is not None and entry.token == token else None

    def put(self, entry: VerifiedToken) -> None:
        """Keep a verified token."""
        if not self._size:
            return
        tail = entry.token[-_TAIL:]
        with self._lock:
            if tail not in self._entries:
                while len(self._order) >= self._size:
                    self._entries.pop(self._order.popleft(), None)
                self._order.append(tail)
            self._entries[tail] = entry

    def clear(self) -> None:
        """Forget every token."""
        with self._lock:
            self._order.clear()
            self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)
