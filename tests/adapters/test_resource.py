"""The metadata of a protected resource (RFC 9728) at every door, and challenges that name it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute

import jwt_middleware.asgi
from jwt_middleware import ProtectedResource, has_permission
from jwt_middleware.principal import PRINCIPAL_KEY
from jwt_middleware.testing import SigningKey, mint
from jwt_middleware_starlette import JWTMiddleware

from ..kit import Events
from .apps import DOORS, Door, plain_asgi, plain_wsgi, starlette
from .harness import DENIAL, ask_asgi, call_asgi, call_wsgi, http_scope, open_websocket

MCP = "https://mcp.example.com/mcp"
PATH = "/.well-known/oauth-protected-resource/mcp"
URL = f"https://mcp.example.com{PATH}"
DOCUMENT = {
    "resource": MCP,
    "authorization_servers": ["https://login.example.com"],
    "scopes_supported": ["tools:call"],
    "bearer_methods_supported": ["header"],
}

at_every_door = pytest.mark.parametrize(
    "door", [pytest.param(each, id=each.name) for each in DOORS]
)


@pytest.fixture
def options(rsa_key: SigningKey) -> dict[str, Any]:
    return {
        "gateway": "bearer",
        "keys": rsa_key.public_pem,
        "issuer": "https://login.example.com",
        "audience": MCP,
        "resource": ProtectedResource(MCP, scopes_supported=["tools:call"]),
    }


def bearer(key: SigningKey, **claims: Any) -> list[tuple[str, str]]:
    own = {"iss": "https://login.example.com", "aud": MCP, "sub": "ana", "client_id": "desk"}
    return [("Authorization", f"Bearer {mint(key, own | claims, form='standard')}")]


@at_every_door
def test_anybody_may_read_the_document(door: Door, options: dict[str, Any]) -> None:
    answer = door.ask(door.build(options), "GET", PATH)

    assert answer.status == 200
    assert answer.json() == DOCUMENT
    assert answer.header("Content-Type") == "application/json"
    assert answer.header("Access-Control-Allow-Origin") == "*"
    assert answer.header("Cache-Control") == "public, max-age=300"
    assert answer.header("Content-Length") == str(len(answer.body))
    assert "Authorization" not in (answer.header("Vary") or "")


@at_every_door
@pytest.mark.parametrize("lines", [["Bearer x.y.z"], ["Bearer a", "Bearer b"], ["Basic eA=="]])
def test_a_token_is_not_read_there(door: Door, lines: list[str], options: dict[str, Any]) -> None:
    headers = [("Authorization", line) for line in lines]

    assert door.ask(door.build(options), "GET", PATH, headers).json() == DOCUMENT


@at_every_door
def test_head_has_the_headers_alone(door: Door, options: dict[str, Any]) -> None:
    app = door.build(options)
    answer, whole = door.ask(app, "HEAD", PATH), door.ask(app, "GET", PATH)

    assert (answer.status, answer.body) == (200, b"")
    assert answer.header("Content-Length") == str(len(whole.body))


@at_every_door
def test_a_page_of_any_origin_may_ask_with_headers_of_its_own(
    door: Door, options: dict[str, Any]
) -> None:
    asks = [
        ("Origin", "https://inspector.example.org"),
        ("Access-Control-Request-Method", "GET"),
        ("Access-Control-Request-Headers", "mcp-protocol-version"),
    ]
    answer = door.ask(door.build(options), "OPTIONS", PATH, asks)

    assert (answer.status, answer.body) == (204, b"")
    assert answer.header("Access-Control-Allow-Origin") == "*"
    assert answer.header("Access-Control-Allow-Headers") == "*"
    assert "GET" in (answer.header("Access-Control-Allow-Methods") or "")


@at_every_door
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_another_method_is_not_allowed(door: Door, method: str, options: dict[str, Any]) -> None:
    answer = door.ask(door.build(options), method, PATH)

    assert answer.status == 405
    assert answer.header("Allow") == "GET, HEAD, OPTIONS"


@at_every_door
def test_no_other_path_is_open(door: Door, options: dict[str, Any]) -> None:
    app = door.build(options)

    for path in ("/who", "/.well-known/oauth-protected-resource", f"{PATH}/x", f"{PATH}//"):
        assert door.ask(app, "GET", path).status == 401


@at_every_door
def test_without_the_option_the_path_is_the_apps(door: Door, options: dict[str, Any]) -> None:
    del options["resource"]
    answer = door.ask(door.build(options), "GET", PATH)

    assert answer.status == 401
    assert "resource_metadata" not in (answer.header("WWW-Authenticate") or "")


@at_every_door
@pytest.mark.parametrize(
    "claims, status, says",
    [
        (None, 401, ""),
        ({"aud": "https://other.example.com"}, 401, 'error="invalid_token"'),
        ({"exp": 1}, 401, 'error="invalid_token"'),
        ({}, 403, 'error="insufficient_scope"'),
        ({"scope": "tools:list"}, 403, 'scope="tools:call"'),
    ],
    ids=["no token", "another audience", "expired", "no scope", "another scope"],
)
def test_every_challenge_names_the_document(
    door: Door,
    claims: dict[str, Any] | None,
    status: int,
    says: str,
    options: dict[str, Any],
    rsa_key: SigningKey,
) -> None:
    app = door.build(options | {"authorize": has_permission("tools:call")})
    headers = [] if claims is None else bearer(rsa_key, **claims)
    answer = door.ask(app, "GET", "/who", headers)
    challenge = answer.header("WWW-Authenticate") or ""

    assert answer.status == status
    assert challenge.startswith("Bearer ")
    assert f'resource_metadata="{URL}"' in challenge
    assert says in challenge
    assert ("error=" in challenge) is (claims is not None)


@at_every_door
def test_a_good_token_is_let_in(door: Door, options: dict[str, Any], rsa_key: SigningKey) -> None:
    app = door.build(options | {"authorize": has_permission("tools:call")})

    assert door.ask(app, "GET", "/who", bearer(rsa_key, scope="tools:call")).status == 200


@at_every_door
def test_the_event_of_the_document_says_that_nobody_was_asked(
    door: Door, options: dict[str, Any], events: Events
) -> None:
    door.ask(door.build(options | {"listeners": [events]}), "GET", PATH)

    [decided] = events.decisions
    assert (decided.allowed, decided.status, decided.subject) == (True, 200, None)


@pytest.mark.parametrize("build", [plain_asgi, starlette])
@pytest.mark.parametrize(
    "root, path",
    [
        ("/tools", f"/tools{PATH}"),  # as uvicorn writes a path below --root-path
        ("/tools", PATH),  # as a proxy that removes its prefix leaves it
        ("/tools/", PATH),
    ],
)
def test_a_mount_or_root_path_is_no_part_of_it(
    build: Any, root: str, path: str, options: dict[str, Any]
) -> None:
    changes = {"root_path": root}

    assert call_asgi(build(options), "GET", path, scope_changes=changes).json() == DOCUMENT


def test_a_script_name_is_no_part_of_it(options: dict[str, Any]) -> None:
    answer = call_wsgi(plain_wsgi(options), "GET", PATH, environ_changes={"SCRIPT_NAME": "/tools"})

    assert answer.json() == DOCUMENT


def test_a_mounted_app_serves_it_below_its_mount(options: dict[str, Any]) -> None:
    app = Starlette(routes=[Mount("/tools", app=starlette(options))])

    assert call_asgi(app, "GET", f"/tools{PATH}").json() == DOCUMENT
    assert call_asgi(app, "GET", "/tools/who").status == 401


def test_a_route_of_the_app_at_that_path_is_not_opened(options: dict[str, Any]) -> None:
    async def secret(request: Request) -> JSONResponse:
        return JSONResponse("secret")

    everything = Route("/{path:path}", secret, methods=["GET", "POST", "PROPFIND"])
    app = Starlette(routes=[everything, WebSocketRoute("/{path:path}", secret)])
    app.add_middleware(JWTMiddleware, **options)

    for method in ("GET", "POST", "PROPFIND", "OPTIONS", "HEAD"):
        assert b"secret" not in call_asgi(app, method, PATH).body


@pytest.mark.parametrize("plain", [True, False])
def test_a_websocket_at_that_path_is_refused(plain: bool, options: dict[str, Any]) -> None:
    async def accept(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})

    app: Any = jwt_middleware.asgi.JWTMiddleware(accept, **options)
    if not plain:
        app = Starlette(routes=[Mount("/", app=accept)])
        app.add_middleware(JWTMiddleware, **options)

    opened = open_websocket(app, PATH, extensions=DENIAL)
    assert opened.denial is not None
    assert (opened.accepted, opened.denial.status) == (False, 405)
    closed = open_websocket(app, PATH)
    assert (closed.accepted, closed.close_code) == (False, 1008)


def test_a_planted_principal_does_not_survive(options: dict[str, Any]) -> None:
    scope = http_scope("GET", PATH) | {PRINCIPAL_KEY: "planted"}

    answer = asyncio.run(ask_asgi(plain_asgi(options), scope))

    assert answer.json() == DOCUMENT
    assert PRINCIPAL_KEY not in scope
