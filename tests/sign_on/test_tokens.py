"""Whose token it is, and that nobody else's secret is ever tried on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import (
    BadSignature,
    ConfigurationError,
    KeysUnavailable,
    MalformedToken,
    SharedSecret,
    TokenExpired,
    TokenImmature,
    TokenTooLarge,
    UnacceptableAlgorithm,
    UnknownKey,
)
from jwt_middleware.errors import (
    IntegrationDisabled,
    InvalidClaims,
    UnknownIntegration,
)
from jwt_middleware.sign_on import Integration, SecretPlace
from jwt_middleware.testing import SigningKey

from ..key_server import KeyServer, document, status
from .kit import HOST, KEY, NOW, OTHER_KEY, acme, prove, signed, token, verifier_of

ISSUER = "https://acme.example.com"


# --- whose token -----------------------------------------------------------------------------


def test_the_integration_of_the_host_verifies_it() -> None:
    beta = Integration("beta", secret=OTHER_KEY.secret, hosts=["beta.example.edu"])
    both = [acme(hosts=[HOST]), beta]

    assert prove(both, token()).integration.id == "acme"
    assert prove(both, token(OTHER_KEY), "beta.example.edu").integration.id == "beta"


def test_a_secret_is_never_tried_on_another_hosts_token() -> None:
    beta = Integration("beta", secret=OTHER_KEY.secret, hosts=["beta.example.edu"])

    with pytest.raises(BadSignature):
        prove([acme(hosts=[HOST]), beta], token(OTHER_KEY))


@pytest.mark.parametrize("host", ["evil.example", None, "app.example.edu.evil.example"])
def test_a_host_of_nobody_has_no_integration(host: str | None) -> None:
    with pytest.raises(UnknownIntegration):
        prove([acme(hosts=[HOST])], token(), host)


def test_one_without_hosts_serves_the_hosts_of_nobody_else() -> None:
    both = [acme(hosts=[HOST]), Integration("any", secret=OTHER_KEY.secret)]

    assert prove(both, token(OTHER_KEY), "other.example").integration.id == "any"
    with pytest.raises(BadSignature):
        prove(both, token(OTHER_KEY), HOST)


def test_of_several_of_one_host_the_issuer_chooses() -> None:
    both = [
        acme(issuer=ISSUER),
        Integration("beta", secret=OTHER_KEY.secret, issuer="https://beta.example.com"),
    ]

    assert prove(both, token(iss=ISSUER)).integration.id == "acme"
    assert prove(both, token(OTHER_KEY, iss="https://beta.example.com")).integration.id == "beta"
    with pytest.raises(BadSignature):
        prove(both, token(OTHER_KEY, iss=ISSUER))
    for wrong in (None, "https://eve.example", 5, [ISSUER], ISSUER + "/"):
        with pytest.raises(UnknownIntegration):
            prove(both, token(iss=wrong))


def test_the_only_one_of_a_host_still_asks_for_its_issuer() -> None:
    wrongs = ((None, "missing"), (5, "not a string"), ("https://eve.example", "not this integ"))
    for wrong, reason in wrongs:
        with pytest.raises(InvalidClaims, match=f"^iss: {reason}"):
            prove([acme(issuer=ISSUER)], token(iss=wrong))


def test_one_that_is_switched_off_refuses_every_token_and_needs_no_secret() -> None:
    off = acme(secret=SecretPlace(file=Path("gone.secret")), enabled=False)

    with pytest.raises(IntegrationDisabled):
        prove([off], token())


# --- whether it is genuine -------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_secret_of_64_bytes_serves_every_hmac(algorithm: str) -> None:
    secret = SigningKey("HS512").secret
    key = SigningKey(algorithm)
    key.private = secret

    assert prove([acme(secret=secret)], token(key)).claims["email"]


def test_a_secret_serves_no_hash_that_is_longer_than_itself() -> None:
    key = SigningKey("HS512")
    key.private = KEY.secret

    with pytest.raises(UnacceptableAlgorithm):
        prove([acme()], token(key))


def test_a_secret_shorter_than_32_bytes_is_no_secret() -> None:
    with pytest.raises(ConfigurationError, match=r"integrations\.acme: .*needs 32 or more"):
        verifier_of([acme(secret="hunter2")])


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_keys_of_other_kinds_verify_too(algorithm: str, key_for: Any) -> None:
    key = key_for(algorithm)

    assert prove([Integration("acme", keys=key.public_pem)], token(key)).integration.id == "acme"
    with pytest.raises(BadSignature):
        prove([Integration("acme", keys=key.public_pem)], token(key)[:-8] + "AAAAAAAA")


def test_a_public_key_is_never_an_hmac_secret(key_for: Any) -> None:
    rsa = key_for("RS256")
    forger = SigningKey("HS256")
    forger.private = rsa.public_pem.encode()

    with pytest.raises(UnacceptableAlgorithm):
        prove([Integration("acme", keys=rsa.public_pem)], token(forger))
    with pytest.raises(ConfigurationError, match="not a secret"):
        verifier_of([acme(secret=rsa.public_pem)])


@pytest.mark.parametrize("raw", ["", "x", "a.b", "a.b.c.d", "a.b.c", "ä.b.c", "..", token() + "="])
def test_what_is_no_token_is_refused(raw: str) -> None:
    with pytest.raises(MalformedToken):
        prove([acme()], raw)


def test_an_unsigned_token_is_refused() -> None:
    head, body, _ = token(header={"alg": "none"}).split(".")

    for raw in (f"{head}.{body}.AAAA", token(header={"alg": "NONE"})):
        with pytest.raises(UnacceptableAlgorithm):
            prove([acme()], raw)


def test_a_token_that_is_too_long_is_refused_before_all_else() -> None:
    with pytest.raises(TokenTooLarge):
        prove([acme()], "x" * 16_385)


def test_keys_come_from_a_url_and_may_be_out(key_for: Any) -> None:
    key = key_for("RS256")
    with KeyServer(document(key.jwks())) as server:
        published = [Integration("acme", keys=server.url)]
        asked = verifier_of(published)
        assert prove(asked, token(key)).integration.id == "acme"
        server.script = status(500)
        assert prove(asked, token(key)).integration.id == "acme"
        with pytest.raises(KeysUnavailable):
            prove(published, token(key))


# --- its life --------------------------------------------------------------------------------


def test_a_token_with_neither_exp_nor_iat_is_refused_with_what_to_add() -> None:
    with pytest.raises(InvalidClaims) as caught:
        prove([acme()], token(iat=None))

    assert "Add iat" in caught.value.reason
    assert "or exp" in caught.value.reason


def test_without_max_age_a_token_lives_300_s_from_its_iat() -> None:
    assert prove([acme()], token(), now=NOW + 330).refused_from == NOW + 330
    with pytest.raises(TokenExpired):
        prove([acme()], token(), now=NOW + 331)
    with pytest.raises(TokenExpired):
        prove([acme()], token(exp=NOW + 86_400), now=NOW + 331)


def test_without_max_age_and_iat_a_token_lives_until_its_exp() -> None:
    raw = token(iat=None, exp=NOW + 3600)

    assert prove([acme()], raw, now=NOW + 3600).refused_from == NOW + 3630
    with pytest.raises(TokenExpired):
        prove([acme()], raw, now=NOW + 3630)


def test_max_age_counts_from_iat_which_it_needs() -> None:
    old = [acme(max_age=3600)]

    assert prove(old, token(), now=NOW + 3630).refused_from == NOW + 3630
    with pytest.raises(TokenExpired):
        prove(old, token(), now=NOW + 3631)
    with pytest.raises(InvalidClaims, match="max_age counts from there"):
        prove(old, token(iat=None, exp=NOW + 60))


def test_a_token_from_the_future_is_refused() -> None:
    with pytest.raises(TokenImmature):
        prove([acme()], token(iat=NOW + 31))


@pytest.mark.parametrize("wrong", ["1700000000", True, [NOW], 1.7e12])
def test_a_malformed_time_is_not_an_absent_one(wrong: Any) -> None:
    with pytest.raises(InvalidClaims):
        prove([acme()], token(iat=wrong, exp=NOW + 60))


def test_every_fault_of_a_token_is_named_at_once() -> None:
    strict = acme(issuer=ISSUER, audience="learn", max_age=60)
    claims = {"iat": "covert", "exp": NOW * 1000, "nbf": [], "aud": "covert", "jti": 1, "sub": 2}

    with pytest.raises(InvalidClaims) as caught:
        prove([strict], token(**claims, iss="covert", email="covert", groups=5))

    assert caught.value.faults == (
        "iss: not this integration's issuer",
        "exp: not in seconds since 1970, but in smaller units",
        "nbf: not a number",
        "iat: not a number",
        "aud: not this integration's audience",
        "sub: not a string",
        "jti: not a string",
        "email: not an email address",
        "groups: not an array",
    )


@pytest.mark.parametrize("wrong", [{"jti": 1}, {"iat": "1"}, {"exp": None}, {"aud": 5}])
def test_the_faults_of_a_token_are_shown_to_nobody_without_its_key(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadSignature):
        prove([acme()], signed({"iat": NOW, "email": "a", **wrong}, OTHER_KEY))


def test_an_audience_is_asked_for_or_not_taken() -> None:
    assert prove([acme(audience="learn")], token(aud=["learn"])).claims["aud"]
    for integration, claims in ((acme(audience="learn"), {}), (acme(), {"aud": "learn"})):
        with pytest.raises(InvalidClaims):
            prove([integration], token(**claims))


# --- two secrets while one is rotated --------------------------------------------------------


def test_both_secrets_of_one_integration_verify() -> None:
    both = [acme(secret=[KEY.secret, OTHER_KEY.secret])]

    for key in (KEY, OTHER_KEY):
        assert prove(both, token(key)).integration.id == "acme"
    with pytest.raises(BadSignature):
        prove(both, token(SigningKey("HS256")))


def test_a_kid_chooses_the_secret_and_the_other_is_not_tried() -> None:
    both = [
        acme(
            secret=[
                SharedSecret(KEY.secret, key_id="new"),
                SharedSecret(OTHER_KEY.secret, key_id="old"),
            ]
        )
    ]

    assert prove(both, token(header={"kid": "new"})).key_id == "new"
    assert prove(both, token(OTHER_KEY, header={"kid": "old"})).key_id == "old"
    with pytest.raises(BadSignature):
        prove(both, token(header={"kid": "old"}))
    with pytest.raises(UnknownKey):
        prove(both, token(header={"kid": "other"}))


def test_no_two_tokens_of_one_message_are_distinguished() -> None:
    """By ECDSA one message has several good signatures: what was signed names the token."""
    first, second = (prove([acme()], signed({"iat": NOW, "email": "a@b.cd"})) for _ in range(2))

    assert first.signed == second.signed
