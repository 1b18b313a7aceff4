"""The metadata of a protected resource: its URL, its document, and what is refused at start-up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import ANY, ConfigurationError, Issuer, ProtectedResource, RequestView
from jwt_middleware.middleware import Middleware
from jwt_middleware.middleware.settings import Settings
from jwt_middleware.testing import SigningKey

MCP = "https://mcp.example.com/mcp"
ISSUER = "https://login.example.com"


@pytest.fixture
def bearer(rsa_key: SigningKey) -> dict[str, Any]:
    return {"gateway": "bearer", "keys": rsa_key.public_pem, "issuer": ISSUER, "audience": MCP}


def document_of(options: dict[str, Any], resource: Any) -> dict[str, Any]:
    middleware = Middleware({**options, "resource": resource})
    assert middleware.resource is not None
    answer = middleware.resource.answer(RequestView())
    members: dict[str, Any] = json.loads(answer.body)
    return members


@pytest.mark.parametrize(
    "identifier, url",
    [
        # RFC 9728, 3.1: its two examples
        (
            "https://resource.example.com",
            "https://resource.example.com/.well-known/oauth-protected-resource",
        ),
        (
            "https://resource.example.com/resource1",
            "https://resource.example.com/.well-known/oauth-protected-resource/resource1",
        ),
        # and its rule: a slash that ends the host is removed, a path and a query stay behind
        ("https://a.example/", "https://a.example/.well-known/oauth-protected-resource"),
        ("https://a.example/?t=1", "https://a.example/.well-known/oauth-protected-resource?t=1"),
        ("https://a.example/x?t=1", "https://a.example/.well-known/oauth-protected-resource/x?t=1"),
        ("https://a.example/x/", "https://a.example/.well-known/oauth-protected-resource/x/"),
        (
            "https://a.example:8443/x",
            "https://a.example:8443/.well-known/oauth-protected-resource/x",
        ),
        ("http://127.0.0.1:9/mcp", "http://127.0.0.1:9/.well-known/oauth-protected-resource/mcp"),
        ("http://[::1]:9/mcp", "http://[::1]:9/.well-known/oauth-protected-resource/mcp"),
        ("http://localhost/mcp", "http://localhost/.well-known/oauth-protected-resource/mcp"),
    ],
)
def test_the_well_known_path_stands_between_host_and_path(identifier: str, url: str) -> None:
    assert ProtectedResource(identifier).metadata_url == url


@pytest.mark.parametrize(
    "identifier, path",
    [
        ("https://a.example", "/.well-known/oauth-protected-resource"),
        ("https://a.example/", "/.well-known/oauth-protected-resource/"),
        ("https://a.example/x", "/.well-known/oauth-protected-resource/x"),
        ("https://a.example/x", "/.well-known/oauth-protected-resource/x/"),
        ("https://a.example/x/", "/.well-known/oauth-protected-resource/x"),
        ("https://a.example/x/", "/.well-known/oauth-protected-resource/x/"),
        ("https://a.example/x?t=1", "/.well-known/oauth-protected-resource/x"),
        ("https://a.example/caf%C3%A9", "/.well-known/oauth-protected-resource/café"),
    ],
)
def test_the_document_is_served_at_its_path_with_a_slash_or_without(
    identifier: str, path: str, bearer: dict[str, Any]
) -> None:
    middleware = Middleware({**bearer, "resource": identifier})

    assert middleware.skips_verification(RequestView("GET", path))
    answer = middleware.metadata_answer(RequestView("GET", path))
    assert answer is not None
    assert json.loads(answer.body)["resource"] == identifier


@pytest.mark.parametrize(
    "path",
    [
        "/mcp",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/",
        "/.well-known/oauth-protected-resource/mcp//",
        "/.well-known/oauth-protected-resource/mcp/x",
        "/.well-known/oauth-protected-resource/MCP",
        "/.well-known//oauth-protected-resource/mcp",
        "/x/../.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-protected-resource/%6Dcp",
        "/.well-known/oauth-protected-resource/mcp;x",
        "",
    ],
)
def test_no_other_path_is_open(path: str, bearer: dict[str, Any]) -> None:
    middleware = Middleware({**bearer, "resource": MCP})

    assert not middleware.skips_verification(RequestView("GET", path))
    assert middleware.metadata_answer(RequestView("GET", path)) is None


def test_a_document_says_where_tokens_come_from_and_nothing_without_a_value(
    bearer: dict[str, Any],
) -> None:
    assert document_of(bearer, MCP) == {
        "resource": MCP,
        "authorization_servers": [ISSUER],
        "bearer_methods_supported": ["header"],
    }


def test_a_document_has_every_member_that_is_set(bearer: dict[str, Any]) -> None:
    resource = ProtectedResource(
        MCP,
        authorization_servers=["https://a.example", "https://b.example/tenant"],
        scopes_supported=["tools:read", "tools:call"],
        resource_name="Enrolment tools",
        resource_documentation="https://docs.example.com/tools",
    )

    assert document_of(bearer, resource) == {
        "resource": MCP,
        "authorization_servers": ["https://a.example", "https://b.example/tenant"],
        "scopes_supported": ["tools:read", "tools:call"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Enrolment tools",
        "resource_documentation": "https://docs.example.com/tools",
    }


def test_the_authorization_servers_are_the_issuers_of_the_verifier(rsa_key: SigningKey) -> None:
    key = rsa_key.public_pem
    issuers = [
        Issuer("https://a.example", keys=key, audience=MCP),
        Issuer("https://b.example", keys=key, audience=MCP),
    ]
    several = document_of({"gateway": "bearer", "issuers": issuers}, MCP)
    tenants = document_of(
        {
            "gateway": "bearer",
            "keys": key,
            "issuer": "https://login.example.com/{tid}/v2.0",
            "tenants": ["t1", "t2"],
            "audience": MCP,
        },
        MCP,
    )

    assert several["authorization_servers"] == ["https://a.example", "https://b.example"]
    assert tenants["authorization_servers"] == [
        "https://login.example.com/t1/v2.0",
        "https://login.example.com/t2/v2.0",
    ]


def test_without_an_issuer_no_authorization_server_is_named(bearer: dict[str, Any]) -> None:
    assert "authorization_servers" not in document_of({**bearer, "issuer": None}, MCP)


def test_of_a_gateways_tokens_the_authorization_servers_must_be_named(rsa_key: SigningKey) -> None:
    options = {"keys": rsa_key.public_pem, "api": "/echo"}

    with pytest.raises(ConfigurationError, match=r"'wso2'.*authorization_servers="):
        Middleware({**options, "resource": MCP})
    named = ProtectedResource(MCP, authorization_servers=ISSUER)
    assert document_of(options, named)["authorization_servers"] == [ISSUER]


def test_an_issuer_that_is_no_url_is_no_authorization_server(bearer: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"'login'.*authorization_servers="):
        Middleware({**bearer, "issuer": "login", "resource": MCP})


@pytest.mark.parametrize(
    "given, named",
    [
        (("http://mcp.example.com/mcp",), "https"),
        (("ftp://mcp.example.com/mcp",), "https"),
        (("https://mcp.example.com/mcp#tools",), "fragment"),
        (("https://mcp.example.com/mcp#",), "fragment"),
        (("/mcp",), "whole URL"),
        (("mcp.example.com",), "whole URL"),
        (("https://",), "whole URL"),
        (("https://[::1/",), "cannot be read"),
        (("https://mcp.example.com:port/",), "cannot be read"),
        (('https://mcp.example.com/"x',), "whole URL"),
        (("https://mcp.example.com/a b",), "whole URL"),
        (("https://mcp.example.com/\r\nx",), "whole URL"),
        (("https://mcp.example.com/é",), "whole URL"),
        (("https://user:secret@mcp.example.com/",), "password"),
        (("",), "resource"),
        ((None,), "resource"),
        ((7,), "an int"),
        ((MCP, {"authorization_servers": []}), "authorization_servers"),
        ((MCP, {"authorization_servers": ["login"]}), "authorization_servers"),
        ((MCP, {"authorization_servers": ["http://login.example.com"]}), "authorization_servers"),
        ((MCP, {"scopes_supported": []}), "scopes_supported"),
        ((MCP, {"scopes_supported": ["a b"]}), "'a b'"),
        ((MCP, {"scopes_supported": ['a"b']}), "scopes_supported"),
        ((MCP, {"resource_name": ""}), "resource_name"),
        ((MCP, {"resource_documentation": "docs"}), "resource_documentation"),
    ],
)
def test_a_wrong_member_is_refused_by_name_and_no_secret_is_echoed(given: Any, named: str) -> None:
    identifier, members = (*given, {})[:2]

    with pytest.raises(ConfigurationError) as caught:
        ProtectedResource(identifier, **members)

    assert str(caught.value).startswith("resource")
    assert named in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("path", ["/a/../b", "/a//b", "//", "/a/%2e%2e/b", "/a%5Cb", "/a%00b"])
def test_a_path_that_programs_read_differently_is_refused(
    path: str, bearer: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match="more than one way"):
        Middleware({**bearer, "resource": f"https://mcp.example.com{path}"})


@pytest.mark.parametrize(
    "value, named",
    [
        (7, "an int"),
        ([MCP], "a list"),
        ({}, "'resource'"),
        ({"resource": MCP, "scopes": ["a"]}, "'scopes'"),
        ({"resource": MCP, "scope_supported": ["a"]}, "'scopes_supported'"),
    ],
)
def test_a_value_that_is_no_resource_is_refused(
    value: Any, named: str, bearer: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match=named):
        Middleware({**bearer, "resource": value})


def test_the_option_may_be_a_table_of_toml(bearer: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "mcp.toml"
    file.write_text(f'[resource]\nresource = "{MCP}"\nscopes_supported = ["tools:call"]\n')
    environ = {"JWT_MIDDLEWARE_CONFIG": str(file)}

    metadata = Settings.read(bearer, environ).resource
    assert metadata is not None
    assert metadata.document["scopes_supported"] == ["tools:call"]

    file.write_text('[resource]\nresource = "mcp"\n')
    with pytest.raises(ConfigurationError, match=r"mcp\.toml: resource: a whole URL"):
        Settings.read(bearer, environ)


def test_the_option_may_be_a_text_of_toml_and_the_environment(
    bearer: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "mcp.toml"
    file.write_text(f'resource = "{MCP}"\n')

    for environ in ({"JWT_MIDDLEWARE_CONFIG": str(file)}, {"JWT_MIDDLEWARE_RESOURCE": MCP}):
        metadata = Settings.read(bearer, environ).resource
        assert metadata is not None
        assert metadata.resource == MCP


def test_an_audience_of_any_kind_has_no_part_in_the_document(bearer: dict[str, Any]) -> None:
    assert document_of({**bearer, "audience": ANY}, MCP)["resource"] == MCP
