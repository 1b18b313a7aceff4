"""Tokens that the sign-on store denies: the same list by which a verifier revokes."""

from __future__ import annotations

from typing import NamedTuple

from ..errors import TokenRevoked
from ..revocation.deny_list import DenyList
from ..revocation.store import Store
from ..verification.issuer import Trust
from .tokens import Genuine


class _Names(NamedTuple):
    """What a denial may name of a sign-on token."""

    token_id: str | None
    subject: str | None
    client_id: str
    key_id: str | None
    issuer: str | None


class Denied:
    """The deny list of a store, as it is at each sign-on. Few sign on at a time, so it is asked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: tuple[str | None, DenyList] = (None, DenyList())

    def check(self, token: Genuine, trust: Trust, now: float) -> None:
        """Refuse a token whose id, subject, integration, key or issuer is denied.

        The integration's id is the client of its tokens, as it is in its events.

        Raises:
            TokenRevoked: it is.
            StoreUnavailable: that cannot be known now.

        """
        claims = token.claims
        names = _Names(
            claims.get("jti"),
            claims.get("sub"),
            token.integration.id,
            token.signed_key_id if token.key_id is None else token.key_id,
            claims.get("iss"),
        )
        denial = self._newest().find(names, lambda: trust.policy.issued_at(claims), now)
        if denial is not None:
            raise TokenRevoked(f"the {denial.name.kind.replace('_', ' ')} is denied")

    def _newest(self) -> DenyList:
        revision = self._store.revision()
        known, denials = self._read
        if revision != known:
            # The revision is the older one: what changes meanwhile is read at the next sign-on.
            denials = DenyList(self._store.denials())
            self._read = revision, denials
        return denials
