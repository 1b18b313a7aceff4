"""A token is recognised by its gateway's marks, and its faults are told in the vendor's words."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from jwt_middleware import (
    ALB,
    AccessToken,
    CloudflareAccess,
    Gateway,
    GoogleIAP,
    Pomerium,
    Teleport,
    VerifiedAccess,
    Verifier,
)
from jwt_middleware.gateways import PRESETS
from jwt_middleware.gateways.views import Field
from jwt_middleware.principal import Mark, path_of
from jwt_middleware.testing import FORMS, LocalGateway, SigningKey, mint
from jwt_middleware.tools.explain import inspect
from jwt_middleware.tools.explain.claims import OTHER, grouped
from jwt_middleware.tools.explain.recognition import recognised
from jwt_middleware.tools.explain.token import find_token

NOW = 1_700_000_000.0
PAST, FUTURE = int(NOW) - 3600, int(NOW) + 3600
VENDORS = [name for name in FORMS if not name.startswith("wso2-") and name != "standard"]
MARKED = [name for name in VENDORS if FORMS[name].gateway.marks]
TITLES = {
    "google-iap": "Google Identity-Aware Proxy",
    "cloudflare-access": "Cloudflare Access",
    "aws-alb": "AWS Application Load Balancer",
    "aws-alb-2018": "AWS Application Load Balancer",
    "aws-verified-access": "AWS Verified Access",
    "pomerium": "Pomerium",
    "teleport": "Teleport",
}
CALLERS = [
    (form, kind)
    for form in VENDORS
    for kind in ("person", "service")[: 1 + (FORMS[form].service is not None)]
]


@cache
def key_of(form: str) -> SigningKey:
    return SigningKey(FORMS[form].algorithm)


def token_of(form: str, kind: str = "person", **changes: Any) -> str:
    spelled = FORMS[form]
    named = spelled.person_claims("ana") if kind == "person" else spelled.service_claims("robot")
    asked = ("header", "lifetime", "without")
    options = {name: changes.pop(name) for name in asked if name in changes}
    return mint(key_of(form), named | changes, form=form, now=NOW, **options)


def verifier_of(form: str, **changes: Any) -> Verifier:
    local = LocalGateway(form, key=key_of(form), issuer=str(FORMS[form].claims["iss"]))
    local.publish_at("https://keys.example.com")
    options = local.verifier_options | {"keys": key_of(form).public_pem, **changes}
    return Verifier(**options, clock=lambda: NOW)


def explained(form: str, token: str, **options: Any) -> tuple[str | None, str]:
    found = inspect(token, verifier_of(form, **options), NOW)
    return found.code, found.explanation


@pytest.mark.parametrize("form, kind", [case for case in CALLERS if case[0] in MARKED])
def test_it_says_whose_token_it_is(form: str, kind: str) -> None:
    found = inspect(token_of(form, kind), None, NOW)

    assert found.facts["gateway"] == TITLES[form]
    assert found.explanation == (
        f"This is a token of {TITLES[form]}. Nothing was verified, because no keys were given."
    )
    assert found.as_json()["gateway"] == FORMS[form].preset
    assert form in found.facts["form"].split(" or ")
    assert {FORMS[name].preset for name in found.facts["form"].split(" or ")} == {
        FORMS[form].preset
    }


@pytest.mark.parametrize("form", sorted({*VENDORS} - {*MARKED}))
def test_without_marks_nothing_is_claimed(form: str) -> None:
    found = inspect(token_of(form), None, NOW)

    assert "gateway" not in found.facts
    assert found.gateway is None
    assert form in found.facts["form"].split(" or ")


def test_a_cognito_access_token_is_none_of_teleport_s() -> None:
    """Its username may be its subject too, a UUID."""
    name = "11111111-2222-4333-8444-555555555555"

    assert recognised({}, {"sub": name, "username": name}) == []


@pytest.mark.parametrize("form", VENDORS)
def test_a_good_token_is_accepted_with_its_own_end_of_life(form: str) -> None:
    code, explanation = explained(form, token_of(form))

    assert code == "accepted"
    assert (
        explanation == "The token verifies. It expires at 2023-11-14 22:28:20 UTC, in 15 minutes."
    )


@pytest.mark.parametrize("form", ["aws-alb", "aws-alb-2018", "aws-verified-access"])
def test_the_expiry_is_that_of_the_jose_header(form: str) -> None:
    token = token_of(form, exp=FUTURE, header={"exp": PAST})
    found = inspect(token, verifier_of(form), NOW)

    assert found.facts["exp"].endswith("1 hour ago")
    assert found.code == "token_expired"
    assert "the exp of the JOSE header" in found.explanation
    assert found.all_claims["exp"] == PAST
    assert found.all_claims["signer"] == FORMS[form].claims["signer"]


def test_of_two_times_the_earlier_one_is_shown() -> None:
    token = token_of("aws-alb", exp=PAST, header={"exp": FUTURE})

    assert inspect(token, None, NOW).facts["exp"].endswith("1 hour ago")


FAULTS = [
    ("google-iap", {"aud": "/projects/1/apps/x"}, "aud is the Signed Header JWT Audience"),
    ("google-iap", {"aud": "/projects/1/apps/x"}, "audience=/projects/123456789012/apps/"),
    ("google-iap", {"iss": "https://x"}, "iss is https://cloud.google.com/iap, for all"),
    ("google-iap", {"without": ["iat"]}, "iat is missing; iat is the time of issue, which must be"),
    ("cloudflare-access", {"aud": ["x"]}, "aud is the Application Audience (AUD) Tag of this"),
    ("cloudflare-access", {"iss": "https://x"}, "iss is the team domain"),
    ("cloudflare-access", {"type": "org"}, "the claim type is 'org'; type=app is required"),
    ("cloudflare-access", {"type": "org"}, "an organisation token (org) is for no application"),
    ("aws-alb", {"signer": "arn:aws:x"}, "signer is the ARN of this load balancer; the token was"),
    ("aws-alb", {"signer": "arn:aws:x"}, "signer=arn:aws:elasticloadbalancing:us-east-1:1234"),
    ("aws-verified-access", {"signer": "arn:x"}, "the ARN of this Verified Access instance"),
    ("pomerium", {"aud": "x"}, "aud is the host name of the route's From URL"),
    ("teleport", {"aud": ["x"]}, "aud is the URI of the application, as app_service has it"),
    ("teleport", {"iss": "x"}, "iss is the name of the cluster"),
    ("teleport", {"sub": ""}, "the claim sub is missing; sub is the Teleport user"),
    ("oathkeeper", {"iss": "x"}, "iss is issuer_url of the id_token mutator"),
    ("bearer", {"aud": "x"}, "aud is the identifier of this API at the authorization server"),
    ("bearer", {"iss": "x"}, "iss is the authorization server, as the issuer of its metadata"),
]


@pytest.mark.parametrize("form, changes, part", FAULTS)
def test_a_fault_is_explained_in_the_vendor_s_terms(
    form: str, changes: dict[str, Any], part: str
) -> None:
    code, explanation = explained(form, token_of(form, **changes))

    assert code == "invalid_claim"
    assert explanation.startswith("The signature is good; the claim ")
    assert part in explanation


@pytest.mark.parametrize(
    "form, changes, part",
    [
        ("google-iap", {"aud": "x"}, "If audience= is wrong, correct it: it is the Signed Header"),
        ("cloudflare-access", {"aud": ["x"]}, "in Zero Trust, under Access, Applications"),
        ("cloudflare-access", {"iss": "https://x"}, "If issuer= is wrong, correct it: it is https"),
        ("aws-alb", {"signer": "arn:x"}, "in the EC2 console, under Load Balancers"),
        ("cloudflare-access", {"type": "org"}, "writes into Cf-Access-Jwt-Assertion: that one"),
        ("google-iap", {"iss": "x"}, "Proxy writes into x-goog-iap-jwt-assertion"),
        ("google-iap", {"without": ["iat"]}, "Proxy writes into x-goog-iap-jwt-assertion"),
        ("teleport", {"sub": ""}, "Send the token that Teleport writes into Teleport-Jwt"),
        ("aws-alb", {"without": ["exp"]}, "Every token needs an end: let the gateway write exp."),
        ("bearer", {"without": ["exp"]}, "write exp, or set max_age= if it writes iat."),
        ("bearer", {"iss": "x"}, "Call the API that this service is"),
    ],
)
def test_the_hint_says_where_the_value_is_to_be_looked_up(
    form: str, changes: dict[str, Any], part: str
) -> None:
    assert part in inspect(token_of(form, **changes), verifier_of(form), NOW).hint


@pytest.mark.parametrize("mine", MARKED)
@pytest.mark.parametrize("app", VENDORS)
def test_a_token_of_another_gateway_than_the_app_s_is_named(app: str, mine: str) -> None:
    found = inspect(token_of(mine), verifier_of(app), NOW)
    theirs, own = FORMS[mine].preset, FORMS[app].preset
    sentence = f"The app expects {own}, and this is a token of {theirs}."

    assert (sentence in found.explanation) is (theirs != own)
    assert (f"gateway={theirs!r}" in found.hint) is (theirs != own)


def test_a_gateway_of_the_app_s_own_is_recognised_before_the_presets() -> None:
    own = replace(PRESETS["standard"], name="acme", marks=(Mark("edge"),))
    key = SigningKey()
    verifier = Verifier(keys=key.public_pem, gateway=own, issuer="x", clock=lambda: NOW)
    found = inspect(mint(key, {"edge": "e1", "iss": "y"}, form="standard", now=NOW), verifier, NOW)

    assert found.gateway is own
    assert found.facts["gateway"] == "acme"
    assert "The app expects" not in found.explanation


@pytest.mark.parametrize("before", ["Bearer ", "bearer ", "Authorization: Bearer ", "DPoP ", "'"])
@pytest.mark.parametrize("form", ["google-iap", "aws-alb-2018", "bearer"])
def test_a_scheme_before_the_token_is_left_out_for_every_gateway(form: str, before: str) -> None:
    token = token_of(form)

    assert find_token(before + token + "\n") == token
    assert inspect(find_token(before + token), verifier_of(form), NOW).code == "accepted"


def folded(token: str, width: int = 70) -> str:
    """A token as a terminal or an indented YAML block shows it."""
    return "\n".join("    " + token[at : at + width] for at in range(0, len(token), width))


COPIED: dict[str, Callable[[str], str]] = {
    "indented lines": folded,
    "a header folded below its name": lambda token: "X-JWT-Assertion:\n" + folded(token),
    "carriage returns": lambda token: folded(token).replace("\n", "\r\n"),
    "quoted over lines": lambda token: f"'{folded(token).strip()}'",
    "curl's option": lambda token: f"-H 'X-JWT-Assertion: {token}'",
    "curl's option, quoted doubly": lambda token: f'-H "X-JWT-Assertion: {token}" \\',
    "a curl command": lambda token: (
        f"curl -i \\\n  -H 'X-JWT-Assertion: {token}' \\\n  http://127.0.0.1:8000/reports"
    ),
    "a line of JSON": lambda token: f'  "X-JWT-Assertion": "{token}",\n',
    "a JSON object": lambda token: json.dumps({"headers": {"x-jwt-assertion": token}, "a": "b.c"}),
    "indented JSON": lambda token: json.dumps({"a": 1, "x-jwt-assertion": token, "z": 2}, indent=2),
    "a block of headers": lambda token: (
        f"Host: api.example.edu\nX-JWT-Assertion: {token}\nAccept: */*\n"
    ),
    "a call in Python": lambda token: f'verify("{token}")',
    "twice the same": lambda token: f"{token}\n\n{token}",
}


@pytest.mark.parametrize("form", ["google-iap", "aws-alb-2018", "wso2-1.9"])
@pytest.mark.parametrize("copied", COPIED.values(), ids=COPIED)
def test_whatever_a_person_copies_the_token_is_found(
    copied: Callable[[str], str], form: str
) -> None:
    token = token_of(form)

    assert find_token(copied(token)) == token


@pytest.mark.parametrize(
    "text",
    ["", "x", "a.b.c", "..", "{}", "eyJhIjoxfQ.e30", "eyJ.a.b.c.d", "eyJh.eyJ!.c", "eyJh.e.c!d"],
)
def test_what_is_no_token_is_left_as_it_is(text: str) -> None:
    assert find_token(text) == text


def test_of_two_tokens_neither_is_chosen() -> None:
    text = f"a: {token_of('google-iap')}\nb: {token_of('bearer')}"

    assert find_token(text).count(".") == 4


@pytest.mark.parametrize("piece", ["=ey", "ey.", " ", "\n", "'ey", "a.b\n", "ew/.ew/."])
def test_the_search_takes_no_time_for_a_long_text(piece: str) -> None:
    text = piece * (262_144 // len(piece))
    began = time.process_time()
    find_token(text)

    assert time.process_time() - began < 1.0


def test_a_claim_says_which_fields_read_it() -> None:
    role = "http://wso2.org/claims/role"
    [told] = grouped({role: "a, b"}, gateway=PRESETS["wso2"])["User"]
    [exp] = grouped({"exp": 1}, gateway=PRESETS["wso2"])["Standard claims"]
    [group] = grouped({"groups": ["a"]}, gateway=PRESETS["pomerium"]).values()
    [odd] = grouped({"odd": 1}, gateway=PRESETS["wso2"])[OTHER]

    assert "principal.roles" in told.fields
    assert "WSO2.roles" in told.fields
    assert told.items == ("a", "b")
    assert (exp.fields, exp.items) == (("principal.expires_at",), ())
    assert group[0].fields[0] == "principal.roles"
    assert group[0].fields[1].startswith("Pomerium.")
    assert odd.fields == ()


VIEWS = {
    "google-iap": GoogleIAP,
    "cloudflare-access": CloudflareAccess,
    "aws-alb": ALB,
    "aws-verified-access": VerifiedAccess,
    "pomerium": Pomerium,
    "teleport": Teleport,
    "oathkeeper": AccessToken,
    "bearer": AccessToken,
}


@pytest.mark.parametrize("preset", VIEWS)
def test_every_claim_of_a_vendor_s_view_has_its_meaning(preset: str) -> None:
    gateway: Gateway = PRESETS[preset]
    fields = [each for each in vars(VIEWS[preset]).values() if isinstance(each, Field)]
    claims = {path_of(name)[0]: "x" for field in fields for name in field.names}
    groups = grouped(claims | {"odd": 1}, gateway=gateway)
    meanings = {each.name: each.meaning for group in groups.values() for each in group}

    assert [each.name for each in groups[OTHER]] == ["odd"]
    assert gateway.title in groups
    for field in fields:
        for name in field.names:
            assert str(field.__doc__) in meanings[path_of(name)[0]]


def test_a_claim_that_no_view_reads_has_the_vendor_s_word_for_it() -> None:
    groups = grouped({"type": "app", "exp": 1}, gateway=PRESETS["cloudflare-access"])

    assert groups["Cloudflare Access"][0].meaning.startswith("App for an application token;")
    assert groups["Standard claims"][0].meaning == "When the token ends."


def test_a_load_balancer_s_claims_of_the_jose_header_are_shown_with_the_others() -> None:
    lines = "\n".join(inspect(token_of("aws-alb"), None, NOW).lines())

    assert "\n  AWS Application Load Balancer\n" in lines
    assert 'client = "example-oidc-client"  (The OIDC client id of the listener' in lines
