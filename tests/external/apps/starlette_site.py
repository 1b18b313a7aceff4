"""A Starlette app behind the gateway that JWKS_URL belongs to."""

from __future__ import annotations

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from jwt_middleware_starlette import JWTMiddleware, current_principal


async def who(request: Request) -> JSONResponse:
    principal = current_principal()
    return JSONResponse(
        {
            "subject": principal.subject,
            "client": principal.client_id,
            "roles": sorted(principal.roles),
            "key": principal.key_id,
            "headers": sorted(request.headers.keys()),
        }
    )


class Shout:
    """Answers while it reads; Starlette's StreamingResponse would read the body away meanwhile."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        async for piece in Request(scope, receive).stream():
            await send({"type": "http.response.body", "body": piece.upper(), "more_body": True})
        await send({"type": "http.response.body", "body": b""})


app = Starlette(routes=[Route("/who", who), Route("/shout", Shout(), methods=["POST"])])
app.add_middleware(JWTMiddleware, keys=os.environ["JWKS_URL"], api="/orders")
