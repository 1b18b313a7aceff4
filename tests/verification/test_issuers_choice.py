"""Which issuer or client a token is proven by, and what is said of one that is refused."""

from __future__ import annotations

from typing import Any

import pytest

from jwt_middleware import ANY, Client, ClientRegistry, Issuer, Verifier, has_role, policy
from jwt_middleware.authorization.clients import ClientTrust
from jwt_middleware.errors import (
    BadSignature,
    ClientMismatch,
    ConfigurationError,
    InvalidClaim,
    RequestError,
    UnknownClient,
    UnknownKey,
)
from jwt_middleware.testing import SigningKey, mint

GATEWAY, OWN, OTHER, STRANGER = (
    SigningKey("ES256", key_id=name) for name in ("gateway", "own", "other", "stranger")
)
RS = SigningKey("RS256", key_id="rs")


def verifier_of(*clients: Client, **options: Any) -> Verifier:
    if clients:
        options["clients"] = ClientRegistry(clients)
    chosen: dict[str, Any] = {"gateway": "standard"}
    if "issuers" not in options:
        chosen |= {"keys": GATEWAY.jwks(), "algorithms": "ES256"}
    return Verifier(**chosen | options)


def bound(client_id: str, key: SigningKey, **more: Any) -> Client:
    return Client(client_id, trust=ClientTrust(key.jwks(), **more))


def token(key: SigningKey, **claims: Any) -> str:
    return mint(key, claims, form="standard")


def refusal(verifier: Verifier, raw: str) -> RequestError:
    with pytest.raises(RequestError) as refused:
        verifier.verify(raw)
    return refused.value


def test_a_refusal_says_whose_token_it_is_only_where_it_is_genuine() -> None:
    verifier = verifier_of(Client("known"))
    genuine = refusal(verifier, token(GATEWAY, client_id="nobody", sub="ana"))
    forged = refusal(verifier, token(STRANGER, client_id="nobody", sub="ana"))

    assert type(genuine) is UnknownClient
    assert genuine.principal is not None
    assert (genuine.principal.subject, genuine.principal.client_id) == ("ana", "nobody")
    assert forged.principal is None


@pytest.mark.parametrize("signer", [GATEWAY, OTHER], ids=lambda key: key.key_id)
def test_a_key_of_somebody_else_that_the_client_does_not_have_is_a_mismatch(
    signer: SigningKey,
) -> None:
    """It names a key that the client's own set does not have, but that another set does."""
    error = refusal(
        verifier_of(bound("own", OWN), bound("other", OTHER)), token(signer, client_id="own")
    )

    assert type(error) is ClientMismatch
    assert error.key_id == signer.key_id


def test_an_algorithm_that_the_client_may_not_use_is_a_mismatch_where_it_is_anothers() -> None:
    verifier = verifier_of(
        bound("own", OWN, algorithms="ES256"), bound("other", RS, algorithms="RS256")
    )

    assert type(refusal(verifier, token(RS, client_id="own"))) is ClientMismatch


def test_a_stranger_is_an_unknown_key_and_no_mismatch() -> None:
    verifier = verifier_of(bound("own", OWN))

    assert type(refusal(verifier, token(STRANGER, client_id="own"))) is UnknownKey


def issuers(**more: Any) -> list[Issuer]:
    return [
        Issuer("https://a", keys=GATEWAY.public_pem, algorithms="ES256"),
        Issuer("https://b", keys=OTHER.public_pem, algorithms="ES256", **more),
    ]


ANYWHERE = Client("c", trust=ClientTrust(issuer=ANY))


@pytest.mark.parametrize(
    "clients", [(), (ANYWHERE,), (ANYWHERE, bound("own", OWN, issuer="https://o"))], ids=len
)
def test_the_key_of_another_issuer_is_a_bad_signature_where_no_client_is_bound(
    clients: tuple[Client, ...],
) -> None:
    verifier = verifier_of(*clients, issuers=issuers())
    assert verifier.verify(token(GATEWAY, iss="https://a", client_id="c")).client_id == "c"
    error = refusal(verifier, token(OTHER, iss="https://a", client_id="c"))

    assert type(error) is (ClientMismatch if len(clients) == 2 else BadSignature)


@pytest.mark.parametrize("with_bound", [True, False])
@pytest.mark.parametrize(
    "claims, reason",
    [
        ({}, "missing"),
        ({"iss": 5}, "type"),
        ({"iss": ["https://a"]}, "type"),
        ({"iss": None}, "type"),
        ({"iss": "https://c"}, "mismatch"),
    ],
    ids=str,
)
def test_beside_several_issuers_a_token_must_name_one_of_them(
    claims: dict[str, Any], reason: str, with_bound: bool
) -> None:
    clients = (bound("own", OWN, issuer="https://o"),) if with_bound else ()
    error = refusal(verifier_of(*clients, issuers=issuers()), token(GATEWAY, **claims))

    assert isinstance(error, InvalidClaim)
    assert (error.claim, error.reason) == ("iss", reason)


def test_the_client_is_named_as_the_tokens_own_issuer_names_it() -> None:
    """The first issuer's gateway has no such claim."""
    verifier = verifier_of(
        bound("own", OWN, issuer="https://b", algorithms="ES256"), issuers=issuers(gateway="wso2")
    )
    claims = {"iss": "https://b", "http://wso2.org/claims/client_id": "own"}

    assert verifier.verify(token(OWN, **claims)).client_id == "own"
    assert type(refusal(verifier, token(OTHER, **claims))) is ClientMismatch


def test_without_a_registry_a_policy_is_a_name_that_nobody_has() -> None:
    assert verifier_of().unknown_names(has_role("x")) == []
    assert len(verifier_of().unknown_names(policy("x"))) == 1
    assert verifier_of(Client("c")).unknown_names(has_role("x")) != []


def test_algorithms_that_the_shared_keys_do_not_fit_are_an_error_at_start_up() -> None:
    own = Client("own", trust=ClientTrust(algorithms="PS256"))
    with pytest.raises(ConfigurationError, match=r"clients\.own\.trust: "):
        verifier_of(own, keys=GATEWAY.public_pem)
