"""Cloudflare Access.

Source: Cloudflare's pages "Validate JWTs" and "Application token".
"""

from __future__ import annotations

from ..principal import ClaimNames, Mark
from .gateway import Gateway
from .views import ClaimsView, Object, Text


class CloudflareAccess(ClaimsView):
    """What Cloudflare Access says of a caller: of a person, or of a service token."""

    email = Text("email", doc="The person's email address, verified by the identity provider.")
    common_name = Text("common_name", doc="The Client ID of a service token.")
    country = Text("country", doc="The country that the person signed in from.")
    identity_nonce = Text("identity_nonce", doc="Names the person's full identity at Cloudflare.")
    custom = Object("custom", doc="Claims of the identity provider that the application asks for.")


PRESETS = (
    Gateway(
        name="cloudflare-access",
        title="Cloudflare Access",
        view=CloudflareAccess,
        header="Cf-Access-Jwt-Assertion",
        algorithms=("RS256",),
        names=ClaimNames(
            # A service token has an empty sub; its common_name is the Client ID.
            client_id=("common_name",),
            service=(Mark("common_name"),),
        ),
        # An organisation token (type org) signs in to the team's domain; it is for no application.
        required={"type": "app"},
        keys="{issuer}/cdn-cgi/access/certs",
        needs={
            "issuer": "https://TEAM.cloudflareaccess.com, with the team name that Zero Trust shows "
            "under Settings, Custom Pages",
            "audience": "the Application Audience (AUD) Tag: in Zero Trust, under Access, "
            "Applications, in the application's overview",
        },
        terms={
            "aud": "the Application Audience (AUD) Tag of this Access application",
            "iss": "the team domain, https://TEAM.cloudflareaccess.com",
            "type": "app for an application token; an organisation token (org) is for no "
            "application",
        },
        marks=(Mark("iss", r"https://[^/]+\.cloudflareaccess\.com"),),
    ),
)
