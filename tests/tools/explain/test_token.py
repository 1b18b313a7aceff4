"""What is told of a token: what it is, and the exact check that fails."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwt_middleware import PEM, Revocations, SharedSecret, Verifier
from jwt_middleware.errors import TokenExpired
from jwt_middleware.revocation import Denial
from jwt_middleware.revocation.store import MemoryStore
from jwt_middleware.testing import FORMS, SigningKey, client_claims, mint, ucsd_claims
from jwt_middleware.tools.explain import inspect
from jwt_middleware.tools.explain.faults import fault_of

NOW = 1_479_410_551.0  # 2016-11-17 19:22:31 UTC
API = "/echo/1.0.0"


@pytest.fixture(scope="session")
def key() -> SigningKey:
    return SigningKey("RS256")


def verifier(key: SigningKey, **options: Any) -> Verifier:
    given = {"keys": PEM(key.certificate_pem), "clock": lambda: NOW, **options}
    return Verifier(**given)


def told(key: SigningKey, token: str, **options: Any) -> tuple[str | None, str]:
    found = inspect(token, verifier(key, **options), NOW)
    return found.code, found.explanation


def test_a_colleague_says_why_an_old_token_is_refused(key: SigningKey) -> None:
    token = mint(key, ucsd_claims(), now=NOW, lifetime=-4 * 31_556_952)

    code, explanation = told(key, token, api=API)

    assert code == "token_expired"
    assert explanation == (
        "The signature is good; it expired at 2012-11-17 20:05:43 UTC, 4 years ago (exp is in "
        "milliseconds)."
    )


def test_an_expired_token_is_explained_by_max_age_or_by_exp_whichever_has_passed(
    key: SigningKey,
) -> None:
    options = {"gateway": "standard", "max_age": 300, "audience": "x"}
    body = {"sub": "a", "aud": "x", "iat": NOW - 600}
    old = mint(key, body, form="standard", now=NOW)
    over = mint(key, body | {"iat": NOW - 100}, form="standard", now=NOW, lifetime=-60)

    assert told(key, old, **options)[1] == (
        "The signature is good; it was issued at 2016-11-17 19:12:31 UTC, 10 minutes ago, and "
        "max_age is 300 s."
    )
    assert "it expired at 2016-11-17 19:21:31 UTC, 1 minute ago" in told(key, over, **options)[1]


def test_an_expiry_for_another_reason_is_explained_by_that_reason(key: SigningKey) -> None:
    checked = verifier(key, gateway="standard")
    error = TokenExpired("its session has ended")

    for claims in ({}, {"iat": NOW - 9_000_000}, {"exp": NOW + 60}):
        assert fault_of(error, "", {}, claims, checked, NOW)[0] == "Its session has ended."


SPELLINGS = [name for name in FORMS if name.startswith("wso2-") or name == "standard"]


@pytest.mark.parametrize("form", SPELLINGS)
def test_each_form_is_shown_by_its_gateway(key: SigningKey, form: str) -> None:
    found = inspect(mint(key, ucsd_claims(), form=form, now=NOW), None, NOW)

    assert form in found.facts["form"].split(" or ")
    assert found.code is None
    assert found.claims is not None
    assert "Nothing was verified" in found.explanation


def test_both_readings_of_a_time_in_milliseconds_are_shown(key: SigningKey) -> None:
    found = inspect(mint(key, ucsd_claims(), now=NOW, lifetime=60), None, NOW)

    assert found.facts["exp"] == (
        "2016-11-17 19:23:31 UTC, in 1 minute; in milliseconds (read as seconds: the year 48851)"
    )


def test_a_good_token_has_its_principal_and_the_end_of_its_life(key: SigningKey) -> None:
    found = inspect(mint(key, ucsd_claims(), now=NOW), verifier(key, api=API), NOW)

    assert found.code == "accepted"
    assert found.principal is not None
    assert found.principal.subject == "jroe@carbon.super"
    assert "in 15 minutes" in found.explanation


def _changed(token: str) -> str:
    head, _, tail = token.rpartition(".")
    return f"{head}.{'B' if tail[0] == 'A' else 'A'}{tail[1:]}"


@pytest.mark.parametrize(
    ("kid", "known", "tried"),
    [
        (None, None, "those known here"),
        ("k1", None, "those known here"),  # a PEM has no kid, so that a token's own tells nothing
        ("k1", "k1", "the one that it names"),
    ],
)
def test_a_bad_signature_names_the_keys_that_were_tried(
    key: SigningKey, kid: str | None, known: str | None, tried: str
) -> None:
    token = mint(key, ucsd_claims(), now=NOW, header={} if kid is None else {"kid": kid})
    keys = key.public_pem if known is None else {"keys": [key.jwk(kid=known)]}
    found, explanation = told(key, _changed(token), keys=keys)

    assert found == "bad_signature"
    assert f"by another key than {tried}." in explanation


def test_a_token_that_names_no_key_is_not_said_to_name_one(key: SigningKey) -> None:
    known = {"keys": [SigningKey("ES256", key_id="e").jwk()]}
    token = mint(key, ucsd_claims(), now=NOW, form="standard", header={"kid": None})
    found, explanation = told(
        key, token, keys=known, gateway="standard", algorithms=["RS256", "ES256"]
    )

    assert found == "unknown_key"
    assert "no key here fits it, and it names none" in explanation.lower()


def test_every_code_is_explained_by_the_check_that_failed(key: SigningKey) -> None:
    other = SigningKey("RS256", key_id="other")
    named = SigningKey("RS256", key_id="k1", private=key.private)
    good = mint(key, ucsd_claims(), now=NOW)
    seconds = mint(key, {"sub": "a", "aud": "x"}, form="standard", now=NOW)
    cases = {
        "malformed_token": (told(key, "abc"), "Not three segments"),
        "duplicate_header": (told(key, f"{good},{good}"), "comma"),
        "token_too_large": (told(key, "x" * 20_000), "max_token_size"),
        "bad_signature": (told(key, _changed(good)), "changed on its way"),
        "unacceptable_algorithm": (
            told(key, mint(key, ucsd_claims(), now=NOW, header={"alg": "HS256"})),
            "'HS256'; accepted here: RS256",
        ),
        "unknown_key": (
            told(named, mint(other, ucsd_claims(), now=NOW), keys=named.jwks()),
            "known: k1",
        ),
        "token_immature": (
            told(key, mint(key, ucsd_claims() | {"nbf": NOW + 3600}, now=NOW)),
            "The signature is good; nbf is 2016-11-17 20:22:31 UTC, in 1 hour",
        ),
        "invalid_claim": (told(key, good, api="/other"), "api=/other is required"),
    }
    for code, ((found, explanation), part) in cases.items():
        assert (code, found) == (code, code)
        assert part in explanation, explanation
    assert "name yours by audience=" in told(key, seconds)[1]
    assert "issuer=a or b" in told(key, good, issuer=["a", "b"])[1]


def test_a_client_that_the_registry_does_not_know_is_shown(key: SigningKey) -> None:
    from jwt_middleware.tools.demo.app import CLIENTS

    token = mint(key, client_claims("initech") | {"client_id": "initrode"}, now=NOW)
    code, explanation = told(key, token, clients=CLIENTS)

    assert code == "unknown_client"
    assert explanation == "The signature is good; the registry has no such client (clients=)."


def test_a_token_that_names_no_client_leads_to_the_claim_that_might(key: SigningKey) -> None:
    from jwt_middleware.tools.demo.app import CLIENTS

    token = mint(key, ucsd_claims(), now=NOW)
    options = {"keys": key.certificate_pem, "api": "/echo/1.0.0", "clients": CLIENTS}
    found = inspect(token, Verifier(clock=lambda: NOW, **options), NOW)

    assert found.code == "unknown_client"
    assert "client_claim=" in found.hint


def test_a_revoked_or_used_token_is_distinguished_from_one_that_cannot_be_judged(
    key: SigningKey,
) -> None:
    token = mint(key, ucsd_claims(), now=NOW)
    denying = MemoryStore(clock=lambda: NOW)
    denying.deny(Denial(subject="jroe@carbon.super"))
    revoked = told(key, token, revocations=Revocations(denying))
    once = verifier(key, revocations=Revocations("process-memory", one_time=True))
    first, second = (inspect(token, once, NOW) for _ in range(2))
    out = told(key, token, revocations="redis://127.0.0.1:9/0")

    assert revoked[0] == "token_revoked"
    assert "it is revoked: the subject is denied" in revoked[1]
    assert (first.code, second.code) == ("accepted", "token_reused")
    assert "The signature is good; it was used before" in second.explanation
    assert out[0] == "store_unavailable"
    assert "whether it is revoked or used cannot be checked now: redis://127.0.0.1:9/0" in out[1]


@pytest.mark.parametrize("length, apart", [(65_536, True), (65_537, False)])
def test_a_text_is_taken_apart_up_to_64_kib(length: int, apart: bool) -> None:
    found = inspect("a." * (length // 2) + "a" * (length % 2), None, NOW)

    assert ("not three segments" in found.facts["unreadable"]) is apart


def test_keys_that_cannot_be_had_are_said_to_be_the_reason() -> None:
    from jwt_middleware import JWKSEndpoint

    endpoint = JWKSEndpoint("http://127.0.0.1:9/jwks", wait_budget=0.2)
    found = inspect(mint(SigningKey(), ucsd_claims()), Verifier(keys=endpoint), NOW)

    assert found.code == "keys_unavailable"
    assert "no keys to verify it with" in found.explanation


def _segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("value", [None, True, [], {}, "x", -1, 1e300, 10**60, "9" * 40])
@pytest.mark.parametrize("name", ["exp", "nbf", "iat", "iss", "aud", "client_id"])
def test_no_claim_of_any_shape_crashes_the_inspection(
    key: SigningKey, name: str, value: Any
) -> None:
    token = mint(key, ucsd_claims() | {"exp": NOW + 60, name: value}, now=NOW)
    found = inspect(token, verifier(key), NOW)

    assert found.explanation.endswith(".")


SECRET = b"s" * 32
BY_SECRET = Verifier(keys=SharedSecret(SECRET), algorithms=["HS256"], clock=lambda: NOW)
PARTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [_segment({"alg": "HS256"}), _segment({"alg": 5}), _segment({"exp": "x"}), "="]
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=200), st.lists(PARTS, max_size=4).map(".".join)))
def test_no_text_at_all_crashes_the_inspection(text: str) -> None:
    found = inspect(text, BY_SECRET, NOW)

    assert found.code != "accepted"
    assert found.explanation
