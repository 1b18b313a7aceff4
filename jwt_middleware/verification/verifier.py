"""The composer: raw header in, a principal out, or the one error that says why not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from logging import DEBUG
from typing import TYPE_CHECKING, Any, Unpack

from ..authorization.predicate import Predicate
from ..authorization.request import RequestView
from ..background.waiting import MustWait, Wait, WaitBudget
from ..errors import BadSignature, KeysUnavailable, MalformedToken, RequestError
from ..events.kinds import ConfigurationWarning
from ..events.log import Announcer
from ..events.record import Audit
from ..gateways import Gateway
from ..keys.encoding import use_speed
from ..options import checks as check
from ..principal import Principal
from .cache import TokenCache, VerifiedToken
from .compact import MAX_TOKEN_SIZE, raw_token, refuse_joined, single_line
from .issuer import IssuerVerifier
from .issuers import Issuers, trusts_of
from .options import VerifierOptions, clock_of, listeners_of, registry_of, revocations_of

if TYPE_CHECKING:
    from ..authorization.clients import Clients
    from .bound import RegistrySnapshot


class Verifier:
    """Verifies assertion tokens of one issuer or several. Safe to share between threads and loops.

    Raises:
        ConfigurationError: an option is unknown or wrong, or no key is usable.

    """

    def __init__(self, **options: Unpack[VerifierOptions]) -> None:
        check.known(options, VerifierOptions.__annotations__)
        use_speed()
        self._clock = clock_of(options.get("clock", time.time))
        self.announce = Announcer(listeners_of(options.get("listeners", ())))
        self._max_size = check.whole(
            "max_token_size", options.get("max_token_size", MAX_TOKEN_SIZE), least=64
        )
        self.audit = Audit(self.announce)
        self._cache = TokenCache(
            check.whole("cache_size", options.get("cache_size", 4_096), least=0)
        )
        self._trusts = trusts_of(options, self.announce, self._clock)
        registry = registry_of(options.get("clients"))
        self._when_clients_change: list[Callable[[], object]] = [self._cache.clear]
        self._issuers = Issuers(self._trusts, registry, self.announce, self._cache, self._changed)
        self._snapshot = self._issuers.snapshot
        self.revocations = revocations_of(
            options.get("revocations"), self.announce, self._clock, self._snapshot
        )
        """Denies tokens and takes denials back; None where ``revocations`` is not configured."""
        self._generation: Callable[[], object] | None = self._snapshot
        if self.revocations is not None:
            self._generation = self.revocations.generation
        if not options.get("api") and any(t.gateway.context_claim for t in self._trusts.values()):
            self.announce(
                ConfigurationWarning(
                    "api is not set: WSO2 tokens carry no audience, so a token made for any other "
                    "API of the gateway is accepted here. Set api='/your/context'"
                )
            )

    def verify(self, raw: bytes | str, *, request: RequestView | None = None) -> Principal:
        """Verify one raw header value. Waits for a fetch only where the key is not known.

        Raises:
            AuthenticationError: the token is refused (401).
            KeysUnavailable: no keys can be had now (503).
            PermissionDenied: the registry does not know the client, or has switched it off (403).

        """
        known = self.recall(raw, request)
        if known is not None:
            return known
        budget: WaitBudget | None = None
        while True:
            try:
                return self.verify_now(raw, request, budget)
            except MustWait as pause:
                budget = budget or WaitBudget()
                budget.wait(pause.pending)

    async def verify_async(
        self, raw: bytes | str, *, request: RequestView | None = None
    ) -> Principal:
        """Verify one raw header value without blocking the event loop (asyncio or trio)."""
        known = self.recall(raw, request)
        if known is not None:
            return known
        budget: WaitBudget | None = None
        while True:
            try:
                return self.verify_now(raw, request, budget)
            except MustWait as pause:
                budget = budget or WaitBudget()
                await budget.wait_async(pause.pending)

    def verify_now(
        self, raw: bytes | str, request: RequestView | None, budget: WaitBudget | None = None
    ) -> Principal:
        """Verify one raw header value anew, without waiting for anything.

        Raises:
            MustWait: a fetch may bring the key, or the store must be asked; ``verify`` and
                ``verify_async`` wait for that.
            RequestError: why it is refused; this was announced.

        """
        try:
            try:
                return self._attempt(raw, request, budget)
            except _MAY_BE_JOINED:
                refuse_joined(raw)  # the better reason, and it must not cause a fetch
                raise
        except RequestError as error:
            self.audit.refused(error, request)
            raise

    def authenticate(
        self, header_lines: Sequence[bytes | str], *, request: RequestView | None = None
    ) -> Principal | None:
        """Verify what all lines of the header say; None where there is none.

        Raises:
            DuplicateHeader: there is more than one line.
            AuthenticationError: the token is refused (401).
            KeysUnavailable: no keys can be had now (503).

        """
        line = self.single_line(header_lines, request)
        return None if line is None else self.verify(line, request=request)

    async def authenticate_async(
        self, header_lines: Sequence[bytes | str], *, request: RequestView | None = None
    ) -> Principal | None:
        """Do as ``authenticate``, without blocking the event loop."""
        line = self.single_line(header_lines, request)
        return None if line is None else await self.verify_async(line, request=request)

    def single_line(
        self, lines: Sequence[bytes | str], request: RequestView | None
    ) -> bytes | str | None:
        """Return the one line of the header; None where there is none.

        Raises:
            DuplicateHeader: there is more than one; this was announced.

        """
        try:
            return single_line(lines)
        except RequestError as error:
            self.audit.refused(error, request)
            raise

    def when_clients_change(self, call: Callable[[], object]) -> None:
        """Call this whenever a new reading of the registry is in use."""
        self._when_clients_change.append(call)

    def _changed(self) -> None:
        for call in self._when_clients_change:
            call()

    @property
    def clients(self) -> Clients | None:
        """The newest reading of the registry; None where ``clients`` is not configured."""
        snapshot = self._current_snapshot()
        return None if snapshot is None else snapshot.clients

    @property
    def trusts(self) -> tuple[IssuerVerifier, ...]:
        """What each issuer's tokens verify by; one for all where ``issuers`` is not configured."""
        return tuple(self._trusts.values())

    def unknown_names(self, predicate: Predicate) -> list[str]:
        """Return what is wrong with a predicate's names, by the newest reading of the registry."""
        return self._issuers.unknown_names(predicate)

    def health(self) -> dict[str, Any]:
        """Return whether tokens can be verified now, and by which keys; for readiness probes.

        ``would_refuse`` counts what rules in shadow mode have let in.
        """
        snapshot = self._current_snapshot()
        # Trusts of several clients may share their keys.
        known = {id(trust.keys): trust.keys for trust in self._issuers.trusts(snapshot)}
        sources = [each for keys in known.values() for each in keys.health()]
        ready = self._has_keys()
        found: dict[str, Any] = {"ready": ready, "sources": sources}
        if snapshot is not None:
            found["clients"] = len(snapshot.clients)
        if self.revocations is not None:
            found["revocations"] = self.revocations.health()
            found["ready"] = ready and self.revocations.is_usable
        found["would_refuse"] = self.audit.would_have_refused
        return found

    def prefetch(self) -> bool:
        """Get keys now where there are none yet, waiting up to a request's budget; for start-up."""
        budget = WaitBudget()
        for pending in self._missing():
            budget.wait(pending)
        return self._has_keys()

    async def prefetch_async(self) -> bool:
        """Do as ``prefetch``, without blocking the event loop."""
        budget = WaitBudget()
        for pending in self._missing():
            await budget.wait_async(pending)
        return self._has_keys()

    def _has_keys(self) -> bool:
        return all(trust.keys.current() is not None for trust in self._trusts.values())

    def _missing(self) -> list[Wait]:
        """Begin to get the keys that are not there; all at once, so that one budget is enough."""
        trusts = self._issuers.trusts(self._current_snapshot())
        found = [trust.keys.missing() for trust in trusts]
        return [pending for pending in found if pending is not None]

    def close(self) -> None:
        """Start no further fetch of keys; tokens of the keys known now still verify.

        With ``revocations`` for a few seconds only, for it looks at the store no more.
        """
        for trust in self._issuers.trusts(self._current_snapshot()):
            trust.keys.close()
        if self.revocations is not None:
            self.revocations.close()

    @property
    def gateway(self) -> Gateway:
        """The gateway of the only issuer, or of the first."""
        return next(iter(self._trusts.values())).gateway

    def _current_snapshot(self) -> RegistrySnapshot | None:
        return None if self._snapshot is None else self._snapshot()

    def recall(
        self,
        raw: bytes | str,
        request: Any = None,
        view: Callable[[Any], RequestView] | None = None,
    ) -> Principal | None:
        """Return the principal of a token that was verified before, and still holds.

        ``view`` makes a view of ``request`` where somebody wants to see it: most hits are silent.
        """
        if type(raw) is not bytes:
            if type(raw) is not str or len(raw) > self._max_size or not raw.isascii():
                return None
            raw = raw.encode("ascii")
        entry = self._cache.get(raw)
        if (
            entry is None
            or self._clock() >= entry.refused_from
            or entry.trust.keys.current() is not entry.keys
            or (self._generation is not None and self._generation() is not entry.generation)
        ):
            return None
        if self.announce.wants(DEBUG):
            seen = request if view is None else view(request)
            self.audit.verified(entry.principal, seen, cached=True)
        return entry.principal

    def _attempt(
        self, raw: bytes | str, request: RequestView | None, budget: WaitBudget | None
    ) -> Principal:
        token = raw_token(raw, self._max_size)
        if len(token) != len(raw):
            known = self.recall(token, request)  # blanks stood at its ends
            if known is not None:
                return known
        entry = None
        is_cached = False
        seconds: float | None = None
        if self.revocations is not None:
            entry = self.revocations.waiting_for_use(budget)
            if entry is None:
                entry = self._proven_before(token)
                is_cached = entry is not None
        if entry is None:
            began = time.perf_counter()
            entry, dropped = self._issuers.verify(token, self._clock(), budget)
            seconds = time.perf_counter() - began
            for each in dropped:
                self.audit.dropped(entry.principal, each.claim, each.values, each.reason, request)
            self._cache.put(entry)
        if self.revocations is not None:
            self.revocations.check(entry, budget)
        if self.announce.wants(DEBUG):
            self.audit.verified(entry.principal, request, cached=is_cached, seconds=seconds)
        return entry.principal

    def _proven_before(self, token: bytes) -> VerifiedToken | None:
        """Return a token whose signature need not be checked again; the deny list has changed."""
        entry = self._cache.get(token)
        if (
            entry is None
            or self._clock() >= entry.refused_from
            or entry.trust.keys.current() is not entry.keys
            or (self._snapshot is not None and self._snapshot() is not entry.snapshot)
        ):
            return None
        return entry


_MAY_BE_JOINED = (BadSignature, MalformedToken, KeysUnavailable, MustWait)
