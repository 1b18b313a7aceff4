"""AWS Application Load Balancer, with its authenticate-oidc and authenticate-cognito actions."""

from __future__ import annotations

from ..principal import ClaimNames, Mark
from .aws import HEADER_CLAIMS, WIRE, arn, by_partition
from .gateway import Gateway, SignerForm
from .views import ClaimsView, Text

_ARN = arn("elasticloadbalancing", r"loadbalancer/app/[A-Za-z0-9-]+/[A-Za-z0-9]+")


class ALB(ClaimsView):
    """What an Application Load Balancer says of a caller: the identity provider's user info."""

    subject = Text("sub", doc="The person's id at the identity provider.")
    email = Text("email", doc="Email address.")
    name = Text("name", doc="Full name.")
    given_name = Text("given_name", doc="First name.")
    family_name = Text("family_name", doc="Last name.")
    username = Text("username", "preferred_username", doc="The name that the person signs in with.")
    client = Text("client", doc="The OIDC client id of the listener's rule (JOSE header).")
    signer = Text("signer", doc="The ARN of the load balancer (JOSE header).")


PRESETS = (
    Gateway(
        name="aws-alb",
        title="AWS Application Load Balancer",
        view=ALB,
        header="x-amzn-oidc-data",
        wire=WIRE,
        algorithms=("ES256",),
        names=ClaimNames(client_id=("client",)),
        header_claims=HEADER_CLAIMS,
        signer=SignerForm(
            _ARN,
            by_partition(
                "https://public-keys.auth.elb.{region}.{suffix}/{kid}",
                # GovCloud's keys are in a bucket, which is not named as the other regions' hosts.
                gov="https://s3-{region}.amazonaws.com/aws-elb-public-keys-prod-{region}/{kid}",
            ),
            "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/my-app/"
            "50dc6c495c0c9188",
        ),
        needs={
            "signer": "the ARN of the load balancer: in the EC2 console, under Load Balancers, in "
            "its details. Every load balancer's tokens verify with the keys of its region, so "
            "without it those of another account would pass"
        },
        terms={
            "signer": "the ARN of this load balancer; the token was signed by another one",
            "client": "the OIDC client id of the listener's rule",
            "exp": "the exp of the JOSE header, where the load balancer writes it",
            "iss": "the issuer of the listener's rule, in the JOSE header",
        },
        marks=(Mark("signer", _ARN),),
    ),
)
