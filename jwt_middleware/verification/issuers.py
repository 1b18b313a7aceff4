"""Whose token is it? The trust that may verify it, and the principal that comes of it.

Most services have one trust. With several issuers, or with clients that are bound to keys of their
own, what the token names chooses one; nothing is believed before that trust's keys have said so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..authorization.predicate import Predicate
from ..background.waiting import WaitBudget
from ..errors import (
    BadSignature,
    ClientMismatch,
    ConfigurationError,
    InvalidClaim,
    RequestError,
    UnacceptableAlgorithm,
    UnknownKey,
)
from ..events.kinds import Event
from ..events.log import Announcer
from ..gateways import WireFormat
from ..keys.key import KeyRules
from ..options import checks as check
from ..principal import Principal
from .cache import TokenCache, VerifiedToken
from .compact import Segments, decode_claims, split
from .issuer import IssuerVerifier, SharedRules, VerifiedClaims
from .options import MOST_LEEWAY, Issuer, VerifierOptions

if TYPE_CHECKING:
    from ..authorization.clients import Dropped
    from ..authorization.registry import ClientRegistry
    from .bound import RegistrySnapshot


class Issuers:
    """Finds the trust of a token, and makes its principal."""

    def __init__(
        self,
        trusts: Mapping[str | None, IssuerVerifier],
        registry: ClientRegistry | None,
        announce: Announcer,
        cache: TokenCache,
        changed: Callable[[], None],
    ) -> None:
        self._trusts = trusts
        self._only = trusts.get(None)
        self._compact = cache.compact
        self.snapshot: Callable[[], RegistrySnapshot] | None = None
        """Returns the newest snapshot of the registry; None where there is none."""
        if registry is not None:
            from .bound import SnapshotMaker  # imported here: only clients= needs it

            self.snapshot = SnapshotMaker(trusts, announce, changed).watch(registry)
        # To find out whose a token is, the loosest of the encodings reads it; the trust's own form
        # then decides.
        wires = [trust.gateway.wire for trust in trusts.values()]
        self._lenient_wire = WireFormat(relaxed_base64=any(wire.relaxed_base64 for wire in wires))

    def trusts(self, snapshot: RegistrySnapshot | None) -> list[IssuerVerifier]:
        """Return every trust, those that clients are bound to last."""
        bound = () if snapshot is None else snapshot.bound.values()
        return [*self._trusts.values(), *bound]

    def unknown_names(self, predicate: Predicate) -> list[str]:
        """Return what is wrong with a predicate's names, by the newest reading of the registry."""
        from ..authorization.name_checks import unknown_names, without_registry

        if self.snapshot is None:
            return without_registry(predicate)
        return unknown_names(predicate, self.snapshot().clients)

    def verify(
        self, raw: bytes, now: float, budget: WaitBudget | None
    ) -> tuple[VerifiedToken, list[Dropped]]:
        """Verify a token; return it with its principal, and the values that are not granted.

        Raises:
            MustWait: as ``IssuerVerifier.verify``.
            RequestError: why it is refused.

        """
        segments = split(raw)
        snapshot = None if self.snapshot is None else self.snapshot()
        trust = self._only
        if trust is None or (snapshot is not None and snapshot.bound):
            trust = self._named(segments, snapshot)
        if snapshot is None:
            verified = trust.verify(segments, now, budget)
        else:
            verified = self._verified(trust, segments, now, budget, snapshot)
        _, expires_at, ends, key, keys = verified
        claims = self._compact(verified.claims)
        names = trust.gateway.names
        dropped: list[Dropped] = []
        if snapshot is None:
            principal = Principal.of_token(claims, names, expires_at, key.key_id)
        else:
            client_id = names.first(names.client_id, claims)
            snapshot.check_bound(client_id, trust)
            try:
                principal, dropped = snapshot.principal(
                    client_id, claims, names, expires_at, key.key_id
                )
            except RequestError as error:
                # It is genuine, so the audit may say whose it is.
                error.principal = Principal.of_token(claims, names, expires_at, key.key_id)
                raise
        refused_from = ends + trust.policy.leeway
        return VerifiedToken(raw, principal, refused_from, keys, trust, snapshot), dropped

    def _verified(
        self,
        trust: IssuerVerifier,
        segments: Segments,
        now: float,
        budget: WaitBudget | None,
        snapshot: RegistrySnapshot,
    ) -> VerifiedClaims:
        """Verify with the client's own keys, and distinguish another's keys from a forgery."""
        try:
            return trust.verify(segments, now, budget)
        except (UnknownKey, BadSignature, UnacceptableAlgorithm) as error:
            others = (each for each in self.trusts(snapshot) if each.keys is not trust.keys)
            if not snapshot.bound or not snapshot.signed_by_another(segments, others, now):
                raise
            mismatch = ClientMismatch("signed with a key that is not the client's")
            mismatch.key_id = error.key_id
            try:
                raise mismatch from None
            finally:
                del mismatch  # it holds this frame, which must not hold it
        except InvalidClaim as error:
            if error.claim != "iss" or not snapshot.is_bound(trust):
                raise
            raise ClientMismatch("another issuer than the client's") from None

    def _named(self, segments: Segments, snapshot: RegistrySnapshot | None) -> IssuerVerifier:
        """Return the trust whose client or issuer the token names."""
        claims = decode_claims(segments[1], self._lenient_wire)
        issuer = claims.get("iss")
        known = self._trusts.get(issuer) if type(issuer) is str else None
        if snapshot is not None and snapshot.bound:
            names = (known or self._only or next(iter(self._trusts.values()))).gateway.names
            names.check(claims)
            client_id = names.first(names.client_id, claims)
            bound = None if client_id is None else snapshot.bound.get(client_id)
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


def trusts_of(
    options: VerifierOptions, announce: Callable[[Event], None], clock: Callable[[], float]
) -> dict[str | None, IssuerVerifier]:
    """Return the issuers that the options name, each with what is bound to it.

    In the flat form, with ``keys``, there is one, under None.

    Raises:
        ConfigurationError: an option is wrong, or two of them do not go together.

    """
    shared_rules = SharedRules(
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
        announce=announce,
        clock=clock,
    )
    gateway = options.get("gateway")
    issuers = options.get("issuers")
    if issuers is not None:
        issuers = _issuers(issuers, options)
        return {
            each.issuer: IssuerVerifier(
                shared_rules,
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
    trust = IssuerVerifier(
        shared_rules,
        keys=keys,
        gateway=gateway,
        algorithms=options.get("algorithms"),
        issuer=issuer,
        audience=options.get("audience"),
    )
    return {None: trust}


def _max_age(value: Any) -> float | None:
    return None if value is None else check.number("max_age", value, above=0)


def _issuers(issuers: Any, options: VerifierOptions) -> list[Issuer]:
    beside = [
        name
        for name in ("keys", "issuer", "audience", "algorithms")
        if options.get(name) is not None
    ]
    if beside:
        raise ConfigurationError(
            f"issuers: {', '.join(beside)} beside it; each Issuer(...) carries its own"
        )
    if isinstance(issuers, list | tuple):
        issuers = [Issuer.of_table(e) if isinstance(e, Mapping) else e for e in issuers]
    if (
        not isinstance(issuers, list)
        or not issuers
        or not all(isinstance(each, Issuer) for each in issuers)
    ):
        raise ConfigurationError("issuers: a list of Issuer(...), at least one")
    if not all(isinstance(each.issuer, str) and each.issuer for each in issuers):
        raise ConfigurationError("issuers: an Issuer(...) names no issuer; it would take every one")
    names = [each.issuer for each in issuers]
    if len(set(names)) != len(names):
        raise ConfigurationError("issuers: one issuer is listed twice; give it a list of keys")
    for each in issuers:
        if each.keys is None:
            raise ConfigurationError(f"issuers: {each.issuer} has no keys")
    return issuers
