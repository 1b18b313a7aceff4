"""The composer: raw header in, a principal out, or the one error that says why not."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from logging import DEBUG
from typing import TYPE_CHECKING, Any, Unpack

from ..authorization.predicate import Predicate
from ..authorization.request import RequestView
from ..background.waiting import Steps, drive, drive_async
from ..errors import BadSignature, DuplicateHeader, RequestError
from ..events.kinds import ConfigurationWarning
from ..events.log import Announcer
from ..events.record import Audit
from ..keys.encoding import use_speed
from ..keys.trusted import TrustedKeys
from ..options import checks as check
from ..options.catalogue import value_of
from ..options.sources import merged_options
from ..principal import Principal
from .cache import TAIL, TokenCache, VerifiedToken
from .compact import raw_token, split
from .configured import API_IS_NOT_SET, headers_of, issuer_verifiers_of, sizes_of
from .credentials import Outcome, credentials_of
from .issuer import IssuerVerifier
from .issuers import MAY_BE_JOINED, Choice, Issuers
from .options import VerifierOptions, clock_of, listeners_of, registry_of, revocations_of

if TYPE_CHECKING:
    from ..authorization.clients import Clients


class Verifier:
    """Verifies assertion tokens of one issuer or several. Safe to share between threads and loops.

    Raises:
        ConfigurationError: an option is unknown or wrong, or no key is usable.

    """

    def __init__(self, **options: Unpack[VerifierOptions]) -> None:
        check.known(options, VerifierOptions.__annotations__)
        use_speed()
        self._set_up(options, Announcer(listeners_of(value_of(options, "listeners"))))
        if not options.get("api") and any(each.gateway.context_claim for each in self.issuers):
            self.announce(ConfigurationWarning(API_IS_NOT_SET))

    @classmethod
    def from_settings(cls, **code: Unpack[VerifierOptions]) -> Verifier:
        """Make a verifier of code, the TOML file and the environment, as a middleware does.

        Raises:
            ConfigurationError: an option is unknown or wrong, or no key is usable.

        """
        names = VerifierOptions.__annotations__
        check.known(code, names)
        merged: Any = merged_options(code)
        return cls(**{name: merged[name] for name in names if name in merged})

    def _set_up(
        self,
        options: VerifierOptions,
        announce: Announcer,
        issuer_verifiers: Mapping[str | None, IssuerVerifier] | None = None,
    ) -> None:
        self.clock = clock_of(options.get("clock", time.time))
        if issuer_verifiers is None:
            issuer_verifiers = issuer_verifiers_of(options, announce, self.clock)
        self.announce = announce
        self._wants = self.announce.wants
        self._max_size, cache_size = sizes_of(options)
        self.audit = Audit(self.announce)
        self._cache = TokenCache(cache_size)
        self._issuer_verifiers = issuer_verifiers
        self._of_originals: list[Verifier] = []
        registry = registry_of(options.get("clients"))
        self.options: VerifierOptions = {**options, "clients": registry}
        """What it was made of, with the registry itself."""
        self._when_clients_change: list[Callable[[], object]] = []
        self._find = self._cache.find
        changed = self._when_clients_change
        self._issuers = Issuers(issuer_verifiers, registry, announce, self.clock, changed)
        self._sole_issuer = self._issuers.for_every_token
        self._read_registry = self._issuers.snapshot
        self.revocations = revocations_of(options.get("revocations"), announce, self.clock)
        """Denies tokens and takes denials back; None if ``revocations`` is not configured."""
        self._watch = None if self.revocations is None else self.revocations.watch
        self.issuers = tuple(issuer_verifiers.values())
        """The verifier of each issuer; a single verifier if ``issuers`` is not configured."""
        self.gateway = self.issuers[0].gateway
        """The gateway of the only issuer, or of the first issuer."""
        self.headers, scheme = headers_of(self.issuers)
        """The header names of every gateway, the first one first."""
        own = credentials_of(self.begin, self.audit, scheme, self._max_size)
        self._begin_value = self.begin if own is None else own.begin_value
        self.begin_line: Callable[..., Outcome] = self.begin if own is None else own.begin_line
        """Does as ``begin`` for one header line, which may hold a scheme before the token."""

    def verify(self, raw: bytes | str, *, request: RequestView | None = None) -> Principal:
        """Verify one raw header value. Waits for a fetch only if the key is not known.

        Where the gateway writes a scheme before the token, the token alone will do too.

        Raises:
            AuthenticationError: the token is refused (401).
            KeysUnavailable: there are no keys to verify with now (503).
            PermissionDenied: the registry does not have the client, or it is disabled (403).

        """
        outcome = self._begin_value(raw, request)
        return outcome if isinstance(outcome, Principal) else drive(outcome)

    async def verify_async(
        self, raw: bytes | str, *, request: RequestView | None = None
    ) -> Principal:
        """Verify one raw header value without blocking the event loop (asyncio or trio)."""
        outcome = self._begin_value(raw, request)
        return outcome if isinstance(outcome, Principal) else await drive_async(outcome)

    def begin(
        self,
        raw: bytes | str,
        request: Any = None,
        view: Callable[[Any], RequestView] | None = None,
    ) -> Principal | Steps[Principal]:
        """Return the principal if the token is cached, else the steps that verify the token.

        ``view`` makes a RequestView of the raw request, only if one is needed: most cache hits log
        nothing.
        """
        if type(raw) is bytes:
            token = raw
        elif type(raw) is str and len(raw) <= self._max_size and raw.isascii():
            token = raw.encode("ascii")
        else:  # anything else cannot be in the cache; ``_steps`` judges it
            token = b""
        entry = self._find(token[-TAIL:])
        if entry is not None and (
            entry.token != token
            or self.clock() >= entry.refused_from
            or entry.issuer.current_keys() is not entry.keys
            or (
                self._read_registry is not None
                and self._read_registry().mark is not entry.snapshot
                and not self._issuers.renews(entry)
            )
        ):
            entry = None
        if entry is not None and (
            (watch := self._watch) is None
            or (watch.following.mark is entry.passed and watch.clock() < watch.usable_until)
        ):
            if self._wants(DEBUG):
                seen = request if view is None else view(request)
                self.audit.verified(entry.principal, seen, cached=True)
            return entry.principal
        return self._steps(raw, request if view is None else view(request), entry)

    def _steps(
        self,
        raw: bytes | str,
        request: RequestView | None,
        entry: VerifiedToken | None,
        is_rechecked: bool = False,
    ) -> Steps[Principal]:
        """Verify a token; yield each wait: for a fetch of keys, and for the revocation store.

        ``entry``: the cached token, if only its revocation must be re-checked. ``is_rechecked``:
        a bad signature has already led to newer keys.

        Raises:
            RequestError: the token is refused; already announced.

        """
        is_reported = self._wants(DEBUG)
        is_cached, began, seconds = entry is not None, 0.0, None
        choice: Choice | None = None
        try:
            if entry is None:
                if is_reported:
                    began = time.perf_counter()
                token = raw_token(raw, self._max_size)
                if len(token) != len(raw):  # without the blanks at its ends it may be cached
                    outcome = self.begin(token, request)
                    return outcome if isinstance(outcome, Principal) else (yield from outcome)
                segments = split(token)
                issuer, snapshot = self._sole_issuer, None
                if issuer is None:
                    issuer, snapshot = self._issuers.choose(segments)
                    choice = segments, issuer, snapshot
                candidates = issuer.known(segments[0])
                if candidates is None:
                    candidates = yield from issuer.candidates(segments[0], token)
                    if self._read_registry is not None and self._read_registry() is not snapshot:
                        # The registry has changed: the client may be bound to another issuer now.
                        return (yield from self._steps(raw, request, None))
                    began = time.perf_counter()  # the wait is not counted
                try:
                    entry = issuer.verify(token, segments, candidates)
                except BadSignature:
                    if is_rechecked or not (yield from issuer.has_newer_keys(token, candidates)):
                        raise
                    return (yield from self._steps(raw, request, None, is_rechecked=True))
                if snapshot is not None:
                    for dropped in self._issuers.apply_grants(entry, snapshot):
                        self.audit.dropped(entry.principal, *dropped, request)
                if is_reported:
                    seconds = time.perf_counter() - began
                self._cache.keep(entry)
            if self.revocations is not None:
                yield from self.revocations.check(entry)
        except RequestError as error:
            # Without an entry the token failed before it was verified.
            if entry is None and (choice is not None or type(error) in MAY_BE_JOINED):
                raise self.audit.refused(
                    self._issuers.clearer(error, raw, choice), request
                ) from None
            self.audit.refused(error, request)
            raise
        if is_reported:
            self.audit.verified(entry.principal, request, cached=is_cached, seconds=seconds)
        return entry.principal

    def authenticate(
        self, header_lines: Sequence[bytes | str], *, request: RequestView | None = None
    ) -> Principal | None:
        """Verify all lines of the header; return None if there are none.

        Raises:
            DuplicateHeader: there is more than one line.
            AuthenticationError: the token is refused (401).
            KeysUnavailable: there are no keys to verify with now (503).

        """
        outcome = self.begin_lines(header_lines, request)
        return outcome if outcome is None or isinstance(outcome, Principal) else drive(outcome)

    async def authenticate_async(
        self, header_lines: Sequence[bytes | str], *, request: RequestView | None = None
    ) -> Principal | None:
        """Do as ``authenticate``, without blocking the event loop."""
        outcome = self.begin_lines(header_lines, request)
        if outcome is None or isinstance(outcome, Principal):
            return outcome
        return await drive_async(outcome)

    def begin_lines(
        self,
        lines: Sequence[bytes | str],
        request: Any = None,
        view: Callable[[Any], RequestView] | None = None,
    ) -> Principal | Steps[Principal] | None:
        """Do as ``begin`` for all lines of the header; return None if there are none.

        Raises:
            DuplicateHeader: there are two or more, identical or not: gateways and proxies disagree
                about which line counts. Already announced.

        """
        if len(lines) == 1:
            return self.begin_line(lines[0], request, view)
        if not lines:
            return None
        raise self.audit.refused(
            DuplicateHeader(f"{len(lines)} header lines"),
            request if view is None else view(request),
        )

    def when_clients_change(self, call: Callable[[], object]) -> None:
        """Call this function whenever a new reading of the registry is in use."""
        self._when_clients_change.append(call)

    @property
    def clients(self) -> Clients | None:
        """The newest reading of the registry; None if ``clients`` is not configured."""
        return None if self._read_registry is None else self._read_registry().clients

    @property
    def trusted_keys(self) -> Sequence[TrustedKeys]:
        """The keys of every issuer, and of every client that is bound to keys of its own."""
        return self._issuers.key_sets()

    def unknown_names(self, predicate: Predicate) -> list[str]:
        """Return the faults of a predicate's names, by the newest reading of the registry."""
        return self._issuers.unknown_names(predicate)

    def health(self) -> dict[str, Any]:
        """Return whether tokens can be verified now, and with which keys; for readiness probes.

        It never waits: it asks for missing keys, after a pause of at most 72 s since the last try,
        and ``ready`` is true from the next probe after their answer. Of several issuers those count
        that tokens have named, and before that any one. ``would_refuse`` counts what rules in
        shadow mode would have refused.
        """
        health = self._issuers.health()
        if self.revocations is not None:
            health["revocations"] = self.revocations.health()
            health["ready"] = health["ready"] and self.revocations.is_usable
        health["would_refuse"] = self.audit.would_have_refused
        return health

    def prefetch(self, *, every_issuer: bool = True) -> bool:
        """Fetch missing keys, of all issuers or a sole one; return whether none is missing."""
        return drive(self._issuers.prefetching(every_issuer=every_issuer))

    async def prefetch_async(self, *, every_issuer: bool = True) -> bool:
        """Do as ``prefetch``, without blocking the event loop."""
        return await drive_async(self._issuers.prefetching(every_issuer=every_issuer))

    def substitute(self, options: VerifierOptions) -> Verifier:
        """Return a verifier with other options that repeats no advice of this one's: for tests."""
        verifier = Verifier.__new__(Verifier)
        verifier._set_up(options, self.announce)
        return verifier

    def for_originals(self, api: Any, audience: Any) -> Verifier:
        """Return a verifier of the assertions of callers before the caller.

        It has the same issuers, keys, registry and denials, and other API contexts and audiences.
        It announces nothing, uses up no token, and is closed with this verifier.

        Raises:
            ConfigurationError: ``api`` or ``audience`` is wrong.

        """
        options = self.options.copy()
        if self.revocations is not None:
            options["revocations"] = self.revocations.without_one_time()
        verifier = Verifier.__new__(Verifier)
        issuers = self._issuer_verifiers.items()
        verifiers = {name: issuer.for_originals(api, audience) for name, issuer in issuers}
        verifier._set_up(options, Announcer(is_silent=True), verifiers)
        # Whoever sends one on writes the bare token: only the caller's own header has a scheme.
        verifier.begin_line = verifier._begin_value = verifier.begin
        self._of_originals.append(verifier)
        return verifier

    def close(self) -> None:
        """Stop fetching keys. Current keys keep verifying tokens.

        With ``revocations`` they do so only for a few seconds, as the deny list goes stale.
        """
        self._issuers.close()
        if self.revocations is not None:
            self.revocations.close()
        for verifier in self._of_originals:
            verifier.close()
