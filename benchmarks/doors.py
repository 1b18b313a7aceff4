"""What the middleware adds to a request: in process, over the bare framework."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Callable, Iterator
from typing import Any

from flask import Flask
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import jwt_middleware_flask
import jwt_middleware_starlette
from jwt_middleware import JSONLines, Verifier, client, has_permission, has_role

from .material import material, verifier, with_speed
from .measuring import Case, Section

HEADER = b"x-jwt-assertion"


def doors() -> Iterator[Section]:
    """Yield the ASGI and the WSGI door."""
    yield _asgi()
    yield _wsgi()


def _asgi() -> Section:
    kind = material("RS256", "wso2")
    token = kind.token.encode()
    hit, miss = verifier(kind), verifier(kind, cache_size=0)
    requires = jwt_middleware_starlette.requires
    rule = ~client("x") | (has_role("a") & has_permission("b"))
    apps = {
        "bare Starlette": starlette_app(None),
        "hit": starlette_app(hit),
        "without Vary, hit": starlette_app(hit, vary=False),
        "hit, with requires": starlette_app(hit, requires(rule | has_role(_one_role(hit, token)))),
        "hit, with JSONLines": starlette_app(verifier(kind, listeners=[JSONLines(os.devnull)])),
        "miss": starlette_app(miss),
    }
    loop = asyncio.new_event_loop()
    cases = [Case(name, _asgi_call(loop, app, token), "", with_speed) for name, app in apps.items()]
    return Section("ASGI in process, added to bare Starlette", "bare Starlette", cases, adds=True)


def _one_role(known: Verifier, token: bytes) -> str:
    return min(known.verify(token).roles)


def starlette_app(
    known: Verifier | None, guard: Callable[[Any], Any] | None = None, *, vary: bool = True
) -> Starlette:
    """Return an app of one route, guarded or bare."""

    async def hello(_: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    app = Starlette(routes=[Route("/", hello if guard is None else guard(hello))])
    if known is not None:
        app.add_middleware(jwt_middleware_starlette.JWTMiddleware, verifier=known, vary=vary)
    return app


def _asgi_call(loop: Any, app: Any, token: bytes) -> Callable[[], object]:
    view = memoryview(token)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise AssertionError(message["status"])

    def call() -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "path": "/",
            "raw_path": b"/",
            "root_path": "",
            "scheme": "http",
            "query_string": b"",
            "headers": [
                (b"host", b"backend.example.edu"),
                (b"accept", b"*/*"),
                (b"user-agent", b"benchmark"),
                (HEADER, bytes(view)),
            ],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8000),
        }
        # Nothing in it waits, so a step by hand spares the loop's own cost, which is not ours.
        running = app(scope, receive, send)
        try:
            running.send(None)
        except StopIteration:
            return
        raise AssertionError("the app has waited")

    def in_loop() -> None:
        asyncio._set_running_loop(loop)
        try:
            call()
        finally:
            asyncio._set_running_loop(None)

    in_loop()
    return in_loop


def _wsgi() -> Section:
    kind = material("RS256", "wso2")
    apps = {
        "bare Flask": flask_app(None),
        "hit": flask_app(verifier(kind)),
        "without Vary, hit": flask_app(verifier(kind), vary=False),
        "miss": flask_app(verifier(kind, cache_size=0)),
    }
    cases = [Case(name, _wsgi_call(app, kind.token), "", with_speed) for name, app in apps.items()]
    extended = _flask_jwt_extended(kind)
    if extended is not None:
        cases.append(
            Case("flask-jwt-extended", _wsgi_call(extended, kind.url_safe), "url-safe form")
        )
    return Section("WSGI in process, added to bare Flask", "bare Flask", cases, adds=True)


def flask_app(known: Verifier | None, *, vary: bool = True) -> Flask:
    """Return an app of one route, guarded or bare."""
    app = Flask("benchmark")
    if known is not None:
        jwt_middleware_flask.JWTMiddleware(app, verifier=known, vary=vary)
    app.add_url_rule("/", view_func=lambda: "hello", endpoint="hello")
    return app


def _flask_jwt_extended(kind: Any) -> Flask | None:
    try:
        from flask_jwt_extended import JWTManager, verify_jwt_in_request
    except ImportError:
        return None
    app = Flask("benchmark")
    app.config.update(
        JWT_ALGORITHM="RS256",
        JWT_PUBLIC_KEY=kind.key.public_pem,
        JWT_HEADER_NAME="X-JWT-Assertion",
        JWT_HEADER_TYPE="",
        JWT_IDENTITY_CLAIM="iss",
    )
    JWTManager(app)
    app.before_request(lambda: verify_jwt_in_request() and None)
    app.add_url_rule("/", view_func=lambda: "hello", endpoint="hello")
    return app


def _wsgi_call(app: Any, token: str) -> Callable[[], object]:
    raw_token = token.encode()

    def start_response(status: str, *_: Any) -> Any:
        if not status.startswith("200"):
            raise AssertionError(status)

    def call() -> None:
        environ = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": "/",
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "backend.example.edu",
            "HTTP_X_JWT_ASSERTION": raw_token.decode("latin-1"),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for _ in app(environ, start_response):
            pass

    call()
    return call
