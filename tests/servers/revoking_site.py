"""Apps whose workers tell which they are, and that sign the caller out; options by environment."""

from __future__ import annotations

import os
import time
from typing import Any

from flask import Flask
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import jwt_middleware_flask
import jwt_middleware_starlette
from jwt_middleware import Principal
from jwt_middleware.revocation import Denial, open_store

store = open_store(os.environ["STORE_URL"])


def tell(principal: Principal) -> list[Any]:
    return [principal.subject, os.getpid()]


def sign_out(principal: Principal) -> list[Any]:
    store.deny(Denial(subject=principal.subject, until=time.time() + 600))
    return [time.time(), os.getpid()]


async def who(request: Request) -> JSONResponse:
    return JSONResponse(tell(jwt_middleware_starlette.current_principal()))


def out(request: Request) -> JSONResponse:
    return JSONResponse(sign_out(jwt_middleware_starlette.current_principal()))


starlette_app = Starlette(routes=[Route("/who", who), Route("/out", out)])
starlette_app.add_middleware(jwt_middleware_starlette.JWTMiddleware)

flask_app = Flask(__name__)
jwt_middleware_flask.JWTMiddleware(flask_app)


@flask_app.get("/who")
def flask_who() -> Any:
    return tell(jwt_middleware_flask.current_principal())


@flask_app.get("/out")
def flask_out() -> Any:
    return sign_out(jwt_middleware_flask.current_principal())
