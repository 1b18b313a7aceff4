"""How a difference between a judge and us is written down, and the reasons that come up often."""

from __future__ import annotations

from typing import NamedTuple


class Difference(NamedTuple):
    """Cases that one side alone accepts.

    Attributes:
        because: the reason and its source.
        cases: names of cases, for each kind of caller that the form has.
        forms: where; None for every form of the judge that has such a case.

    """

    because: str
    cases: tuple[str, ...]
    forms: tuple[str, ...] | None = None


ALB, ALB_2018, AVA = "aws-alb", "aws-alb-2018", "aws-verified-access"
IAP, CLOUDFLARE, POMERIUM = "google-iap", "cloudflare-access", "pomerium"
TELEPORT, OATHKEEPER, BEARER = "teleport", "oathkeeper", "bearer"
UNPADDED = (IAP, CLOUDFLARE, POMERIUM, TELEPORT, OATHKEEPER, BEARER)
"""Their tokens are written as RFC 7515 has it."""

CRIT = Difference(
    "RFC 7515, 4.1.11: an extension that is critical and not understood, a name that no extension "
    "has, and an empty list make the token invalid; this judge does not read crit",
    (
        "header: crit is an extension that nobody knows",
        "header: crit is a claim",
        "header: crit is an empty list",
        "header: b64 is false, and critical",
    ),
)
OTHER_FORMS = Difference(
    "RFC 7797, 6: b64 must be critical; RFC 7516, 4.1.3: zip is of encrypted tokens. RFC 7515, 4, "
    "lets a judge pass over members that it does not know",
    ("header: b64 is false, not critical", "header: zip is DEF"),
)
TWICE = Difference(
    "RFC 7515, 4, and RFC 7519, 4: a parser refuses a member that is there twice, or takes the "
    "last; we refuse, since old versions of WSO2 let a person's attribute add a member",
    ("header: alg twice", "payload: a claim twice"),
)
BITS = Difference(
    "RFC 4648, 3.5: a decoder may refuse bits that no byte needs; we do, so that a token has one "
    "spelling",
    ("written: bits left over",),
)
PADDING = Difference(
    "RFC 7515, 2: base64url has no padding; the judge's decoder passes over it",
    ("written: padding that this gateway does not write, or leaves out",),
)
MILLISECONDS = (
    "RFC 7519, 2: a NumericDate is in seconds; one in milliseconds is not over for thousands of "
    "years, so we refuse it or, for WSO2, whose version 1.x writes such (carbon-apimgt 1.2.0), "
    "read it as milliseconds"
)
HEADER_EXP = (
    "Elastic Load Balancing guide, 'User claims encoding', and Verified Access guide, 'User claims "
    "passing': exp stands in the JOSE header; this judge reads the payload's alone"
)
HEADER_EXP_CASES = (
    "exp of the JOSE header has passed, the payload's has not",
    "exp of the JOSE header is missing, the payload has one",
    "header: exp is a text",
)
HEADER_ISSUER = Difference(
    "Elastic Load Balancing guide, 'User claims encoding': iss stands in the JOSE header; this "
    "judge reads the payload's alone, which is the identity provider's",
    ("header: iss is somebody else's",),
    ("aws-alb",),
)
NO_PAYLOAD_EXP_CASES = (*HEADER_EXP_CASES, "exp has passed", "exp is missing", "exp: 90 s ago")
SIGNER = (
    "the same guides: verify that signer is the ARN that you expect; this judge knows no claim of "
    "AWS in the JOSE header"
)
TYPE = (
    "Cloudflare, 'Application token': type is app for an application, org for an organisation; "
    "this judge checks claims of RFC 7519 only"
)
ACCESS_TOKEN_TYP = Difference(
    "RFC 9068, 4: typ is at+jwt or application/at+jwt, where the service asks for it; this judge "
    "does not read typ",
    ("typ is that of an ID token", "typ is missing"),
    (BEARER,),
)
NO_AUDIENCE = (
    "RFC 7519, 4.1.3: whoever is not named in an aud that is there refuses the token; this judge "
    "looks at aud only where an audience is configured"
)
NO_AUDIENCE_CASES = ("aud: somebody else's", "aud: an empty list")
IAT = (
    "Google, 'Securing your app with signed headers', and Pomerium, 'JWT Verification': iat is in "
    "the past. RFC 7519, 4.1.6, leaves it to the service, and we refuse one that is more than our "
    "leeway ahead; "
)
LEEWAY = (
    "RFC 7519, 4.1.4 and 4.1.5: some small leeway; ours is 30 s, as Google's page on signed "
    "headers asks for, this judge's own default is none ("
)
STANDARD_ALPHABET = (
    "a token of the load balancer of 2018 and WSO2's Base64.getEncoder() (carbon-apimgt "
    "9619f06f56c) are in the standard alphabet, which this judge refuses by RFC 7515, 2"
)
# All of the 2018 form that we accept.
GOOD_IN_2018 = (
    "a good token",
    "header: typ is missing",
    "header: typ is at+jwt",
    "header: typ is a number",
    "header: jku is a stranger's",
    "header: iss is somebody else's",
    "header: client is another",
    "written: padding that this gateway does not write, or leaves out",
    "exp: 10 s ago",
    "iat: in 15 s",
    "nbf: in 15 s",
)

KID_OF_AWS = (
    "the Elastic Load Balancing guide has each key fetched by the kid of the token, so one without "
    "a kid has none, whichever keys other tokens have brought;"
)
