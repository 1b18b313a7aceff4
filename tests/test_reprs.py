"""Nothing prints a secret: neither what holds one, nor the error that is made of it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import (
    Client,
    ClientRegistry,
    ConfigurationError,
    Issuer,
    JWKSEndpoint,
    KeyFile,
    Revocations,
    SharedSecret,
    Verifier,
    authenticated,
)
from jwt_middleware.authorization.clients import ClientTrust
from jwt_middleware.middleware.middleware import Middleware
from jwt_middleware.middleware.settings import Settings
from jwt_middleware.sign_on import Integration
from jwt_middleware.testing import SigningKey, mint
from jwt_middleware.verification.cache import TAIL

SECRET = "cG9zc2libHkgdGhlIHNlY3JldCBvZiB0aGUgc2l0ZSwgd2hpY2ggaXMgbG9uZw"
JWK = {"kty": "oct", "k": SECRET, "alg": "HS256", "kid": "k-1"}
PASSWORD = "swordfish-of-the-site"


def shown(thing: Any) -> str:
    return f"{thing!r} {thing!s} {thing}"


def check_hidden(thing: Any, *more: str) -> None:
    plain = base64.urlsafe_b64decode(SECRET + "==").decode()
    for secret in (SECRET, plain, PASSWORD, *more):
        assert secret not in shown(thing)
        assert secret not in shown([thing])
        assert secret not in shown(getattr(thing, "__dict__", {}))


HOLDERS: dict[str, Any] = {
    "ClientTrust": ClientTrust(keys=JWK),
    "ClientTrust of several": ClientTrust([JWK], "https://a", "me", ("HS256",)),
    "Client": Client("acme", trust=ClientTrust(keys=JWK)),
    "ClientRegistry": ClientRegistry([Client("acme", trust=ClientTrust(keys=JWK))]),
    "Issuer": Issuer("https://a", keys=JWK),
    "SharedSecret": SharedSecret(SECRET),
    "Revocations": Revocations(f"redis://user:{PASSWORD}@127.0.0.1:1/0"),
    "JWKSEndpoint": JWKSEndpoint("https://gateway.example/jwks"),
    "Integration": Integration("acme", keys=JWK, algorithms=("HS256",)),
}


@pytest.mark.parametrize("name", HOLDERS)
def test_what_holds_a_secret_does_not_print_it(name: str) -> None:
    thing = HOLDERS[name]
    assert SECRET not in shown(thing)
    assert PASSWORD not in shown(thing)
    assert SECRET not in shown([thing])
    assert SECRET not in shown({"x": (thing,)})


def test_a_trust_still_says_what_it_is_bound_to() -> None:
    assert repr(ClientTrust(JWK, "https://a")) == (
        "ClientTrust(issuer='https://a', audience=None, algorithms=None)"
    )


def test_a_key_file_does_not_print_its_password(tmp_path: Path, rsa_key: SigningKey) -> None:
    path = tmp_path / "key.pem"
    path.write_text(rsa_key.certificate_pem)

    check_hidden(KeyFile(path, password=PASSWORD))


def test_what_is_made_of_a_secret_does_not_print_it(rsa_key: SigningKey) -> None:
    options: dict[str, Any] = {"keys": JWK, "algorithms": "HS256", "gateway": "standard"}
    options["clients"] = ClientRegistry([Client("acme", trust=ClientTrust(keys=[JWK]))])
    middleware = Middleware(options | {"authorize": authenticated})
    settings = Settings.read(options, {})
    key = SigningKey("HS256", private=base64.urlsafe_b64decode(SECRET + "=="), key_id="k-1")
    token = mint(key, {"client_id": "acme"}, form="standard")
    verifier = middleware.verifier
    verifier.verify(token)
    entry = verifier._cache.find(token.encode()[-TAIL:])

    signature = token.rpartition(".")[2]
    for thing in (
        middleware,
        settings,
        verifier,
        *verifier.issuers,
        entry,
        middleware.settings,
        key,
    ):
        assert thing is not None
        for secret in (SECRET, signature, token):
            assert secret not in shown(thing)


@pytest.mark.parametrize(
    "wrong",
    [
        {"keys": {**JWK, "kty": "what"}},
        {"keys": [JWK, {"kty": "oct", "k": 5}]},
        {"keys": JWK},  # HS* is not allowed here
        {"keys": SECRET},
        {"issuers": [Issuer("https://a", keys=JWK), Issuer("https://a", keys=JWK)]},
        {"header": JWK},
        {"clients": JWK},
        {"revocations": f"redis://user:{PASSWORD}@127.0.0.1:port/0"},
        {"revocations": JWK},
        {"audience": JWK},
        {"gateway": JWK},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_an_error_of_configuration_does_not_print_it(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Verifier(**wrong) if "header" not in wrong else Settings.read(wrong, {})

    assert SECRET not in shown(caught.value)
    assert PASSWORD not in shown(caught.value)


@pytest.mark.parametrize(
    "clients",
    [
        [Client("acme", trust=ClientTrust(keys=JWK))],
        [Client("acme", trust=ClientTrust(keys={**JWK, "k": SECRET + "*"}, issuer="https://a"))],
        [Client("acme", trust=ClientTrust(keys=[5, SECRET]))],
    ],
    ids=["HS beside RS", "malformed", "no key"],
)
def test_an_error_of_a_clients_trust_does_not_print_it(
    clients: list[Client], rsa_key: SigningKey
) -> None:
    with pytest.raises(ConfigurationError, match="acme") as caught:
        Verifier(keys=rsa_key.public_pem, clients=ClientRegistry(clients))

    assert SECRET not in shown(caught.value)
