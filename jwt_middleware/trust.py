"""One issuer's side of verifying: its keys, algorithms, wire form and claims, checked when made."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .errors import (
    BadSignature,
    ConfigurationError,
    InvalidClaim,
    KeysUnavailable,
    RequestError,
    UnacceptableAlgorithm,
    UnknownKey,
)
from .events import Event
from .gateways import Gateway
from .trust_options import (
    algorithms_of,
    audiences_of,
    contexts_of,
    gateway_of,
    issuers_of,
    media_type,
)
from .verification import (
    ALGORITHMS,
    Algorithm,
    AnyAudience,
    ClaimsPolicy,
    Key,
    KeyRules,
    KeySet,
    Pending,
    TrustedKeys,
    UnverifiedToken,
    decode_claims,
    key_source,
    parse,
    verify_signature,
)


@dataclass(frozen=True)
class Issuer:
    """An issuer and what is bound to it: a token that names it verifies under nothing else.

    Attributes:
        issuer: the ``iss`` claim, compared whole.
        keys: as the option ``keys``.
        audience: as the option ``audience``.
        algorithms: as the option ``algorithms``.
        gateway: as the option ``gateway``; the verifier's own where None.

    """

    issuer: str
    keys: Any = None
    audience: str | Sequence[str] | AnyAudience | None = None
    algorithms: Sequence[str] | str | None = None
    gateway: str | Gateway | None = None

    def __repr__(self) -> str:
        return f"Issuer({self.issuer!r})"


@dataclass(frozen=True, kw_only=True)
class Common:
    """What every issuer of one verifier has in common."""

    rules: KeyRules
    api: Any
    typ: str | None
    leeway: float
    max_age: float | None
    client_claim: str | None
    announce: Callable[[Event], None]
    clock: Callable[[], float]


class Proven(NamedTuple):
    """What a token says, now that its signature holds and its claims were checked.

    ``expires_at``: the end of its life in seconds since the epoch. ``ends``: the same, or earlier
    where the key's certificate ends first. ``keys``: the key set that has ``key``.
    """

    claims: dict[str, Any]
    expires_at: float
    ends: float
    key: Key
    keys: KeySet


class AwaitKeys(Exception):
    """The key may come with work that is under way: wait for it, and try again."""

    def __init__(self, pending: Pending) -> None:
        self.pending = pending


class Patience:
    """How long one request has waited for keys, and whether it may wait again.

    One budget covers every wait. A fetch that had begun before the request asked may have missed
    the very key that it needs; then the request may wait for one more.
    """

    def __init__(self) -> None:
        self.answered = True
        self.may_wait = True
        self._ends: float | None = None

    def begin(self, pending: Pending) -> float:
        """Return the seconds for which this work may be waited for."""
        first = self._ends is None
        now = time.monotonic()
        if self._ends is None:
            self._ends = now + pending.budget
        self.may_wait = first and pending.joined
        return max(0.0, self._ends - now)


class Trust:
    """Verifies tokens of one issuer, or of whoever holds the configured keys.

    ``keys`` may be the trusted keys of another trust, which the two then share.
    """

    def __init__(
        self,
        common: Common,
        *,
        keys: Any,
        gateway: Any = None,
        algorithms: Any = None,
        issuer: Any = None,
        audience: Any = None,
    ) -> None:
        self._common = common
        self._configured = (algorithms, audience)
        self.gateway = gateway_of(gateway, common.client_claim)
        self._algorithms = algorithms_of(algorithms, self.gateway)
        shared = keys if isinstance(keys, TrustedKeys) else None
        source = key_source(keys) if shared is None else shared.source
        self._typ = None if common.typ is None else media_type(common.typ)
        self.policy = ClaimsPolicy(
            wire=self.gateway.wire,
            issuers=issuers_of(issuer, source),
            audiences=audiences_of(audience),
            contexts=contexts_of(common.api, self.gateway),
            context_claim=self.gateway.context_claim or "",
            leeway=common.leeway,
            max_age=common.max_age,
        )
        if self._symmetric and source.published:
            raise ConfigurationError(
                "algorithms: HS* needs a secret that nobody else has, and a published JWKS has "
                "none; use keys=SharedSecret(...)"
            )
        if shared is not None:
            shared.check_fit(tuple(self._algorithms.values()))
        self.keys = shared or TrustedKeys(
            source,
            common.rules,
            tuple(dict.fromkeys(self._algorithms.values())),
            common.announce,
            common.clock,
        )

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The names that a token's ``alg`` may have."""
        return tuple(self._algorithms)

    @property
    def _symmetric(self) -> bool:
        return any(each.key_type == "oct" for each in self._algorithms.values())

    def parse(self, token: bytes) -> UnverifiedToken:
        """Parse a token in this gateway's wire form."""
        return parse(token, self.gateway.wire)

    def narrowed(self, keys: Any, algorithms: Any, issuer: Any, audience: Any) -> Trust:
        """Return the same for a part of its tokens; what is None is as here."""
        as_here = self._configured
        return self.apart(
            self.keys if keys is None else keys,
            as_here[0] if algorithms is None else algorithms,
            self.policy.issuers or None if issuer is None else issuer,
            as_here[1] if audience is None else audience,
        )

    def apart(self, keys: Any, algorithms: Any, issuer: Any, audience: Any) -> Trust:
        """Return a trust of the same verifier and gateway with its own keys and names."""
        return Trust(
            self._common,
            keys=keys,
            gateway=self.gateway,
            algorithms=algorithms,
            issuer=issuer,
            audience=audience,
        )

    def verify(self, token: UnverifiedToken, now: float, patience: Patience | None) -> Proven:
        """Check everything: algorithm, key, signature over the received bytes, then claims.

        ``patience``: what the request has waited already; None before any wait.

        Raises:
            AwaitKeys: the key may come with a fetch; not where the patience is at its end.
            RequestError: why the token is refused.

        """
        algorithm = self._algorithms.get(token.header["alg"])
        if algorithm is None:
            name = token.header["alg"]
            known = f"alg {name}" if name in ALGORITHMS else "alg"
            raise UnacceptableAlgorithm(f"{known} is not in the configured list")
        self._check_typ(token.header)
        keys, chosen = self._chosen(algorithm, token.header, now, patience)
        key = verify_signature(chosen, algorithm, token.signature, token.signing_input)
        claims = decode_claims(token, self.gateway.wire)
        ends = self.policy.check(claims, now)
        self.gateway.names.check(claims)
        return Proven(claims, ends, self._last_moment(key, ends), key, keys)

    def signers(self, token: UnverifiedToken, now: float) -> tuple[Key, ...]:
        """Return the keys known now that the token may name; none where it cannot be ours."""
        algorithm = self._algorithms.get(token.header["alg"])
        keys = self.keys.current()
        if algorithm is None or keys is None:
            return ()
        try:
            return keys.select(algorithm, token.header, self.keys.dated_at(now))
        except RequestError:
            return ()

    def signed(self, token: UnverifiedToken, keys: tuple[Key, ...]) -> bool:
        """Whether one of these keys has signed it."""
        algorithm = self._algorithms[token.header["alg"]]
        try:
            verify_signature(keys, algorithm, token.signature, token.signing_input)
        except BadSignature:
            return False
        return True

    def _chosen(
        self,
        algorithm: Algorithm,
        header: Mapping[str, Any],
        now: float,
        patience: Patience | None,
    ) -> tuple[KeySet, tuple[Key, ...]]:
        """Return the keys to try, with the set that they are of."""
        source = self.keys.source
        keys = self.keys.current()
        refusal: UnknownKey | None = None
        for _ in range(2):  # not for ever: a careless source makes a new set at each look
            refusal = None
            if keys is not None:
                try:
                    return keys, keys.select(algorithm, header, self.keys.dated_at(now))
                except UnknownKey as error:
                    error.key_id = _selector(header)
                    refusal = error
            if patience is None or patience.may_wait:
                pending = source.refresh(_selector(header))
                if pending is not None:
                    raise AwaitKeys(pending)
            newer = self.keys.current()
            if newer is keys:
                break
            keys = newer  # another request's fetch has ended between our two looks
        if refusal is not None and (patience is None or patience.answered):
            raise refusal
        why = "no keys from" if refusal is None else "no answer in time from"
        raise KeysUnavailable(f"{why} {source.name}", retry_after=source.retry_after())

    def _last_moment(self, key: Key, ends: float) -> float:
        if self.keys.rules.check_certificate_dates and key.certificate is not None:
            # The leeway is for the token's times; a certificate ends when it says.
            last = key.certificate.not_valid_after_utc.timestamp() - self.policy.leeway
            return min(ends, last)
        return ends

    def _check_typ(self, header: Mapping[str, Any]) -> None:
        if self._typ is None:
            return
        typ = header.get("typ")
        if typ is None:
            raise InvalidClaim("typ", "missing")
        if type(typ) is not str:
            raise InvalidClaim("typ", "type")
        if media_type(typ) != self._typ:
            raise InvalidClaim("typ", "mismatch")


def _selector(header: Mapping[str, Any]) -> str | None:
    """Return what the token calls its key, to remember what is unknown."""
    return header.get("kid") or header.get("x5t#S256") or header.get("x5t")
