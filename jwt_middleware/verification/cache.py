"""Tokens that were verified before. A gateway repeats one assertion for up to fifteen minutes.

Only verified tokens enter. An entry is found by the token's last bytes, which are its signature's,
and then compared whole: two tokens that differ in any byte never share one. Nothing is hashed but
those bytes, and a hit takes no lock.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from typing import Any

from ..keys.encoding import share_names
from ..keys.key import Key
from ..keys.key_set import KeySet
from ..principal import Principal
from .compact import decode_header

TAIL = 48
"""Bytes at the end of a token by which its entry is found; they are its signature's."""
_SHORT = 64
_MOST_VALUES = 8_192
_NOT_CHECKED = object()


class VerifiedToken:
    """A token whose signature and claims are good, and what must still hold for it to count.

    Attributes:
        token: the token, as received.
        claims: what it says.
        expires_at: the end of its life, in seconds since the epoch.
        refused_from: the same with the leeway, or earlier where its key's certificate ends first.
        key: the key that signed it.
        keys: the key set that has the key; a newer one must verify it again.
        issuer: the ``IssuerVerifier`` that verified it.
        principal: who calls.
        snapshot: the reading of the registry that granted what the principal may, if there is one.
        generation: what it was last checked against (registry and deny list); compared by identity.

    """

    __slots__ = (
        "claims",
        "expires_at",
        "generation",
        "issuer",
        "key",
        "keys",
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
        self.snapshot: Any = None
        # None would equal an unusable deny list, so a sentinel stands for "not checked yet".
        self.generation: object = _NOT_CHECKED

    def issued_at(self) -> float | None:
        """Return its ``iat`` in seconds since the epoch; None where it has none."""
        issued: float | None = self.issuer.policy.issued_at(self.claims)
        return issued

    def signed_key_id(self) -> str | None:
        """Return the ``kid`` of its own header, which was signed with the rest of it."""
        header = decode_header(self.token.partition(b".")[0], self.issuer.is_relaxed)
        key_id: str | None = header.get("kid")
        return key_id

    def __repr__(self) -> str:
        return f"<VerifiedToken by {self.key!r}>"


class TokenCache:
    """A bounded table of verified tokens; the oldest entry makes room for a new one.

    It takes no lock: each step is one operation of a dict, and what two threads do at the same time
    may at worst forget an entry.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[bytes, VerifiedToken] = OrderedDict()
        self._values: dict[str, str] = {}
        self.find = self._entries.get
        """Returns the entry with the last ``TAIL`` bytes of a token, which may be another's."""

    def keep(self, entry: VerifiedToken) -> None:
        """Keep a verified token, which shares names and short texts of its claims with the others.

        The tokens of one gateway differ in few values: this saves half of the memory.
        """
        if not self._size:
            return
        values, claims = self._values, entry.claims
        share_names(claims)
        if len(values) > _MOST_VALUES:
            values.clear()
        for name, value in claims.items():
            if type(value) is str and len(value) <= _SHORT:
                claims[name] = values.setdefault(value, value)
        entries = self._entries
        entries[entry.token[-TAIL:]] = entry
        while len(entries) > self._size:
            with suppress(KeyError):  # another thread has cleared it
                entries.popitem(last=False)

    def clear(self) -> None:
        """Forget every token."""
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)
