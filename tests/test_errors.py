"""The exception tree: stable codes, and nothing in it that must not stand in a log."""

import pickle

import pytest

from jwt_middleware import errors
from jwt_middleware.errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidClaim,
    JWTMiddlewareError,
    KeysUnavailable,
    MissingToken,
    PermissionDenied,
    RequestError,
    StoreUnavailable,
    Unavailable,
)

CODES = {
    "MissingToken": "missing_token",
    "DuplicateHeader": "duplicate_header",
    "TokenTooLarge": "token_too_large",
    "MalformedToken": "malformed_token",
    "UnacceptableAlgorithm": "unacceptable_algorithm",
    "UnknownKey": "unknown_key",
    "BadSignature": "bad_signature",
    "TokenExpired": "token_expired",
    "TokenImmature": "token_immature",
    "InvalidClaim": "invalid_claim",
    "TokenRevoked": "token_revoked",
    "TokenReused": "token_reused",
    "InvalidClaims": "invalid_claims",
    "UnknownIntegration": "unknown_integration",
    "IntegrationDisabled": "integration_disabled",
}


@pytest.mark.parametrize("name, code", CODES.items())
def test_every_authentication_error_keeps_its_stable_code(name: str, code: str) -> None:
    cause = getattr(errors, name)

    assert cause.code == code
    assert issubclass(cause, AuthenticationError)


def test_the_four_branches_of_the_tree_are_distinguished_by_class() -> None:
    branches = (ConfigurationError, AuthenticationError, PermissionDenied, Unavailable)

    for branch in branches:
        assert issubclass(branch, JWTMiddlewareError)
        assert not any(issubclass(branch, other) for other in branches if other is not branch)
    assert not issubclass(ConfigurationError, RequestError)


def test_no_two_causes_share_a_code() -> None:
    causes = [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, RequestError) and each is not RequestError
    ]

    assert len({each.code for each in causes}) == len(causes)


def test_a_reference_is_random_and_stays_the_same_for_one_error() -> None:
    one, other = MissingToken(), MissingToken()

    assert one.reference == one.reference
    assert one.reference != other.reference
    assert len(one.reference) == 16
    assert int(one.reference, 16) >= 0


def test_an_error_without_a_reason_says_its_code() -> None:
    assert str(MissingToken()) == "missing_token"
    assert str(MissingToken("nobody")) == "nobody"
    assert MissingToken("nobody").reason == "nobody"


def test_an_invalid_claim_names_the_claim_and_the_rule_but_no_value() -> None:
    error = InvalidClaim("aud", "mismatch")

    assert (error.claim, error.reason, str(error)) == ("aud", "mismatch", "aud: mismatch")


def test_an_invalid_claim_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(InvalidClaim("aud", "mismatch")))

    assert (error.claim, error.reason) == ("aud", "mismatch")


def test_a_denial_carries_its_decision_but_does_not_say_it() -> None:
    error = PermissionDenied("a guard", decision="role admin")

    assert error.decision == "role admin"
    assert "role admin" not in f"{error} {error!r} {error.args}"


@pytest.mark.parametrize(
    "kind, code",
    [(KeysUnavailable, "keys_unavailable"), (StoreUnavailable, "store_unavailable")],
)
def test_an_outage_has_its_code_and_says_when_to_come_back(
    kind: type[Unavailable], code: str
) -> None:
    assert kind.code == code
    assert kind("down").retry_after == 5
    assert kind("down", retry_after=30).retry_after == 30


def test_no_class_of_the_tree_knows_a_status() -> None:
    for each in vars(errors).values():
        if isinstance(each, type) and issubclass(each, JWTMiddlewareError):
            assert not any("status" in name for name in vars(each))
