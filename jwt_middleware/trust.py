"""One issuer's side of verifying: its keys, algorithms, wire form and claims, checked when made."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import option_checks as check
from .errors import (
    ConfigurationError,
    InvalidClaim,
    KeysUnavailable,
    UnacceptableAlgorithm,
    UnknownKey,
)
from .events import Event
from .gateways import PRESETS, Gateway
from .principal import ListClaim, Principal
from .verification import (
    ALGORITHMS,
    ANY,
    Algorithm,
    AnyAudience,
    ClaimsPolicy,
    Key,
    KeyRules,
    KeySet,
    KeySource,
    Pending,
    TrustedKeys,
    UnverifiedToken,
    VerifiedToken,
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
    """Verifies tokens of one issuer, or of whoever holds the configured keys."""

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
        self.gateway = _gateway(gateway, common.client_claim)
        self._algorithms = _algorithms(algorithms, self.gateway)
        source = key_source(keys)
        self._typ = None if common.typ is None else _media_type(common.typ)
        self.policy = ClaimsPolicy(
            wire=self.gateway.wire,
            issuers=_issuers(issuer, source),
            audiences=_audiences(audience),
            contexts=_contexts(common.api, self.gateway),
            context_claim=self.gateway.context_claim or "",
            leeway=common.leeway,
            max_age=common.max_age,
        )
        if self._symmetric and source.published:
            raise ConfigurationError(
                "algorithms: HS* needs a secret that nobody else has, and a published JWKS has "
                "none; use keys=SharedSecret(...)"
            )
        self.keys = TrustedKeys(
            source,
            common.rules,
            tuple(dict.fromkeys(self._algorithms.values())),
            common.announce,
            common.clock,
        )

    @property
    def _symmetric(self) -> bool:
        return any(each.key_type == "oct" for each in self._algorithms.values())

    def parse(self, token: bytes) -> UnverifiedToken:
        """Parse a token in this gateway's wire form."""
        return parse(token, self.gateway.wire)

    def verify(
        self, raw: bytes, token: UnverifiedToken, now: float, patience: Patience | None
    ) -> VerifiedToken:
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
        principal = Principal(claims, names=self.gateway.names, expires_at=ends, key_id=key.key_id)
        return VerifiedToken(raw, principal, self._last_moment(key, ends), keys)

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
        if _media_type(typ) != self._typ:
            raise InvalidClaim("typ", "mismatch")


def _media_type(typ: str) -> str:
    """RFC 7515, 4.1.9: a media type in any case, of which ``application/`` may be left out."""
    return typ.lower().removeprefix("application/")


def _gateway(gateway: Any, client_claim: str | None) -> Gateway:
    if gateway is None:
        gateway = "wso2"
    if isinstance(gateway, str):
        check.known([gateway], PRESETS, "gateway preset")
        gateway = PRESETS[gateway]
    if not isinstance(gateway, Gateway):
        raise ConfigurationError(
            f"gateway: a preset's name ({', '.join(PRESETS)}) or a Gateway, "
            f"not {check.kind(gateway)}"
        )
    _check_names(gateway)
    if client_claim is None:
        return gateway
    return replace(gateway, names=gateway.names._replace(client_id=(client_claim,)))


def _check_names(gateway: Gateway) -> None:
    subject, client_id, roles, permissions = gateway.names
    plain = all(isinstance(names, tuple) for names in gateway.names)
    if not plain or not all(isinstance(name, str) for name in (*subject, *client_id)):
        raise ConfigurationError(f"gateway {gateway.name!r}: names: tuples of claim names")
    if not all(isinstance(name, ListClaim) for name in (*roles, *permissions)):
        raise ConfigurationError(f"gateway {gateway.name!r}: roles and permissions: ListClaim(...)")


def _algorithms(given: Any, gateway: Gateway) -> dict[str, Algorithm]:
    names = gateway.algorithms if given is None else check.texts("algorithms", given)
    found: dict[str, Algorithm] = {}
    for name in names:
        if name.lower() == "none":
            raise ConfigurationError("algorithms: 'none' is no signature and is never accepted")
        check.known([name], ALGORITHMS, "algorithm")
        found[name] = ALGORITHMS[name]
    kinds = {algorithm.key_type == "oct" for algorithm in found.values()}
    if len(kinds) > 1:
        raise ConfigurationError(
            "algorithms: HS* beside asymmetric algorithms; whoever knows the public key could sign "
            "with it as a secret. Give each its own Issuer(...)"
        )
    for alias, name in gateway.algorithm_aliases.items():
        if alias.lower() == "none" or alias in ALGORITHMS or name not in ALGORITHMS:
            raise ConfigurationError(f"gateway: {alias!r} cannot be an alias of {name!r}")
        if name in found:
            found[alias] = found[name]
    return found


def _issuers(issuer: Any, source: KeySource) -> tuple[str, ...]:
    """Return the accepted issuers; keys that were discovered are those of their issuer only."""
    names = check.texts("issuer", issuer)
    if source.issuer is None:
        return names
    if names and source.issuer not in names:
        raise ConfigurationError(
            f"issuer: the keys are those of {source.issuer}, which is not among {list(names)}"
        )
    return (source.issuer,)


def _selector(header: Mapping[str, Any]) -> str | None:
    """Return what the token calls its key, to remember what is unknown."""
    return header.get("kid") or header.get("x5t#S256") or header.get("x5t")


def _audiences(audience: Any) -> tuple[str, ...] | AnyAudience:
    if isinstance(audience, AnyAudience):
        return ANY
    names = check.texts("audience", audience)
    if "ANY" in names:
        raise ConfigurationError("audience: 'ANY' is a text here; write jwt_middleware.ANY")
    return names


def _contexts(api: Any, gateway: Gateway) -> tuple[str, ...]:
    contexts = check.texts("api", api)
    if contexts and gateway.context_claim is None:
        raise ConfigurationError(
            f"api: the gateway {gateway.name!r} sends no API context; use audience= instead"
        )
    for context in contexts:
        if not context.startswith("/") or not context.strip("/") or "//" in context:
            raise ConfigurationError(
                f"api: {context!r} is no API context; it looks like '/orders/1.0'"
            )
    return tuple(context.rstrip("/") for context in contexts)
