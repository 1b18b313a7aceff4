"""MCP servers of both packages, protected in both ways, and the authorization server of them all.

Every one has the tool ``who``, sync, and ``who_later``, async: the caller as JSON.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from fastmcp import FastMCP
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import jwt_middleware_mcp
import jwt_middleware_mcp.fastmcp
import jwt_middleware_starlette
from jwt_middleware import Principal, ProtectedResource, has_permission
from jwt_middleware.testing import SigningKey, mint
from jwt_middleware.tools.gateway.serving import serving

from ..servers.running import free_port

logging.getLogger("fastmcp").setLevel(logging.CRITICAL)  # it writes to the terminal by itself

SCOPE = "tools:call"
CLIENT, SECRET = "desk", "s3cret"


class Issuer(NamedTuple):
    """A running authorization server, and the key that it signs with."""

    url: str
    key: SigningKey


class Server(NamedTuple):
    """A running MCP server; ``url`` is its endpoint and resource identifier."""

    url: str
    issuer: Issuer

    @property
    def metadata_url(self) -> str:
        return self.url.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")

    def token(self, key: SigningKey | None = None, **changes: Any) -> str:
        claims = {
            "iss": self.issuer.url,
            "aud": self.url,
            "sub": "ana",
            "client_id": CLIENT,
            "scope": SCOPE,
        }
        kept = {name: value for name, value in (claims | changes).items() if value is not None}
        return mint(key or self.issuer.key, kept, form="standard")


Build = Callable[[str, dict[str, Any]], Any]


def described(principal: Principal) -> dict[str, Any]:
    return {
        "subject": principal.subject,
        "client_id": principal.client_id,
        "permissions": sorted(principal.permissions),
        "token_id": principal.token_id,
    }


def add_tools(tool: Any, current_principal: Callable[[], Principal]) -> None:
    @tool()
    def who() -> dict[str, Any]:
        return described(current_principal())

    @tool()
    async def who_later() -> dict[str, Any]:
        return described(current_principal())


def mcp_verifier(url: str, options: dict[str, Any]) -> Any:
    server = MCPServer(
        "tools",
        token_verifier=jwt_middleware_mcp.JWTTokenVerifier(audience=url, **options),
        auth=AuthSettings(
            issuer_url=options["issuer"],
            resource_server_url=AnyHttpUrl(url),
            required_scopes=[SCOPE],
            validate_token_resource=True,
        ),
    )
    add_tools(server.tool, jwt_middleware_mcp.current_principal)
    return server.streamable_http_app()


def fastmcp_verifier(url: str, options: dict[str, Any]) -> Any:
    auth = jwt_middleware_mcp.fastmcp.JWTTokenVerifier(
        audience=url, base_url=url.removesuffix("/mcp"), required_scopes=[SCOPE], **options
    )
    server = FastMCP("tools", auth=auth)
    add_tools(server.tool, jwt_middleware_mcp.fastmcp.current_principal)
    return server.http_app()


def _behind_middleware(app: Any, url: str, options: dict[str, Any]) -> Any:
    app.add_middleware(
        jwt_middleware_starlette.JWTMiddleware,
        gateway="bearer",
        audience=url,
        resource=ProtectedResource(url, scopes_supported=[SCOPE]),
        authorize=has_permission(SCOPE),
        **options,
    )
    return app


def mcp_middleware(url: str, options: dict[str, Any]) -> Any:
    server = MCPServer("tools")
    add_tools(server.tool, jwt_middleware_starlette.current_principal)
    return _behind_middleware(server.streamable_http_app(), url, options)


def fastmcp_middleware(url: str, options: dict[str, Any]) -> Any:
    server = FastMCP("tools")
    add_tools(server.tool, jwt_middleware_starlette.current_principal)
    return _behind_middleware(server.http_app(), url, options)


BUILDS: dict[str, Build] = {
    "mcp, verifier": mcp_verifier,
    "fastmcp, verifier": fastmcp_verifier,
    "mcp, middleware": mcp_middleware,
    "fastmcp, middleware": fastmcp_middleware,
}


@contextmanager
def running(build: Build, issuer: Issuer, **options: Any) -> Iterator[Server]:
    """Serve what is built; by default its keys are those that the issuer's metadata names."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    app = build(url, {"issuer": issuer.url, **options})
    root.handlers[:], root.level = before  # MCPServer has set up the root logger
    with serving(app, port):
        yield Server(url, issuer)


def authorization_server(url: str, key: SigningKey) -> Starlette:
    """Issue tokens to one client, for the resource (RFC 8707) and the scope that it asks for."""

    async def metadata(request: Request) -> JSONResponse:
        return JSONResponse(
            {
                "issuer": url,
                "authorization_endpoint": f"{url}/authorize",
                "token_endpoint": f"{url}/token",
                "jwks_uri": f"{url}/jwks",
                "response_types_supported": ["code"],
                "grant_types_supported": ["client_credentials"],
                "scopes_supported": [SCOPE],
            }
        )

    async def jwks(request: Request) -> JSONResponse:
        return JSONResponse(key.jwks())

    async def token(request: Request) -> JSONResponse:
        form = dict(parse_qsl((await request.body()).decode()))
        pair = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        assert request.headers["Authorization"] == f"Basic {pair}"
        assert form["grant_type"] == "client_credentials"
        scope = form.get("scope", "")
        claims = {"iss": url, "aud": form["resource"], "sub": CLIENT, "client_id": CLIENT}
        issued = mint(key, claims | {"scope": scope}, form="standard")
        return JSONResponse({"access_token": issued, "token_type": "Bearer", "scope": scope})

    return Starlette(
        routes=[
            Route("/.well-known/oauth-authorization-server", metadata),
            Route("/.well-known/openid-configuration", metadata),
            Route("/jwks", jwks),
            Route("/token", token, methods=["POST"]),
        ]
    )


@contextmanager
def running_issuer(key: SigningKey) -> Iterator[Issuer]:
    """Serve the authorization server."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with serving(authorization_server(url, key), port):
        yield Issuer(url, key)


def ping() -> dict[str, Any]:
    """The body of a request that every server answers."""
    return {"jsonrpc": "2.0", "id": 1, "method": "ping"}


def content(result: Any) -> Any:
    """What a tool has returned."""
    return json.loads(result.content[0].text)
