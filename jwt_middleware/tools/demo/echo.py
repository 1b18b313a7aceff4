"""The Echo API: it returns all that it received, the assertion too, for a person to look at.

UCSD has such an API for its developers (page "Accessing Authentication Details Via JWT"), and warns
as this one does: an assertion is for the backend alone, and no other service should return it. So
this one serves on loopback only, unless an option allows more.
"""

from __future__ import annotations

import base64
from ipaddress import ip_address
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers, QueryParams
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from jwt_middleware_starlette import JWTMiddleware, current_principal, requires

from ...authorization.predicates import authenticated
from ...errors import ConfigurationError
from ...middleware.middleware import MIDDLEWARE_KEY
from ...verification.verifier import Verifier
from ..explain.token import principal_as_json
from ..gateway.requests import bounded_body

ECHO_CONTEXT = "/echo/1.0.0"
NOTICE = (
    "This API returns the assertion, so that you can look at one. An assertion is for the backend "
    "alone: do not return it from a service of your own."
)
LARGEST_BODY = 1_048_576
"""Bytes; a longer one is 413."""
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def echo_app(
    verifier: Verifier, header: str = "X-JWT-Assertion", *, beyond_loopback: bool = False
) -> Starlette:
    """Return the API, at ``/echo/1.0.0`` and below, guarded by the middleware.

    With ``beyond_loopback`` it answers on all addresses of the machine.
    """
    paths = (ECHO_CONTEXT, ECHO_CONTEXT + "/{rest:path}")
    middleware = [Middleware(JWTMiddleware, verifier=verifier, header=header)]
    if not beyond_loopback:
        middleware.insert(0, Middleware(LoopbackOnly))
    return Starlette(
        routes=[Route(path, echo, methods=_METHODS) for path in paths], middleware=middleware
    )


def check_loopback(host: str, beyond_loopback: bool) -> None:
    """Raise ``ConfigurationError`` for a host beyond loopback, unless an option allows it."""
    if not beyond_loopback and host != "localhost" and not _is_loopback(host):
        raise ConfigurationError(
            f"the Echo API shows assertions to its callers, so it serves on 127.0.0.1 and not on "
            f"{host}; --show-tokens-beyond-loopback allows it"
        )


@requires(authenticated)
async def echo(request: Request) -> JSONResponse:
    """Return the request, the principal, and the assertion where UCSD's sample reads it."""
    body = await bounded_body(request, LARGEST_BODY)
    if body is None:
        return JSONResponse({"error": f"the body has more than {LARGEST_BODY} bytes"}, 413)
    [assertion] = request.scope[MIDDLEWARE_KEY].headers.in_scope(request.scope)
    principal = current_principal()
    received: dict[str, Any] = {
        "notice": NOTICE,
        "method": request.method,
        "path": request.url.path,
        "query": _joined(request.query_params),
        "headers": _joined(request.headers),
        **_body(body),
        "principal": principal_as_json(principal) | {"claims": principal.claims},
    }
    headers = {"X-JWT-Assertion": assertion.decode("latin-1"), "Cache-Control": "no-store"}
    return JSONResponse(received, headers=headers)


class LoopbackOnly:
    """Answers 503 on every address but loopback's, however the app was started."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        server = scope.get("server")
        # A server's own address is an IP; that of a test client or a Unix socket is a name.
        if scope["type"] == "http" and server and _is_loopback(server[0]) is False:
            error = (
                "The Echo API shows assertions to its callers, so it answers on loopback only. "
                "--show-tokens-beyond-loopback at its start allows more."
            )
            await JSONResponse({"error": error}, 503)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_loopback(host: str) -> bool | None:
    """Whether an IP address is loopback's; None where it is not an IP address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return None


def _joined(values: QueryParams | Headers) -> dict[str, Any]:
    """Return each name with its value, or with a list where it is repeated."""
    lists = {name: values.getlist(name) for name in values}
    return {name: items[0] if len(items) == 1 else items for name, items in lists.items()}


def _body(content: bytes) -> dict[str, str]:
    try:
        return {"body": content.decode("utf-8")}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(content).decode("ascii")}
