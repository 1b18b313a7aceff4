"""One issuer's side of verifying: its keys, algorithms, wire form and claims, checked when made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..background.waiting import MustWait, WaitBudget
from ..errors import (
    ConfigurationError,
    InvalidClaim,
    KeysUnavailable,
    RequestError,
    UnacceptableAlgorithm,
    UnknownKey,
)
from ..events.kinds import Event
from ..keys.algorithms import ALGORITHMS, Algorithm, Check
from ..keys.encoding import decode_segment
from ..keys.key import Key, KeyRules
from ..keys.key_set import KeySet, verify_signature
from ..keys.option import key_source
from ..keys.trusted import TrustedKeys
from .claims import ClaimsPolicy
from .compact import Segments, decode_claims, decode_header
from .options import (
    algorithms_of,
    audiences_of,
    contexts_of,
    gateway_of,
    issuers_of,
    media_type,
)

_MOST_HEADERS = 256
"""Header segments remembered by one trust; a gateway has one for each of its keys."""


class SharedRules(NamedTuple):
    """What every issuer of one verifier has in common."""

    rules: KeyRules
    api: Any
    typ: str | None
    leeway: float
    max_age: float | None
    client_claim: str | None
    announce: Callable[[Event], None]
    clock: Callable[[], float]
    presumed_max_age: float | None = None


class VerifiedClaims(NamedTuple):
    """What a token says, now that its signature holds and its claims were checked.

    Attributes:
        claims: the token's claims.
        expires_at: the end of its life, in seconds since the epoch.
        ends: the same, or earlier where the key's certificate ends first.
        key: the key that signed it.
        keys: the key set that has the key.

    """

    claims: dict[str, Any]
    expires_at: float
    ends: float
    key: Key
    keys: KeySet


class IssuerVerifier:
    """Verifies tokens of one issuer, or of whoever holds the configured keys.

    ``keys`` may be the trusted keys of another trust, which the two then share.
    """

    def __init__(
        self,
        shared_rules: SharedRules,
        *,
        keys: Any,
        gateway: Any = None,
        algorithms: Any = None,
        issuer: Any = None,
        audience: Any = None,
    ) -> None:
        self._shared = shared_rules
        self._configured = (algorithms, audience)
        self.gateway = gateway_of(gateway, shared_rules.client_claim)
        self._algorithms = algorithms_of(algorithms, self.gateway)
        shared = keys if isinstance(keys, TrustedKeys) else None
        source = key_source(keys) if shared is None else shared.source
        self._typ = None if shared_rules.typ is None else media_type(shared_rules.typ)
        self.policy = ClaimsPolicy(
            wire=self.gateway.wire,
            issuers=issuers_of(issuer, source),
            audiences=audiences_of(audience),
            contexts=contexts_of(shared_rules.api, self.gateway),
            context_claim=self.gateway.context_claim or "",
            leeway=shared_rules.leeway,
            max_age=shared_rules.max_age,
            presumed_max_age=shared_rules.presumed_max_age,
        )
        self._is_dated = shared_rules.rules.check_certificate_dates
        self._headers: dict[bytes, tuple[KeySet, tuple[tuple[Key, Check], ...]]] = {}
        if self._symmetric and source.published:
            raise ConfigurationError(
                "algorithms: HS* needs a secret that nobody else has, and a published JWKS has "
                "none; use keys=SharedSecret(...)"
            )
        if shared is not None:
            shared.check_fit(tuple(self._algorithms.values()))
        self.keys = shared or TrustedKeys(
            source,
            shared_rules.rules,
            tuple(dict.fromkeys(self._algorithms.values())),
            shared_rules.announce,
            shared_rules.clock,
        )

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The names that a token's ``alg`` may have."""
        return tuple(self._algorithms)

    @property
    def _symmetric(self) -> bool:
        return any(each.key_type == "oct" for each in self._algorithms.values())

    def for_client(self, keys: Any, algorithms: Any, issuer: Any, audience: Any) -> IssuerVerifier:
        """Return the same for a part of its tokens; what is None is as here."""
        as_here = self._configured
        return self.with_keys(
            self.keys if keys is None else keys,
            as_here[0] if algorithms is None else algorithms,
            self.policy.issuers or None if issuer is None else issuer,
            as_here[1] if audience is None else audience,
        )

    def with_keys(self, keys: Any, algorithms: Any, issuer: Any, audience: Any) -> IssuerVerifier:
        """Return a trust of the same verifier and gateway with its own keys and names."""
        return IssuerVerifier(
            self._shared,
            keys=keys,
            gateway=self.gateway,
            algorithms=algorithms,
            issuer=issuer,
            audience=audience,
        )

    def verify(self, segments: Segments, now: float, budget: WaitBudget | None) -> VerifiedClaims:
        """Check everything: algorithm, key, signature over the received bytes, then claims.

        ``budget``: what the request has waited already; None before any wait.

        Raises:
            MustWait: the key may come with a fetch; not where the budget is spent.
            RequestError: why the token is refused.

        """
        header_segment, payload_segment, signature_segment, signing_input = segments
        wire = self.gateway.wire
        served = self._headers.get(header_segment)
        is_known = served is not None and served[0] is self.keys.current()
        if served is not None and is_known:
            keys, chosen = served
        else:
            header = decode_header(header_segment, wire)
            algorithm = self._algorithms.get(header["alg"])
            if algorithm is None:
                raise _unacceptable(header["alg"])
            if self._typ is not None:
                self._check_typ(header)
            keys, found = self._chosen(algorithm, header, now, budget)
            chosen = tuple([(each, each.check_for(algorithm)) for each in found])
        signature = decode_segment(signature_segment, wire.relaxed_base64)
        key = verify_signature(chosen, signature, signing_input)
        if not is_known:
            self._remember(header_segment, keys, chosen)
        claims = decode_claims(payload_segment, wire)
        ends = self.policy.check(claims, now)
        self.gateway.names.check(claims)
        last = self._last_moment(key, ends) if self._is_dated else ends
        return VerifiedClaims(claims, ends, last, key, keys)

    def _remember(
        self, header_segment: bytes, keys: KeySet, chosen: tuple[tuple[Key, Check], ...]
    ) -> None:
        """Remember what a header means. Only after a good signature: nobody else can fill it."""
        if self._is_dated:
            return  # the choice depends on the time
        if len(self._headers) >= _MOST_HEADERS:
            self._headers.clear()
        self._headers[header_segment] = (keys, chosen)

    def signers(self, segments: Segments, now: float) -> tuple[tuple[Key, Check], ...]:
        """Return the keys known now that a token may name; none where it cannot be ours."""
        keys = self.keys.current()
        if keys is None:
            return ()
        try:
            header = decode_header(segments[0], self.gateway.wire)
            algorithm = self._algorithms.get(header["alg"])
            if algorithm is None:
                return ()
            chosen = keys.select(algorithm, header, self.keys.dated_at(now))
        except RequestError:
            return ()
        return tuple([(key, key.check_for(algorithm)) for key in chosen])

    def signed(self, segments: Segments, keys: tuple[tuple[Key, Check], ...]) -> bool:
        """Whether one of these keys has signed it."""
        try:
            signature = decode_segment(segments[2], self.gateway.wire.relaxed_base64)
            verify_signature(keys, signature, segments[3])
        except RequestError:
            return False
        return True

    def _chosen(
        self,
        algorithm: Algorithm,
        header: Mapping[str, Any],
        now: float,
        budget: WaitBudget | None,
    ) -> tuple[KeySet, tuple[Key, ...]]:
        """Return the keys to try, with the set that they are of."""
        source = self.keys.source
        keys = self.keys.current()
        dated_at = now if self._is_dated else None
        refusal: UnknownKey | None = None
        try:
            for _ in range(2):  # not for ever: a careless source makes a new set at each look
                refusal = None
                if keys is not None:
                    try:
                        return keys, keys.select(algorithm, header, dated_at)
                    except UnknownKey as error:
                        error.key_id = _selector(header)
                        refusal = error
                if budget is None or budget.may_wait:
                    pending = source.refresh(_selector(header))
                    if pending is not None:
                        raise MustWait(pending)
                newer = self.keys.current()
                if newer is keys:
                    break
                keys = newer  # another request's fetch has ended between our two looks
            if refusal is not None and (budget is None or budget.answered):
                raise refusal
            why = "no keys from" if refusal is None else "no answer in time from"
            raise KeysUnavailable(f"{why} {source.name}", retry_after=source.retry_after())
        finally:
            refusal = None  # it holds this frame, which must not hold it

    def _last_moment(self, key: Key, ends: float) -> float:
        if key.certificate is not None:
            # The leeway is for the token's times; a certificate ends when it says.
            last = key.certificate.not_valid_after_utc.timestamp() - self.policy.leeway
            return min(ends, last)
        return ends

    def _check_typ(self, header: Mapping[str, Any]) -> None:
        typ = header.get("typ")
        if typ is None:
            raise InvalidClaim("typ", "missing")
        if type(typ) is not str:
            raise InvalidClaim("typ", "type")
        if media_type(typ) != self._typ:
            raise InvalidClaim("typ", "mismatch")


def _unacceptable(name: str) -> UnacceptableAlgorithm:
    # The name is the caller's own text, unless it is one of ours.
    known = f"alg {name}" if name in ALGORITHMS else "alg"
    return UnacceptableAlgorithm(f"{known} is not in the configured list")


def _selector(header: Mapping[str, Any]) -> str | None:
    """Return what the token calls its key, to remember what is unknown."""
    return header.get("kid") or header.get("x5t#S256") or header.get("x5t")
