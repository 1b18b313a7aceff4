"""Whose token is it? Who may verify it, and the principal that comes of it.

Most services have one issuer. With several, or with clients that are bound to keys of their own,
what the token names chooses one; nothing is believed before that one's keys have said so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..authorization.predicate import Predicate
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
from ..keys.encoding import json_segment
from ..keys.key import KeyRules
from ..options import checks as check
from ..principal import Principal
from .cache import VerifiedToken
from .compact import Segments
from .issuer import IssuerVerifier, SharedRules
from .options import MOST_LEEWAY, Issuer, VerifierOptions

if TYPE_CHECKING:
    from ..authorization.clients import Dropped
    from ..authorization.registry import ClientRegistry
    from .bound import RegistrySnapshot


class Issuers:
    """Finds who verifies a token, and what the registry grants its client."""

    def __init__(
        self,
        trusts: Mapping[str | None, IssuerVerifier],
        registry: ClientRegistry | None,
        announce: Announcer,
        clock: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        self._trusts = trusts
        self._only = trusts.get(None)
        self.only = None if registry is not None else self._only
        """Who verifies every token; None where that depends on what the token names."""
        self._clock = clock
        self.snapshot: Callable[[], RegistrySnapshot] | None = None
        """Returns the newest snapshot of the registry; None where there is none."""
        if registry is not None:
            from .bound import SnapshotMaker  # imported here: only clients= needs it

            self.snapshot = SnapshotMaker(trusts, announce, changed).watch(registry)
        # To find out whose a token is, the loosest of the encodings reads it; the issuer's own form
        # then decides.
        self._is_relaxed = any(t.gateway.wire.relaxed_base64 for t in trusts.values())

    def trusts(self, snapshot: RegistrySnapshot | None) -> list[IssuerVerifier]:
        """Return every issuer's verifier, those that clients are bound to last."""
        bound = () if snapshot is None else snapshot.bound.values()
        return [*self._trusts.values(), *bound]

    def unknown_names(self, predicate: Predicate) -> list[str]:
        """Return what is wrong with a predicate's names, by the newest reading of the registry."""
        from ..authorization.name_checks import unknown_names, without_registry

        if self.snapshot is None:
            return without_registry(predicate)
        return unknown_names(predicate, self.snapshot().clients)

    def choose(self, segments: Segments) -> tuple[IssuerVerifier, RegistrySnapshot | None]:
        """Return who verifies a token, by the client or the issuer that it names, and the registry.

        Nothing that it names is believed before the signature holds.

        Raises:
            RequestError: it names nobody's issuer, or cannot be read.

        """
        snapshot = None if self.snapshot is None else self.snapshot()
        if self._only is not None and (snapshot is None or not snapshot.bound):
            return self._only, snapshot
        claims = json_segment(segments[1], self._is_relaxed, "payload")
        issuer = claims.get("iss")
        known = self._trusts.get(issuer) if type(issuer) is str else None
        if snapshot is not None and snapshot.bound:
            policy = (known or self._only or next(iter(self._trusts.values()))).policy
            policy.check_shapes(claims)
            client_id = policy.names.first(policy.names.client_id, claims)
            bound = None if client_id is None else snapshot.bound.get(client_id)
            if bound is not None:
                return bound, snapshot
        if self._only is not None:
            return self._only, snapshot
        if "iss" not in claims:
            raise InvalidClaim("iss", "missing")
        if type(issuer) is not str:
            raise InvalidClaim("iss", "type")
        if known is None:
            raise InvalidClaim("iss", "mismatch")
        return known, snapshot

    def grant(self, entry: VerifiedToken, snapshot: RegistrySnapshot) -> Sequence[Dropped]:
        """Make the principal of a verified token, with what the registry grants its client.

        Returns the values that are not granted.

        Raises:
            ClientMismatch: the client is bound to another issuer or other keys.
            UnknownClient, ClientDisabled, InvalidClaim: as ``Clients.grants``.

        """
        names, claims = entry.issuer.gateway.names, entry.claims
        client_id = names.first(names.client_id, claims)
        snapshot.check_bound(client_id, entry.issuer)
        try:
            grants, dropped = snapshot.clients.grants(client_id, claims)
        except RequestError as error:
            error.principal = entry.principal  # it is genuine, so the audit may say whose it is
            raise
        entry.snapshot = entry.generation = snapshot
        entry.principal = Principal.of_token(
            claims, names, entry.expires_at, entry.key.key_id, grants
        )
        return dropped

    def refusal(
        self,
        error: RequestError,
        segments: Segments,
        issuer: IssuerVerifier,
        snapshot: RegistrySnapshot | None,
    ) -> RequestError:
        """Return ``ClientMismatch`` for a good token of another key or issuer than its client's.

        That is a client's misuse, and no forgery. Any other error is returned as it is.
        """
        if snapshot is None:
            return error
        if isinstance(error, InvalidClaim):
            if error.claim == "iss" and snapshot.is_bound(issuer):
                return ClientMismatch("another issuer than the client's")
        elif isinstance(error, UnknownKey | BadSignature | UnacceptableAlgorithm):
            others = (each for each in self.trusts(snapshot) if each.keys is not issuer.keys)
            if snapshot.bound and snapshot.signed_by_another(segments, others, self._clock()):
                reason = "signed with a key that is not the client's"
                return ClientMismatch(reason, key_id=error.key_id)
        return error


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
