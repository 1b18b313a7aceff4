"""The token verifiers of both MCP packages: their options, and what they say of a token."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
import pytest
from fastmcp.server.auth import MultiAuth, RemoteAuthProvider, TokenVerificationError
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from pydantic import AnyHttpUrl

import jwt_middleware_mcp
import jwt_middleware_mcp.fastmcp
from jwt_middleware import ANY, ConfigurationError, KeysUnavailable, MissingToken, Verifier
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from ..conftest import Clock
from ..kit import Events
from .mcp_servers import BUILDS, Issuer, ping, running

ISSUER = "https://login.example.com"
MCP = "https://mcp.example.com/mcp"
CLAIMS = {"iss": ISSUER, "aud": MCP, "sub": "ana", "client_id": "desk", "scope": "b a"}

packages = pytest.mark.parametrize(
    "package",
    [
        pytest.param(jwt_middleware_mcp, id="mcp"),
        pytest.param(jwt_middleware_mcp.fastmcp, id="fastmcp"),
    ],
)


@pytest.fixture
def options(rsa_key: SigningKey) -> dict[str, Any]:
    return {"issuer": ISSUER, "audience": MCP, "keys": rsa_key.public_pem}


def verify(verifier: Any, token: str) -> Any:
    return asyncio.run(verifier.verify_token(token))


@packages
def test_an_access_token_says_what_the_token_says(
    package: ModuleType, options: dict[str, Any], rsa_key: SigningKey
) -> None:
    exp = int(time.time()) + 600
    token = mint(rsa_key, CLAIMS | {"exp": exp, "act": {"sub": ["x"]}}, form="standard")

    access = verify(package.JWTTokenVerifier(**options), token)

    assert access.token == token
    assert (access.client_id, access.subject) == ("desk", "ana")
    assert access.scopes == ["a", "b"]
    assert access.resource == MCP
    assert access.expires_at == exp + 30
    assert access.claims["act"] == {"sub": ["x"]}
    assert access.claims["iss"] == ISSUER
    assert access.principal.subject == "ana"


@packages
def test_an_access_token_can_be_copied_and_shows_neither_token_nor_claims(
    package: ModuleType, options: dict[str, Any], rsa_key: SigningKey
) -> None:
    token = mint(rsa_key, CLAIMS | {"email": "ana@example.com"}, form="standard")

    access = verify(package.JWTTokenVerifier(**options), token)

    assert access.model_copy(update={"client_id": "x"}).principal is access.principal
    assert access.model_dump(mode="json")["claims"]["email"] == "ana@example.com"
    assert token not in repr(access)
    assert "ana@example.com" not in repr(access)


@packages
@pytest.mark.parametrize("written", ["Bearer {}", "bearer  {}", "Basic {}", "{} {}", "{},{}", ""])
def test_what_is_left_after_the_scheme_is_one_token(
    package: ModuleType, written: str, options: dict[str, Any], rsa_key: SigningKey
) -> None:
    verifier = package.JWTTokenVerifier(**options)
    token = mint(rsa_key, CLAIMS, form="standard")

    assert verify(verifier, written.replace("{}", token)) is None
    assert verify(verifier, token).token == token


@packages
@pytest.mark.parametrize(
    "configured, audience, resource",
    [
        ([MCP, "api"], "api", "api"),
        ([MCP, "api"], ["other", "api"], "api"),
        ([MCP], ["https://other.example.com", MCP], MCP),
        (ANY, "https://other.example.com", "https://other.example.com"),
        (ANY, ["https://other.example.com", MCP], None),
        (ANY, None, None),
    ],
)
def test_the_resource_is_the_audience_by_which_the_token_was_accepted(
    package: ModuleType,
    configured: Any,
    audience: Any,
    resource: str | None,
    options: dict[str, Any],
    rsa_key: SigningKey,
) -> None:
    claims = {name: value for name, value in CLAIMS.items() if name != "aud"}
    claims |= {} if audience is None else {"aud": audience}
    verifier = package.JWTTokenVerifier(**options | {"audience": configured})

    assert verify(verifier, mint(rsa_key, claims, form="standard")).resource == resource


@packages
def test_a_token_in_its_leeway_is_good(
    package: ModuleType, options: dict[str, Any], rsa_key: SigningKey
) -> None:
    ended = int(time.time()) - 10
    token = mint(rsa_key, CLAIMS | {"exp": ended}, form="standard")

    assert verify(package.JWTTokenVerifier(**options), token).expires_at > time.time()
    assert verify(package.JWTTokenVerifier(**options, leeway=5), token) is None


@packages
def test_the_end_of_a_token_is_judged_by_the_verifiers_clock_also_when_cached(
    package: ModuleType, options: dict[str, Any], rsa_key: SigningKey, clock: Clock
) -> None:
    verifier = package.JWTTokenVerifier(**options, clock=clock)
    token = mint(rsa_key, CLAIMS, form="standard", now=clock.now, lifetime=600)

    assert verify(verifier, token).subject == "ana"
    clock.now += 629
    assert verify(verifier, token).subject == "ana"
    clock.now += 1
    assert verify(verifier, token) is None


@packages
@pytest.mark.parametrize("name", ["client_id", "azp", "cid", "appid"])
def test_the_client_is_read_from_whichever_claim_has_it(
    package: ModuleType, name: str, options: dict[str, Any], rsa_key: SigningKey
) -> None:
    claims = {"iss": ISSUER, "aud": MCP, "sub": "ana", name: "desk"}

    access = verify(package.JWTTokenVerifier(**options), mint(rsa_key, claims, form="standard"))

    assert access.client_id == "desk"


@packages
def test_without_a_client_the_subject_is_not_taken_for_one(
    package: ModuleType, options: dict[str, Any], rsa_key: SigningKey
) -> None:
    claims = {"iss": ISSUER, "aud": MCP, "sub": "desk"}

    access = verify(package.JWTTokenVerifier(**options), mint(rsa_key, claims, form="standard"))

    assert (access.client_id, access.subject) == ("", "desk")


@packages
def test_a_token_of_nobody_is_refused(
    package: ModuleType, options: dict[str, Any], rsa_key: SigningKey, events: Events
) -> None:
    verifier = package.JWTTokenVerifier(**options, listeners=[events])

    assert verify(verifier, mint(rsa_key, {"iss": ISSUER, "aud": MCP}, form="standard")) is None
    assert [each.code for each in events.decisions if not each.allowed] == ["invalid_claim"]


@packages
def test_a_refusal_is_an_event_with_its_reason(
    package: ModuleType, options: dict[str, Any], other_rsa_key: SigningKey, events: Events
) -> None:
    verifier = package.JWTTokenVerifier(**options, listeners=[events])

    assert verify(verifier, mint(other_rsa_key, CLAIMS, form="standard")) is None
    [refused] = events.decisions
    assert refused.code in ("bad_signature", "unknown_key")


@packages
def test_a_client_that_the_registry_does_not_have_is_refused(
    package: ModuleType, options: dict[str, Any], rsa_key: SigningKey, tmp_path: Path
) -> None:
    (tmp_path / "clients.toml").write_text('[clients.desk]\nname = "Desk"\npermissions = ["scp"]\n')
    verifier = package.JWTTokenVerifier(**options, clients=tmp_path / "clients.toml")

    known = verify(verifier, mint(rsa_key, CLAIMS | {"scp": ["x"]}, form="standard"))
    assert known.scopes == ["x"]
    assert verify(verifier, mint(rsa_key, CLAIMS | {"client_id": "kiosk"}, form="standard")) is None


@packages
def test_a_ready_verifier_is_used_as_it_is(package: ModuleType, rsa_key: SigningKey) -> None:
    ready = Verifier(keys=rsa_key.certificate_pem, api="/echo")

    verifier = package.JWTTokenVerifier(verifier=ready)

    assert verify(verifier, mint(rsa_key, ucsd_claims())).subject == "jroe@carbon.super"
    assert verifier.verifier is ready


@packages
@pytest.mark.parametrize(
    "wrong, named",
    [
        ({"audience": None}, "audience"),
        ({"verifier": "x"}, "verifier: a Verifier, not str"),
        ({"verifier": "ready"}, "audience, issuer, keys beside it"),
        ({"issuers": []}, "issuers"),
        ({"isuer": ISSUER}, "'issuer'"),
    ],
)
def test_a_wrong_option_fails_at_once(
    package: ModuleType,
    wrong: dict[str, Any],
    named: str,
    options: dict[str, Any],
    rsa_key: SigningKey,
) -> None:
    if wrong.get("verifier") == "ready":
        wrong = {"verifier": Verifier(keys=rsa_key.public_pem, gateway="standard")}

    with pytest.raises(ConfigurationError, match=named):
        package.JWTTokenVerifier(**options | wrong)


@packages
def test_outside_of_a_message_there_is_no_principal(package: ModuleType) -> None:
    assert package.current_principal_or_none() is None
    with pytest.raises(MissingToken):
        package.current_principal()


@packages
@pytest.mark.parametrize("is_ours", [False, True], ids=["another verifier's", "read again"])
def test_only_a_token_that_was_verified_in_this_process_has_a_principal(
    package: ModuleType, is_ours: bool
) -> None:
    kind = package.VerifiedToken if is_ours else AccessToken
    token = kind.model_validate({"token": "x", "client_id": "desk", "scopes": []})
    before = auth_context_var.set(AuthenticatedUser(token))
    try:
        assert package.current_principal_or_none() is None
        with pytest.raises(MissingToken):
            package.current_principal()
    finally:
        auth_context_var.reset(before)


def test_an_outage_of_the_keys_is_no_verdict_on_the_token(
    endpoint: str, rsa_key: SigningKey, options: dict[str, Any]
) -> None:
    options |= {"keys": endpoint}
    token = mint(rsa_key, CLAIMS, form="standard")

    with pytest.raises(KeysUnavailable):
        verify(jwt_middleware_mcp.JWTTokenVerifier(**options), token)
    of_fastmcp = jwt_middleware_mcp.fastmcp.JWTTokenVerifier(**options)
    with pytest.raises(TokenVerificationError, match="keys_unavailable"):
        verify(of_fastmcp, token)
    with pytest.raises(TokenVerificationError):  # any other exception would be a 401 there
        verify(MultiAuth(verifiers=[of_fastmcp]), token)


@pytest.mark.parametrize("name", BUILDS)
def test_while_the_keys_are_out_no_server_calls_a_token_invalid(
    name: str, endpoint: str, rsa_key: SigningKey
) -> None:
    with running(BUILDS[name], Issuer(ISSUER, rsa_key), keys=endpoint) as server:
        answer = httpx2.post(
            server.url, json=ping(), headers={"Authorization": f"Bearer {server.token()}"}
        )

    assert answer.status_code == (503 if "middleware" in name else 500)
    assert "WWW-Authenticate" not in answer.headers


def test_a_remote_auth_provider_of_fastmcp_may_serve_the_metadata_instead(
    options: dict[str, Any], rsa_key: SigningKey
) -> None:
    provider = RemoteAuthProvider(
        jwt_middleware_mcp.fastmcp.JWTTokenVerifier(**options, required_scopes=["a"]),
        [AnyHttpUrl(ISSUER)],
        "https://mcp.example.com",
    )

    assert [route.path for route in provider.get_routes("/mcp")] == [
        "/.well-known/oauth-protected-resource/mcp"
    ]
    assert verify(provider, mint(rsa_key, CLAIMS, form="standard")).principal.subject == "ana"
    assert provider.required_scopes == ["a"]


def test_fastmcp_serves_no_metadata_without_a_base_url(options: dict[str, Any]) -> None:
    assert jwt_middleware_mcp.fastmcp.JWTTokenVerifier(**options).get_routes("/mcp") == []


@pytest.mark.parametrize("issuer, named", [(None, "set issuer="), ("login", "authorization_serv")])
def test_fastmcp_metadata_needs_an_issuer_that_is_a_url(
    issuer: str | None, named: str, options: dict[str, Any]
) -> None:
    verifier = jwt_middleware_mcp.fastmcp.JWTTokenVerifier(
        **options | {"issuer": issuer}, base_url="https://mcp.example.com"
    )

    with pytest.raises(ConfigurationError, match=named):
        verifier.get_routes("/mcp")
