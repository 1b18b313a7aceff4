"""The options of a verifier, and the issuers that it trusts by them."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, cast

from ..authorization.registry import ClientRegistry
from ..errors import ConfigurationError
from ..events.kinds import Event, Listener
from ..gateways import Gateway
from ..keys.key import KeyRules
from ..options import checks as check
from ..options.checks import AnyAudience
from ..revocation.option import Revocations
from .issuer import Common, Issuer, Trust

if TYPE_CHECKING:
    from ..revocation.check import RevocationCheck

MOST_LEEWAY = 3600
"""Seconds. More is no clock that is a little off; it would make expired tokens live on."""


class VerifierOptions(TypedDict, total=False):
    """The options of ``Verifier``; the README's table says what each means."""

    keys: Any
    gateway: str | Gateway
    algorithms: Sequence[str] | str | None
    issuer: str | Sequence[str] | None
    audience: str | Sequence[str] | AnyAudience | None
    issuers: Sequence[Issuer | Mapping[str, Any]] | None
    api: str | Sequence[str] | None
    typ: str | None
    leeway: float
    max_age: float | None
    client_claim: str | None
    clients: ClientRegistry | str | os.PathLike[str] | None
    revocations: Revocations | Mapping[str, Any] | str | None
    cache_size: int
    max_token_size: int
    minimum_rsa_bits: int
    allow_wso2_default_keys: bool
    check_certificate_dates: bool
    listeners: Iterable[Listener]
    clock: Callable[[], float]


def trusts_of(
    options: VerifierOptions, announce: Callable[[Event], None], clock: Callable[[], float]
) -> dict[str | None, Trust]:
    """Return the issuers that the options name, each with what is bound to it.

    In the flat form, with ``keys``, there is one, under None.

    Raises:
        ConfigurationError: an option is wrong, or two of them do not go together.

    """
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
        announce=announce,
        clock=clock,
    )
    gateway = options.get("gateway")
    issuers = options.get("issuers")
    if issuers is not None:
        issuers = _issuers(issuers, options)
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


def registry_of(clients: Any) -> ClientRegistry | None:
    """Return the registry that the option names; None where it is not set."""
    if clients is None or isinstance(clients, ClientRegistry):
        return clients
    if not isinstance(clients, str | os.PathLike) or not os.fspath(clients):
        raise ConfigurationError(
            f"clients: the path of a TOML file, or a ClientRegistry, not {check.kind(clients)}"
        )
    return ClientRegistry(clients)


def revocations_of(
    revocations: Any,
    announce: Callable[[Event], None],
    clock: Callable[[], float],
    roster: Callable[[], object] | None,
) -> RevocationCheck | None:
    """Return what judges tokens by the store that the option names; None where it is not set."""
    if revocations is None:
        return None
    if isinstance(revocations, str):
        revocations = Revocations(revocations)
    elif isinstance(revocations, Mapping):
        revocations = Revocations.of_table(revocations)
    if not isinstance(revocations, Revocations):
        raise ConfigurationError(
            "revocations: a store's URL, such as 'sqlite:///revocations.db', or Revocations(...), "
            f"not {check.kind(revocations)}"
        )
    from ..revocation.check import RevocationCheck  # few have a store

    return RevocationCheck(revocations, announce, clock, roster)


def clock_of(clock: Any) -> Callable[[], float]:
    """Return the clock."""
    if not callable(clock):
        raise ConfigurationError(f"clock: a function, such as time.time, not {check.kind(clock)}")
    return cast("Callable[[], float]", clock)


def listeners_of(listeners: Any) -> tuple[Listener, ...]:
    """Return the listeners; a single one needs no list."""
    found = (listeners,) if callable(listeners) else listeners
    if not isinstance(found, list | tuple | set | frozenset) or not all(map(callable, found)):
        raise ConfigurationError("listeners: callables that take an event, in a list")
    for each in found:
        if inspect.iscoroutinefunction(each):
            raise ConfigurationError(
                f"listeners: {each.__qualname__} is async, and nobody would await it; write a "
                "plain function, which may put the event into a queue"
            )
    return tuple(found)


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
