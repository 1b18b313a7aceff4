"""What follows from a gateway: its keys, the options that it needs, and what tokens must say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jwt_middleware import ANY, Discovery, Gateway, Issuer, Verifier
from jwt_middleware.errors import ConfigurationError, InvalidClaim
from jwt_middleware.gateways import PRESETS, ClaimNames, ListClaim, SignerForm, WireFormat
from jwt_middleware.keys.jwks import JWKSEndpoint
from jwt_middleware.keys.per_kid import PEMPerKid
from jwt_middleware.principal import Mark
from jwt_middleware.testing import SigningKey, mint

ALB = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/mine/50dc6c495c0c9188"
VAI = "arn:aws:ec2:us-east-1:123456789012:verified-access-instance/vai-0123456789abcdef0"


def source_of(verifier: Verifier) -> Any:
    return verifier.issuers[0].keys.source


# --- where the keys are ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, url",
    [
        (
            {"gateway": "google-iap", "audience": "/projects/1/apps/x"},
            "https://www.gstatic.com/iap/verify/public_key-jwk",
        ),
        (
            {
                "gateway": "cloudflare-access",
                "issuer": "https://acme.cloudflareaccess.com",
                "audience": "tag",
            },
            "https://acme.cloudflareaccess.com/cdn-cgi/access/certs",
        ),
        (
            {"gateway": "pomerium", "issuer": "app.example.com", "audience": "app.example.com"},
            "https://app.example.com/.well-known/pomerium/jwks.json",
        ),
        (
            {
                "gateway": "pomerium",
                "issuer": "https://app.example.com/",
                "audience": "app.example.com",
            },
            "https://app.example.com/.well-known/pomerium/jwks.json",
        ),
        (
            {"gateway": "teleport", "issuer": "tele.example.com", "audience": "http://app"},
            "https://tele.example.com/.well-known/jwks.json",
        ),
    ],
)
def test_the_keys_follow_from_the_gateway(options: dict[str, Any], url: str) -> None:
    source = source_of(Verifier(**options))

    assert type(source) is JWKSEndpoint
    assert source.name == url


@pytest.mark.parametrize(
    "signer, url",
    [
        (ALB, "https://public-keys.auth.elb.eu-west-1.amazonaws.com/{kid}"),
        (
            ALB.replace("arn:aws:", "arn:aws-us-gov:").replace("eu-west-1", "us-gov-west-1"),
            "https://s3-us-gov-west-1.amazonaws.com/aws-elb-public-keys-prod-us-gov-west-1/{kid}",
        ),
        (
            ALB.replace("arn:aws:", "arn:aws-us-gov:").replace("eu-west-1", "us-gov-east-1"),
            "https://s3-us-gov-east-1.amazonaws.com/aws-elb-public-keys-prod-us-gov-east-1/{kid}",
        ),
        (
            ALB.replace("arn:aws:", "arn:aws-cn:").replace("eu-west-1", "cn-north-1"),
            "https://public-keys.auth.elb.cn-north-1.amazonaws.com.cn/{kid}",
        ),
        (
            [ALB, ALB.replace("/mine/", "/other/")],
            "https://public-keys.auth.elb.eu-west-1.amazonaws.com/{kid}",
        ),
        (VAI, "https://public-keys.prod.verified-access.us-east-1.amazonaws.com/{kid}"),
    ],
)
def test_the_keys_of_aws_follow_from_the_signers_region(signer: Any, url: str) -> None:
    gateway = "aws-verified-access" if signer == VAI else "aws-alb"
    source = source_of(Verifier(gateway=gateway, signer=signer))

    assert isinstance(source, PEMPerKid)
    assert source.name == url


def test_the_keys_of_a_bearer_issuer_are_those_of_its_metadata() -> None:
    for issuer in ("https://acme.eu.auth0.com/", "https://idp.example.com/realms/a"):
        source = source_of(Verifier(gateway="bearer", issuer=issuer, audience="api"))

        assert isinstance(source, Discovery)
        assert source.issuer == issuer


def test_keys_that_are_given_count_instead(rsa_key: SigningKey) -> None:
    verifier = Verifier(
        gateway="cloudflare-access",
        issuer="https://acme.cloudflareaccess.com",
        audience="tag",
        keys=rsa_key.public_pem,
    )

    assert source_of(verifier).name == "PEM text"


def test_each_of_several_issuers_has_the_keys_of_its_gateway() -> None:
    verifier = Verifier(
        issuers=[
            Issuer("https://a.cloudflareaccess.com", gateway="cloudflare-access", audience="x"),
            Issuer("https://b.cloudflareaccess.com", gateway="cloudflare-access", audience="y"),
        ]
    )

    names = [issuer.keys.source.name for issuer in verifier.issuers]
    assert names == [
        "https://a.cloudflareaccess.com/cdn-cgi/access/certs",
        "https://b.cloudflareaccess.com/cdn-cgi/access/certs",
    ]


@pytest.mark.parametrize("issuer", [None, ["https://a", "https://b"]])
def test_keys_that_follow_from_an_issuer_need_exactly_one(issuer: Any) -> None:
    with pytest.raises(ConfigurationError, match="keys: missing; set keys, or issuer"):
        Verifier(gateway="bearer", audience="api", issuer=issuer)


# --- what must be set ------------------------------------------------------------------------

GIVEN: dict[str, dict[str, Any]] = {
    "google-iap": {"audience": "/projects/1/apps/x"},
    "cloudflare-access": {"issuer": "https://a.cloudflareaccess.com", "audience": "tag"},
    "aws-alb": {"signer": ALB},
    "aws-verified-access": {"signer": VAI},
    "pomerium": {"issuer": "a.example.com", "audience": "a.example.com"},
    "teleport": {"issuer": "a.example.com", "audience": "http://app"},
    "oathkeeper": {"issuer": "https://a.example.com", "keys": "https://a.example.com/jwks"},
    "bearer": {"issuer": "https://a.example.com", "audience": "api"},
}


@pytest.mark.parametrize(
    "gateway, option",
    [
        (gateway, option)
        for gateway, given in GIVEN.items()
        for option in given
        if (gateway, option) != ("bearer", "issuer")
    ],
)
def test_what_the_vendor_says_must_be_checked_must_be_set(gateway: str, option: str) -> None:
    given = GIVEN[gateway]
    Verifier(gateway=gateway, **given)  # type: ignore[arg-type]
    others = {name: value for name, value in given.items() if name != option}

    with pytest.raises(ConfigurationError) as error:
        Verifier(gateway=gateway, **others)  # type: ignore[arg-type]
    assert str(error.value).startswith(f"{option}: the gateway {gateway!r} needs it: {option} is ")
    assert len(str(error.value)) > 80  # it says where a person finds the value


@pytest.mark.parametrize("gateway, given", GIVEN.items())
def test_every_option_that_a_preset_needs_is_in_this_table(
    gateway: str, given: dict[str, Any]
) -> None:
    assert set(PRESETS[gateway].needs) <= set(given)


def test_audience_any_is_an_answer_too() -> None:
    assert Verifier(gateway="google-iap", audience=ANY)


def test_an_issuer_of_several_is_named_in_the_error() -> None:
    with pytest.raises(ConfigurationError, match=r"issuers: https://a: audience: the gateway"):
        Verifier(issuers=[Issuer("https://a", gateway="bearer")])


@pytest.mark.parametrize(
    "signer",
    [
        "",
        [],
        "arn:aws:elasticloadbalancing:eu-west-1:1234:loadbalancer/app/mine/50dc6c495c0c9188",
        ALB.replace("loadbalancer/app", "loadbalancer/net"),
        ALB.replace("eu-west-1", "evil.example.com/"),
        ALB.replace("arn:aws:", "arn:evil:"),
        ALB + "\n",
        VAI,
        [ALB, ALB.replace("eu-west-1", "us-east-1")],
        5,
    ],
)
def test_a_signer_is_an_arn_of_the_gateway_and_all_are_of_one_region(signer: Any) -> None:
    with pytest.raises(ConfigurationError, match="signer: "):
        Verifier(gateway="aws-alb", signer=signer)


def test_a_signer_means_nothing_to_other_gateways(rsa_key: SigningKey) -> None:
    with pytest.raises(ConfigurationError, match="names no signer"):
        Verifier(keys=rsa_key.public_pem, signer=ALB)


# --- tenants ---------------------------------------------------------------------------------

ENTRA = "https://login.microsoftonline.com/{tid}/v2.0"


@pytest.fixture
def entra(rsa_key: SigningKey) -> Verifier:
    return Verifier(
        gateway="bearer",
        keys=rsa_key.public_pem,
        audience="api",
        issuer=ENTRA,
        tenants=["t-1", "t-2"],
    )


def entra_token(key: SigningKey, **changes: Any) -> str:
    claims = {"iss": ENTRA.replace("{tid}", "t-1"), "tid": "t-1", "aud": "api", "sub": "u"}
    given = {name: value for name, value in (claims | changes).items() if value is not None}
    return mint(key, given, form="standard")


@pytest.mark.parametrize("tenant", ["t-1", "t-2"])
def test_a_listed_tenants_token_is_accepted(
    entra: Verifier, rsa_key: SigningKey, tenant: str
) -> None:
    issuer = ENTRA.replace("{tid}", tenant)

    principal = entra.verify(entra_token(rsa_key, iss=issuer, tid=tenant))
    assert principal.issuer == issuer


@pytest.mark.parametrize(
    "changes, claim, reason",
    [
        ({"tid": "t-2"}, "tid", "mismatch"),
        ({"tid": None}, "tid", "missing"),
        ({"tid": 5}, "tid", "mismatch"),
        ({"iss": ENTRA.replace("{tid}", "t-2")}, "tid", "mismatch"),
        ({"iss": ENTRA.replace("{tid}", "t-3"), "tid": "t-3"}, "iss", "mismatch"),
        ({"iss": ENTRA}, "iss", "mismatch"),
        ({"iss": None}, "iss", "missing"),
    ],
)
def test_a_token_of_another_tenant_or_of_two_is_refused(
    entra: Verifier, rsa_key: SigningKey, changes: dict[str, Any], claim: str, reason: str
) -> None:
    with pytest.raises(InvalidClaim) as refusal:
        entra.verify(entra_token(rsa_key, **changes))
    assert (refusal.value.claim, refusal.value.reason) == (claim, reason)


def test_the_keys_that_are_given_are_read_once_for_all_tenants(entra: Verifier) -> None:
    assert len({id(issuer.keys) for issuer in entra.issuers}) == 1
    assert len(entra.health()["sources"]) == 1


def test_without_keys_each_tenants_metadata_names_them() -> None:
    verifier = Verifier(gateway="bearer", audience="api", issuer=ENTRA, tenants=["a", "b"])

    issuers = [issuer.keys.source.issuer for issuer in verifier.issuers]
    assert issuers == [ENTRA.replace("{tid}", "a"), ENTRA.replace("{tid}", "b")]


def test_an_issuer_of_several_may_have_tenants(rsa_key: SigningKey) -> None:
    verifier = Verifier(
        gateway="standard",
        issuers=[
            Issuer(ENTRA, keys=rsa_key.public_pem, audience="api", tenants=["t-1"]),
            Issuer("https://other", keys=rsa_key.public_pem, audience="api"),
        ],
    )

    assert verifier.verify(entra_token(rsa_key))
    assert verifier.verify(entra_token(rsa_key, iss="https://other", tid=None))


@pytest.mark.parametrize(
    "options, text",
    [
        ({"issuer": ENTRA}, "tenants: missing"),
        ({"issuer": "https://a", "tenants": ["t"]}, "tenants: issuer has no {tid}"),
        ({"tenants": ["t"]}, "tenants: issuer has no {tid}"),
        ({"issuer": ENTRA, "tenants": []}, "tenants: empty"),
        ({"issuer": ENTRA, "tenants": "a/b"}, "tenants: ids of letters"),
        ({"issuer": ENTRA, "tenants": ["{tid}"]}, "tenants: ids of letters"),
        ({"issuer": [ENTRA, "https://a"], "tenants": ["t"]}, "issuer: with and without {tid}"),
    ],
)
def test_tenants_and_their_place_in_the_issuer_belong_together(
    rsa_key: SigningKey, options: dict[str, Any], text: str
) -> None:
    with pytest.raises(ConfigurationError) as error:
        Verifier(gateway="bearer", keys=rsa_key.public_pem, audience="api", **options)
    assert text in str(error.value)


# --- a gateway of one's own ------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"header": ()},
        {"header": ("A", "a")},
        {"header": "X_Y"},
        {"header_claims": "exp"},
        {"keys": ""},
        {"issuer": ""},
        {"writes_scheme": "yes"},
        {"required": ["type"]},
        {"required": {"type": ["app", "org"]}},
        {"required": {("",): None}},
        {"required": {5: "app"}},
        {"algorithms": None},
        {"algorithms": ()},
        {"algorithm_aliases": {"RSA": ["RS256"]}},
        {"algorithm_aliases": {("RSA",): "RS256"}},
        {"terms": {"exp": None}},
        {"needs": 5},
        {"signer": "arn"},
        {"names": ClaimNames(subject=("a..b",))},
        {"names": ClaimNames(subject=((),))},  # type: ignore[arg-type]
        {"names": ClaimNames(roles=(ListClaim(""),))},
        {"names": ClaimNames(service=("usertype",))},  # type: ignore[arg-type]
        {"names": ClaimNames(numeric_ids=1)},  # type: ignore[arg-type]
        {"names": ClaimNames(service=None)},  # type: ignore[arg-type]
        {"names": ClaimNames(service=(Mark("usertype", "("),))},
        {"names": ClaimNames(person=(Mark("usertype", 5),))},  # type: ignore[arg-type]
        {"names": ClaimNames(person=(Mark("usertype", "x", ""),))},
        {"names": ClaimNames(dialect="x")},  # type: ignore[arg-type]
        {"names": ClaimNames(dialect=("a", ""))},
        {"marks": (Mark("iss", "("),)},
        {"marks": 5},
        {"signer": SignerForm("(", {}, "x")},
        {"signer": SignerForm("(?P<region>.*)", {}, "x")},
        {"signer": SignerForm("(?P<partition>a)(?P<region>.*)", None, "x")},  # type: ignore[arg-type]
    ],
    ids=repr,
)
def test_what_is_wrong_with_a_gateway_is_an_error_at_the_start(
    rsa_key: SigningKey, change: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match="gateway 'standard': "):
        Verifier(keys=rsa_key.public_pem, gateway=replace(PRESETS["standard"], **change))


def test_a_gateway_made_up_by_a_site_is_data_alone(rsa_key: SigningKey) -> None:
    gateway = Gateway(
        name="edge",
        header=("X-Edge", "X-Edge-2"),
        writes_scheme=True,
        scheme="Edge",
        wire=WireFormat(relaxed_base64=True),
        names=ClaimNames(subject=("who.id",), client_id=("box",), numeric_ids=True),
        header_claims=("exp", "box"),
        required={"zone": "inner", "who.kind": None},
        signer=SignerForm("box:(?P<partition>a):(?P<region>[a-z]+)", {"a": "https://{region}"}, ""),
    )
    verifier = Verifier(keys=rsa_key.public_pem, gateway=gateway)
    claims = {"who": {"id": 7, "kind": "x"}, "zone": "inner"}
    token = mint(rsa_key, claims, form="standard", header={"exp": 9_999_999_999, "box": "b"})

    principal = verifier.authenticate([f"edge {token}"])
    assert principal is not None
    assert (principal.subject, principal.client_id) == ("7", "b")
    assert verifier.headers == ("X-Edge", "X-Edge-2")


def test_a_token_of_another_signer_fetches_no_key() -> None:
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return key.public_pem.encode()

    key = SigningKey("ES256", key_id="12345678-1234-1234-1234-123456789012")
    keys = PEMPerKid("https://keys.example.com/{kid}", fetch=fetch)
    verifier = Verifier(gateway="aws-alb", signer=ALB, keys=keys)

    for members in ({"signer": ALB + "0"}, {"signer": 5}, {"signer": [ALB]}):
        with pytest.raises(InvalidClaim, match="signer: mismatch"):
            verifier.verify(mint(key, {"sub": "ana"}, form="aws-alb", header=members))
    with pytest.raises(InvalidClaim, match="signer: missing"):
        verifier.verify(mint(key, {"sub": "ana"}, form="aws-alb", without=["signer"]))
    assert asked == []

    token = mint(key, {"sub": "ana"}, form="aws-alb", header={"signer": ALB})
    assert verifier.verify(token).subject == "ana"
    assert len(asked) == 1


def test_a_signer_of_a_partition_without_keys_is_an_error(rsa_key: SigningKey) -> None:
    form = SignerForm("box:(?P<partition>[ab]):(?P<region>[a-z]+)", {"a": "https://a/{kid}"}, "x")
    gateway = replace(PRESETS["standard"], signer=form)
    with pytest.raises(ConfigurationError, match=r"signer: .* has no keys for 'box:b:eu'"):
        Verifier(keys=rsa_key.public_pem, gateway=gateway, signer="box:b:eu")


@pytest.mark.parametrize("gateway", ["pomerium", "teleport", "cloudflare-access", "bearer"])
@pytest.mark.parametrize(
    "issuer",
    [
        "http://app.example.com",
        "x y",
        "https://u:p@app.example.com",
        "https://app.example.com?q=",
        "https://app.example.com#",
        "https://app.example.com/{kid}",
        "{host}",
        "evil.example#.example.com",
        "\r\n",
        "",
    ],
)
def test_an_issuer_from_which_no_url_of_keys_follows_is_named(gateway: str, issuer: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^issuer: "):
        Verifier(gateway=gateway, issuer=issuer, audience="a")


@pytest.mark.parametrize("gateway", ["cloudflare-access", "bearer"])
def test_an_issuer_without_https_is_no_path_of_a_file(gateway: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^issuer: a whole URL"):
        Verifier(gateway=gateway, issuer="acme.cloudflareaccess.com", audience="a")
