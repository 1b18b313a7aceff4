"""The gateway as an ASGI app: OAuth and keys of its own; it signs and forwards the rest."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Router
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from ...testing import Accounts, LocalGateway
from ...testing.publishing import is_published
from .assertions import repeating
from .oauth import Authority, Caller, oauth_routes
from .proxy import deny, forward, relay, upstream_client
from .requests import LOOPBACK_NAMES, LocalNames, forwarded


class DevelopmentGateway:
    """Does for development what the API manager does in production.

    It removes the caller's ``Authorization`` and any assertion header, adds a signed one as the
    gateway of its form does, and forwards the rest untouched.

    Args:
        upstreams: where the apps run (http or https), by the contexts of their APIs. A request goes
            to the one with the longest context that its path lies in, else to the first.
        accounts: who may call.
        local: signs; its keys are at the paths that its form publishes them at.
        everyone: the caller of requests without an access token; None refuses them.
        pages: routes of the gateway's own, beside OAuth's.

    """

    def __init__(
        self,
        upstreams: Mapping[str, str],
        accounts: Accounts,
        local: LocalGateway,
        *,
        everyone: Caller | None = None,
        pages: Sequence[BaseRoute] = (),
    ) -> None:
        self._upstreams = upstreams
        self._everyone = everyone
        self._client = upstream_client()
        self._authority = Authority(accounts)
        self._local = local
        self._assertion = repeating(local)
        self._header = local.header.lower().encode()
        self._replaced = {b"authorization", self._header} | {
            name.lower().encode() for name in local.gateway.headers
        }
        self.app = Starlette(lifespan=self._lifespan, middleware=[Middleware(LocalNames)])
        self.app.router.default = Router(
            [*oauth_routes(self._authority), *pages],
            redirect_slashes=False,
            default=self._handle,
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncGenerator[None, None]:
        yield
        await self._client.aclose()

    def _keys(self, path: str) -> Response:
        status, body, media_type = self._local.answer(path)
        # Short: after a restart the gateway has a new key, unless it was given one.
        headers = {"Cache-Control": "max-age=30"}
        return Response(body, status, headers, media_type=media_type)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") in ("GET", "HEAD") and is_published(scope["path"], self._local.form):
            await self._keys(scope["path"])(scope, receive, send)
            return
        caller = _odd_request(scope) or self._caller(scope)
        socket = WebSocket(scope, receive, send) if scope["type"] == "websocket" else None
        if isinstance(caller, Response):
            await (caller(scope, receive, send) if socket is None else deny(socket, caller))
            return
        context = self._context(scope["path"])
        upstream = self._upstreams[context]
        assertion = self._local.written(self._assertion(caller, context)).encode("ascii")
        headers = forwarded(scope["headers"], without=self._replaced)
        headers.append((self._header, assertion))
        if socket is not None:
            await relay(socket, upstream, headers)
            return
        response = await forward(self._client, Request(scope, receive), upstream, headers)
        await response(scope, receive, send)

    def _caller(self, scope: Scope) -> Caller | Response:
        """Return who calls, or the API manager's refusal."""
        values = [value for name, value in scope["headers"] if name == b"authorization"]
        if not values and self._everyone is not None:
            return _from_elsewhere(scope) or self._everyone
        if not values:
            return _refusal(
                "900902",
                "Missing Credentials",
                "Get an access token at /token and send it as Authorization: Bearer ..., or start "
                "the gateway with --client or --as, which names the caller of every request.",
            )
        kind, _, token = values[0].decode("latin-1").partition(" ")
        caller = self._authority.callers.get(token.strip()) if kind.lower() == "bearer" else None
        if caller is None or len(values) > 1:
            return _refusal(
                "900901",
                "Invalid Credentials",
                "The gateway does not know this access token: it has expired, or is from before a "
                "restart. Get a new one at /token.",
            )
        return caller

    def _context(self, path: str) -> str:
        inside = [c for c in self._upstreams if f"{path}/".startswith(f"{c.rstrip('/')}/")]
        return max(inside, key=len, default=next(iter(self._upstreams)))


def _odd_request(scope: Scope) -> Response | None:
    """Refuse a request that another server could read differently.

    A request target that is not a path could name another server (RFC 9112, 3.2.1). A body with two
    lengths could hide a second request (6.1).
    """
    target: bytes = scope.get("raw_path") or scope["path"].encode()
    if not target.startswith(b"/") or b"#" in target + scope["query_string"]:
        return PlainTextResponse("The request target is not a path.\n", 400)
    if {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}:
        return PlainTextResponse("Content-Length beside Transfer-Encoding: name one.\n", 400)
    return None


def _from_elsewhere(scope: Scope) -> Response | None:
    """Refuse the requests of a page from elsewhere, where none needs an access token.

    A browser says where a page comes from (Origin, RFC 6454; Sec-Fetch-Site, Fetch Metadata). A
    link to here may be followed, as with SameSite=Lax cookies, but not framed or embedded. A
    request without those headers is served: it is from a program, or a browser older than 2023.
    """
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    is_local = origin is None or urlsplit(origin).hostname in LOOPBACK_NAMES
    follows_link = (
        scope.get("method") == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )
    is_cross = headers.get("sec-fetch-site") == "cross-site" and not follows_link
    is_preflight = scope.get("method") == "OPTIONS"  # the app decides who may ask
    if is_preflight or (is_local and not is_cross):
        return None
    return PlainTextResponse(
        "This gateway signs requests without an access token, but not those of a page from "
        "elsewhere. Use an access token (/token), or a page of this machine.\n",
        403,
    )


def _refusal(code: str, message: str, description: str) -> Response:
    """Answer as WSO2's gateway does (its error codes 900900 and up)."""
    return JSONResponse(
        {"code": code, "message": message, "description": description},
        401,
        {"WWW-Authenticate": 'OAuth2 realm="development gateway"'},
    )
