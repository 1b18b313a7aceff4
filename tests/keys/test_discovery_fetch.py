"""A ``fetch=`` of one's own gets an issuer's metadata as it gets keys, by the same rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from jwt_middleware import Discovery, Verifier
from jwt_middleware.errors import ConfigurationError, KeysUnavailable
from jwt_middleware.events.kinds import KeyFetchFailed
from jwt_middleware.keys.http_fetch import MAX_BYTES
from jwt_middleware.keys.per_kid import PEMPerKid
from jwt_middleware.testing import SigningKey, mint

from ..kit import Events

ISSUER = "https://login.example.edu"
METADATA = f"{ISSUER}/.well-known/openid-configuration"
Fetch = Callable[[str], Any]


def fetching(key: SigningKey, asked: list[str], issuer: str = ISSUER, **changes: Any) -> Fetch:
    """A fetch that knows an issuer's metadata and its keys."""
    metadata = {"issuer": issuer, "jwks_uri": f"{issuer}/keys", **changes}

    def fetch(url: str) -> bytes:
        asked.append(url)
        is_metadata = "/.well-known/" in url
        return json.dumps(metadata if is_metadata else key.jwks()).encode()

    return fetch


def reading(keys: Any, *listeners: Events) -> Verifier:
    return Verifier(keys=keys, gateway="standard", listeners=listeners)


def token(key: SigningKey, issuer: str = ISSUER) -> str:
    return mint(key, {"iss": issuer}, form="standard")


def failure_of(keys: Any, key: SigningKey) -> str:
    events = Events()
    with pytest.raises(KeysUnavailable):
        reading(keys, events).verify(token(key))
    reason: str = events.of(KeyFetchFailed)[0].reason
    return reason


@pytest.mark.parametrize("asked_for", [ISSUER, METADATA])
def test_it_gets_the_metadata_and_the_keys(asked_for: str, rsa_key: SigningKey) -> None:
    asked: list[str] = []
    keys = Discovery(asked_for, fetch=fetching(rsa_key, asked))

    assert reading(keys).verify(token(rsa_key)).issuer == ISSUER
    assert asked == [METADATA, f"{ISSUER}/keys"]


def test_its_url_is_its_own(rsa_key: SigningKey) -> None:
    issuer = "http://login.cluster"
    keys = Discovery(issuer, fetch=fetching(rsa_key, [], issuer))

    assert reading(keys).verify(token(rsa_key, issuer)).issuer == issuer
    with pytest.raises(ConfigurationError, match="https"):
        Discovery(issuer)


def test_keys_of_another_origin_are_fetched_where_it_is_named_only(rsa_key: SigningKey) -> None:
    asked: list[str] = []
    fetch = fetching(rsa_key, asked, jwks_uri="https://keys.example.edu/keys")

    assert "jwks_origin=" in failure_of(Discovery(ISSUER, fetch=fetch), rsa_key)
    assert asked == [METADATA]
    named = Discovery(ISSUER, jwks_origin="https://keys.example.edu", fetch=fetch)
    assert reading(named).verify(token(rsa_key)).issuer == ISSUER


def test_metadata_of_another_issuer_brings_no_keys(rsa_key: SigningKey) -> None:
    fetch = fetching(rsa_key, [], "https://other.example.edu")

    assert "another issuer" in failure_of(Discovery(ISSUER, fetch=fetch), rsa_key)


@pytest.mark.parametrize(
    "answer, why",
    [("text", "returned str, not bytes"), (b" " * (MAX_BYTES + 1), "more than"), (b"<", "strict")],
    ids=["text", "too long", "no JSON"],
)
def test_a_wrong_answer_is_a_failed_fetch(answer: Any, why: str, rsa_key: SigningKey) -> None:
    assert why in failure_of(Discovery(ISSUER, fetch=lambda _: answer), rsa_key)


def test_the_key_of_a_kid_is_no_longer_than_any_other_answer() -> None:
    key, events = SigningKey("ES256"), Events()
    kid = "12345678-1234-1234-1234-123456789012"
    keys = PEMPerKid(
        "https://keys.example.edu/{kid}",
        fetch=lambda _: key.public_pem.encode() + b"\n" * MAX_BYTES,
    )
    named = mint(key, {"iss": ISSUER}, form="standard", header={"kid": kid})

    with pytest.raises(KeysUnavailable):
        reading(keys, events).verify(named)
    assert "more than" in keys.health()["last_error"]
