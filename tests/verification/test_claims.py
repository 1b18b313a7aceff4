"""Which claims make a token good, now: each boundary to the second."""

import math
from typing import Any

import pytest

from jwt_middleware.errors import InvalidClaim, TokenExpired, TokenImmature
from jwt_middleware.gateways import WireFormat
from jwt_middleware.verification.claims import ANY, ClaimsPolicy

NOW = 1_479_409_651
STANDARD = WireFormat()
WSO2 = WireFormat(relaxed_base64=True, milliseconds=True)
WSO2_31 = WSO2._replace(text_exp=True)


def policy(**changes: Any) -> ClaimsPolicy:
    return ClaimsPolicy(**{"wire": STANDARD, **changes})


def refusal(claims: dict[str, Any], rules: ClaimsPolicy | None = None) -> tuple[str, str]:
    with pytest.raises(InvalidClaim) as error:
        (rules or policy()).check({"exp": NOW + 60, **claims}, NOW)
    return error.value.claim, error.value.reason


@pytest.mark.parametrize("leeway", [0, 30, 0.5])
def test_a_token_is_refused_from_the_moment_exp_plus_leeway(leeway: float) -> None:
    rules = policy(leeway=leeway)

    assert rules.check({"exp": NOW}, NOW + leeway - 0.25) == NOW
    for late in (leeway, leeway + 0.25, leeway + 1e6):
        with pytest.raises(TokenExpired):
            rules.check({"exp": NOW}, NOW + late)


@pytest.mark.parametrize("leeway", [0, 30])
def test_a_token_counts_from_the_moment_nbf_less_leeway(leeway: float) -> None:
    rules, claims = policy(leeway=leeway), {"exp": NOW + 900, "nbf": NOW}

    rules.check(claims, NOW - leeway)
    with pytest.raises(TokenImmature):
        rules.check(claims, NOW - leeway - 0.25)


@pytest.mark.parametrize("leeway", [0, 30])
def test_iat_may_lie_in_the_future_by_the_leeway(leeway: float) -> None:
    rules, claims = policy(leeway=leeway), {"exp": NOW + 900, "iat": NOW}

    rules.check(claims, NOW - leeway)
    with pytest.raises(TokenImmature):
        rules.check(claims, NOW - leeway - 0.25)


@pytest.mark.parametrize("leeway", [0, 30])
def test_a_token_may_be_max_age_old_to_the_second(leeway: float) -> None:
    rules, claims = policy(leeway=leeway, max_age=300), {"exp": NOW + 9000, "iat": NOW}

    assert rules.check(claims, NOW + 300 + leeway) == NOW + 300
    with pytest.raises(TokenExpired):
        rules.check(claims, NOW + 300 + leeway + 0.25)


def test_fractions_of_a_second_are_not_cut_off() -> None:
    rules = policy(leeway=0)

    rules.check({"exp": NOW + 0.5}, NOW + 0.25)
    with pytest.raises(TokenImmature):
        rules.check({"exp": NOW + 9, "nbf": NOW + 0.5}, NOW + 0.25)


def test_every_token_needs_a_bounded_life() -> None:
    with pytest.raises(InvalidClaim) as error:
        policy().check({"iat": NOW}, NOW)
    assert (error.value.claim, error.value.reason) == ("exp", "missing")

    assert policy(max_age=300).check({"iat": NOW}, NOW) == NOW + 300


def test_max_age_needs_iat_even_beside_exp() -> None:
    assert refusal({}, policy(max_age=300)) == ("iat", "missing")


def test_the_earlier_of_exp_and_max_age_ends_a_life() -> None:
    rules = policy(max_age=300)

    assert rules.check({"exp": NOW + 60, "iat": NOW}, NOW) == NOW + 60
    assert rules.check({"exp": NOW + 600, "iat": NOW}, NOW) == NOW + 300
    with pytest.raises(TokenExpired):
        rules.check({"exp": NOW - 60, "iat": NOW - 70}, NOW)


def test_a_presumed_max_age_counts_where_none_is_set_and_the_token_has_iat() -> None:
    rules = policy(presumed_max_age=300)

    assert rules.check({"iat": NOW}, NOW) == NOW + 300
    assert rules.check({"exp": NOW + 9000, "iat": NOW}, NOW) == NOW + 300
    assert rules.check({"exp": NOW + 9000}, NOW) == NOW + 9000
    with pytest.raises(InvalidClaim, match="exp: missing"):
        rules.check({}, NOW)
    assert policy(presumed_max_age=300, max_age=60).check({"iat": NOW}, NOW) == NOW + 60


WRONG_TIMES = [True, False, None, "", "soon", str(NOW), [NOW], {"t": NOW}, []]


@pytest.mark.parametrize("wire", [STANDARD, WSO2], ids=["standard", "wso2"])
@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", WRONG_TIMES, ids=repr)
def test_cve_2026_25537_a_time_of_another_type_is_malformed_and_never_absent(
    name: str, value: Any, wire: WireFormat
) -> None:
    assert refusal({name: value}, policy(wire=wire)) == (name, "type")


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
def test_a_malformed_time_is_refused_where_max_age_would_do(name: str) -> None:
    assert refusal({"iat": NOW, name: "x"}, policy(max_age=300)) == (name, "type")


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", [10**11, 1e11, 10**12, 10**60, 1e300], ids=str)
def test_standard_refuses_1e11_and_more_as_implausible(name: str, value: float) -> None:
    assert refusal({name: value}) == (name, "implausible")


def test_just_below_1e11_is_seconds_in_every_form() -> None:
    for wire in (STANDARD, WSO2):
        assert policy(wire=wire).check({"exp": 10**11 - 1}, NOW) == 10**11 - 1


def test_a_millisecond_exp_ends_and_is_not_eternal() -> None:
    rules = policy(wire=WSO2, leeway=30)
    claims = {"exp": NOW * 1000}

    assert rules.check(claims, NOW - 60) == NOW
    assert rules.check(claims, NOW + 29) == NOW
    with pytest.raises(TokenExpired):
        rules.check(claims, NOW + 30)


def test_wso2_reads_one_unit_rule_for_all_three_times() -> None:
    rules = policy(wire=WSO2, leeway=0, max_age=300)
    millis = {"exp": (NOW + 900) * 1000, "nbf": NOW * 1000, "iat": NOW * 1000}

    assert rules.check(millis, NOW) == NOW + 300
    with pytest.raises(TokenImmature):
        rules.check(millis, NOW - 1)
    with pytest.raises(TokenImmature):
        rules.check({**millis, "iat": (NOW + 1) * 1000}, NOW)
    with pytest.raises(TokenExpired):
        rules.check(millis, NOW + 301)


def test_wso2_reads_from_1e11_on_as_milliseconds_to_the_unit() -> None:
    rules = policy(wire=WSO2)

    assert rules.check({"exp": 10**11}, 0) == 10**8
    with pytest.raises(TokenExpired):
        rules.check({"exp": 10**11}, NOW)


def test_text_exp_is_read_only_where_the_gateway_writes_it() -> None:
    rules = policy(wire=WSO2_31)

    assert rules.check({"exp": str((NOW + 60) * 1000)}, NOW) == NOW + 60
    assert rules.check({"exp": str(NOW + 60)}, NOW) == NOW + 60
    with pytest.raises(TokenExpired):
        rules.check({"exp": str(NOW - 60)}, NOW)
    for name in ("nbf", "iat"):
        assert refusal({name: str(NOW)}, rules) == (name, "type")


@pytest.mark.parametrize(
    "text",
    ["", " ", "+1", "-1", "1.5", "1e12", "0x1", "1_0", " 1479409651", "1479409651\n", "١٢٣", "²",
     "9" * 17, "9" * 5000, "NaN", "null"],
    ids=ascii,
)  # fmt: skip
def test_text_exp_is_nothing_but_a_few_ascii_digits(text: str) -> None:
    assert refusal({"exp": text}, policy(wire=WSO2_31)) == ("exp", "type")


@pytest.mark.parametrize("value", [-1, 0, -1e300, -(10**60), -(10**11)], ids=str)
@pytest.mark.parametrize("wire", [STANDARD, WSO2], ids=["standard", "wso2"])
def test_a_time_before_1970_is_only_long_ago(value: float, wire: WireFormat) -> None:
    with pytest.raises(TokenExpired):
        policy(wire=wire).check({"exp": value}, NOW)
    policy(wire=wire).check({"exp": NOW + 1, "nbf": value, "iat": value}, NOW)


def test_every_accepted_life_is_finite() -> None:
    for claims in ({"exp": 10**11 - 1}, {"exp": 10**60}):
        assert math.isfinite(policy(wire=WSO2).check(claims, NOW))


def test_iss_is_compared_whole() -> None:
    rules = policy(issuers=("https://a.example", "https://b.example"))

    rules.check({"exp": NOW + 1, "iss": "https://b.example"}, NOW)
    for other in ("https://a.exampl", "https://a.example/", "HTTPS://A.EXAMPLE", "", "a"):
        assert refusal({"iss": other}, rules) == ("iss", "mismatch")


def test_cve_2024_53861_a_substring_of_the_issuer_is_another_issuer() -> None:
    assert refusal({"iss": "acm"}, policy(issuers=("acme",))) == ("iss", "mismatch")


def test_any_issuer_will_do_where_none_is_configured() -> None:
    for claims in ({}, {"iss": "a"}, {"iss": ""}):
        policy().check({"exp": NOW + 1, **claims}, NOW)


def test_a_configured_issuer_is_required() -> None:
    assert refusal({}, policy(issuers=("a",))) == ("iss", "missing")


@pytest.mark.parametrize("value", [None, 5, True, ["a"], {"a": 1}], ids=repr)
@pytest.mark.parametrize("issuers", [(), ("a",)], ids=["none-configured", "configured"])
def test_cve_2025_30144_iss_is_a_string_configured_or_not(
    value: Any, issuers: tuple[str, ...]
) -> None:
    assert refusal({"iss": value}, policy(issuers=issuers)) == ("iss", "type")


@pytest.mark.parametrize("audience", ["me", ["me"], ["you", "me"]], ids=str)
def test_any_exact_match_of_aud_will_do(audience: Any) -> None:
    policy(audiences=("me", "myself")).check({"exp": NOW + 1, "aud": audience}, NOW)


@pytest.mark.parametrize("audience", ["ME", "m", "me ", "", [], ["you"], ["m", "e"]], ids=repr)
def test_an_audience_that_only_resembles_ours_is_a_mismatch(audience: Any) -> None:
    assert refusal({"aud": audience}, policy(audiences=("me",))) == ("aud", "mismatch")


def test_a_configured_audience_is_required() -> None:
    assert refusal({}, policy(audiences=("me",))) == ("aud", "missing")


@pytest.mark.parametrize("audience", ["me", ["me"], "", []], ids=repr)
def test_aud_is_refused_where_none_is_configured(audience: Any) -> None:
    assert refusal({"aud": audience}) == ("aud", "unexpected")


def test_any_accepts_every_well_formed_aud_and_none() -> None:
    rules = policy(audiences=ANY)

    for claims in ({}, {"aud": "x"}, {"aud": ["x", "y"]}, {"aud": []}):
        rules.check({"exp": NOW + 1, **claims}, NOW)
    assert repr(ANY) == "ANY"


@pytest.mark.parametrize("value", [None, 5, True, {"me": 1}, ["me", 5], [None], [["me"]]], ids=repr)
@pytest.mark.parametrize("audiences", [(), ("me",), ANY], ids=["none", "configured", "ANY"])
def test_cve_2020_26160_aud_is_a_string_or_a_list_of_strings(value: Any, audiences: Any) -> None:
    assert refusal({"aud": value}, policy(audiences=audiences)) == ("aud", "type")


@pytest.mark.parametrize(
    "changes, error, claim",
    [
        ({}, InvalidClaim, "iss"),
        ({"iss": "a"}, TokenExpired, None),
        ({"iss": "a", "exp": NOW + 60}, TokenImmature, None),
        ({"iss": "a", "exp": NOW + 60, "nbf": NOW}, InvalidClaim, "aud"),
        ({"iss": "a", "exp": NOW + 60, "nbf": NOW, "aud": "me"}, InvalidClaim, "ctx"),
    ],
)
def test_of_several_faults_the_issuer_counts_first_then_the_times(
    changes: dict[str, Any], error: type[Exception], claim: str | None
) -> None:
    contexts = {"contexts": ("/api",), "context_claim": "ctx"}
    claims = {"iss": "b", "exp": NOW - 60, "nbf": NOW + 60, "aud": "x", "ctx": "/x"}
    with pytest.raises(error) as refused:
        policy(issuers=("a",), audiences=("me",), **contexts).check(claims | changes, NOW)

    assert getattr(refused.value, "claim", None) == claim


def test_a_policy_that_says_nothing_has_half_a_minute_of_leeway_and_binds_to_no_api() -> None:
    assert (policy().leeway, policy().contexts, policy().context_claim) == (30, (), "")


def test_iat_of_checked_claims_is_in_seconds() -> None:
    assert policy().issued_at({"iat": NOW}) == NOW
    assert policy(wire=WSO2).issued_at({"iat": NOW * 1000}) == NOW
    assert policy().issued_at({"exp": NOW}) is None


def test_no_refusal_quotes_a_claim() -> None:
    rules = policy(issuers=("a",), audiences=("me",))

    for claims in ({"iss": "zeta"}, {"iss": "a", "aud": "zeta"}, {"iss": "a", "exp": "zeta"}):
        with pytest.raises(InvalidClaim) as error:
            rules.check({"exp": NOW + 1, **claims}, NOW)
        assert "zeta" not in f"{error.value} {error.value!r} {error.value.args}"


@pytest.mark.parametrize("digits, good", [(16, True), (17, False)])
def test_text_exp_has_at_most_16_digits(digits: int, good: bool) -> None:
    claims = {"exp": str(NOW + 60).zfill(digits)}
    if good:
        assert policy(wire=WSO2_31).check(claims, NOW) == NOW + 60
    else:
        assert refusal(claims, policy(wire=WSO2_31)) == ("exp", "type")


@pytest.mark.parametrize("value", [[], [1] * 3, {}], ids=str)
def test_only_a_text_is_a_text_exp(value: Any) -> None:
    assert refusal({"exp": value}, policy(wire=WSO2_31)) == ("exp", "type")


@pytest.mark.parametrize("issuers", [(), ("https://idp.example.com",)])
@pytest.mark.parametrize("issuer", [None, 5, True, ["https://idp.example.com"]])
def test_an_iss_of_the_payload_is_a_text_where_the_jose_header_s_counts(
    issuers: tuple[str, ...], issuer: Any
) -> None:
    header = {"exp": NOW + 60, "iss": "https://idp.example.com"}
    with pytest.raises(InvalidClaim) as error:
        policy(issuers=issuers).with_header({"iss": issuer}, header, ("exp", "iss"))

    assert (error.value.claim, error.value.reason) == ("iss", "type")
