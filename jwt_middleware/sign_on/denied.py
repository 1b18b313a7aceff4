"""Tokens that the sign-on store denies: the same list by which a verifier revokes."""

from __future__ import annotations

from ..errors import TokenRevoked
from ..principal import Principal
from ..stores import DenyList, Store
from ..trust import Trust
from .recognition import Genuine


class Denied:
    """The deny list of a store, as it is at each sign-on. Few sign on at a time, so it is asked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: tuple[str | None, DenyList] = (None, DenyList())

    def check(self, token: Genuine, trust: Trust, now: float) -> None:
        """Refuse a token whose id, subject, key or issuer is denied.

        Raises:
            TokenRevoked: it is.
            StoreUnavailable: that cannot be known now.

        """
        principal = Principal(token.claims, names=trust.gateway.names, key_id=token.key_id)
        denial = self._newest().find(principal, lambda: trust.policy.issued_at(token.claims), now)
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
