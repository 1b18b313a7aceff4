"""Whether a token may sign in: it is not denied, and was not used before.

Both are asked of the store that all threads, processes and machines share. A token is used before
the directory is touched, so that of many arrivals one goes on. Where the server then fails, the use
is not undone, as nobody can tell who else has looked meanwhile; a second entry beside it says that
this attempt has failed, and the next arrival may make the next attempt. So there is one attempt at
a time, and none after one that did not fail.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from ..errors import SignOnFailed, StoreUnavailable, TokenReused, TokenRevoked
from ..revocation.denials import DenyList
from ..revocation.store import CLOCKS_APART, Store
from .tokens import SignOnToken

MOST_ATTEMPTS: Final = 5
"""How often a server may fail over one token; then it counts as used."""


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

    def check(self, token: SignOnToken, now: float) -> None:
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
        denial = self._newest().find(names, lambda: token.issued_at, now)
        if denial is not None:
            raise TokenRevoked(denial.reason)

    def _newest(self) -> DenyList:
        revision = self._store.revision()
        if revision != self._read[0]:
            # The revision is the older one: what changes meanwhile is read at the next sign-on.
            self._read = revision, DenyList(self._store.denials())
        return self._read[1]


class Attempt(NamedTuple):
    """The right to sign in by one token, which exactly one arrival has."""

    store: Store
    key: str
    until: float
    number: int
    new: str
    """The key that says: an earlier attempt has made the account."""

    def has_made_account(self) -> bool:
        """Whether an earlier attempt over this token has, and failed only then.

        Raises:
            StoreUnavailable: that cannot be known now.

        """
        return self.number > 0 and self.store.was_used(self.new)

    def failure(self, error: Exception, *, account_made: bool) -> SignOnFailed:
        """Have the token used again, as the server has failed, and return the error that says so.

        ``account_made``: the person is new, and the next attempt is to know it. The store may be
        out; then the token stays used, as nobody may be let in twice.
        """
        try:
            if account_made:
                self.store.use_once(self.new, self.until)
            may_again = self.store.use_once(_failed(self.key), self.until)
        except StoreUnavailable:
            may_again = False
        then = "may be used again" if may_again else "stays used, as the store is out"
        # The error's kind alone: what a database says may hold what was to be written.
        return SignOnFailed(f"{type(error).__name__} after the token was used; it {then}")


def use(store: Store, token: SignOnToken) -> Attempt:
    """Use a token, by its integration and ``jti``, or the digest of what was signed.

    Not of the signature: one message has several good ones by ECDSA, so it names no token.

    Raises:
        TokenReused: it was used before, or is being used.
        StoreUnavailable: that cannot be known now.

    """
    token_id = token.claims.get("jti")
    name = f"jti {token_id}" if token_id else f"digest {hashlib.sha256(token.signed).hexdigest()}"
    until = token.refused_from + CLOCKS_APART
    for number in range(MOST_ATTEMPTS):
        # An id has no blank, so no two tokens share a key.
        key = f"sign-on {number} {token.integration.id} {name}"
        if store.use_once(key, until):
            return Attempt(store, key, until, number, f"new {token.integration.id} {name}")
        if not store.was_used(_failed(key)):
            raise TokenReused("this token was used before")
    raise TokenReused(f"the server has failed {MOST_ATTEMPTS} times over this token")


def _failed(key: str) -> str:
    return f"failed {key}"
