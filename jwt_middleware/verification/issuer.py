"""How one issuer's tokens verify: its keys, algorithms, wire form and claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..background.forks import ForkLock
from ..background.waiting import Steps
from ..errors import (
    ConfigurationError,
    InvalidClaim,
    KeysUnavailable,
    MalformedToken,
    RequestError,
    UnacceptableAlgorithm,
    UnknownKey,
)
from ..events.kinds import Event
from ..keys.algorithms import ALGORITHMS, Check, verify_signature
from ..keys.encoding import decode_segment, json_segment
from ..keys.key import Key, KeyRules
from ..keys.key_set import Candidates
from ..keys.option import key_source
from ..keys.trusted import TrustedKeys
from ..principal import Principal
from .cache import VerifiedToken
from .claims import ClaimsPolicy
from .compact import Segments, decode_header, joined_fault
from .gateway_options import check_needs, default_keys, gateway_of, required_of, signers_of
from .options import (
    accepted_issuers_of,
    algorithms_of,
    audiences_of,
    contexts_of,
    media_type,
)

_MOST_HEADERS = 256
_remembering = ForkLock()
"""Header segments that one verifier remembers; a gateway writes one for each of its keys."""


# Any other name is text from the caller, which no error repeats.
_UNKNOWN = "alg is not in the configured list"
_UNLISTED = {name: f"alg {name} is not in the configured list" for name in ALGORITHMS}


class SharedRules(NamedTuple):
    """What every issuer of one verifier has in common."""

    key_rules: KeyRules
    api: Any
    typ: str | None
    leeway: float
    max_age: float | None
    client_claim: str | None
    announce: Callable[[Event], None]
    clock: Callable[[], float]
    presumed_max_age: float | None = None
    claim_dialect: str | None = None


class IssuerVerifier:
    """Verifies tokens of one issuer, or tokens of any issuer that the configured keys signed.

    ``keys`` may be the trusted keys of another verifier, which the two then share.
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
        signer: Any = None,
        tenant: str | None = None,
    ) -> None:
        self._shared = shared_rules
        self._configured = (algorithms, audience, signer, tenant)
        self.gateway = gateway_of(gateway, shared_rules.client_claim, shared_rules.claim_dialect)
        given = {"keys": keys, "issuer": issuer, "audience": audience, "signer": signer}
        check_needs(self.gateway, given)
        self._algorithms = algorithms_of(algorithms, self.gateway)
        signers = signers_of(signer, self.gateway)
        if issuer is None:
            issuer = self.gateway.issuer
        if keys is None:
            keys = default_keys(self.gateway, issuer, signers)
        shared = keys if isinstance(keys, TrustedKeys) else None
        source = key_source(keys) if shared is None else shared.source
        self._typ = None if shared_rules.typ is None else media_type(shared_rules.typ)
        self.policy = ClaimsPolicy(
            wire=self.gateway.wire,
            issuers=accepted_issuers_of(issuer, source),
            audiences=audiences_of(audience),
            contexts=contexts_of(shared_rules.api, self.gateway),
            context_claim=self.gateway.context_claim or "",
            leeway=shared_rules.leeway,
            max_age=shared_rules.max_age,
            presumed_max_age=shared_rules.presumed_max_age,
            required=required_of(self.gateway, signers, tenant),
            names=self.gateway.names,
        )
        self._header_claims = self.gateway.header_claims
        self._check_claims = self.policy.check
        self._clock = shared_rules.clock
        self.is_relaxed = self.gateway.wire.relaxed_base64
        """Whether its tokens may be written in standard base64 and with padding."""
        self._checks_dates = shared_rules.key_rules.check_certificate_dates
        self.remembered: dict[bytes, Candidates] = {}
        """Candidates by header segment. Only headers whose signature held get in, so a caller
        without a key cannot fill it."""
        if self._symmetric and source.published:
            raise ConfigurationError(
                "algorithms: HS* needs a secret that nobody else has, and a published JWKS has "
                "none; use keys=SharedSecret(...)"
            )
        if shared is not None:
            shared.check_fit(tuple(self._algorithms.values()))
        self.keys = shared or TrustedKeys(
            source,
            shared_rules.key_rules,
            tuple(dict.fromkeys(self._algorithms.values())),
            shared_rules.announce,
            shared_rules.clock,
        )
        self._is_on_demand = source.on_demand
        self.current_keys = self.keys.current
        """Returns the trusted keys known now; None if there are none yet."""

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The names that a token's ``alg`` may have."""
        return tuple(self._algorithms)

    @property
    def _symmetric(self) -> bool:
        return any(each.key_type == "oct" for each in self._algorithms.values())

    def for_client(self, keys: Any, algorithms: Any, issuer: Any, audience: Any) -> IssuerVerifier:
        """Return a verifier for one client's tokens; arguments that are None are inherited."""
        algorithms_here, audience_here, *_ = self._configured
        return self.with_keys(
            self.keys if keys is None else keys,
            algorithms_here if algorithms is None else algorithms,
            self.policy.issuers or None if issuer is None else issuer,
            audience_here if audience is None else audience,
        )

    def for_originals(self, api: Any, audience: Any) -> IssuerVerifier:
        """Return a verifier with the same keys, for other API contexts and audiences."""
        algorithms, _, signer, tenant = self._configured
        return IssuerVerifier(
            self._shared._replace(api=api),
            keys=self.keys,
            gateway=self.gateway,
            algorithms=algorithms,
            issuer=self.policy.issuers or None,
            audience=audience,
            signer=signer,
            tenant=tenant,
        )

    def with_keys(self, keys: Any, algorithms: Any, issuer: Any, audience: Any) -> IssuerVerifier:
        """Return a verifier with these options, for the same gateway and shared rules."""
        *_, signer, tenant = self._configured
        return IssuerVerifier(
            self._shared,
            keys=keys,
            gateway=self.gateway,
            algorithms=algorithms,
            issuer=issuer,
            audience=audience,
            signer=signer,
            tenant=tenant,
        )

    def known(self, header_segment: bytes) -> Candidates | None:
        """Return the remembered candidates of a header, while the key set is the same."""
        candidates = self.remembered.get(header_segment)
        if candidates is None or candidates.keys is not self.current_keys():
            return None
        return candidates

    def candidates(self, header_segment: bytes, token: bytes) -> Steps[Candidates]:
        """Return the keys that a header selects; yield a wait for a fetch that may bring them.

        Not needed if the candidates are ``known``.

        A request waits for at most two fetches: one already running, which may have started before
        the key was published, then one of its own. A key that a JWKS no longer has is noticed at
        its next refresh. Whether an unknown key is refused with 401 or 503 depends on whether the
        fetch has answered.

        Raises:
            MalformedToken, InvalidClaim, UnacceptableAlgorithm: the header is refused.
            UnknownKey: no current key is the one that the header names.
            KeysUnavailable: there are no keys now, or the fetch did not answer in time.

        """
        header = decode_header(header_segment, self.is_relaxed)
        self.keys.in_use = True
        algorithm = self._algorithms.get(header["alg"])
        if algorithm is None:
            raise UnacceptableAlgorithm(_UNLISTED.get(header["alg"], _UNKNOWN))
        if self._typ is not None:
            self._check_typ(header)
        selector = header.get("kid") or header.get("x5t#S256") or header.get("x5t")
        source = self.keys.source
        asked_for = selector
        if source.on_demand:
            # Only a kid names a key of such a source: no other member may become part of a URL, and
            # without one it would depend on earlier tokens which keys are known.
            asked_for = header.get("kid")
            if asked_for is None:
                raise UnknownKey("the token has no kid, by which its key would be fetched")
        may_wait = has_answered = True
        has_waited = is_second_look = False
        while True:
            keys = self.current_keys()
            dated_at = self._clock() if self._checks_dates else None
            chosen = "" if keys is None else keys.select(algorithm, header, dated_at)
            if not isinstance(chosen, str):
                return chosen
            if joined_fault(token) is not None:
                raise MalformedToken("two lines that were joined must not cause a fetch")
            if source.on_demand:
                # Its URL has the keys of other customers too, which must not be fetched for them.
                self.policy.check_header(header, self._header_claims)
            pending = source.refresh(asked_for) if may_wait else None
            if pending is not None:
                has_answered = yield pending
                may_wait = pending.already_running and not has_waited
                has_waited = True
            # Another request's fetch may have ended since ``keys`` was read: select once more. Only
            # once, as a source might return a new set on every call.
            elif is_second_look or self.current_keys() is keys:
                break
            else:
                is_second_look = True
        if keys is not None and has_answered and not source.has_failed_for(asked_for):
            raise UnknownKey(chosen, key_id=selector)
        why = "no keys from" if keys is None else "no answer from"
        if keys is not None and not has_answered:
            why = "no answer in time from"
        raise KeysUnavailable(f"{why} {source.name}", retry_after=source.retry_after())

    def has_newer_keys(self, token: bytes, tried: Candidates) -> Steps[bool]:
        """Return whether there are newer keys than those whose check failed; yield a wait for them.

        A new key may have the old one's ``kid``, and a token may have none. The keys known now are
        believed where such fetches are used up, and where the fetch fails or does not answer in
        time.
        """
        if self.current_keys() is not tried.keys:
            return True
        if joined_fault(token) is not None:
            return False
        pending = self.keys.source.recheck(tried.checks[0][0].key_id)
        if pending is None:
            return False
        yield pending
        return self.current_keys() is not tried.keys

    def verify(self, token: bytes, segments: Segments, candidates: Candidates) -> VerifiedToken:
        """Check the signature over the received bytes, then the claims.

        Raises:
            MalformedToken: a segment cannot be read.
            BadSignature: the signature verifies with none of the keys.
            InvalidClaim, TokenExpired, TokenImmature: see ``ClaimsPolicy.check``.

        """
        header_segment, payload_segment, signature_segment, signing_input = segments
        keys, checks = candidates
        signature = decode_segment(signature_segment, self.is_relaxed)
        key = verify_signature(checks, signature, signing_input)
        names = self._header_claims
        # A header with claims is another one in each token.
        may_remember = not self._checks_dates and not names
        if may_remember and self.remembered.get(header_segment) is not candidates:
            with _remembering:
                if len(self.remembered) >= _MOST_HEADERS:
                    self.remembered.clear()
                self.remembered[header_segment] = candidates
        claims = json_segment(payload_segment, self.is_relaxed, "payload")
        if names:
            header = decode_header(header_segment, self.is_relaxed)
            claims = self.policy.with_header(claims, header, names)
        expires_at = self._check_claims(claims, self._clock())
        ends = expires_at + self.policy.leeway
        if self._checks_dates and key.certificate is not None:
            # The leeway is for the token's times, not for the certificate's.
            ends = min(ends, key.certificate.not_valid_after_utc.timestamp())
        if self._is_on_demand:
            self.keys.source.has_proven(key.key_id)
        principal = Principal.of_token(claims, self.gateway.names, expires_at, key.key_id)
        return VerifiedToken(token, claims, expires_at, ends, key, keys, self, principal)

    def signers(
        self, segments: Segments, now: float, *, named: bool = True
    ) -> Sequence[tuple[Key, Check]]:
        """Return the current keys that the token's header selects; none if it fits no key here.

        ``named=False``: those that fit its algorithm, whichever it names.
        """
        keys = self.current_keys()
        try:
            header = decode_header(segments[0], self.is_relaxed)
            algorithm = self._algorithms.get(header["alg"])
            if keys is None or algorithm is None:
                return ()
            chosen = keys.select(algorithm, header if named else {}, self.keys.dated_at(now))
        except RequestError:
            return ()
        return () if isinstance(chosen, str) else chosen.checks

    def signed(self, segments: Segments, keys: Sequence[tuple[Key, Check]]) -> bool:
        """Whether one of these keys signed the token."""
        try:
            signature = decode_segment(segments[2], self.is_relaxed)
            verify_signature(keys, signature, segments[3])
        except RequestError:
            return False
        return True

    def _check_typ(self, header: Mapping[str, Any]) -> None:
        typ = header.get("typ")
        if typ is None:
            raise InvalidClaim("typ", "missing")
        if type(typ) is not str:
            raise InvalidClaim("typ", "type")
        if media_type(typ) != self._typ:
            raise InvalidClaim("typ", "mismatch")
