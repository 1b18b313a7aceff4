"""The cache of verified tokens. A gateway repeats one assertion for up to fifteen minutes.

Only verified tokens get in. The key of an entry is the last bytes of its token, which are part of
the signature; then the whole token is compared, so tokens that differ in any byte never share an
entry. Only those last bytes are hashed, and a hit takes no lock.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any

from ..background.forks import at_fork
from ..keys.encoding import share_names
from ..keys.key import Key
from ..keys.key_set import KeySet
from ..principal import Grants, Principal
from .compact import decode_header

if TYPE_CHECKING:
    from ..authorization.client import Client

TAIL = 48
"""Bytes at the end of a token that are the key of its entry; they are part of the signature."""
_SHORT = 64
_MOST_VALUES = 8_192


class VerifiedToken:
    """A token whose signature and claims were good, and what each later use must still check.

    Attributes:
        token: the token, as received.
        claims: its claims.
        expires_at: when it expires, in seconds since the epoch.
        refused_from: the same with the leeway, or earlier if the certificate of its key ends first.
        key: the key that signed it.
        keys: the key set used; if the issuer has a newer set, the token is verified again.
        issuer: the ``IssuerVerifier`` that verified it.
        principal: who calls.
        snapshot: the mark of the registry snapshot that its grants come from, or None.
        client: the entry of its client in that registry.
        grants: what that entry grants it.
        passed: the mark of the deny list when the token last passed it; None before.

    """

    __slots__ = (
        "claims",
        "client",
        "expires_at",
        "grants",
        "issuer",
        "key",
        "keys",
        "passed",
        "principal",
        "refused_from",
        "snapshot",
        "token",
    )

    def __init__(
        self,
        token: bytes,
        claims: dict[str, Any],
        expires_at: float,
        refused_from: float,
        key: Key,
        keys: KeySet,
        issuer: Any,
        principal: Principal,
    ) -> None:
        self.token = token
        self.claims = claims
        self.expires_at = expires_at
        self.refused_from = refused_from
        self.key = key
        self.keys = keys
        self.issuer = issuer
        self.principal = principal
        self.snapshot: object = None
        self.client: Client | None = None
        self.grants: Grants | None = None
        self.passed: object = None

    def issued_at(self) -> float | None:
        """Return its ``iat`` in seconds since the epoch; None if it has none."""
        issued: float | None = self.issuer.policy.issued_at(self.claims)
        return issued

    def signed_key_id(self) -> str | None:
        """Return the ``kid`` of its own header, which the signature covers."""
        header = decode_header(self.token.partition(b".")[0], self.issuer.is_relaxed)
        key_id: str | None = header.get("kid")
        return key_id

    def __repr__(self) -> str:
        return f"<VerifiedToken by {self.key!r}>"


class TokenCache:
    """A bounded table of verified tokens; the oldest entry makes room for a new entry.

    Whoever changes it takes its lock. To find an entry takes none: that is one look-up in a dict.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[bytes, VerifiedToken] = OrderedDict()
        self._values: dict[str, str] = {}
        self._lock = Lock()  # bare, for it is taken on the way of every new token
        at_fork(self)
        self.find = self._entries.get
        """Looks up by the last ``TAIL`` bytes; the caller must compare the whole token."""

    def keep(self, entry: VerifiedToken) -> None:
        """Keep a verified token; its claims share names and short texts with those of other tokens.

        The tokens of one gateway differ in few values, so this saves half of the memory.
        """
        if not self._size:
            return
        entries, values, claims = self._entries, self._values, entry.claims
        share_names(claims)
        with self._lock:
            if len(values) > _MOST_VALUES:
                values.clear()
            for name, value in claims.items():
                if type(value) is str and len(value) <= _SHORT:
                    claims[name] = values.setdefault(value, value)
            entries[entry.token[-TAIL:]] = entry
            while len(entries) > self._size:
                entries.popitem(last=False)

    def clear(self) -> None:
        """Forget every token."""
        with self._lock:
            self._entries.clear()

    def renew(self) -> None:
        """Begin with a lock of its own in a forked child, where the parent's may be held."""
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._entries)
