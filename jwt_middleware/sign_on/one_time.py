"""Each token signs in once, over all threads, processes and machines that share a store.

A token is claimed before the directory is touched, so that of many arrivals one goes on. Where the
server then fails, the claim is not undone, as nobody can tell who else has looked meanwhile; a
second claim beside it says that this attempt has failed, and the next arrival may make the next
attempt. So there is one attempt at a time, and none after one that did not fail.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from ..errors import StoreUnavailable, TokenReused
from ..revocation.store import Store
from .tokens import Genuine

MOST_ATTEMPTS: Final = 5
"""How often a server may fail over one token; then it counts as used."""

MARGIN: Final = 60.0
"""Seconds that a claim outlives its token, for the clocks of other machines."""


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
        return self.number > 0 and self.store.is_claimed(self.new)

    def give_back(self, *, account_made: bool = False) -> bool:
        """Say that the server has failed, so that the token may be used again; False: it may not.

        ``account_made``: the person is new, and the next attempt is to know it. The store may be
        out; then the token stays used, as nobody may be let in twice.
        """
        try:
            if account_made:
                self.store.claim(self.new, self.until)
            return self.store.claim(_failed(self.key), self.until)
        except StoreUnavailable:
            return False


def claim(store: Store, token: Genuine) -> Attempt:
    """Use a token, by its integration and ``jti``, or the digest of what was signed.

    Not of the signature: one message has several good ones by ECDSA, so it names no token.

    Raises:
        TokenReused: it was used before, or is being used.
        StoreUnavailable: that cannot be known now.

    """
    token_id = token.claims.get("jti")
    name = f"jti {token_id}" if token_id else f"digest {hashlib.sha256(token.signed).hexdigest()}"
    until = token.refused_from + MARGIN
    for number in range(MOST_ATTEMPTS):
        # An id has no blank, so no two tokens share a key.
        key = f"sign-on {number} {token.integration.id} {name}"
        if store.claim(key, until):
            return Attempt(store, key, until, number, f"new {token.integration.id} {name}")
        if not store.is_claimed(_failed(key)):
            raise TokenReused("this token was used before")
    raise TokenReused(f"the server has failed {MOST_ATTEMPTS} times over this token")


def _failed(key: str) -> str:
    return f"failed {key}"
