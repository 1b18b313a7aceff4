"""Several issuers: a token verifies only under what is bound to the issuer that it names."""

from collections.abc import Callable
from typing import Any

import pytest

from jwt_middleware import ANY, Issuer, SharedSecret, Verifier
from jwt_middleware.errors import (
    BadSignature,
    InvalidClaim,
    MalformedToken,
    UnacceptableAlgorithm,
)
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

KeyFor = Callable[..., SigningKey]


@pytest.fixture(scope="module")
def two_issuers(rsa_key: SigningKey, other_rsa_key: SigningKey, key_for: KeyFor) -> Verifier:
    return Verifier(
        gateway="standard",
        issuers=[
            Issuer("https://a", keys=rsa_key.public_pem, audience="me"),
            Issuer("https://b", keys=other_rsa_key.public_pem, algorithms="PS256", audience=ANY),
            Issuer("https://c", keys=SharedSecret(key_for("HS256").secret), algorithms="HS256"),
            Issuer("https://d", keys=rsa_key.certificate_pem, gateway="wso2-1.4"),
        ],
    )


def _from(key: SigningKey, issuer: Any, form: str = "standard", **claims: Any) -> str:
    return mint(key, {"iss": issuer, **claims}, form=form)


def test_each_issuers_own_token_verifies(
    two_issuers: Verifier, rsa_key: SigningKey, other_rsa_key: SigningKey, key_for: KeyFor
) -> None:
    ps256 = SigningKey("PS256", private=other_rsa_key.private)

    assert two_issuers.verify(_from(rsa_key, "https://a", aud="me")).issuer == "https://a"
    assert two_issuers.verify(_from(ps256, "https://b", aud="x")).issuer == "https://b"
    assert two_issuers.verify(_from(key_for("HS256"), "https://c")).issuer == "https://c"
    assert two_issuers.verify(_from(rsa_key, "https://d", "wso2-1.4")).issuer == "https://d"


def test_a_token_that_names_one_issuer_and_is_signed_by_anothers_key_is_refused(
    two_issuers: Verifier, rsa_key: SigningKey, other_rsa_key: SigningKey, key_for: KeyFor
) -> None:
    ps256 = SigningKey("PS256", private=rsa_key.private)

    with pytest.raises(BadSignature):
        two_issuers.verify(_from(other_rsa_key, "https://a", aud="me"))
    with pytest.raises(BadSignature):
        two_issuers.verify(_from(ps256, "https://b"))
    for issuer in ("https://a", "https://b"):
        with pytest.raises(UnacceptableAlgorithm):
            two_issuers.verify(_from(key_for("HS256"), issuer, aud="me"))
    with pytest.raises(UnacceptableAlgorithm):
        two_issuers.verify(_from(rsa_key, "https://c"))


def test_each_issuer_has_its_own_audience_algorithms_and_wire_form(
    two_issuers: Verifier, rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    for claims in ({}, {"aud": "you"}):
        with pytest.raises(InvalidClaim):
            two_issuers.verify(_from(rsa_key, "https://a", **claims))
    with pytest.raises(UnacceptableAlgorithm):
        two_issuers.verify(_from(other_rsa_key, "https://b"))
    with pytest.raises(MalformedToken):
        two_issuers.verify(_from(rsa_key, "https://a", "wso2-2.6", aud="me", pad="x"))
    with pytest.raises(InvalidClaim):
        two_issuers.verify(_from(rsa_key, "https://d", aud="me"))


@pytest.mark.parametrize("issuer", ["https://e", "", "https://A", None, 5, ["https://a"], {}])
def test_a_token_of_no_listed_issuer_is_refused(
    two_issuers: Verifier, rsa_key: SigningKey, issuer: Any
) -> None:
    with pytest.raises(InvalidClaim) as refusal:
        two_issuers.verify(_from(rsa_key, issuer, aud="me"))
    assert refusal.value.claim == "iss"
    with pytest.raises(InvalidClaim):
        two_issuers.verify(mint(rsa_key, {"aud": "me"}, form="standard"))


def test_a_repeated_token_of_one_of_several_issuers_is_verified_once(
    two_issuers: Verifier, rsa_key: SigningKey
) -> None:
    token = _from(rsa_key, "https://a", aud="me")

    assert two_issuers.verify(token) is two_issuers.verify(token)


def test_api_applies_to_every_issuer(rsa_key: SigningKey) -> None:
    verifier = Verifier(issuers=[Issuer("https://a", keys=rsa_key.public_pem)], api="/echo")

    verifier.verify(mint(rsa_key, ucsd_claims() | {"iss": "https://a"}))
    with pytest.raises(InvalidClaim):
        verifier.verify(mint(rsa_key, ucsd_claims(apicontext="/x") | {"iss": "https://a"}))


def test_health_says_whether_tokens_can_be_verified(two_issuers: Verifier) -> None:
    health = two_issuers.health()

    assert health["ready"] is True
    assert [source["keys"] for source in health["sources"]] == [1, 1, 1, 1]
