"""One app a door, with the same routes at each: what the conformance table is run against.

``/who`` tells the principal; ``/needs-role``, ``/denied``, ``/not-client`` and ``/projects/{id}``
are guarded below the route's decorator, ``/above`` above it; ``/principal`` only asks for one. The
plain doors have no routes: every path of theirs is ``/who``, whose query may ask for headers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings
from fastapi import Depends, FastAPI
from flask import Blueprint, Flask, jsonify
from flask import request as flask_request
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import jwt_middleware.asgi
import jwt_middleware.wsgi
import jwt_middleware_flask as flask_adapter
import jwt_middleware_starlette as starlette_adapter
from jwt_middleware import Principal, claim, client, has_role, path_param
from jwt_middleware.principal import PRINCIPAL_KEY
from jwt_middleware_starlette.fastapi import guard

from .django_site import told
from .harness import Answer, Headers, answer_headers, call_asgi, call_wsgi

IS_EVERYONE = has_role("Internal/everyone")
IS_NOBODY = has_role("nobody")
IS_NOT_X = ~client("x")
OWNS_PROJECT = claim("http://wso2.org/claims/pid") == path_param("project_id")
SERVED = {"served": True}
CurrentPrincipal = Annotated[Principal, Depends(starlette_adapter.current_principal)]

Options = Mapping[str, Any]


class Door(NamedTuple):
    """A way into the package. ``can``: ``asgi`` or ``wsgi``, ``guards``, ``above``."""

    name: str
    build: Callable[[Options], Any]
    can: frozenset[str]

    def ask(
        self,
        app: Any,
        method: str,
        path: str,
        headers: Headers = (),
        *,
        query: str = "",
        planted: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Send one request; ``planted`` stands in the scope or environ already."""
        if "asgi" in self.can:
            return call_asgi(app, method, path, headers, query=query, scope_changes=planted)
        return call_wsgi(app, method, path, headers, query=query, environ_changes=planted)


def plain_asgi(options: Options) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = json.dumps(told(scope.get(PRINCIPAL_KEY))).encode()
        own = answer_headers(scope["query_string"].decode())
        headers = [(b"content-type", b"application/json")]
        headers += [(name.lower().encode(), value.encode()) for name, value in own.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return jwt_middleware.asgi.JWTMiddleware(app, **options)


def plain_wsgi(options: Options) -> Any:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        own = answer_headers(environ["QUERY_STRING"])
        start_response("200 OK", [("Content-Type", "application/json"), *own.items()])
        return [json.dumps(told(environ.get(PRINCIPAL_KEY))).encode()]

    return jwt_middleware.wsgi.JWTMiddleware(app, **options)


def starlette(options: Options) -> Starlette:
    requires = starlette_adapter.requires

    async def who(request: Request) -> JSONResponse:
        principal = starlette_adapter.current_principal_or_none()
        assert principal is request.scope.get(PRINCIPAL_KEY)
        return JSONResponse(told(principal), headers=answer_headers(request.url.query))

    def needs_role(request: Request) -> JSONResponse:
        return JSONResponse(SERVED)

    async def denied(request: Request) -> JSONResponse:
        return JSONResponse(SERVED)

    def not_client(request: Request) -> JSONResponse:
        return JSONResponse(SERVED)

    async def project(request: Request) -> JSONResponse:
        return JSONResponse(SERVED)

    async def principal(request: Request) -> JSONResponse:
        return JSONResponse(told(starlette_adapter.current_principal()))

    app = Starlette(
        routes=[
            Route("/who", who, methods=["GET", "OPTIONS"]),
            Route("/files/{name}", who),
            Route("/needs-role", requires(IS_EVERYONE)(needs_role)),
            Route("/denied", requires(IS_NOBODY)(denied)),
            Route("/not-client", requires(IS_NOT_X)(not_client)),
            Route("/projects/{project_id}", requires(OWNS_PROJECT)(project)),
            Route("/principal", principal),
        ]
    )
    app.add_middleware(starlette_adapter.JWTMiddleware, **options)
    return app


def fastapi(options: Options) -> FastAPI:
    app = FastAPI(openapi_url=None)
    app.add_middleware(starlette_adapter.JWTMiddleware, **options)
    requires = starlette_adapter.requires

    @app.api_route("/who", methods=["GET", "OPTIONS"])
    @app.get("/files/{name}")
    def who(request: Request, response: Response, name: str = "") -> Any:
        response.headers.update(answer_headers(request.url.query))
        return told(starlette_adapter.current_principal_or_none())

    @app.get("/needs-role", dependencies=[Depends(guard(IS_EVERYONE))])
    async def needs_role() -> Any:
        return SERVED

    @app.get("/denied", dependencies=[Depends(guard(IS_NOBODY))])
    def denied() -> Any:
        return SERVED

    @app.get("/not-client")
    @requires(IS_NOT_X)
    async def not_client() -> Any:
        return SERVED

    @app.get("/projects/{project_id}")
    @requires(OWNS_PROJECT)
    def project(project_id: str) -> Any:
        return SERVED

    @app.get("/principal")
    async def principal(principal: CurrentPrincipal) -> Any:
        return told(principal)

    return app


def flask(options: Options) -> Flask:
    app = Flask("tests")
    flask_adapter.JWTMiddleware(app, **options)
    _flask_routes(app)
    return app


def flask_factory(options: Options) -> Flask:
    """The installer is made without an app, the routes are a blueprint's, the options are data."""
    installer = flask_adapter.JWTMiddleware()
    blueprint = Blueprint("everything", "tests")
    _flask_routes(blueprint)

    def create_app() -> Flask:
        app = Flask("tests")
        app.config["JWT_MIDDLEWARE"] = dict(options)
        installer.init_app(app)
        app.register_blueprint(blueprint)
        return app

    return create_app()


def _flask_routes(app: Flask | Blueprint) -> None:
    requires = flask_adapter.requires

    @app.route("/who", methods=["GET", "OPTIONS"])
    @app.route("/files/<name>")
    def who(name: str = "") -> Any:
        own = answer_headers(flask_request.query_string.decode())
        return jsonify(told(flask_adapter.current_principal_or_none())), own

    @app.route("/needs-role")
    @requires(IS_EVERYONE)
    def needs_role() -> Any:
        return SERVED

    @app.route("/denied")
    @requires(IS_NOBODY)
    async def denied() -> Any:
        return SERVED

    @app.route("/not-client")
    @requires(IS_NOT_X)
    def not_client() -> Any:
        return SERVED

    @app.route("/projects/<project_id>")
    @requires(OWNS_PROJECT)
    def project(project_id: str) -> Any:
        return SERVED

    @requires(IS_EVERYONE)
    @app.route("/above")
    def above() -> Any:
        return SERVED

    @app.route("/principal")
    def principal() -> Any:
        return jsonify(told(flask_adapter.current_principal()))


def django_wsgi(options: Options) -> Any:
    with override_settings(JWT_MIDDLEWARE=dict(options)):
        return WSGIHandler()


def django_asgi(options: Options) -> Any:
    with override_settings(JWT_MIDDLEWARE=dict(options)):
        return ASGIHandler()


def _door(name: str, build: Callable[[Options], Any], *can: str) -> Door:
    return Door(name, build, frozenset(can))


DOORS = (
    _door("asgi", plain_asgi, "asgi"),
    _door("wsgi", plain_wsgi, "wsgi"),
    _door("starlette", starlette, "asgi", "guards"),
    _door("fastapi", fastapi, "asgi", "guards"),
    _door("flask", flask, "wsgi", "guards", "above"),
    _door("flask-factory", flask_factory, "wsgi", "guards", "above"),
    _door("django-wsgi", django_wsgi, "wsgi", "guards", "above"),
    _door("django-asgi", django_asgi, "asgi", "guards", "above"),
)
