"""MCP for real: servers of both packages, each protected in both ways, called by both clients."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from traceback import format_exception
from typing import Any

import fastmcp
import fastmcp.client.auth.client_credentials as fastmcp_credentials
import httpx2
import pytest
from fastmcp.client.transports import StreamableHttpTransport
from mcp import Client
from mcp.client.auth import utils
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

from jwt_middleware.testing import SigningKey

from .mcp_servers import (
    BUILDS,
    CLIENT,
    SCOPE,
    SECRET,
    Issuer,
    Server,
    content,
    ping,
    running,
    running_issuer,
)

BY_VERIFIER = [name for name in BUILDS if name.endswith("verifier")]
BY_MIDDLEWARE = [name for name in BUILDS if name.endswith("middleware")]


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with running_issuer(SigningKey("RS256", key_id="k1")) as running:
        yield running


@pytest.fixture(scope="module")
def servers(issuer: Issuer) -> Iterator[dict[str, Server]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(running(build, issuer)) for name, build in BUILDS.items()}


@pytest.fixture(params=BUILDS)
def server(request: pytest.FixtureRequest, servers: dict[str, Server]) -> Server:
    return servers[request.param]


class Memory:
    """Keeps a client's tokens while a test lasts."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        raise AssertionError("the client is registered already")


async def call_by_mcp(server: Server, auth: Any, tool: str = "who", mode: Any = "auto") -> Any:
    headers = {"Authorization": f"Bearer {auth}"} if isinstance(auth, str) else {}
    flow = None if isinstance(auth, str) else auth
    async with (
        httpx2.AsyncClient(headers=headers, auth=flow) as http,
        Client(streamable_http_client(server.url, http_client=http), mode=mode) as client,
    ):
        return content(await client.call_tool(tool, {}))


async def call_by_fastmcp(server: Server, auth: Any, tool: str = "who", mode: Any = "auto") -> Any:
    transport = StreamableHttpTransport(server.url, auth=auth)
    async with fastmcp.Client(transport, mode=mode) as client:
        return content(await client.call_tool(tool, {}))


CALLS = {"mcp": call_by_mcp, "fastmcp": call_by_fastmcp}
by_each_client = pytest.mark.parametrize("client", CALLS)


def post(server: Server, *lines: str, **headers: str) -> httpx2.Response:
    given = [("Authorization", line) for line in lines]
    given += [(name.replace("_", "-"), value) for name, value in headers.items()]
    given += [("Accept", "application/json, text/event-stream")]
    return httpx2.post(server.url, json=ping(), headers=given)


@by_each_client
@pytest.mark.parametrize("tool", ["who", "who_later"])
@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_tool_knows_its_caller(client: str, tool: str, mode: str, server: Server) -> None:
    caller = asyncio.run(CALLS[client](server, server.token(jti="t-1"), tool, mode))

    assert caller == {
        "subject": "ana",
        "client_id": CLIENT,
        "permissions": [SCOPE],
        "token_id": "t-1",
    }


def test_without_a_token_the_challenge_names_the_metadata(server: Server) -> None:
    refused = post(server)

    assert refused.status_code == 401
    assert utils.extract_resource_metadata_from_www_auth(refused) == server.metadata_url


def test_a_client_finds_the_metadata_and_in_it_the_issuer(server: Server, issuer: Issuer) -> None:
    named = utils.extract_resource_metadata_from_www_auth(post(server))
    derived = utils.build_protected_resource_metadata_discovery_urls(None, server.url)[0]
    assert named == derived

    answer = httpx2.get(derived, headers={"Origin": "https://inspector.example.org"})
    document = asyncio.run(utils.handle_protected_resource_response(answer))

    assert document is not None
    assert str(document.resource) == server.url
    assert [str(url) for url in document.authorization_servers] == [issuer.url]
    assert document.scopes_supported == [SCOPE]
    assert document.bearer_methods_supported == ["header"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_the_mcp_client_gets_a_token_by_itself(server: Server, issuer: Issuer) -> None:
    storage = Memory()
    flow = ClientCredentialsOAuthProvider(
        server.url, storage, client_id=CLIENT, client_secret=SECRET, issuer=issuer.url
    )
    caller = asyncio.run(call_by_mcp(server, flow))

    assert (caller["subject"], caller["client_id"], caller["permissions"]) == (
        CLIENT,
        CLIENT,
        [SCOPE],
    )
    assert storage.tokens is not None


def test_the_fastmcp_client_gets_a_token_by_itself(server: Server, issuer: Issuer) -> None:
    flow = fastmcp_credentials.ClientCredentialsOAuthProvider(
        client_id=CLIENT, client_secret=SECRET, issuer=issuer.url
    )
    caller = asyncio.run(call_by_fastmcp(server, flow))

    assert (caller["subject"], caller["client_id"], caller["permissions"]) == (
        CLIENT,
        CLIENT,
        [SCOPE],
    )


def test_a_client_without_the_scope_asks_for_it_and_comes_again(
    server: Server, issuer: Issuer
) -> None:
    storage = Memory()
    storage.tokens = OAuthToken(
        access_token=server.token(scope="tools:list"), token_type="Bearer", scope="tools:list"
    )
    flow = ClientCredentialsOAuthProvider(
        server.url, storage, client_id=CLIENT, client_secret=SECRET, issuer=issuer.url
    )

    assert SCOPE in asyncio.run(call_by_mcp(server, flow))["permissions"]


REFUSED: dict[str, dict[str, Any]] = {
    "expired": {"exp": 1_000_000_000},
    "another audience": {"aud": "https://other.example.com/mcp"},
    "no audience": {"aud": None},
    "another issuer": {"iss": "https://other.example.com"},
    "immature": {"nbf": 4_000_000_000, "exp": 4_000_000_900},
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_token_is_refused(case: str, server: Server) -> None:
    refused = post(server, f"Bearer {server.token(**REFUSED[case])}")

    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    assert server.metadata_url in refused.headers["WWW-Authenticate"]


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_forged_token_is_refused(algorithm: str, server: Server) -> None:
    forger = SigningKey(algorithm, key_id="k1")

    assert post(server, f"Bearer {server.token(forger)}").status_code == 401


@pytest.mark.parametrize(
    "line",
    ["", "Bearer", "Bearer x", "bearer a.b.c", "Bearer é", "Basic eA==", f"Bearer {'x' * 20_000}"],
)
def test_what_is_no_token_is_refused(line: str, server: Server) -> None:
    refused = httpx2.post(server.url, json=ping(), headers=[(b"Authorization", line.encode())])

    assert refused.status_code == 401


@pytest.mark.parametrize("name", BY_MIDDLEWARE)
def test_of_two_tokens_the_middleware_takes_none(name: str, servers: dict[str, Server]) -> None:
    server = servers[name]
    line = f"Bearer {server.token()}"

    for lines in ((line, line), (f"{line}, {line}",)):
        refused = post(server, *lines)
        assert refused.status_code == 401
        assert 'error="invalid_request"' in refused.headers["WWW-Authenticate"]


def test_a_scheme_twice_is_no_token(server: Server) -> None:
    assert post(server, f"Bearer Bearer {server.token()}").status_code == 401


def test_a_missing_scope_is_403_and_named(server: Server) -> None:
    refused = post(server, f"Bearer {server.token(scope='tools:list')}")
    challenge = refused.headers["WWW-Authenticate"]

    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in challenge
    assert server.metadata_url in challenge
    assert SCOPE in challenge


@by_each_client
@pytest.mark.parametrize("changes", [{"exp": 1_000_000_000}, {"scope": "tools:list"}])
def test_a_refused_client_calls_no_tool(
    client: str, changes: dict[str, Any], server: Server
) -> None:
    with pytest.raises(Exception) as caught:
        asyncio.run(CALLS[client](server, server.token(**changes)))

    assert "Server returned an error response" in "".join(format_exception(caught.value))


async def _who_with(server: Server, tokens: list[str]) -> list[Any]:
    """Call a tool within one session, each time with another token."""

    class Turn(httpx2.Auth):
        token = tokens[0]

        def auth_flow(self, request: httpx2.Request) -> Any:
            request.headers["Authorization"] = f"Bearer {self.token}"
            yield request

    turn = Turn()
    async with (
        httpx2.AsyncClient(auth=turn) as http,
        Client(streamable_http_client(server.url, http_client=http), mode="legacy") as client,
    ):
        callers = []
        for token in tokens:
            turn.token = token
            callers.append(content(await client.call_tool("who", {})))
        return callers


def test_in_a_session_each_message_has_its_own_token(server: Server) -> None:
    tokens = [server.token(jti=name) for name in ("t-1", "t-2", "t-3")]

    callers = asyncio.run(_who_with(server, tokens))

    assert [caller["token_id"] for caller in callers] == ["t-1", "t-2", "t-3"]


@pytest.mark.parametrize("name", BY_VERIFIER)
@pytest.mark.parametrize("changes", [{"sub": "eve"}, {"client_id": "other"}, {"client_id": None}])
def test_a_session_belongs_to_its_caller(
    name: str, changes: dict[str, Any], servers: dict[str, Server]
) -> None:
    server = servers[name]
    begin = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
    headers = {"Accept": "application/json, text/event-stream"}

    def send(token: str, message: Any, **more: str) -> httpx2.Response:
        own = headers | {"Authorization": f"Bearer {token}"} | more
        return httpx2.post(server.url, json=message, headers=own)

    opened = send(server.token(), begin)
    session = {"Mcp-Session-Id": opened.headers["Mcp-Session-Id"]}

    assert send(server.token(jti="another"), ping(), **session).status_code == 200
    assert send(server.token(**changes), ping(), **session).status_code == 404
