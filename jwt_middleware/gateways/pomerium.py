"""Pomerium.

Source: Pomerium's page "JWT Verification" and pomerium/pomerium (``headers_evaluator``).
"""

from __future__ import annotations

from ..principal import ClaimNames, ListClaim, Mark
from .gateway import Gateway
from .views import ClaimsView, Text, Texts


class Pomerium(ClaimsView):
    """What Pomerium says of a caller."""

    subject = Text("sub", doc="The person's id at the identity provider.")
    user = Text("user", doc="The same id, in older versions.")
    email = Text("email", doc="Email address.")
    name = Text("name", doc="Full name.")
    groups = Texts("groups", doc="Group ids or names, from the directory.")
    session_id = Text("sid", doc="The id of the Pomerium session.")


PRESETS = (
    Gateway(
        name="pomerium",
        title="Pomerium",
        view=Pomerium,
        header="X-Pomerium-Jwt-Assertion",
        algorithms=("ES256",),
        names=ClaimNames(client_id=(), roles=(ListClaim("groups"),)),
        # The issuer is the route's host, or with jwt_issuer_format: uri a URL of it.
        keys="https://{host}/.well-known/pomerium/jwks.json",
        needs={
            "issuer": "the host name of the route's From URL, or https://HOST/ with "
            "jwt_issuer_format: uri",
            "audience": "the host name of the route's From URL",
        },
        terms={
            "aud": "the host name of the route's From URL",
            "iss": "the host name of the route's From URL, or https://HOST/ with "
            "jwt_issuer_format: uri",
        },
        marks=(Mark("iss", r"[a-z0-9.-]+", same_as="aud"),),
    ),
)
