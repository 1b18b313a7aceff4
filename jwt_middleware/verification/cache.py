"""Tokens that were verified before. A gateway repeats one assertion for up to fifteen minutes.

Only verified tokens enter. An entry is found by the token's last bytes, which are its signature's,
and then compared whole: two tokens that differ in any byte never share one. Nothing is hashed but
those bytes, and a hit takes no lock.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import Any

from ..background.forks import ForkLock
from ..keys.key_set import KeySet
from ..principal import Principal
from .compact import decode_header

_TAIL = 48
_SHORT = 64
_MOST_VALUES = 8_192
_NOT_CHECKED = object()


class VerifiedToken:
    """A verified token, and what must still hold for it to count.

    Attributes:
        token: the token, as received.
        refused_from: the end of its life with the leeway, in seconds since the epoch.
        keys: the key set that verified it; a newer one must verify it again.
        trust: the verifier's, by which it was verified.
        snapshot: the reading of the registry that granted what the principal may.
        generation: what the entry was last checked against (registry and deny list); compared by
            identity.

    """

    __slots__ = ("generation", "keys", "principal", "refused_from", "snapshot", "token", "trust")

    def __init__(
        self,
        token: bytes,
        principal: Principal,
        refused_from: float,
        keys: KeySet,
        trust: Any = None,
        snapshot: Any = None,
    ) -> None:
        self.token = token
        self.principal = principal
        self.refused_from = refused_from
        self.keys = keys
        self.trust = trust
        self.snapshot = snapshot
        # None would equal an unusable deny list, so a sentinel stands for "not checked yet".
        self.generation: object = _NOT_CHECKED if snapshot is None else snapshot

    def issued_at(self) -> float | None:
        """Return its ``iat`` in seconds since the epoch; None where it has none."""
        issued: float | None = self.trust.policy.issued_at(self.principal.claims)
        return issued

    def signed_key_id(self) -> str | None:
        """Return the ``kid`` of its own header, which was signed with the rest of it."""
        header = decode_header(self.token.partition(b".")[0], self.trust.gateway.wire)
        key_id: str | None = header.get("kid")
        return key_id

    def __repr__(self) -> str:
        return f"<VerifiedToken of {self.principal!r}>"


class TokenCache:
    """A bounded table of verified tokens; the oldest entry makes room for a new one."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: dict[bytes, VerifiedToken] = {}
        self._order: deque[bytes] = deque()
        self._values: dict[str, str] = {}
        self._lock = ForkLock()

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

    def compact(self, claims: dict[str, Any]) -> dict[str, Any]:
        """Return the claims with names and short texts that all kept tokens share.

        The tokens of one gateway differ in few values, and names are long: this halves the memory.
        """
        if not self._size:
            return claims
        values = self._values
        if len(values) > _MOST_VALUES:
            values.clear()
        return {
            sys.intern(name): values.setdefault(value, value)
            if type(value) is str and len(value) <= _SHORT
            else value
            for name, value in claims.items()
        }

    def clear(self) -> None:
        """Forget every token."""
        with self._lock:
            self._order.clear()
            self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)
