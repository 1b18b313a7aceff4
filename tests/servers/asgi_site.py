"""The Starlette and the FastAPI app that real servers run; options come from the environment."""

from __future__ import annotations

from fastapi import FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute

from jwt_middleware import has_role
from jwt_middleware_starlette import JWTMiddleware, current_principal, requires

NOBODY = has_role("nobody")


async def who(request: Request) -> JSONResponse:
    return JSONResponse(current_principal().subject)


@requires(NOBODY)
async def denied(request: Request) -> JSONResponse:
    return JSONResponse("served")


async def greet(ws: WebSocket) -> None:
    await ws.accept()
    await ws.send_text(str(current_principal().subject))
    await ws.close()


starlette_app = Starlette(
    routes=[Route("/who", who), Route("/denied", denied), WebSocketRoute("/ws", greet)]
)
starlette_app.add_middleware(JWTMiddleware)

fastapi_app = FastAPI()
fastapi_app.add_middleware(JWTMiddleware)
fastapi_app.add_api_route("/who", who, response_model=None)
fastapi_app.add_api_route("/denied", denied, response_model=None)
fastapi_app.websocket("/ws")(greet)
