"""What an app keeps of its options while a gateway of a test stands in for its own."""

from __future__ import annotations

from typing import Any, cast

from ..gateways import Gateway
from ..options import checks as check
from ..verification.options import VerifierOptions
from ..verification.verifier import Verifier
from .gateway import LOCAL_API, LocalGateway
from .own_keys import with_keys_of

_OF_THE_GATEWAY = frozenset(
    {
        "keys",
        "gateway",
        "issuer",
        "issuers",
        "tenants",
        "audience",
        "signer",
        "algorithms",
        "typ",
        "client_claim",
        "claim_dialect",
    }
)
"""The options that say who signs, and how the gateway writes its tokens."""


def options_for(own: Verifier, gateway: LocalGateway) -> VerifierOptions:
    """Return the options of a verifier that judges the gateway's tokens as the app does its own."""
    kept: dict[str, Any] = {
        name: value
        for name, value in own.options.items()
        if name not in _OF_THE_GATEWAY and value is not None
    }
    kept.pop("api", None)
    contexts = contexts_of_app(own)
    if contexts and gateway.gateway.context_claim is not None:
        kept["api"] = [*contexts, LOCAL_API] if gateway.api is None else contexts
    if "clients" in kept:
        kept["clients"] = with_keys_of(kept["clients"], gateway.keys_url)
    if own.revocations is not None:
        kept["revocations"] = own.revocations.option  # the open store: what is denied in it counts
    given = gateway.verifier_options
    replaced = {name: given[name] for name in given if name in _OF_THE_GATEWAY}
    of_app = own.options.get("gateway")
    if isinstance(of_app, Gateway) and of_app.name == gateway.gateway.name:
        replaced["gateway"] = of_app  # the preset, which the app reads by names of its own
    return cast("VerifierOptions", replaced | kept)


def contexts_of_app(own: Verifier) -> list[str]:
    """Return the API contexts that the app's tokens may be for; none where any will do."""
    return list(check.texts("api", own.options.get("api")))


def is_for(context: str, contexts: list[str]) -> bool:
    """Whether a token for this API context is one for these, or for what is below them."""
    return any(f"{context}/".startswith(f"{each.rstrip('/')}/") for each in contexts)
