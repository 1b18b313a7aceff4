"""For each gateway the checks that its vendor documents: a token that fails just one, at each door.

Each row changes a good token in one thing. Every row is run for a token of a person and, where the
gateway has such, for one of a service; against a Verifier, which says the claim, and through every
door. The keys come from an endpoint in the vendor's own shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from jwt_middleware import Principal, Verifier
from jwt_middleware.errors import InvalidClaim, RequestError
from jwt_middleware.testing import FORMS, LocalGateway, SigningKey, mint

from ..adapters.apps import DOORS, Door

NOW = 1_700_000_000.0
PAST, FUTURE = int(NOW) - 3600, int(NOW) + 3600
OTHER_ALB = "arn:aws:elasticloadbalancing:us-east-1:210987654321:loadbalancer/app/theirs/0123abcd"
OTHER_VAI = "arn:aws:ec2:us-east-1:210987654321:verified-access-instance/vai-0f0f0f0f0f0f0f0f0"


def _tampered(token: str) -> str:
    before, _, signature = token.rpartition(".")
    other = "A" if signature[40] != "A" else "B"
    return f"{before}.{signature[:40]}{other}{signature[41:]}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One change of a good token, and what it leads to.

    ``code`` is None where the token stays good. ``written`` makes the header line of the token.
    """

    name: str
    code: str | None = None
    claim: str | None = None
    reason: str | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    header: Mapping[str, Any] = field(default_factory=dict)
    by_another_key: bool = False
    changed: Callable[[str], str] = str
    written: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def _claim(name: str, claim: str, reason: str, **more: Any) -> Row:
    return Row(name=name, code="invalid_claim", claim=claim, reason=reason, **more)


SIGNATURE = (
    Row(name="a good token"),
    Row(name="alg is not the gateway's", code="unacceptable_algorithm", header={"alg": "HS256"}),
    Row(name="alg is none", code="unacceptable_algorithm", header={"alg": "none"}),
    Row(name="the signature is changed", code="bad_signature", changed=_tampered),
    Row(name="another key signed it", code="bad_signature", by_another_key=True),
)
KID = (
    Row(name="kid is unknown", code="unknown_key",
        header={"kid": "01234567-89ab-4def-8123-456789abcdef"}),
)  # fmt: skip
EXPIRY = (
    Row(name="exp has passed", code="token_expired", claims={"exp": PAST}),
    _claim("exp is missing", "exp", "missing", without=("exp",)),
)
ISSUER = (
    _claim("iss is another", "iss", "mismatch", claims={"iss": "https://theirs.example"}),
    _claim("iss is missing", "iss", "missing", without=("iss",)),
)
AUDIENCE = (
    _claim("aud is another", "aud", "mismatch", claims={"aud": "theirs"}),
    _claim("aud is a list of others", "aud", "mismatch", claims={"aud": ["theirs", "others"]}),
    _claim("aud is missing", "aud", "missing", without=("aud",)),
)
AWS = (
    *SIGNATURE, *KID, *EXPIRY,
    Row(name="kid is no UUID", code="unknown_key", header={"kid": "../../other-bucket/key"}),
    _claim("signer is missing", "signer", "missing", without=("signer",)),
    Row(name="exp of the JOSE header has passed, the payload's has not", code="token_expired",
        claims={"exp": FUTURE}, header={"exp": PAST}),
    _claim("exp of the JOSE header is missing, the payload has one", "exp", "missing",
           claims={"exp": FUTURE}, header={"exp": None}),
)  # fmt: skip
ALB = (
    *AWS,
    _claim("signer is another load balancer", "signer", "mismatch", claims={"signer": OTHER_ALB}),
)
SCHEME = (
    Row(name="a scheme in lower case", written="bearer {token}"),
    Row(name="two blanks after the scheme", written="Bearer  {token}"),
    Row(name="no scheme", code="missing_token", written="{token}"),
    Row(name="another scheme", code="missing_token", written="Basic dXNlcjpwYXNz"),
    Row(name="a tab after the scheme", code="malformed_token", written="Bearer\t{token}"),
    Row(name="no token", code="malformed_token", written="Bearer "),
    Row(name="two tokens in one line", code="duplicate_header",
        written="Bearer {token}, Bearer {token}"),
    Row(name="an opaque token", code="malformed_token", written="Bearer 2YotnFZFEjr1zCsicMWpAA"),
)  # fmt: skip

ROWS: Mapping[str, tuple[Row, ...]] = {
    # Google Cloud, "Securing your app with signed headers": alg, kid, iss, aud, exp, iat.
    "google-iap": (
        *SIGNATURE, *KID, *EXPIRY, *ISSUER, *AUDIENCE,
        Row(name="iat is in the future", code="token_immature", claims={"iat": FUTURE}),
        _claim("iat is missing", "iat", "missing", without=("iat",)),
    ),
    # Cloudflare, "Validate JWTs" and "Application token": signature, aud, iss, exp, nbf, type.
    "cloudflare-access": (
        *SIGNATURE, *KID, *EXPIRY, *ISSUER, *AUDIENCE,
        _claim("type is that of an organisation token", "type", "mismatch",
               claims={"type": "org"}),
        _claim("type is missing", "type", "missing", without=("type",)),
        Row(name="nbf is in the future", code="token_immature", claims={"nbf": FUTURE}),
    ),
    # Elastic Load Balancing guide: signature, signer, exp of the JOSE header.
    "aws-alb": (
        *ALB,
        Row(name="exp of the payload has passed, the JOSE header's has not",
            code="token_expired", claims={"exp": PAST}, header={"exp": FUTURE}),
    ),
    "aws-alb-2018": ALB,
    # Verified Access guide: the same.
    "aws-verified-access": (
        *AWS,
        _claim("signer is another instance", "signer", "mismatch", claims={"signer": OTHER_VAI}),
        _claim("signer is a load balancer", "signer", "mismatch", claims={"signer": OTHER_ALB}),
    ),
    # Pomerium, "JWT Verification": signature, exp, iat, aud, iss.
    "pomerium": (
        *SIGNATURE, *KID, *EXPIRY, *ISSUER, *AUDIENCE,
        Row(name="iat is in the future", code="token_immature", claims={"iat": FUTURE}),
    ),
    # Teleport, "Introduction to JWT authentication": iss, aud, sub, exp, nbf.
    "teleport": (
        *SIGNATURE, *EXPIRY, *ISSUER, *AUDIENCE,
        _claim("sub is missing", "sub", "missing", without=("sub",)),
        _claim("sub is empty", "sub", "missing", claims={"sub": ""}),
        _claim("sub is no text", "sub", "type", claims={"sub": 7}),
        Row(name="nbf is in the future", code="token_immature", claims={"nbf": FUTURE}),
    ),
    # Ory, "Mutators": iss, signature, exp.
    "oathkeeper": (
        *SIGNATURE, *KID, *EXPIRY, *ISSUER, *SCHEME,
        Row(name="nbf is in the future", code="token_immature", claims={"nbf": FUTURE}),
    ),
    # RFC 9068, section 4, and RFC 6750, section 2.1.
    "bearer": (
        *SIGNATURE, *KID, *EXPIRY, *ISSUER, *AUDIENCE, *SCHEME,
        Row(name="typ as configured", header={"typ": "at+jwt"}, options={"typ": "at+jwt"}),
        Row(name="typ as a whole media type", header={"typ": "application/at+jwt"},
            options={"typ": "at+jwt"}),
        _claim("typ is that of an ID token", "typ", "mismatch", options={"typ": "at+jwt"}),
        _claim("typ is missing", "typ", "missing", header={"typ": None},
               options={"typ": "at+jwt"}),
    ),
}  # fmt: skip
"""The rows of each form of ``FORMS`` that is a vendor's."""

CASES = [
    pytest.param(form, kind, row, id=f"{form}: {kind}: {row.name}")
    for form, rows in ROWS.items()
    for kind in ("person", "service")[: 1 + (FORMS[form].service is not None)]
    for row in rows
]
AT_DOORS = [
    pytest.param(door, *case.values, id=f"{door.name}: {case.id}")
    for case in CASES
    for door in DOORS
]


@pytest.fixture(scope="module")
def gateways() -> Iterator[Callable[[str], LocalGateway]]:
    """A running gateway of each form, made when it is first asked for."""
    made: dict[str, LocalGateway] = {}

    def find(form: str) -> LocalGateway:
        if form not in made:
            made[form] = LocalGateway(form)
        return made[form]

    yield find
    for gateway in made.values():
        gateway.close()


@cache
def another_key(algorithm: str, key_id: str | None) -> SigningKey:
    return SigningKey(algorithm, key_id=key_id)


def token_of(gateway: LocalGateway, kind: str, row: Row, now: float = NOW) -> str:
    """The token of a row, whose times are as far from ``now`` as the row has them from ``NOW``."""
    form, key = gateway.form, gateway.key
    named = form.person_claims("ana") if kind == "person" else form.service_claims("robot")
    own = {"iss": gateway.issuer, **named}
    if row.by_another_key:
        key = another_key(key.algorithm, key.key_id)
    claims, header = _moved(row.claims, now - NOW), _moved(row.header, now - NOW)
    body = {n: v for n, v in {**own, **claims}.items() if n not in row.without}
    return row.changed(mint(key, body, form=form, now=now, header=header, without=row.without))


def _moved(members: Mapping[str, Any], by: float) -> dict[str, Any]:
    return {
        name: value + int(by) if name in ("exp", "nbf", "iat") and type(value) is int else value
        for name, value in members.items()
    }


def line_of(gateway: LocalGateway, kind: str, row: Row, now: float = NOW) -> str:
    """The header line of a row's token."""
    usual = f"{gateway.gateway.scheme} {{token}}" if gateway.gateway.writes_scheme else "{token}"
    return (row.written or usual).replace("{token}", token_of(gateway, kind, row, now))


@pytest.mark.parametrize("form, kind, row", CASES)
def test_a_verifier_checks_what_the_vendor_documents(
    gateways: Callable[[str], LocalGateway], form: str, kind: str, row: Row
) -> None:
    gateway = gateways(form)
    verifier = Verifier(**gateway.verifier_options, **row.options, clock=lambda: NOW)
    line = line_of(gateway, kind, row)
    error: RequestError | None = None
    principal: Principal | None = None
    try:
        principal = verifier.authenticate([line])
    except RequestError as refusal:
        error = refusal
    verifier.close()

    assert (error and error.code) == row.code
    if isinstance(error, InvalidClaim):
        assert (error.claim, error.reason) == (row.claim, row.reason)
    else:
        assert row.claim is None
    assert (principal and principal.kind) == (kind if row.code is None else None)


@pytest.mark.parametrize("door, form, kind, row", AT_DOORS)
def test_every_door_checks_what_the_vendor_documents(
    gateways: Callable[[str], LocalGateway], door: Door, form: str, kind: str, row: Row
) -> None:
    gateway = gateways(form)
    app = door.build({**gateway.options, **row.options, "clock": lambda: NOW})
    answer = door.ask(app, "GET", "/who", [(gateway.header, line_of(gateway, kind, row))])

    if row.code is not None:
        assert (answer.status, answer.json()["code"]) == (401, row.code)
        return
    assert answer.status == 200
    form_claims = gateway.form.person_claims("ana")
    named = form_claims if kind == "person" else gateway.form.service_claims("robot")
    assert answer.json()["subject"] == (named["sub"] or None)


def test_every_form_of_a_vendor_has_its_rows() -> None:
    others = {name for name in FORMS if name.startswith("wso2-")} | {"standard"}

    assert set(FORMS) - others == ROWS.keys()
