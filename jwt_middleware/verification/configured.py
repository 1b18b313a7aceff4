"""From options to the verifiers of the issuers: in the flat form, with ``issuers``, by tenant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..errors import ConfigurationError
from ..events.kinds import Event
from ..keys.key import KeyRules
from ..options import checks as check
from ..options.catalogue import value_of
from ..options.checks import MOST_LEEWAY
from .gateway_options import by_tenant
from .issuer import IssuerVerifier, SharedRules
from .options import Issuer, VerifierOptions

API_IS_NOT_SET = (
    "api is not set: WSO2 tokens carry no audience, so a token made for any other API of the "
    "gateway is accepted here. Set api='/your/context'"
)


def issuer_verifiers_of(
    options: VerifierOptions, announce: Callable[[Event], None], clock: Callable[[], float]
) -> dict[str | None, IssuerVerifier]:
    """Return the verifiers that the options describe, by issuer.

    In the flat form, with ``keys``, there is a single verifier, under None.

    Raises:
        ConfigurationError: an option is wrong, or two options contradict each other.

    """
    shared_rules = SharedRules(
        key_rules=KeyRules(
            minimum_rsa_bits=check.whole(
                "minimum_rsa_bits", value_of(options, "minimum_rsa_bits"), least=1024
            ),
            allow_wso2_default_keys=check.flag(
                "allow_wso2_default_keys", value_of(options, "allow_wso2_default_keys")
            ),
            check_certificate_dates=check.flag(
                "check_certificate_dates", value_of(options, "check_certificate_dates")
            ),
        ),
        api=options.get("api"),
        typ=check.text("typ", options.get("typ")),
        leeway=check.number("leeway", value_of(options, "leeway"), most=MOST_LEEWAY),
        max_age=_max_age(options.get("max_age")),
        client_claim=check.text("client_claim", options.get("client_claim")),
        claim_dialect=check.text("claim_dialect", options.get("claim_dialect")),
        announce=announce,
        clock=clock,
    )
    verifiers = _of_issuers(options, shared_rules) or _of_flat_form(options, shared_rules)
    if shared_rules.claim_dialect is not None and not any(
        verifier.gateway.dialect for verifier in verifiers.values()
    ):
        name = next(iter(verifiers.values())).gateway.name
        raise ConfigurationError(f"claim_dialect: the gateway {name!r} has no dialect of its own")
    return verifiers


def _of_issuers(
    options: VerifierOptions, shared_rules: SharedRules
) -> dict[str | None, IssuerVerifier]:
    """Return the verifiers of ``issuers``; none if it is not set."""
    given = options.get("issuers")
    if given is None:
        return {}
    verifiers: dict[str | None, IssuerVerifier] = {}
    for each in _issuers(given, options):
        gateway = options.get("gateway") if each.gateway is None else each.gateway
        others: dict[str, Any] = {
            "gateway": gateway,
            "algorithms": each.algorithms,
            "audience": each.audience,
            "signer": each.signer,
        }
        try:
            made = _of_issuer(each, shared_rules, others)
        except ConfigurationError as error:
            raise ConfigurationError(f"issuers: {each.issuer}: {error}") from None
        if not verifiers.keys().isdisjoint(made):
            raise ConfigurationError("issuers: one issuer is listed twice; give it a list of keys")
        verifiers |= made
    return verifiers


def _of_issuer(
    issuer: Issuer, shared_rules: SharedRules, others: dict[str, Any]
) -> dict[str | None, IssuerVerifier]:
    tenants = by_tenant(issuer.issuer, issuer.tenants)
    if tenants:
        return _of_tenants(tenants, shared_rules, issuer.keys, others)
    name = issuer.issuer
    return {name: IssuerVerifier(shared_rules, keys=issuer.keys, issuer=name, **others)}


def _of_flat_form(
    options: VerifierOptions, shared_rules: SharedRules
) -> dict[str | None, IssuerVerifier]:
    """Return the single verifier of ``keys``, under None; or one for each tenant."""
    keys, issuer = options.get("keys"), options.get("issuer")
    several_keys = isinstance(keys, list | tuple) and len(keys) > 1
    if several_keys and len(check.texts("issuer", issuer)) > 1:
        raise ConfigurationError(
            "issuer: several issuers with several key sources; each key must belong to one "
            "issuer: issuers=[Issuer('https://a', keys=...), ...]"
        )
    others: dict[str, Any] = {
        name: options.get(name) for name in ("gateway", "algorithms", "audience", "signer")
    }
    tenants = by_tenant(issuer, options.get("tenants"))
    if tenants:
        return _of_tenants(tenants, shared_rules, keys, others)
    return {None: IssuerVerifier(shared_rules, keys=keys, issuer=issuer, **others)}


def _of_tenants(
    tenants: list[tuple[str, str]],
    shared_rules: SharedRules,
    keys: Any,
    others: dict[str, Any],
) -> dict[str | None, IssuerVerifier]:
    """Return a verifier for each tenant's issuer. Keys that are given are those of all tenants."""
    verifiers: dict[str | None, IssuerVerifier] = {}
    for issuer, tenant in tenants:
        verifiers[issuer] = IssuerVerifier(
            shared_rules, keys=keys, issuer=issuer, tenant=tenant, **others
        )
        if keys is not None:
            keys = verifiers[issuer].keys
    return verifiers


def sizes_of(options: VerifierOptions) -> tuple[int, int]:
    """Return the bytes of the longest token, and the number of verified tokens that are kept."""
    longest = check.whole("max_token_size", value_of(options, "max_token_size"), least=64)
    return longest, check.whole("cache_size", value_of(options, "cache_size"), least=0)


def _max_age(value: Any) -> float | None:
    return None if value is None else check.number("max_age", value, above=0)


def _issuers(issuers: Any, options: VerifierOptions) -> list[Issuer]:
    beside = [
        name
        for name in ("keys", "issuer", "audience", "algorithms", "signer", "tenants")
        if options.get(name) is not None
    ]
    if beside:
        raise ConfigurationError(
            f"issuers: remove {', '.join(beside)}; each Issuer(...) has its own"
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
    return issuers


def headers_of(verifiers: Iterable[IssuerVerifier]) -> tuple[tuple[str, ...], str | None]:
    """Return the header names of every gateway, and the scheme that they write before the token.

    Raises:
        ConfigurationError: some write a scheme and some do not.

    """
    gateways = [verifier.gateway for verifier in verifiers]
    listed: dict[str, str] = {}
    for gateway in gateways:
        for name in gateway.headers:
            listed.setdefault(name.lower(), name)
    schemes = {each.scheme.lower() if each.writes_scheme else None for each in gateways}
    if len(schemes) > 1:
        raise ConfigurationError(
            "issuers: the gateways of some write a scheme before the token, and those of others do "
            "not; install a middleware for each, with optional="
        )
    return tuple(listed.values()), gateways[0].scheme if gateways[0].writes_scheme else None
