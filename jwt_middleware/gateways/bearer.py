"""Access tokens of an OAuth authorization server in ``Authorization: Bearer``.

Sources: RFC 6750 for the header, RFC 9068 for the claims; and where they differ from it, the
documentation of Auth0, Okta, Microsoft Entra, Keycloak and Amazon Cognito.
"""

from __future__ import annotations

from ..principal import ClaimNames, ListClaim, Mark
from .gateway import METADATA, Gateway
from .views import ClaimsView, Text, Texts

_CLIENT = ("client_id", "azp", "cid", "appid")
"""RFC 9068; Auth0, Keycloak and Entra v2; Okta; Entra v1."""


class AccessToken(ClaimsView):
    """What an OAuth access token says of a call (RFC 9068)."""

    subject = Text("sub", doc="The person, or the client where no person takes part.")
    client_id = Text(*_CLIENT, doc="The OAuth client of the call.")
    scope = Text("scope", doc="What the client may do, separated by blanks.")
    roles = Texts("roles", doc="Roles of the person or the client.")
    groups = Texts("groups", "cognito:groups", doc="Groups of the person.")
    entitlements = Texts("entitlements", doc="Entitlements of the person.")
    tenant_id = Text("tid", doc="The tenant of the person (Microsoft Entra).")
    email = Text("email", doc="Email address.")
    name = Text("name", doc="Full name.")


PRESETS = (
    Gateway(
        name="bearer",
        title="an OAuth authorization server",
        view=AccessToken,
        header="Authorization",
        writes_scheme=True,
        algorithms=("RS256", "PS256", "ES256", "EdDSA"),
        names=ClaimNames(
            client_id=_CLIENT,
            roles=(
                ListClaim("roles"),
                ListClaim("realm_access.roles"),  # Keycloak
                ListClaim("cognito:groups"),
            ),
            permissions=(
                ListClaim("permissions"),  # Auth0
                ListClaim("scope", " "),
                ListClaim("scp", " "),  # Okta writes a list, Entra one text
            ),
            service=(
                # Auth0; its profile of RFC 9068 has no gty, and no person's sub is without a "|".
                Mark("gty", "client-credentials"),
                Mark("sub", r"[^|@]+@clients"),
                # Entra; idtyp is optional, and the two ids differ in a person's token.
                Mark("idtyp", "app"),
                Mark("sub", same_as="oid"),
                Mark("preferred_username", "service-account-.+"),  # Keycloak
                # RFC 9068, 2.2: without a resource owner, sub is the client.
                *(Mark("sub", same_as=name) for name in _CLIENT),
            ),
        ),
        keys=METADATA,
        needs={
            "audience": "the identifier of this API at the authorization server: aud of its "
            "access tokens"
        },
        terms={
            "aud": "the identifier of this API at the authorization server",
            "iss": "the authorization server, as the issuer of its metadata",
        },
    ),
)
