"""The options of one issuer, each read into what verifying by it needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from . import option_checks as check
from .errors import ConfigurationError
from .gateways import PRESETS, Gateway
from .principal import ListClaim
from .verification import ALGORITHMS, ANY, Algorithm, AnyAudience, KeySource


def media_type(typ: str) -> str:
    """RFC 7515, 4.1.9: a media type in any case, of which ``application/`` may be left out."""
    return typ.lower().removeprefix("application/")


def gateway_of(gateway: Any, client_claim: str | None) -> Gateway:
    """Return the gateway, with the client claim that another option may name."""
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
    subject, client_id, roles, permissions, application = gateway.names
    plain = all(isinstance(names, tuple) for names in gateway.names)
    if not plain or not all(isinstance(name, str) for name in (*subject, *client_id, *application)):
        raise ConfigurationError(f"gateway {gateway.name!r}: names: tuples of claim names")
    if not all(isinstance(name, ListClaim) for name in (*roles, *permissions)):
        raise ConfigurationError(f"gateway {gateway.name!r}: roles and permissions: ListClaim(...)")


def algorithms_of(given: Any, gateway: Gateway) -> dict[str, Algorithm]:
    """Return the allow-list by the names that tokens may use, aliases of the gateway among them."""
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


def issuers_of(issuer: Any, source: KeySource) -> tuple[str, ...]:
    """Return the accepted issuers; keys that were discovered are those of their issuer only."""
    names = check.texts("issuer", issuer)
    if source.issuer is None:
        return names
    if names and source.issuer not in names:
        raise ConfigurationError(
            f"issuer: the keys are those of {source.issuer}, which is not among {list(names)}"
        )
    return (source.issuer,)


def audiences_of(audience: Any) -> tuple[str, ...] | AnyAudience:
    """Return the accepted audiences."""
    if isinstance(audience, AnyAudience):
        return ANY
    names = check.texts("audience", audience)
    if "ANY" in names:
        raise ConfigurationError("audience: 'ANY' is a text here; write jwt_middleware.ANY")
    return names


def contexts_of(api: Any, gateway: Gateway) -> tuple[str, ...]:
    """Return the API contexts that a token may be for."""
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
