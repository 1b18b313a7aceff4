"""AWS Verified Access."""

from __future__ import annotations

from ..principal import ClaimNames, ListClaim, Mark
from .aws import HEADER_CLAIMS, WIRE, arn, by_partition
from .gateway import Gateway, SignerForm
from .views import ClaimsView, Object, Text, Texts

_ARN = arn("ec2", r"verified-access-instance/vai-[0-9a-z]+")


class VerifiedAccess(ClaimsView):
    """What Verified Access says of a caller, from an OIDC provider or IAM Identity Center."""

    subject = Text("sub", doc="The person's id at the OIDC provider.")
    email = Text("email", doc="Email address, by the OIDC provider.")
    groups = Texts("groups", doc="Groups at the OIDC provider.")
    user = Object("user", doc="The person, by IAM Identity Center.")
    user_id = Text("user.user_id", doc="The person's id, by IAM Identity Center.")
    user_name = Text("user.user_name", doc="The person's user name, by IAM Identity Center.")
    user_email = Text("user.email.address", doc="Email address, by IAM Identity Center.")
    additional_user_context = Object(
        "additional_user_context", doc="The claims of the OIDC provider's ID token."
    )
    signer = Text("signer", doc="The ARN of the Verified Access instance (JOSE header).")


PRESETS = (
    Gateway(
        name="aws-verified-access",
        title="AWS Verified Access",
        view=VerifiedAccess,
        header="x-amzn-ava-user-context",
        wire=WIRE,
        algorithms=("ES384",),
        names=ClaimNames(
            # IAM Identity Center writes the person into an object, an OIDC provider at the top.
            subject=("sub", "user.user_id"),
            client_id=("client",),
            roles=(ListClaim("groups"),),
        ),
        header_claims=HEADER_CLAIMS,
        signer=SignerForm(
            _ARN,
            by_partition("https://public-keys.prod.verified-access.{region}.{suffix}/{kid}"),
            "arn:aws:ec2:us-east-1:123456789012:verified-access-instance/vai-0123456789abcdef0",
        ),
        needs={
            "signer": "the ARN of the Verified Access instance, which ends in "
            "verified-access-instance/vai-...: its id is in the VPC console, under Verified Access "
            "instances. Every instance's tokens verify with the keys of its region, so without it "
            "those of another account would pass"
        },
        terms={
            "signer": "the ARN of this Verified Access instance; the token was signed by another "
            "one",
            "exp": "the exp of the JOSE header, which Verified Access sets 120 s ahead",
            "iss": "the OIDC issuer, or the ARN of the trust provider, in the JOSE header",
        },
        marks=(Mark("signer", _ARN),),
    ),
)
