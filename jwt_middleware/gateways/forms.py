"""How each gateway spells a token and publishes its keys, as data.

Sources for WSO2: the ``DEFAULT`` generators of wso2/carbon-apimgt (``AbstractJWTGenerator`` and,
for the header, ``APIUtil`` and ``JWTUtil``) at the release that each form names, and real tokens
where a comment says so. For the others: the vendor's page that the comment names.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .token_form import EMAIL, NAME
from .token_form import TokenForm as TokenForm
from .wso2 import WSO2_DIALECT

# WSO2 API Manager's grant without a user: the end user is then whoever subscribed. Each token says
# which kind of key the application used.
_WSO2 = TokenForm(
    call={WSO2_DIALECT + "keytype": "PRODUCTION"},
    service={
        WSO2_DIALECT + "usertype": "APPLICATION",
        WSO2_DIALECT + "enduser": "admin@carbon.super",
        "client_id": NAME,
    },
)
# RFC 7515, section 2: base64url without padding. Nothing names a certificate.
_RFC = TokenForm(alphabet="urlsafe", padded=False, hex_x5t=None)

# The Elastic Load Balancing guide, "Authenticate users using an Application Load Balancer": the
# JOSE header has alg, kid, signer, iss, client and exp; segments are padded; each key is PEM under
# its kid. aws-jwt-verify (alb-verifier.ts) reads exp and iss of the payload, so today's has both.
_ALB = TokenForm(
    alphabet="urlsafe",
    hex_x5t=None,
    kid="uuid",
    preset="aws-alb",
    repeated=("exp", "iss"),
    claims={
        "iss": "https://idp.example.com",
        "client": "example-oidc-client",
        "signer": "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/my-app/"
        "50dc6c495c0c9188",
    },
    person={"sub": NAME, "email": EMAIL},
    publishes={"/{kid}": "pem"},
)


FORMS: Mapping[str, TokenForm] = MappingProxyType(
    {
        # A token of 2013, from a public reader of the header: alg is the JCA name.
        "wso2-1.4": _WSO2._replace(
            milliseconds=True, algorithm_name="SHA256withRSA", preset="wso2-1.4"
        ),
        # carbon-apimgt 1.2.0 (axiom's Base64Utils), and UCSD's and TACC's real tokens.
        "wso2-1.9": _WSO2._replace(milliseconds=True),
        # carbon-apimgt 6.0.4 (2.0 to 2.5) and a real token: Nimbus, so seconds; x5t of RFC 7515.
        "wso2-2.0": _WSO2._replace(hex_x5t=False, padded_x5t=False),
        # carbon-apimgt 3bfb62c2f65; issues 5535 and 5884 there.
        "wso2-2.6": _WSO2._replace(padded_x5t=False),
        # carbon-apimgt ce4f1e0cc68: java.util.Base64.getUrlEncoder(), which pads.
        "wso2-3.0": _WSO2._replace(alphabet="urlsafe"),
        # carbon-apimgt 08ea54ec6be, the gateway's path, for JWT access tokens; product-apim 8802.
        "wso2-3.1": _WSO2._replace(
            alphabet="urlsafe", milliseconds=True, text_exp=True, preset="wso2-3.1"
        ),
        # The same release, the key manager's path, for opaque access tokens.
        "wso2-3.1-number": _WSO2._replace(alphabet="urlsafe"),
        # carbon-apimgt cb3daa44148: kid is x5t and the algorithm.
        "wso2-3.2": _WSO2._replace(alphabet="urlsafe", kid="x5t"),
        # carbon-apimgt 14aa6c57649 (4.0, 4.1): the kid is gone (75c51e8943f), iat is new.
        "wso2-4.0": _WSO2._replace(alphabet="urlsafe", issued_at=True),
        # carbon-apimgt 9619f06f56c: Base64.getEncoder().withoutPadding(); api-manager 1528.
        "wso2-4.2": _WSO2._replace(padded=False, issued_at=True),
        # The same release with useKid: the certificate's SHA-256 as kid, and no x5t.
        "wso2-4.2-kid": _WSO2._replace(padded=False, hex_x5t=None, kid="sha256", issued_at=True),
        # carbon-apimgt 374bfdc117af: use_kid_property, its default, makes kid of issuer and serial.
        "wso2-4.3": _WSO2._replace(padded=False, kid="serial", issued_at=True),
        # RFC 7515, section 2, and RFC 7519.
        "standard": _RFC._replace(preset="standard", service={"client_id": NAME}),
        # Google Cloud, "Securing your app with signed headers": the payload, and both places of the
        # keys. Service accounts differ from people by their address.
        "google-iap": _RFC._replace(
            preset="google-iap",
            kid="hex",
            issued_at=True,
            claims={
                "iss": "https://cloud.google.com/iap",
                "aud": "/projects/123456789012/apps/example-project",
            },
            person={"sub": NAME, "email": EMAIL, "hd": "example.com"},
            service={"sub": NAME, "email": f"{NAME}@example-project.iam.gserviceaccount.com"},
            client=False,
            publishes={
                "/iap/verify/public_key-jwk": "jwks",
                "/iap/verify/public_key": "pem-map",
            },
        ),
        # Cloudflare, "Application token" and "Validate JWTs": aud is a list; a service token has
        # an empty sub, and its Client ID as common_name.
        "cloudflare-access": _RFC._replace(
            preset="cloudflare-access",
            kid="hex",
            issued_at=True,
            begins=True,
            claims={
                "iss": "https://example.cloudflareaccess.com",
                "aud": ["32eafc7626e737136b81c7ccc8b5ca2db6e9ba2c5ea8f96ba1e1d4ac6bb8f0b7"],
                "type": "app",
            },
            person={"sub": NAME, "email": EMAIL, "country": "US"},
            service={"sub": "", "common_name": NAME},
            client=False,
            publishes={"/cdn-cgi/access/certs": "jwks-and-certificates"},
        ),
        "aws-alb": _ALB,
        # A real token of 2018: the standard alphabet, and exp and iss in the JOSE header alone.
        "aws-alb-2018": _ALB._replace(alphabet="standard", repeated=()),
        # The Verified Access guide, "User claims passing and signature verification".
        "aws-verified-access": _ALB._replace(
            preset="aws-verified-access",
            repeated=(),
            claims={
                "iss": "https://idp.example.com",
                "signer": "arn:aws:ec2:us-east-1:123456789012:verified-access-instance/"
                "vai-0123456789abcdef0",
            },
            client=False,
        ),
        # Pomerium, "JWT Verification", and pomerium/pomerium (headers_evaluator).
        "pomerium": _RFC._replace(
            preset="pomerium",
            kid="hex",
            issued_at=True,
            token_id=True,
            claims={"iss": "app.example.com", "aud": "app.example.com"},
            person={"sub": NAME, "user": NAME, "email": EMAIL},
            client=False,
            publishes={"/.well-known/pomerium/jwks.json": "jwks"},
        ),
        # Teleport, "Introduction to JWT authentication": there is no kid anywhere. Machine ID's
        # bots are users whose names begin with bot-.
        "teleport": _RFC._replace(
            preset="teleport",
            names_keys=False,
            issued_at=True,
            begins=True,
            claims={"iss": "teleport.example.com", "aud": ["http://127.0.0.1:8080"]},
            person={"sub": NAME, "username": NAME},
            service={"sub": f"bot-{NAME}", "username": f"bot-{NAME}"},
            client=False,
            publishes={"/.well-known/jwks.json": "jwks"},
        ),
        # Ory, "Mutators" (id_token), and ory/oathkeeper (pipeline/mutate). The site's template
        # writes client_id; without a person the subject is the client.
        "oathkeeper": _RFC._replace(
            preset="oathkeeper",
            kid="hex",
            issued_at=True,
            begins=True,
            token_id=True,
            claims={"iss": "https://oathkeeper.example.com"},
            person={"sub": NAME},
            service={"sub": NAME, "client_id": NAME},
            publishes={"/.well-known/jwks.json": "jwks"},
        ),
        # RFC 9068, section 2.2; OpenID Connect Discovery 1.0, section 4.
        "bearer": _RFC._replace(
            preset="bearer",
            kid="hex",
            issued_at=True,
            token_id=True,
            claims={"iss": "https://idp.example.com", "aud": "https://api.example.com"},
            person={"sub": NAME},
            service={"sub": NAME, "client_id": NAME},
            publishes={
                "/.well-known/openid-configuration": "metadata",
                "/.well-known/jwks.json": "jwks",
            },
        ),
    }
)
"""The forms by gateway and, for WSO2, by version."""


def form_of_version(version: str) -> str:
    """Return the name of the form in which this version of WSO2 API Manager writes.

    ``4.2`` and ``4.2.1`` are ``wso2-4.2``, and so is any version up to the next form's; the name of
    a form, with or without ``wso2-``, is that form.

    Raises:
        ValueError: this is not a version.

    """
    for name in (version, f"wso2-{version}"):
        if name in FORMS:
            return name
    parts = version.split(".")
    known = all(part.isdecimal() and len(part) < 6 for part in parts)
    if not known or not 1 <= int(parts[0]) <= 4:
        raise ValueError(
            f"not a version: {version[:40]!r}; write a version of 1.4 to 4.6, or a form's name: "
            + ", ".join(FORMS)
        )
    asked = [*map(int, parts), 0]  # 2 is 2.0
    form = "wso2-1.4"
    for name in FORMS:
        number = name.removeprefix("wso2-")
        if number.replace(".", "").isdecimal() and [int(n) for n in number.split(".")] <= asked:
            form = name
    return form
