"""Sign-on sites for real servers; what they share lies in the working directory."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask, session
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from jwt_middleware.sign_on.sql import SQLDirectory
from jwt_middleware_flask.sign_on import SignOn as FlaskSignOn
from jwt_middleware_starlette.sign_on import SignOn as StarletteSignOn

OPTIONS: dict[str, Any] = {
    "integrations": "integrations.toml",
    "store": "sqlite:///sign-on.sqlite",
}
SECRET = "of the tests, for nothing"


def make_flask() -> Flask:
    app = Flask(__name__)
    app.secret_key = SECRET
    FlaskSignOn(app, directory=SQLDirectory(), **OPTIONS)

    @app.get("/me")
    def me() -> Any:
        return {**session, "process": os.getpid()}

    return app


async def me(request: Request) -> JSONResponse:
    return JSONResponse({**request.session, "process": os.getpid()})


def make_starlette() -> Starlette:
    return Starlette(
        routes=[Route("/me", me), StarletteSignOn(directory=SQLDirectory(), **OPTIONS)],
        middleware=[Middleware(SessionMiddleware, secret_key=SECRET)],
    )


def __getattr__(name: str) -> Any:
    # Made when a server asks for it, so that importing this module makes no file.
    makers = {"flask_app": make_flask, "starlette_app": make_starlette}
    if name not in makers:
        raise AttributeError(name)
    return makers[name]()
