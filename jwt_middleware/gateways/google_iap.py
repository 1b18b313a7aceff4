"""Google Identity-Aware Proxy.

Source: Google Cloud's page "Securing your app with signed headers", which lists the checks.
"""

from __future__ import annotations

from ..principal import ClaimNames, Mark
from .gateway import Gateway
from .views import ClaimsView, Text, Texts

_ISSUER = "https://cloud.google.com/iap"


class GoogleIAP(ClaimsView):
    """What Google's Identity-Aware Proxy says of a caller."""

    subject = Text("sub", doc="Unique and permanent id, as accounts.google.com:NUMBER.")
    email = Text("email", doc="Email address; it may change, so keep the subject.")
    hosted_domain = Text("hd", doc="The domain of the Workspace or Cloud Identity account.")
    access_levels = Texts("google.access_levels", doc="The access levels that the request meets.")
    device_id = Text("google.device_id", doc="The id of the caller's device, where it is known.")


PRESETS = (
    Gateway(
        name="google-iap",
        title="Google Identity-Aware Proxy",
        view=GoogleIAP,
        header="x-goog-iap-jwt-assertion",
        algorithms=("ES256",),
        names=ClaimNames(
            client_id=(),
            # Service accounts have addresses of this domain only; a person cannot have one.
            service=(Mark("email", r"(?:[^@]*:)?[^@]+@(?:[^@]+\.)?gserviceaccount\.com"),),
        ),
        # "iat: must be in the past", so it must be there.
        required={"iat": None},
        issuer=_ISSUER,
        keys="https://www.gstatic.com/iap/verify/public_key-jwk",
        needs={
            "audience": "the Signed Header JWT Audience: in the Google Cloud console, under "
            "Security, Identity-Aware Proxy, in the menu of the backend service or app. It is "
            "/projects/NUMBER/apps/PROJECT, or /projects/NUMBER/global/backendServices/ID"
        },
        terms={
            "aud": "the Signed Header JWT Audience of this backend service or app",
            "iss": f"{_ISSUER}, for all of Google's Identity-Aware Proxy",
            "iat": "the time of issue, which must be in the past",
        },
        marks=(Mark("iss", r"https://cloud\.google\.com/iap"),),
    ),
)
