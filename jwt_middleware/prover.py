"""Whose token is it? The trust that may verify it, and the principal that comes of it.

Most services have one trust. With several issuers, or with clients that are bound to keys of their
own, what the token names chooses one; nothing is believed before that trust's keys have said so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from .authorization import ClientRegistry, Dropped, Predicate, unknown_names
from .errors import (
    BadSignature,
    ClientMismatch,
    InvalidClaim,
    RequestError,
    UnacceptableAlgorithm,
    UnknownKey,
)
from .listeners import Announcer
from .principal import Principal
from .roster import Roster, RosterMaker
from .trust import Patience, Proven, Trust
from .verification import UnverifiedToken, VerifiedToken, WireFormat, decode_claims, parse


class Proof(NamedTuple):
    """A verified token, and the values of it that its client is not granted."""

    token: VerifiedToken
    dropped: list[Dropped]


class Prover:
    """Finds the trust of a token, and makes its principal."""

    def __init__(
        self,
        trusts: Mapping[str | None, Trust],
        registry: ClientRegistry | None,
        announce: Announcer,
        changed: Callable[[], None],
    ) -> None:
        self._trusts = trusts
        self._only = trusts.get(None)
        self._roster = (
            None if registry is None else RosterMaker(trusts, announce, changed).watch(registry)
        )
        # To find out whose a token is, the loosest of the encodings reads it; the trust's own form
        # then decides.
        wires = [trust.gateway.wire for trust in trusts.values()]
        self._peek = WireFormat(relaxed_base64=any(wire.relaxed_base64 for wire in wires))

    def roster(self) -> Roster | None:
        """Return the newest roster of clients; None where there is no registry."""
        return None if self._roster is None else self._roster()

    def trusts(self, roster: Roster | None) -> list[Trust]:
        """Return every trust, those that clients are bound to last."""
        bound = () if roster is None else roster.bound.values()
        return [*self._trusts.values(), *bound]

    def unknown_names(self, predicate: Predicate) -> list[str]:
        """Return what is wrong with a predicate's names; nothing where there is no registry."""
        roster = self.roster()
        return [] if roster is None else unknown_names(predicate, roster.clients)

    def prove(
        self, raw: bytes, now: float, patience: Patience | None, roster: Roster | None
    ) -> Proof:
        """Verify a token and make its principal.

        Raises:
            AwaitKeys: as ``Trust.verify``.
            RequestError: why it is refused.

        """
        trust = self._only
        if trust is None or (roster is not None and roster.bound):
            trust = self._named(raw, roster)
        token = trust.parse(raw)
        dropped: list[Dropped] = []
        if roster is None:
            proven = trust.verify(token, now, patience)
            principal = _plain(proven, trust)
        else:
            proven = self._proven(trust, token, now, patience, roster)
            principal, dropped = _enrolled(proven, trust, roster)
        verified = VerifiedToken(raw, principal, proven.ends, proven.keys, trust, roster)
        return Proof(verified, dropped)

    def _proven(
        self,
        trust: Trust,
        token: UnverifiedToken,
        now: float,
        patience: Patience | None,
        roster: Roster,
    ) -> Proven:
        """Verify under the client's own trust; tell another's keys from a forgery."""
        try:
            return trust.verify(token, now, patience)
        except (UnknownKey, BadSignature, UnacceptableAlgorithm) as error:
            others = (each for each in self.trusts(roster) if each.keys is not trust.keys)
            if not roster.bound or not roster.signed_by_another(token, others, now):
                raise
            mismatch = ClientMismatch("signed with a key that is not the client's")
            mismatch.key_id = error.key_id
            raise mismatch from None
        except InvalidClaim as error:
            if error.claim != "iss" or not roster.is_bound(trust):
                raise
            raise ClientMismatch("another issuer than the client's") from None

    def _named(self, raw: bytes, roster: Roster | None) -> Trust:
        """Return the trust whose client or issuer the token names."""
        claims = decode_claims(parse(raw, self._peek), self._peek)
        issuer = claims.get("iss")
        known = self._trusts.get(issuer) if type(issuer) is str else None
        if roster is not None and roster.bound:
            names = (known or self._only or next(iter(self._trusts.values()))).gateway.names
            names.check(claims)
            client_id = names.first(names.client_id, claims)
            bound = None if client_id is None else roster.bound.get(client_id)
            if bound is not None:
                return bound
        if self._only is not None:
            return self._only
        if "iss" not in claims:
            raise InvalidClaim("iss", "missing")
        if type(issuer) is not str:
            raise InvalidClaim("iss", "type")
        if known is None:
            raise InvalidClaim("iss", "mismatch")
        return known


def _plain(proven: Proven, trust: Trust) -> Principal:
    return Principal(
        proven.claims,
        names=trust.gateway.names,
        expires_at=proven.expires_at,
        key_id=proven.key.key_id,
    )


def _enrolled(proven: Proven, trust: Trust, roster: Roster) -> tuple[Principal, list[Dropped]]:
    """Return the principal with what its client is granted."""
    names = trust.gateway.names
    client_id = names.first(names.client_id, proven.claims)
    roster.check_bound(client_id, trust)
    try:
        return roster.principal(client_id, proven, names)
    except RequestError as error:
        error.principal = _plain(proven, trust)  # it is genuine, so the audit may say whose it is
        raise
