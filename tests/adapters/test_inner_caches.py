"""A cache among the app's own middleware, inside ours, gives one caller's answer to nobody else.

It heeds ``Vary``, as RFC 9111 says, and nothing else: not even ``private``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Host, Mount, Route, Router

import jwt_middleware.asgi
import jwt_middleware.wsgi
from jwt_middleware import has_role
from jwt_middleware.principal import PRINCIPAL_KEY
from jwt_middleware.testing import SigningKey
from jwt_middleware_starlette import JWTMiddleware, current_principal, requires
from jwt_middleware_starlette.fastapi import guard

from .client_cases import sent
from .harness import Answer, call_asgi, call_wsgi

BOSS = has_role("boss")
ANA = {"sub": "ana", "http://wso2.org/claims/role": ["boss"]}
BOB = {"sub": "bob"}


class Cache:
    """Keeps each answer by its path, and by the request headers that its ``Vary`` names."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self._kept: dict[str, list[tuple[dict[bytes, bytes | None], list[Any]]]] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = dict(scope["headers"])
        known = self._kept.setdefault(scope["path"], [])
        for varied, answer in known:
            if all(given.get(name) == value for name, value in varied.items()):
                for message in answer:
                    await send(dict(message))
                return
        answer = []

        async def keep(message: Any) -> None:
            answer.append(dict(message))
            await send(message)

        await self.app(scope, receive, keep)
        if answer[0]["status"] == 200:
            vary = dict(answer[0]["headers"]).get(b"vary", b"").lower().split(b", ")
            known.append(({name: given.get(name) for name in vary if name}, answer))


def caching(function: Any) -> Any:
    """A cache as a function of middleware, which Starlette wraps."""
    kept: dict[Any, Response] = {}

    async def dispatch(request: Request, serve: Any) -> Response:
        for (path, *varied), known in kept.items():
            if path == request.url.path and all(
                request.headers.get(name) == value for name, value in varied
            ):
                return known
        response = await serve(request)
        body = b"".join([chunk async for chunk in response.body_iterator])
        answer = Response(body, response.status_code, dict(response.headers))
        if answer.status_code == 200:
            names = answer.headers.get("vary", "").lower().split(", ")
            kept[request.url.path, *((n, request.headers.get(n)) for n in names if n)] = answer
        return answer

    return BaseHTTPMiddleware(function, dispatch)


async def me(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(current_principal(request).subject))


@requires(BOSS)
async def boss(request: Request) -> PlainTextResponse:
    return PlainTextResponse("for the boss")


ROUTES = [Route("/me", me), Route("/boss", boss)]
CACHED = [Middleware(Cache)]


def added(app: Any, *caches: Any) -> Any:
    for cache in caches:
        app.add_middleware(cache)
    return app


def fastapi_app() -> Any:
    app, router = FastAPI(), APIRouter()
    router.add_api_route("/me", me)
    app.include_router(router)
    app.add_api_route("/boss", me, dependencies=[Depends(guard(BOSS))])
    return added(app, Cache)


APPS: dict[str, Callable[[], Any]] = {
    "middleware of the app": lambda: added(Starlette(routes=ROUTES), Cache, GZipMiddleware),
    "middleware of a FastAPI app": fastapi_app,
    "a function of middleware": lambda: added(Starlette(routes=ROUTES), caching),
    "middleware of each route": lambda: Starlette(
        routes=[
            Route("/me", me, middleware=CACHED),
            Route("/boss", boss, middleware=CACHED),
        ]
    ),
    "middleware of a mount": lambda: Starlette(
        routes=[Mount("/", routes=ROUTES, middleware=CACHED)]
    ),
    "middleware of a router": lambda: Starlette(
        routes=[Mount("/", Router(ROUTES, middleware=CACHED))]
    ),
    "around a mounted app": lambda: Starlette(routes=[Mount("/", Cache(Starlette(routes=ROUTES)))]),
    "middleware of a mounted app": lambda: Starlette(
        routes=[Mount("/", added(Starlette(routes=ROUTES), Cache))]
    ),
    "around the app of a host": lambda: Starlette(
        routes=[Host("backend.example.edu", Cache(Starlette(routes=ROUTES)))]
    ),
}


def asked(app: Any, key: SigningKey, path: str, claims: Any) -> Answer:
    return call_asgi(app, "GET", path, sent(key, claims))


@pytest.mark.parametrize("build", APPS.values(), ids=APPS)
def test_nobody_gets_what_another_caller_was_answered(
    build: Callable[[], Any], rsa_key: SigningKey
) -> None:
    app = build()
    app.add_middleware(JWTMiddleware, keys=rsa_key.public_pem, api="/echo")

    assert [asked(app, rsa_key, "/me", each).body for each in (ANA, BOB, ANA)] == [
        b"ana",
        b"bob",
        b"ana",
    ]
    assert [asked(app, rsa_key, "/boss", each).status for each in (ANA, BOB, ANA)] == [
        200,
        403,
        200,
    ]
    answer = asked(app, rsa_key, "/me", ANA)
    assert answer.header("Vary").count("X-JWT-Assertion") == 1
    assert answer.header("Cache-Control") == "private"


def test_middleware_around_ours_is_left_as_it_is(rsa_key: SigningKey) -> None:
    app: Any = added(Starlette(routes=ROUTES), GZipMiddleware)
    app.add_middleware(JWTMiddleware, keys=rsa_key.public_pem, api="/echo")
    app.add_middleware(Cache)

    assert asked(app, rsa_key, "/me", ANA).body == b"ana"
    assert asked(app, rsa_key, "/me", BOB).body == b"bob"
    inner = app.middleware_stack
    while inner is not None:
        assert not isinstance(inner, jwt_middleware.asgi.WithCacheHeaders)
        inner = getattr(inner, "app", None) if not isinstance(inner, Router) else None


def test_the_plain_door_sees_through_middleware_too(rsa_key: SigningKey) -> None:
    app = jwt_middleware.asgi.JWTMiddleware(Cache(asgi_app), keys=rsa_key.public_pem, api="/echo")

    assert [asked(app, rsa_key, "/", each).body for each in (ANA, BOB)] == [b"ana", b"bob"]


class WSGICache:
    """As ``Cache``, under WSGI."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self._kept: list[tuple[dict[str, Any], str, list[Any], list[bytes]]] = []

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        for varied, status, headers, body in self._kept:
            if all(environ.get(name) == value for name, value in varied.items()):
                start_response(status, headers)
                return body
        started: list[Any] = []
        body = list(self.app(environ, lambda *given: started.extend(given)))
        vary = dict(started[1]).get("Vary", "")
        names = [f"HTTP_{name.upper().replace('-', '_')}" for name in vary.split(", ") if name]
        self._kept.append(({name: environ.get(name) for name in names}, *started, body))
        start_response(*started)
        return body


def test_the_plain_wsgi_door_sees_through_middleware_too(rsa_key: SigningKey) -> None:
    app = jwt_middleware.wsgi.JWTMiddleware(
        WSGICache(wsgi_app), keys=rsa_key.public_pem, api="/echo"
    )
    callers = (ANA, BOB, ANA)
    answers = [call_wsgi(app, "GET", "/", sent(rsa_key, each)) for each in callers]

    assert [each.body for each in answers] == [b"ana", b"bob", b"ana"]
    assert {each.header("Vary") for each in answers} == {"X-JWT-Assertion"}


class ToWSGI:
    """A bridge, as a2wsgi has it: called by ASGI, it calls a WSGI app."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        started: list[Any] = []
        environ = {PRINCIPAL_KEY: scope[PRINCIPAL_KEY]}
        body = b"".join(self.app(environ, lambda *given: started.extend(given)))
        await send({"type": "http.response.start", "status": int(started[0][:3]), "headers": []})
        await send({"type": "http.response.body", "body": body})


class ToASGI:
    """The other way round."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", PRINCIPAL_KEY: environ[PRINCIPAL_KEY]}
        with suppress(StopIteration):
            self.app(scope, None, send).send(None)
        start_response(f"{sent[0]['status']} OK", [])
        return [sent[1]["body"]]


def wsgi_app(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ[PRINCIPAL_KEY].subject.encode()]


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope[PRINCIPAL_KEY].subject.encode()})


@pytest.mark.parametrize("around", [lambda app: app, Cache], ids=["alone", "in a cache"])
def test_an_app_behind_a_bridge_to_wsgi_is_served_as_it_is(
    around: Any, rsa_key: SigningKey
) -> None:
    door = jwt_middleware.asgi.JWTMiddleware(
        around(ToWSGI(wsgi_app)), keys=rsa_key.public_pem, api="/echo"
    )

    assert [asked(door, rsa_key, "/", each).body for each in (ANA, BOB)] == [b"ana", b"bob"]


@pytest.mark.parametrize("around", [lambda app: app, WSGICache], ids=["alone", "in a cache"])
def test_an_app_behind_a_bridge_to_asgi_is_served_as_it_is(
    around: Any, rsa_key: SigningKey
) -> None:
    door = jwt_middleware.wsgi.JWTMiddleware(
        around(ToASGI(asgi_app)), keys=rsa_key.public_pem, api="/echo"
    )
    answers = [call_wsgi(door, "GET", "/", sent(rsa_key, each)) for each in (ANA, BOB)]

    assert [each.body for each in answers] == [b"ana", b"bob"]


def test_what_is_no_middleware_keeps_its_app(rsa_key: SigningKey) -> None:
    class Framework:
        """It has an ``app`` of its own that is not what it wraps."""

        def __init__(self, name: str) -> None:
            self.app = name

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    framework = Framework("mine")
    door = jwt_middleware.asgi.JWTMiddleware(framework, keys=rsa_key.public_pem, api="/echo")

    assert (door.app, framework.app) == (framework, "mine")


def test_with_vary_false_nothing_is_added_inside_either(rsa_key: SigningKey) -> None:
    app = added(Starlette(routes=ROUTES), Cache)
    app.add_middleware(JWTMiddleware, keys=rsa_key.public_pem, api="/echo", vary=False)

    assert [asked(app, rsa_key, "/me", each).body for each in (ANA, BOB)] == [b"ana", b"ana"]
