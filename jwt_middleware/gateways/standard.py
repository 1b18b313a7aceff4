"""A gateway of strict JWTs (RFC 7515, RFC 7519), with the claim names of RFC 8693 and RFC 9068."""

from __future__ import annotations

from ..principal import ClaimNames, ListClaim
from .gateway import Gateway

PRESETS = (
    Gateway(
        name="standard",
        algorithms=("RS256", "PS256", "ES256", "EdDSA"),
        names=ClaimNames(
            client_id=("client_id", "azp"),
            roles=(ListClaim("roles"),),
            permissions=(ListClaim("permissions"), ListClaim("scope", " ")),
        ),
    ),
)
