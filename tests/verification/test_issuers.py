"""Whose token is it? A client that is bound to keys or an issuer is proven by nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import ANY, Client, ClientRegistry, Issuer, SharedSecret, Verifier
from jwt_middleware.authorization.clients import ClientTrust
from jwt_middleware.errors import (
    AuthenticationError,
    BadSignature,
    ClientDisabled,
    ClientMismatch,
    ConfigurationError,
    InvalidClaim,
    UnacceptableAlgorithm,
    UnknownClient,
    UnknownKey,
)
from jwt_middleware.testing import SigningKey, mint

KeyFor = Callable[..., SigningKey]


@pytest.fixture(scope="module")
def own_key() -> SigningKey:
    return SigningKey("RS256", key_id="own")


@pytest.fixture(scope="module")
def stranger() -> SigningKey:
    return SigningKey("RS256")


def verifier(key: SigningKey, *clients: Client, **options: Any) -> Verifier:
    registry = ClientRegistry(clients)
    options = {"keys": key.public_pem, "gateway": "standard"} | options
    return Verifier(**options, clients=registry)


def bound(client_id: str, keys: Any = None, **trust: Any) -> Client:
    return Client(client_id, trust=ClientTrust(keys, **trust))


FREE = bound("free", issuer=ANY)


def token(key: SigningKey, client_id: Any, **claims: Any) -> str:
    return mint(key, {"client_id": client_id, **claims}, form="standard")


# --- own keys --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def one_bound(rsa_key: SigningKey, own_key: SigningKey, other_rsa_key: SigningKey) -> Verifier:
    return verifier(
        rsa_key,
        bound("own", own_key.public_pem),
        bound("second", [other_rsa_key.certificate_pem]),
        Client("free"),
    )


def test_each_client_is_proven_by_its_own_key(
    one_bound: Verifier, rsa_key: SigningKey, own_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    for key, client_id in ((own_key, "own"), (other_rsa_key, "second"), (rsa_key, "free")):
        assert one_bound.verify(token(key, client_id)).client_id == client_id


def test_a_bound_client_is_refused_when_the_gateways_or_anothers_key_signed(
    one_bound: Verifier, rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    for key in (rsa_key, other_rsa_key):
        with pytest.raises(ClientMismatch) as refusal:
            one_bound.verify(token(key, "own"))
        assert refusal.value.code == "client_mismatch"


def test_a_key_of_a_bound_client_proves_no_other_client(
    one_bound: Verifier, own_key: SigningKey
) -> None:
    for named in ("free", "second", "nobody"):
        with pytest.raises(AuthenticationError):
            one_bound.verify(token(own_key, named))
    with pytest.raises(AuthenticationError):
        one_bound.verify(mint(own_key, {"sub": "u"}, form="standard"))


@pytest.mark.parametrize("named", ["own", "second", "free", "nobody"])
def test_a_key_that_nobody_knows_is_a_forgery_and_no_mismatch(
    one_bound: Verifier, stranger: SigningKey, named: str
) -> None:
    with pytest.raises((BadSignature, UnknownKey)):
        one_bound.verify(token(stranger, named))
    for header in ({"kid": "own"}, {"kid": "other"}):
        with pytest.raises((BadSignature, UnknownKey)):
            one_bound.verify(mint(stranger, {"client_id": named}, form="standard", header=header))


def test_a_tampered_token_of_a_bound_client_is_a_forgery(
    one_bound: Verifier, own_key: SigningKey, rsa_key: SigningKey
) -> None:
    for key in (own_key, rsa_key):
        header, _, signature = token(key, "free").split(".")
        payload = token(key, "own").split(".")[1]
        with pytest.raises(BadSignature):
            one_bound.verify(f"{header}.{payload}.{signature}")


def test_a_token_that_names_its_client_by_no_text_is_malformed(
    one_bound: Verifier, own_key: SigningKey
) -> None:
    for named in (None, 5, ["own"], {"own": 1}, True):
        with pytest.raises(InvalidClaim) as refusal:
            one_bound.verify(token(own_key, named))
        assert (refusal.value.claim, refusal.value.reason) == ("client_id", "type")


def test_the_first_client_claim_is_the_one_that_counts_for_keys_and_grants_alike(
    one_bound: Verifier, rsa_key: SigningKey, own_key: SigningKey
) -> None:
    # The standard gateway's other client claim is azp.
    with pytest.raises(ClientMismatch):
        one_bound.verify(token(rsa_key, "own", azp="free"))
    assert one_bound.verify(token(rsa_key, "free", azp="own")).client_id == "free"
    assert one_bound.verify(mint(own_key, {"azp": "own"}, form="standard")).client_id == "own"


def test_a_proven_client_without_an_entry_is_403_and_a_forged_one_401(
    one_bound: Verifier, rsa_key: SigningKey, stranger: SigningKey
) -> None:
    for raw in (token(rsa_key, "nobody"), mint(rsa_key, {"sub": "u"}, form="standard")):
        with pytest.raises(UnknownClient):
            one_bound.verify(raw)
    with pytest.raises(BadSignature):
        one_bound.verify(token(stranger, "nobody"))


def test_a_switched_off_client_is_told_so_only_when_it_is_proven(
    rsa_key: SigningKey, own_key: SigningKey
) -> None:
    off = Client("own", enabled=False, trust=ClientTrust(own_key.public_pem))
    found = verifier(rsa_key, off)

    with pytest.raises(ClientDisabled):
        found.verify(token(own_key, "own"))
    with pytest.raises(ClientMismatch):
        found.verify(token(rsa_key, "own"))


def test_verifying_without_blocking_decides_alike(
    one_bound: Verifier, rsa_key: SigningKey, own_key: SigningKey
) -> None:
    assert asyncio.run(one_bound.verify_async(token(own_key, "own", n=1))).client_id == "own"
    with pytest.raises(ClientMismatch):
        asyncio.run(one_bound.verify_async(token(rsa_key, "own", n=1)))


# --- own issuer, audience and algorithms -----------------------------------------------------


def test_a_client_bound_to_an_issuer_is_refused_from_any_other(rsa_key: SigningKey) -> None:
    found = verifier(rsa_key, bound("own", issuer=("https://a", "https://b")), Client("free"))

    for issuer in ("https://a", "https://b"):
        assert found.verify(token(rsa_key, "own", iss=issuer)).issuer == issuer
    for claims in ({"iss": "https://c"}, {"iss": "HTTPS://A"}, {}):
        with pytest.raises(ClientMismatch):
            found.verify(token(rsa_key, "own", **claims))
    assert found.verify(token(rsa_key, "free", iss="https://c")).client_id == "free"


def test_a_bound_issuer_takes_the_place_of_the_verifiers(rsa_key: SigningKey) -> None:
    found = verifier(
        rsa_key, bound("own", issuer="https://own"), Client("free"), issuer="https://all"
    )

    found.verify(token(rsa_key, "own", iss="https://own"))
    found.verify(token(rsa_key, "free", iss="https://all"))
    with pytest.raises(ClientMismatch):
        found.verify(token(rsa_key, "own", iss="https://all"))
    with pytest.raises(InvalidClaim):
        found.verify(token(rsa_key, "free", iss="https://own"))


def test_own_keys_keep_the_verifiers_issuer_audience_and_algorithms(
    rsa_key: SigningKey, own_key: SigningKey
) -> None:
    found = verifier(rsa_key, bound("own", own_key.public_pem), issuer="https://all", audience="me")
    pss = SigningKey("PS512", private=own_key.private)

    found.verify(token(own_key, "own", iss="https://all", aud="me"))
    with pytest.raises(ClientMismatch):
        found.verify(token(own_key, "own", iss="https://other", aud="me"))
    with pytest.raises(InvalidClaim):
        found.verify(token(own_key, "own", iss="https://all", aud="you"))
    with pytest.raises(UnacceptableAlgorithm):
        found.verify(token(pss, "own", iss="https://all", aud="me"))


def test_a_client_bound_to_an_audience_is_refused_for_any_other(rsa_key: SigningKey) -> None:
    found = verifier(rsa_key, bound("own", audience="mine"), Client("free"), audience="me")

    found.verify(token(rsa_key, "own", aud="mine"))
    found.verify(token(rsa_key, "free", aud="me"))
    for claims in ({"aud": "me"}, {}, {"aud": []}):
        with pytest.raises(InvalidClaim) as refusal:
            found.verify(token(rsa_key, "own", **claims))
        assert refusal.value.claim == "aud"
    with pytest.raises(InvalidClaim):
        found.verify(token(rsa_key, "free", aud="mine"))


def test_a_client_bound_to_algorithms_is_refused_under_any_other(rsa_key: SigningKey) -> None:
    found = verifier(rsa_key, bound("own", algorithms=("PS256",)), Client("free"))
    pss = SigningKey("PS256", private=rsa_key.private)

    assert found.verify(token(pss, "own")).client_id == "own"
    assert found.verify(token(rsa_key, "free")).client_id == "free"
    with pytest.raises(AuthenticationError):
        found.verify(token(rsa_key, "own"))


def test_one_client_may_sign_with_a_secret_beside_a_gateway_with_rsa(
    rsa_key: SigningKey, key_for: KeyFor, tmp_path: Path
) -> None:
    secret = key_for("HS256")
    (tmp_path / "own.jwks").write_text(json.dumps(secret.jwks()))
    path = tmp_path / "clients.toml"
    bound_to = '{ keys = "own.jwks", algorithms = "HS256" }'
    path.write_text(f"[clients.own]\ntrust = {bound_to}\n[clients.free]\n")
    found = Verifier(keys=rsa_key.public_pem, gateway="standard", clients=path)

    assert found.verify(token(secret, "own")).client_id == "own"
    assert found.verify(token(rsa_key, "free")).client_id == "free"
    with pytest.raises(ClientMismatch):
        found.verify(token(rsa_key, "own"))
    with pytest.raises(AuthenticationError):
        found.verify(token(secret, "free"))
    confused = SigningKey("HS256", private=rsa_key.public_pem.encode())
    for client_id in ("own", "free"):
        with pytest.raises((BadSignature, UnacceptableAlgorithm)):
            found.verify(token(confused, client_id))


@pytest.mark.parametrize("algorithms", [("HS256",), ("ES256",), ("RS256", "HS256"), ("none",)])
def test_algorithms_that_no_key_of_the_client_fits_are_an_error_at_start_up(
    rsa_key: SigningKey, own_key: SigningKey, algorithms: tuple[str, ...]
) -> None:
    for keys in (own_key.public_pem, None):
        with pytest.raises(ConfigurationError, match=r"clients\.own\.trust: .*algorithm"):
            verifier(rsa_key, bound("own", keys, algorithms=algorithms))


@pytest.mark.parametrize("keys", ["none.pem", "https-but-no-url", 5, [], "-----BEGIN X-----"])
def test_own_keys_that_are_none_are_an_error_at_start_up(rsa_key: SigningKey, keys: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"clients\.own\.trust: keys"):
        verifier(rsa_key, bound("own", keys))


# --- several issuers -------------------------------------------------------------------------


def two_issuers(a: SigningKey, b: SigningKey, *clients: Client) -> Verifier:
    issuers = [
        Issuer("https://a", keys=a.public_pem, audience="me"),
        Issuer("https://b", keys=b.public_pem, audience=ANY),
    ]
    return Verifier(gateway="standard", issuers=issuers, clients=ClientRegistry(clients))


def test_beside_several_issuers_a_client_is_bound_to_one_of_them(
    rsa_key: SigningKey, other_rsa_key: SigningKey, stranger: SigningKey
) -> None:
    found = two_issuers(rsa_key, other_rsa_key, bound("own", issuer="https://a"), FREE)

    found.verify(token(rsa_key, "own", iss="https://a", aud="me"))
    found.verify(token(rsa_key, "free", iss="https://a", aud="me"))
    found.verify(token(other_rsa_key, "free", iss="https://b"))
    for key, issuer in ((other_rsa_key, "b"), (other_rsa_key, "a"), (rsa_key, "b"), (rsa_key, "c")):
        with pytest.raises(ClientMismatch):
            found.verify(token(key, "own", iss=f"https://{issuer}", aud="me"))
    with pytest.raises(BadSignature):
        found.verify(token(stranger, "own", iss="https://a", aud="me"))


def test_beside_several_issuers_a_client_may_have_keys_and_an_issuer_of_its_own(
    rsa_key: SigningKey, other_rsa_key: SigningKey, own_key: SigningKey
) -> None:
    own = bound("own", own_key.public_pem, issuer="https://own", audience="me")
    found = two_issuers(rsa_key, other_rsa_key, own, FREE)

    found.verify(token(own_key, "own", iss="https://own", aud="me"))
    for key, issuer in ((rsa_key, "https://a"), (rsa_key, "https://own"), (own_key, "https://a")):
        with pytest.raises(ClientMismatch):
            found.verify(token(key, "own", iss=issuer, aud="me"))
    with pytest.raises(InvalidClaim):
        found.verify(token(own_key, "free", iss="https://own", aud="me"))
    with pytest.raises(AuthenticationError):
        found.verify(token(own_key, "free", iss="https://a", aud="me"))


def test_a_token_that_two_gateways_would_read_as_two_clients_is_neither(
    rsa_key: SigningKey, other_rsa_key: SigningKey, own_key: SigningKey
) -> None:
    issuers = [
        Issuer("https://a", keys=rsa_key.public_pem, gateway="standard"),
        Issuer("https://w", keys=other_rsa_key.public_pem, gateway="wso2"),
    ]
    own = bound("own", own_key.public_pem, issuer=("https://w", "https://x"))
    found = Verifier(issuers=issuers, clients=ClientRegistry([own, FREE]))
    claims = {"iss": "https://w", "http://wso2.org/claims/client_id": "own", "azp": "free"}

    with pytest.raises(ClientMismatch):
        found.verify(mint(own_key, claims, form="standard"))


def test_a_secret_of_an_issuer_is_no_key_of_a_client_that_is_bound_to_another(
    rsa_key: SigningKey, key_for: KeyFor
) -> None:
    secret = key_for("HS256")
    issuers = [
        Issuer("https://a", keys=rsa_key.public_pem),
        Issuer("https://s", keys=SharedSecret(secret.secret), algorithms="HS256"),
    ]
    registry = ClientRegistry([bound("own", issuer="https://a"), FREE])
    found = Verifier(gateway="standard", issuers=issuers, clients=registry)

    found.verify(token(secret, "free", iss="https://s"))
    for issuer in ("https://s", "https://a"):
        with pytest.raises(ClientMismatch):
            found.verify(token(secret, "own", iss=issuer))
