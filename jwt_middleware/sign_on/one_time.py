"""Whether a token may sign in: it is not denied, and was not used before.

The store answers both for all threads, processes and machines. A token is used before the directory
is touched, so that only one of many arrivals goes on. Where the server then fails, the use is not
undone, as others may have seen it; a second entry says that this attempt has failed, and the next
arrival may make the next attempt. So there is one attempt at a time, and none after a success.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from ..background.forks import ForkLock
from ..errors import SignOnFailed, StoreUnavailable, TokenReused, TokenRevoked
from ..revocation.denials import digest_of
from ..revocation.following import Following
from ..revocation.store import CLOCKS_APART, Store
from .tokens import SignOnToken

MOST_ATTEMPTS: Final = 5
"""How often the server may fail over one token before it counts as used."""


class _Names(NamedTuple):
    """What a denial may name of a sign-on token; the integration's id is its client."""

    token_id: str | None
    subject: str | None
    client_id: str
    key_id: str | None
    issuer: str | None
    application: None = None
    kind: str = "person"


class Denied:
    """The deny list of a store, brought up to date at each sign-on: few people sign on."""

    def __init__(self, store: Store) -> None:
        self._following = Following(store)
        self._lock = ForkLock()

    def check(self, token: SignOnToken, now: float) -> None:
        """Refuse a token whose id, subject, integration, key or issuer is denied.

        Raises:
            TokenRevoked: it is denied.
            StoreUnavailable: that cannot be known now.

        """
        with self._lock:
            self._following.catch_up()
            denials = self._following.list
        claims = token.claims
        names = _Names(
            claims.get("jti"),
            claims.get("sub"),
            token.integration.id,
            token.signed_key_id if token.key_id is None else token.key_id,
            claims.get("iss"),
        )
        denial = denials.find(
            names, lambda: token.issued_at, now, digest=lambda: digest_of(token.signed)
        )
        if denial is not None:
            raise TokenRevoked(denial.reason)


class Attempt(NamedTuple):
    """The right to sign in by one token, which only one arrival has at a time."""

    store: Store
    key: str
    until: float
    number: int
    new: str
    """The key that says: an earlier attempt has made the account."""

    def has_made_account(self) -> bool:
        """Whether an earlier attempt made the account before it failed.

        Raises ``StoreUnavailable`` where that cannot be known now.
        """
        return self.number > 0 and self.store.was_used(self.new)

    def failure(self, error: Exception, *, account_made: bool) -> SignOnFailed:
        """Let the token be used again after the server has failed; return the error to raise.

        ``account_made``: the person is new, which the next attempt must know. Where the store is
        out the token stays used, so that nobody gets in twice.
        """
        try:
            if account_made:
                self.store.use_once(self.new, self.until)
            may_again = self.store.use_once(_failed(self.key), self.until)
        except StoreUnavailable:
            may_again = False
        then = "may be used again" if may_again else "stays used, as the store is out"
        # Only the error's kind: a database's message may quote what was to be written.
        return SignOnFailed(f"{type(error).__name__} after the token was used; it {then}")


def use(store: Store, token: SignOnToken) -> Attempt:
    """Use a token, by its integration and ``jti``, or the digest of what was signed.

    Not by the signature: with ECDSA one message has several good ones.

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
