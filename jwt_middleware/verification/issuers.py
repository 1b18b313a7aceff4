"""Which verifier a token belongs to, and the principal that results.

Most services have one issuer. With several issuers or client-bound keys, the token's own claims
select the verifier; they are trusted only after its signature check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..authorization.predicate import Predicate
from ..background.lanes import MOST_AT_ONCE
from ..background.waiting import Steps
from ..errors import (
    BadSignature,
    ClientMismatch,
    InvalidClaim,
    MalformedToken,
    RequestError,
    UnacceptableAlgorithm,
    UnknownKey,
)
from ..events.log import Announcer
from ..keys.encoding import json_segment
from ..keys.trusted import TrustedKeys
from ..principal import Principal
from .cache import VerifiedToken
from .compact import Segments, decode_header, joined_fault
from .issuer import IssuerVerifier

if TYPE_CHECKING:
    from ..authorization.clients import Dropped
    from ..authorization.registry import ClientRegistry
    from .bound import RegistrySnapshot


MAY_BE_JOINED = (BadSignature, MalformedToken)
"""Errors that may mean: two header lines were joined, or a word precedes the token."""

_MOST_PROBED = 8
"""Issuers that readiness asks for in turn, while no token has named any."""

_LONGEST_START = 60.0
"""Seconds that a start waits at most for the keys of every issuer."""

Choice = tuple[Segments, IssuerVerifier, "RegistrySnapshot | None"]
"""A token's segments, its issuer's verifier, and the registry snapshot that this depended on."""


class Issuers:
    """Selects the verifier of a token, and applies the registry's grants to its principal."""

    def __init__(
        self,
        verifiers: Mapping[str | None, IssuerVerifier],
        registry: ClientRegistry | None,
        announce: Announcer,
        clock: Callable[[], float],
        changed: Sequence[Callable[[], object]],
    ) -> None:
        self._verifiers = verifiers
        self._sole_issuer = verifiers.get(None)
        self.for_every_token = None if registry is not None else self._sole_issuer
        """The verifier of every token; None if the token's own claims select the verifier."""
        self._clock = clock
        self._probed: list[TrustedKeys] = []
        self._next_probe = 0
        self.snapshot: Callable[[], RegistrySnapshot] | None = None
        """Returns the newest snapshot of the registry; None without a registry."""
        if registry is not None:
            from .bound import SnapshotMaker  # imported here: only clients= needs it

            self.snapshot = SnapshotMaker(verifiers, announce, changed).watch(registry)
        # Decode leniently to find the issuer; its own format is enforced afterwards.
        self._is_relaxed = any(v.gateway.wire.relaxed_base64 for v in verifiers.values())
        self._reads_header = any("iss" in v.gateway.header_claims for v in verifiers.values())

    def verifiers(self, snapshot: RegistrySnapshot | None) -> Iterator[IssuerVerifier]:
        """Yield every issuer's verifier, then the verifiers that clients are bound to."""
        yield from self._verifiers.values()
        if snapshot is not None:
            yield from snapshot.bound.values()

    def have_keys(self) -> bool:
        """Whether each issuer that tokens have named has keys now, or the only one has.

        While tokens have named none of several, any one will do: one that was not asked yet is
        asked each time, so that a service that can reach nobody is not ready.
        """
        of_issuers = _distinct(self._verifiers.values())
        used = [keys for keys in of_issuers if keys.in_use] if len(of_issuers) > 1 else of_issuers
        if used:
            return all(keys.current() is not None for keys in used)
        if any(keys.current() is not None for keys in self._probed):
            return True
        self._probed = [*self._probed[-_MOST_PROBED:], of_issuers[self._next_probe]]
        self._next_probe = (self._next_probe + 1) % len(of_issuers)
        return self._probed[-1].current() is not None

    def prefetching(self, *, every_issuer: bool) -> Steps[bool]:
        """Fetch missing keys; return whether none is missing.

        With ``every_issuer`` those of every issuer and bound client, a few at a time, with a budget
        of two seconds for so many; else those of the only issuer, and of none among several: each
        is fetched when a token first names it.
        """
        key_sets = self.key_sets() if every_issuer else _distinct(self._verifiers.values())
        if not every_issuer and len(key_sets) > 1:
            return True
        waits = [wait for wait in [keys.missing() for keys in key_sets] if wait is not None]
        budget = sum(wait.budget for wait in waits) / MOST_AT_ONCE
        # Not "yield from": drive() sends values, and a list iterator has no send().
        for wait in waits:
            yield wait._replace(budget=min(max(budget, wait.budget), _LONGEST_START))
        return all(keys.current() is not None for keys in _distinct(self._verifiers.values()))

    def health(self) -> dict[str, Any]:
        """Return whether issuers have keys, what each key source is like, and the clients."""
        sources = [source for keys in self.key_sets() for source in keys.health()]
        snapshot = None if self.snapshot is None else self.snapshot()
        clients = {} if snapshot is None else {"clients": len(snapshot.clients)}
        return {"ready": self.have_keys(), "sources": sources, **clients}

    def close(self) -> None:
        """Stop fetching keys; the current keys keep verifying tokens."""
        for keys in self.key_sets():
            keys.close()

    def key_sets(self) -> list[TrustedKeys]:
        """Return the keys of every issuer and bound client; several of them may share theirs."""
        return _distinct(self.verifiers(None if self.snapshot is None else self.snapshot()))

    def unknown_names(self, predicate: Predicate) -> list[str]:
        """Return the faults of a predicate's names, by the newest reading of the registry."""
        from ..authorization.name_checks import unknown_names, without_registry

        if self.snapshot is None:
            return without_registry(predicate)
        return unknown_names(predicate, self.snapshot().clients)

    def choose(self, segments: Segments) -> tuple[IssuerVerifier, RegistrySnapshot | None]:
        """Return the verifier that the token's client or issuer selects, and the registry snapshot.

        The claims are not trusted yet: the selected verifier checks the signature.

        Raises:
            RequestError: its issuer is not configured, or its claims cannot be read.

        """
        snapshot = None if self.snapshot is None else self.snapshot()
        if self._sole_issuer is not None and (snapshot is None or not snapshot.bound):
            return self._sole_issuer, snapshot
        claims = json_segment(segments[1], self._is_relaxed, "payload")
        if self._reads_header:
            self._add_header_claims(claims, segments[0])
        issuer = claims.get("iss")
        named = self._verifiers.get(issuer) if type(issuer) is str else None
        if snapshot is not None and snapshot.bound:
            policy = (named or self._sole_issuer or next(iter(self._verifiers.values()))).policy
            policy.check_shapes(claims)
            client_id = policy.names.first(policy.names.client_id, claims)
            bound = None if client_id is None else snapshot.bound.get(client_id)
            if bound is not None:
                return bound, snapshot
        if self._sole_issuer is not None:
            return self._sole_issuer, snapshot
        if "iss" not in claims:
            raise InvalidClaim("iss", "missing")
        if type(issuer) is not str:
            raise InvalidClaim("iss", "type")
        if named is None:
            raise InvalidClaim("iss", "mismatch")
        return named, snapshot

    def _add_header_claims(self, claims: dict[str, Any], header_segment: bytes) -> None:
        """Add the claims of the JOSE header, where they are those of a gateway that writes some."""
        header = decode_header(header_segment, self._is_relaxed)
        issuer = header.get("iss")
        named = self._verifiers.get(issuer) if type(issuer) is str else None
        names = (named or next(iter(self._verifiers.values()))).gateway.header_claims
        claims |= {name: header[name] for name in names if name in header}

    def apply_grants(self, entry: VerifiedToken, snapshot: RegistrySnapshot) -> Sequence[Dropped]:
        """Replace the entry's principal by one with the registry's grants.

        Returns the claim values that were dropped.

        Raises:
            ClientMismatch: the client is bound to another issuer or other keys.
            UnknownClient, ClientDisabled, InvalidClaim: see ``Clients.grants``.

        """
        names, claims = entry.issuer.gateway.names, entry.claims
        client_id = names.first(names.client_id, claims)
        snapshot.check_bound(client_id, entry.issuer)
        try:
            grants, dropped = snapshot.clients.grants(client_id, claims)
        except RequestError as error:
            error.principal = entry.principal  # the token is genuine: the audit may name its caller
            raise
        entry.client, entry.grants = snapshot.clients.get(client_id or ""), grants
        entry.snapshot = snapshot.mark
        entry.principal = Principal.of_token(
            claims, names, entry.expires_at, entry.key.key_id, grants
        )
        return dropped

    def renews(self, entry: VerifiedToken) -> bool:
        """Whether the newest reading of the registry gives a cached token the grants that it has.

        The entry of its client is the same then, and so is what it may not carry of others.
        """
        snapshot, client = self.snapshot(), entry.client  # type: ignore[misc]
        if client is None or snapshot.clients.get(client.client_id) is not client:
            return False
        try:
            snapshot.check_bound(client.client_id, entry.issuer)
            grants, _ = snapshot.clients.grants(client.client_id, entry.claims)
        except RequestError:
            return False
        if grants != entry.grants:
            return False
        entry.snapshot = snapshot.mark
        return True

    def clearer(self, error: RequestError, raw: bytes | str, choice: Choice | None) -> RequestError:
        """Return the error, or another one that names the cause more clearly."""
        if type(error) in MAY_BE_JOINED:
            joined = joined_fault(raw)
            if joined is not None:
                return joined
        return error if choice is None else self.as_mismatch(error, *choice)

    def as_mismatch(
        self,
        error: RequestError,
        segments: Segments,
        issuer: IssuerVerifier,
        snapshot: RegistrySnapshot | None,
    ) -> RequestError:
        """Return ``ClientMismatch`` for a genuine token that its client's issuer did not make.

        That is misuse, not forgery. Any other error is returned unchanged.
        """
        if snapshot is None:
            return error
        if isinstance(error, InvalidClaim):
            if error.claim == "iss" and snapshot.is_bound(issuer):
                return ClientMismatch("another issuer than the client's")
        elif isinstance(error, UnknownKey | BadSignature | UnacceptableAlgorithm):
            from .bound import MOST_ASKED  # imported here: only clients= needs it

            others = (
                other
                for other in islice(self.verifiers(snapshot), MOST_ASKED)
                # A token that is refused anyway must not cause fetches of keys that nobody uses.
                if other.keys.in_use and other.keys is not issuer.keys
            )
            if snapshot.bound and snapshot.signed_by_another(segments, others, self._clock()):
                reason = "signed with a key that is not the client's"
                return ClientMismatch(reason, key_id=error.key_id)
        return error


def _distinct(verifiers: Iterable[IssuerVerifier]) -> list[TrustedKeys]:
    return list({id(verifier.keys): verifier.keys for verifier in verifiers}.values())
