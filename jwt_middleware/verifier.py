"""The composer: raw header in, a principal out, or the one error that says why not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypedDict, Unpack, cast

from . import option_checks as check
from .decision import Decision
from .errors import (
    ConfigurationError,
    InvalidClaim,
    PermissionDenied,
    RequestError,
)
from .events import Announcer, ConfigurationWarning, Listener, Refused, Verified
from .gateways import Gateway
from .principal import Principal
from .request_view import RequestView
from .trust import AwaitKeys, Common, Issuer, Patience, Trust
from .verification import (
    AnyAudience,
    KeyRules,
    TokenCache,
    VerifiedToken,
    WireFormat,
    decode_claims,
    parse,
    raw_token,
    single_line,
)

MOST_LEEWAY = 3600
"""Seconds. More is no clock that is a little off; it would make expired tokens live on."""


class VerifierOptions(TypedDict, total=False):
    """The options of ``Verifier``; the README's table says what each means."""

    keys: Any
    gateway: str | Gateway
    algorithms: Sequence[str] | str | None
    issuer: str | Sequence[str] | None
    audience: str | Sequence[str] | AnyAudience | None
    issuers: Sequence[Issuer] | None
    api: str | Sequence[str] | None
    typ: str | None
    leeway: float
    max_age: float | None
    client_claim: str | None
    cache_size: int
    max_token_size: int
    minimum_rsa_bits: int
    allow_wso2_default_keys: bool
    check_certificate_dates: bool
    listeners: Iterable[Listener]
    clock: Callable[[], float]


class Verifier:
    """Verifies assertion tokens of one issuer or several. Safe to share between threads and loops.

    Raises:
        ConfigurationError: an option is unknown or wrong, or no key is usable.

    """

    def __init__(self, **options: Unpack[VerifierOptions]) -> None:
        check.known(options, VerifierOptions.__annotations__)
        self._clock = _clock(options.get("clock", time.time))
        self.announce = Announcer(_listeners(options.get("listeners", ())))
        self._max_size = check.whole(
            "max_token_size", options.get("max_token_size", 16_384), least=64
        )
        self._cache = TokenCache(
            check.whole("cache_size", options.get("cache_size", 4_096), least=0)
        )
        self._trusts = self._all_trusts(options)
        self._only = self._trusts.get(None)
        wires = [trust.gateway.wire for trust in self._trusts.values()]
        # To find out which issuer a token names, the loosest of their encodings reads it; the
        # issuer's own form then decides.
        self._peek = WireFormat(relaxed_base64=any(wire.relaxed_base64 for wire in wires))
        if not options.get("api") and any(t.gateway.context_claim for t in self._trusts.values()):
            self.announce(
                ConfigurationWarning(
                    "api is not set: WSO2 tokens carry no audience, so a token made for any other "
                    "API of the gateway is accepted here. Set api='/your/context'"
                )
            )

    def _all_trusts(self, options: VerifierOptions) -> dict[str | None, Trust]:
        common = Common(
            rules=KeyRules(
                minimum_rsa_bits=check.whole(
                    "minimum_rsa_bits", options.get("minimum_rsa_bits", 2048), least=1024
                ),
                allow_wso2_default_keys=check.flag(
                    "allow_wso2_default_keys", options.get("allow_wso2_default_keys", False)
                ),
                check_certificate_dates=check.flag(
                    "check_certificate_dates", options.get("check_certificate_dates", False)
                ),
            ),
            api=options.get("api"),
            typ=check.text("typ", options.get("typ")),
            leeway=check.number("leeway", options.get("leeway", 30), most=MOST_LEEWAY),
            max_age=_max_age(options.get("max_age")),
            client_claim=check.text("client_claim", options.get("client_claim")),
            announce=self.announce,
            clock=self._clock,
        )
        gateway = options.get("gateway")
        issuers = options.get("issuers")
        if issuers is not None:
            _check_issuers(issuers, options)
            return {
                each.issuer: Trust(
                    common,
                    keys=each.keys,
                    gateway=gateway if each.gateway is None else each.gateway,
                    algorithms=each.algorithms,
                    issuer=each.issuer,
                    audience=each.audience,
                )
                for each in issuers
            }
        keys, issuer = options.get("keys"), options.get("issuer")
        if keys is None:
            raise ConfigurationError(
                "keys: missing; name the gateway's certificate, key file or JWKS URL, such as "
                "keys='gateway.pem'"
            )
        several_keys = isinstance(keys, list | tuple) and len(keys) > 1
        if several_keys and len(check.texts("issuer", issuer)) > 1:
            raise ConfigurationError(
                "issuer: several issuers with several key sources; each key must belong to one "
                "issuer: issuers=[Issuer('https://a', keys=...), ...]"
            )
        trust = Trust(
            common,
            keys=keys,
            gateway=gateway,
            algorithms=options.get("algorithms"),
            issuer=issuer,
            audience=options.get("audience"),
        )
        return {None: trust}

    def verify(self, raw: bytes | str, *, request: RequestView | None = None) -> Principal:
        """Verify one raw header value. Waits for a fetch only where the key is not known.

        Raises:
            AuthenticationError: the token is refused (401).
            KeysUnavailable: no keys can be had now (503).

        """
        patience: Patience | None = None
        try:
            while True:
                try:
                    return self._attempt(raw, request, patience)
                except AwaitKeys as pause:
                    patience = patience or Patience()
                    seconds = patience.begin(pause.pending)
                    patience.answered = pause.pending.work.wait(seconds)
        except RequestError as error:
            self.refused(error, request)
            raise

    async def verify_async(
        self, raw: bytes | str, *, request: RequestView | None = None
    ) -> Principal:
        """Verify one raw header value without blocking the event loop (asyncio or trio)."""
        patience: Patience | None = None
        try:
            while True:
                try:
                    return self._attempt(raw, request, patience)
                except AwaitKeys as pause:
                    patience = patience or Patience()
                    seconds = patience.begin(pause.pending)
                    patience.answered = await pause.pending.work.wait_async(seconds)
        except RequestError as error:
            self.refused(error, request)
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
        line = self._single(header_lines, request)
        return None if line is None else self.verify(line, request=request)

    async def authenticate_async(
        self, header_lines: Sequence[bytes | str], *, request: RequestView | None = None
    ) -> Principal | None:
        """Do as ``authenticate``, without blocking the event loop."""
        line = self._single(header_lines, request)
        return None if line is None else await self.verify_async(line, request=request)

    def refused(
        self,
        error: RequestError,
        request: RequestView | None = None,
        principal: Principal | None = None,
    ) -> None:
        """Announce a refusal, once, with the reference that the caller gets."""
        if error.announced:
            return
        error.announced = True
        decision = error.decision if isinstance(error, PermissionDenied) else None
        self.announce(
            Refused(
                error.code,
                str(error) if isinstance(error, InvalidClaim) else error.reason,
                error.reference,
                subject=None if principal is None else principal.subject,
                client_id=None if principal is None else principal.client_id,
                token_id=None if principal is None else principal.token_id,
                key_id=None if principal is None else principal.key_id,
                decision=decision if isinstance(decision, Decision) else None,
                request=request,
            )
        )

    def health(self) -> dict[str, Any]:
        """Return whether tokens can be verified now, and by which keys; for readiness probes."""
        sources = [each for trust in self._trusts.values() for each in trust.keys.health()]
        ready = all(trust.keys.current() is not None for trust in self._trusts.values())
        return {"ready": ready, "sources": sources}

    def prefetch(self) -> bool:
        """Get keys now where there are none yet, waiting up to a request's budget; for start-up."""
        for trust in self._trusts.values():
            pending = trust.keys.missing()
            if pending is not None:
                pending.work.wait(pending.budget)
        return bool(self.health()["ready"])

    async def prefetch_async(self) -> bool:
        """Do as ``prefetch``, without blocking the event loop."""
        for trust in self._trusts.values():
            pending = trust.keys.missing()
            if pending is not None:
                await pending.work.wait_async(pending.budget)
        return bool(self.health()["ready"])

    def close(self) -> None:
        """Start no further fetch of keys; tokens of the keys known now still verify."""
        for trust in self._trusts.values():
            trust.keys.close()

    @property
    def gateway(self) -> Gateway:
        """The gateway of the only issuer, or of the first."""
        return next(iter(self._trusts.values())).gateway

    def _single(
        self, lines: Sequence[bytes | str], request: RequestView | None
    ) -> bytes | str | None:
        try:
            return single_line(lines)
        except RequestError as error:
            self.refused(error, request)
            raise

    def _attempt(
        self, raw: bytes | str, request: RequestView | None, patience: Patience | None
    ) -> Principal:
        token = raw_token(raw, self._max_size)
        now = self._clock()
        entry = self._cache.get(token)
        cached = entry is not None and self._still_holds(entry, now)
        if entry is None or not cached:
            entry = self._verify(token, now, patience)
            self._cache.put(entry)
        principal = entry.principal
        if self.announce.hears_verified():
            self.announce(
                Verified(
                    principal.subject,
                    principal.client_id,
                    principal.issuer,
                    principal.token_id,
                    principal.key_id,
                    cached,
                    request,
                )
            )
        return principal

    def _still_holds(self, entry: VerifiedToken, now: float) -> bool:
        trust = self._only or self._trusts[entry.principal.issuer]
        return not trust.policy.has_ended(entry.ends, now) and trust.keys.current() is entry.keys

    def _verify(self, token: bytes, now: float, patience: Patience | None) -> VerifiedToken:
        trust = self._only
        if trust is None:
            trust = self._named(token)
        return trust.verify(token, trust.parse(token), now, patience)

    def _named(self, token: bytes) -> Trust:
        """Return the issuer that the token names. Nothing is believed yet: its keys decide."""
        claims = decode_claims(parse(token, self._peek), self._peek)
        issuer = claims.get("iss")
        if "iss" not in claims:
            raise InvalidClaim("iss", "missing")
        if type(issuer) is not str:
            raise InvalidClaim("iss", "type")
        trust = self._trusts.get(issuer)
        if trust is None:
            raise InvalidClaim("iss", "mismatch")
        return trust


def _max_age(value: Any) -> float | None:
    return None if value is None else check.number("max_age", value, above=0)


def _clock(clock: Any) -> Callable[[], float]:
    if not callable(clock):
        raise ConfigurationError(f"clock: a function, such as time.time, not {check.kind(clock)}")
    return cast("Callable[[], float]", clock)


def _listeners(listeners: Any) -> tuple[Listener, ...]:
    found = (listeners,) if callable(listeners) else listeners
    if not isinstance(found, list | tuple | set | frozenset) or not all(map(callable, found)):
        raise ConfigurationError("listeners: callables that take an event, in a list")
    return tuple(found)


def _check_issuers(issuers: Any, options: VerifierOptions) -> None:
    beside = [
        name
        for name in ("keys", "issuer", "audience", "algorithms")
        if options.get(name) is not None
    ]
    if beside:
        raise ConfigurationError(
            f"issuers: {', '.join(beside)} beside it; each Issuer(...) carries its own"
        )
    listed = isinstance(issuers, list | tuple) and bool(issuers)
    if not listed or not all(isinstance(each, Issuer) for each in issuers):
        raise ConfigurationError("issuers: a list of Issuer(...), at least one")
    if not all(isinstance(each.issuer, str) and each.issuer for each in issuers):
        raise ConfigurationError("issuers: an Issuer(...) names no issuer; it would take every one")
    names = [each.issuer for each in issuers]
    if len(set(names)) != len(names):
        raise ConfigurationError("issuers: one issuer is listed twice; give it a list of keys")
    for each in issuers:
        if each.keys is None:
            raise ConfigurationError(f"issuers: {each.issuer} has no keys")
