"""Apps whose keys come from the endpoint that KEY_URL names; each tells which worker answered."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask, jsonify
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import jwt_middleware_flask as flask_adapter
import jwt_middleware_starlette as starlette_adapter
from jwt_middleware import JWKSEndpoint


def keys() -> JWKSEndpoint:
    return JWKSEndpoint(os.environ["KEY_URL"], fresh_for=float(os.environ["FRESH_FOR"]))


flask_app = Flask(__name__)
flask_adapter.JWTMiddleware(flask_app, keys=keys())


@flask_app.route("/who")
def who() -> Any:
    return jsonify([flask_adapter.current_principal().key_id, os.getpid()])


async def who_async(request: Request) -> JSONResponse:
    return JSONResponse([starlette_adapter.current_principal().key_id, os.getpid()])


starlette_app = Starlette(routes=[Route("/who", who_async)])
starlette_app.add_middleware(starlette_adapter.JWTMiddleware, keys=keys())
