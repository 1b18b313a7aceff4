"""The gateway of a test signs for clients with keys of their own, and links of sign-on work."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from jwt_middleware import Client, ClientRegistry, SharedSecret, Verifier
from jwt_middleware.authorization.clients import ClientTrust
from jwt_middleware.errors import ClientMismatch, ConfigurationError
from jwt_middleware.keys.absence import allowed_absence
from jwt_middleware.sign_on.integrations import Integration
from jwt_middleware.sign_on.sql import SQLDirectory
from jwt_middleware.testing import LocalGateway, SigningKey, sign_on_link
from jwt_middleware_flask.sign_on import SignOn

from ..adapters.harness import call_wsgi


@pytest.fixture
def registry(tmp_path: Path) -> ClientRegistry:
    (tmp_path / "acme.pem").write_text(SigningKey().public_pem)
    (tmp_path / "clients.toml").write_text(
        """
        [clients.acme]
        roles = ["roles"]
        [clients.acme.trust]
        keys = "acme.pem"
        algorithms = ["PS256"]
        issuer = "https://acme.example"

        [clients.other]
        """
    )
    return ClientRegistry(tmp_path / "clients.toml")


def test_it_signs_for_a_client_with_keys_of_its_own(registry: ClientRegistry) -> None:
    with LocalGateway(clients=registry) as gateway:
        verifier = Verifier(**gateway.verifier_options)

        principal = verifier.verify(gateway.assertion(client="acme", roles=["admin"]))
        assert (principal.client_id, principal.roles) == ("acme", {"admin"})
        assert principal.issuer == "https://acme.example"
        assert verifier.verify(gateway.assertion(client="other")).client_id == "other"


def test_a_client_is_still_bound_to_its_issuer(registry: ClientRegistry) -> None:
    with LocalGateway(clients=registry) as gateway:
        verifier = Verifier(**gateway.verifier_options)
        with pytest.raises(ClientMismatch, match="another issuer"):
            verifier.verify(gateway.assertion(client="acme", iss="https://other.example"))


def test_a_registry_without_such_clients_is_used_as_it_is() -> None:
    registry = ClientRegistry([Client("a", trust=ClientTrust(issuer="https://a"))])

    with LocalGateway(clients=registry) as gateway:
        assert gateway.verifier_options["clients"] is registry


# --- sign-on ---------------------------------------------------------------------------------

SECRET = "s" * 32


def site(integrations: Any, folder: Path) -> Any:
    database = f"sqlite:///{folder / 'accounts.sqlite'}"
    app = Flask("sign-on")
    app.secret_key = "x"
    SignOn(
        app,
        integrations=integrations,
        directory=SQLDirectory(database),
        store="process-memory",
    )
    return app


def test_a_link_signs_a_person_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme.secret").write_text(SECRET + "\n")
    monkeypatch.setenv("OTHER_SECRET", SECRET)
    toml = tmp_path / "integrations.toml"
    toml.write_text(
        """
        [integrations.acme]
        issuer = "https://acme.example"
        secret_file = "acme.secret"
        max_age = 120
        [integrations.other]
        issuer = "https://other.example"
        audience = "us"
        secret_env = "OTHER_SECRET"
        """
    )
    app = site(str(toml), tmp_path)

    for name in ("acme", "other"):
        link = urlsplit(sign_on_link(toml, integration=name, go="/courses", groups=["a"]))
        answer = call_wsgi(app, "GET", link.path, query=link.query)
        assert (answer.status, answer.header("Location")) == (303, "/courses")
    late = urlsplit(sign_on_link(toml, integration="acme", lifetime=-3600, iat=None))
    assert call_wsgi(app, "GET", late.path, query=late.query).status == 401


def test_a_link_is_of_an_integration_in_code(tmp_path: Path, rsa_key: SigningKey) -> None:
    secret = Integration("a", secret=SECRET, issuer="https://a")
    keys = Integration("b", keys=rsa_key.public_pem, issuer="https://b")
    app = site([secret, keys], tmp_path)

    for link in (
        sign_on_link(secret),
        sign_on_link([secret, keys], integration="b", key=rsa_key),
    ):
        parts = urlsplit(link)
        assert call_wsgi(app, "GET", parts.path, query=parts.query).status == 303


def test_what_is_missing_for_a_link_is_named(rsa_key: SigningKey) -> None:
    keys = Integration("b", keys=rsa_key.public_pem, issuer="https://b")
    shared = Integration("c", secret=SharedSecret(SECRET), issuer="https://c")

    for entry in (keys, shared):
        with pytest.raises(ConfigurationError, match="key="):
            sign_on_link(entry)
    with pytest.raises(ConfigurationError, match="name one of those that there are: b, c"):
        sign_on_link([keys, shared])
    with pytest.raises(ConfigurationError, match="there are: b"):
        sign_on_link([keys], integration="x")


def test_a_link_says_what_it_is_given() -> None:
    entry = Integration("a", secret=SECRET)
    link = sign_on_link(entry, "ana@example.com", path="/in", onboard=True)

    parts = urlsplit(link)
    assert parts.path == "/in"
    assert set(parse_qs(parts.query)) == {"token"}


@pytest.mark.parametrize("place", ['secret_file = "none.secret"', 'secret_env = "NOWHERE_SET"'])
def test_a_secret_that_is_missing_is_named(place: str, tmp_path: Path) -> None:
    path = tmp_path / "integrations.toml"
    path.write_text(
        f"""
        [integrations.acme]
        issuer = "https://acme.example"
        audience = "https://app.example"
        max_age = 300
        {place}
        """
    )
    with allowed_absence():
        site(path, tmp_path)  # it refuses every link, and the tests of all else run

    with pytest.raises(ConfigurationError, match=r"acme is not in .*(none\.secret|NOWHERE_SET)"):
        sign_on_link(path)
    with pytest.raises(ConfigurationError):
        site(path, tmp_path)
