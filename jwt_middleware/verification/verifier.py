"""The composer: raw header in, a principal out, or the one error that says why not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from logging import DEBUG
from typing import TYPE_CHECKING, Any, Unpack

from ..authorization.predicate import Predicate
from ..authorization.request import RequestView
from ..background.waiting import Steps, Wait, drive, drive_async
from ..errors import BadSignature, DuplicateHeader, MalformedToken, RequestError
from ..events.kinds import ConfigurationWarning
from ..events.log import Announcer
from ..events.record import Audit
from ..gateways import Gateway
from ..keys.encoding import use_speed
from ..options import checks as check
from ..principal import Principal
from .cache import TAIL, TokenCache, VerifiedToken
from .compact import MAX_TOKEN_SIZE, Segments, joined_fault, raw_token, split
from .issuer import IssuerVerifier
from .issuers import Issuers, trusts_of
from .options import VerifierOptions, clock_of, listeners_of, registry_of, revocations_of

if TYPE_CHECKING:
    from ..authorization.clients import Clients
    from .bound import RegistrySnapshot


_MAY_BE_JOINED = (BadSignature, MalformedToken)
"""How a value is refused that two lines make, or a token and another word."""

Choice = tuple[Segments, IssuerVerifier, "RegistrySnapshot | None"]
"""What a token says, who verifies it, and the reading of the registry by which that was chosen."""


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
        self._find = self._cache.find
        self._issuers = Issuers(self._trusts, registry, self.announce, self._clock, self._changed)
        self._snapshot = self._issuers.snapshot
        self.revocations = revocations_of(
            options.get("revocations"), self.announce, self._clock, self._snapshot
        )
        """Denies tokens and takes denials back; None where ``revocations`` is not configured."""
        self._generation = None if self.revocations is None else self.revocations.generation
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
        known = self.begin(raw, request)
        return known if isinstance(known, Principal) else drive(known)

    async def verify_async(
        self, raw: bytes | str, *, request: RequestView | None = None
    ) -> Principal:
        """Verify one raw header value without blocking the event loop (asyncio or trio)."""
        known = self.begin(raw, request)
        return known if isinstance(known, Principal) else await drive_async(known)

    def begin(
        self,
        raw: bytes | str,
        request: Any = None,
        view: Callable[[Any], RequestView] | None = None,
    ) -> Principal | Steps[Principal]:
        """Return the principal of a token that was verified before, else the steps to verify it.

        ``view`` makes a view of ``request`` where one is needed: most hits are silent.
        """
        if type(raw) is bytes:
            token = raw
        elif type(raw) is str and len(raw) <= self._max_size and raw.isascii():
            token = raw.encode("ascii")
        else:  # a server may give other bytes, such as a bytearray; they are in no table
            token = b""
        entry = self._find(token[-TAIL:])
        if entry is not None and (
            entry.token != token
            or self._clock() >= entry.refused_from
            or entry.issuer.keys.current() is not entry.keys
            or (self._snapshot is not None and self._snapshot() is not entry.snapshot)
        ):
            entry = None
        if entry is not None and (
            self._generation is None or self._generation() is entry.generation
        ):
            if self.announce.wants(DEBUG):
                seen = request if view is None else view(request)
                self.audit.verified(entry.principal, seen, cached=True)
            return entry.principal
        return self._steps(raw, request if view is None else view(request), entry)

    def _steps(
        self, raw: bytes | str, request: RequestView | None, entry: VerifiedToken | None
    ) -> Steps[Principal]:
        """Verify a token, and yield what must be waited for: a fetch of keys, and the store.

        ``entry``: the token's, where all but its revocation is known.

        Raises:
            RequestError: why it is refused; this was announced.

        """
        is_heard = self.announce.wants(DEBUG)
        is_cached, began, seconds = entry is not None, 0.0, None
        choice: Choice | None = None
        try:
            if entry is None:
                if is_heard:
                    began = time.perf_counter()
                token = raw_token(raw, self._max_size)
                if len(token) != len(raw):  # blanks stood at its ends
                    known = self.begin(token, request)
                    return known if isinstance(known, Principal) else (yield from known)
                segments = split(token)
                issuer, snapshot = self._issuers.only, None
                if issuer is None:
                    issuer, snapshot = self._issuers.choose(segments)
                    choice = segments, issuer, snapshot
                candidates = issuer.remembered.get(segments[0])
                if candidates is None or candidates.keys is not issuer.keys.current():
                    candidates = yield from issuer.candidates(segments[0], token)
                    if self._snapshot is not None and self._snapshot() is not snapshot:
                        # The registry has changed meanwhile: another issuer may verify it now.
                        return (yield from self._steps(raw, request, None))
                    began = time.perf_counter()  # without the waiting
                entry = issuer.verify(token, segments, candidates)
                if snapshot is not None:
                    for dropped in self._issuers.grant(entry, snapshot):
                        self.audit.dropped(entry.principal, *dropped, request)
                if is_heard:
                    seconds = time.perf_counter() - began
                self._cache.keep(entry)
            if self.revocations is not None:
                yield from self.revocations.check(entry)
        except RequestError as error:
            if entry is None and (choice is not None or type(error) in _MAY_BE_JOINED):
                raise self.audit.refused(self._better(error, raw, choice), request) from None
            self.audit.refused(error, request)
            raise
        if is_heard:
            self.audit.verified(entry.principal, request, cached=is_cached, seconds=seconds)
        return entry.principal

    def _better(self, error: RequestError, raw: bytes | str, choice: Choice | None) -> RequestError:
        """Return the error, or another one that says better why the value is refused."""
        if type(error) in _MAY_BE_JOINED:
            joined = joined_fault(raw)
            if joined is not None:
                return joined
        return error if choice is None else self._issuers.refusal(error, *choice)

    def authenticate(
        self, header_lines: Sequence[bytes | str], *, request: RequestView | None = None
    ) -> Principal | None:
        """Verify what all lines of the header say; None where there is none.

        Raises:
            DuplicateHeader: there is more than one line.
            AuthenticationError: the token is refused (401).
            KeysUnavailable: no keys can be had now (503).

        """
        known = self.begin_lines(header_lines, request)
        return known if known is None or isinstance(known, Principal) else drive(known)

    async def authenticate_async(
        self, header_lines: Sequence[bytes | str], *, request: RequestView | None = None
    ) -> Principal | None:
        """Do as ``authenticate``, without blocking the event loop."""
        known = self.begin_lines(header_lines, request)
        if known is None or isinstance(known, Principal):
            return known
        return await drive_async(known)

    def begin_lines(
        self,
        lines: Sequence[bytes | str],
        request: Any = None,
        view: Callable[[Any], RequestView] | None = None,
    ) -> Principal | Steps[Principal] | None:
        """Do as ``begin`` for all lines of the header; None where there is none.

        Raises:
            DuplicateHeader: there are two or more, identical or not: gateways and proxies disagree
                about which one counts. This was announced.

        """
        if len(lines) == 1:
            return self.begin(lines[0], request, view)
        if not lines:
            return None
        raise self.audit.refused(
            DuplicateHeader(f"{len(lines)} header lines"),
            request if view is None else view(request),
        )

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
        return drive(self._prefetching())

    async def prefetch_async(self) -> bool:
        """Do as ``prefetch``, without blocking the event loop."""
        return await drive_async(self._prefetching())

    def _prefetching(self) -> Steps[bool]:
        # No "yield from": a list cannot be sent the answers.
        for pending in self._missing():  # noqa: UP028
            yield pending
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
