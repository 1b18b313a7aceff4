"""Ory Oathkeeper's id_token mutator.

Source: Ory's page "Mutators" and ory/oathkeeper (``pipeline/mutate``). Its claims are a template of
the site's own, so it has no view of its own; most sites write those of an access token.
"""

from __future__ import annotations

from ..principal import ClaimNames, ListClaim, Mark
from .bearer import AccessToken
from .gateway import Gateway

PRESETS = (
    Gateway(
        name="oathkeeper",
        title="Ory Oathkeeper",
        view=AccessToken,
        header="Authorization",
        writes_scheme=True,
        algorithms=("RS256", "ES256"),
        names=ClaimNames(
            client_id=("client_id",),
            roles=(ListClaim("roles"),),
            permissions=(ListClaim("scope", " "), ListClaim("scp", " ")),
            # Without a person the subject is the client (oauth2_client_credentials).
            service=(Mark("sub", same_as="client_id"),),
        ),
        needs={
            "keys": "the JWKS on Oathkeeper's API port, such as "
            "https://oathkeeper:4456/.well-known/jwks.json, or the file of "
            "mutators.id_token.config.jwks_url",
            "issuer": "mutators.id_token.config.issuer_url of Oathkeeper's configuration",
        },
        terms={"iss": "issuer_url of the id_token mutator"},
    ),
)
