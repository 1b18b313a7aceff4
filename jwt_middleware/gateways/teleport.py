"""Teleport application access.

Source: Teleport's page "Introduction to JWT authentication" for applications.
"""

from __future__ import annotations

from ..principal import ClaimNames, ListClaim, Mark
from .gateway import Gateway
from .views import ClaimsView, Object, Text, Texts


class Teleport(ClaimsView):
    """What Teleport says of a caller."""

    username = Text("username", "sub", doc="The Teleport user.")
    roles = Texts("roles", doc="Teleport roles.")
    traits = Object("traits", doc="Traits: each a list of texts, such as logins.")


PRESETS = (
    Gateway(
        name="teleport",
        title="Teleport",
        view=Teleport,
        header="Teleport-Jwt-Assertion",
        algorithms=("RS256", "ES256"),
        names=ClaimNames(
            client_id=(),
            roles=(ListClaim("roles"),),
            # The users of Machine ID, which tbot joins as.
            service=(Mark("sub", "bot-.+"),),
        ),
        # The page lists sub among what an application checks.
        required={"sub": None},
        # The issuer is the cluster's name, which is a host name.
        keys="https://{host}/.well-known/jwks.json",
        needs={
            "issuer": "the name of the cluster: cluster_name of its configuration, or tctl status",
            "audience": "the URI of the application, as app_service has it (uri), such as "
            "http://127.0.0.1:8080",
        },
        terms={
            "aud": "the URI of the application, as app_service has it",
            "iss": "the name of the cluster",
            "sub": "the Teleport user",
        },
        # The subject is the user's name; other issuers write ids into both.
        marks=(Mark("username", r"(?!.*[0-9a-f]{8}-).+", same_as="sub"),),
    ),
)
