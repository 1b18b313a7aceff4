"""Starlette's own ways: guards, mounts, classes, ``request.user``."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.authentication import requires as starlette_requires
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles

from jwt_middleware import has_role
from jwt_middleware.testing import SigningKey, mint
from jwt_middleware_starlette import (
    JWTMiddleware,
    current_principal,
    current_principal_or_none,
    requires,
)

from .conftest import Caller
from .harness import (
    ask_asgi,
    call_asgi,
    http_scope,
)

Options = dict[str, Any]
EVERYONE = has_role("Internal/everyone")
NOBODY = has_role("nobody")


def protected(routes: list[Any], options: Options, **more: Any) -> Starlette:
    app = Starlette(routes=routes)
    app.add_middleware(JWTMiddleware, **options, **more)
    return app


def tell(request: Request) -> JSONResponse:
    return JSONResponse(current_principal().subject)


def _bare(request: Request) -> JSONResponse:
    return JSONResponse("open to anybody")


class Orders(HTTPEndpoint):
    @requires(EVERYONE)
    async def get(self, request: Request) -> JSONResponse:
        return JSONResponse("orders")

    @requires(NOBODY)
    def delete(self, request: Request) -> JSONResponse:
        return JSONResponse("gone")

    async def put(self, request: Request) -> JSONResponse:
        return JSONResponse("put")


@pytest.mark.parametrize("method, status", [("GET", 200), ("DELETE", 403), ("PUT", 200)])
def test_each_method_of_an_endpoint_class_has_its_own_guard(
    method: str, status: int, options: Options, caller: Caller
) -> None:
    app = protected([Route("/orders", Orders)], options)

    assert call_asgi(app, method, "/orders", caller(), lifespan=True).status == status


def _mounted_starlette(handler: Any) -> Any:
    return Starlette(routes=[Route("/denied", handler)])


def _mounted_fastapi(handler: Any) -> Any:
    app = FastAPI()
    app.add_api_route("/denied", handler, response_model=None)
    return app


@pytest.mark.parametrize("mounted", [_mounted_starlette, _mounted_fastapi])
@pytest.mark.parametrize(
    "optional, path, code",
    [(False, "/sub/denied", "insufficient_permission"), (True, "/sub/denied", "missing_token")],
)
def test_a_guard_in_a_mounted_app_answers_as_the_middleware_does(
    mounted: Any, optional: bool, path: str, code: str, options: Options, caller: Caller
) -> None:
    @requires(NOBODY)
    def denied(request: Request) -> JSONResponse:
        return JSONResponse("served")

    inner = mounted(denied)
    app = protected(
        [Mount("/sub", app=inner), Route("/denied", denied)], options, optional=optional
    )
    headers = [] if optional else caller()

    below = call_asgi(app, "GET", path, headers, lifespan=True)
    beside = call_asgi(app, "GET", "/denied", headers)

    assert below.json()["code"] == code
    assert below.json() | {"reference": ""} == beside.json() | {"reference": ""}
    assert sorted(below.headers) == sorted(beside.headers)


def test_current_principal_in_a_mounted_app_refuses_with_the_same_body(options: Options) -> None:
    app = protected([Mount("/sub", app=_mounted_starlette(tell))], options, optional=True)

    answer = call_asgi(app, "GET", "/sub/denied")

    assert answer.status == 401
    assert answer.json()["code"] == "missing_token"


def test_a_guard_without_the_middleware_lets_nobody_in(
    caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    app = Starlette(routes=[Route("/", requires(EVERYONE)(_bare))])

    answer = call_asgi(app, "GET", "/", caller())

    assert answer.status == 401
    assert "not installed" in caplog.text


def test_current_principal_outside_a_request_is_missing() -> None:
    assert current_principal_or_none() is None


def test_current_principal_reaches_sync_handlers_in_their_thread(
    options: Options, caller: Caller
) -> None:
    app = protected([Route("/", tell)], options)

    assert call_asgi(app, "GET", "/", caller(enduser="sdoe")).json() == "sdoe"


# --- scope["user"] and scope["auth"] ---------------------------------------------------------


def _tell_user(request: Request) -> JSONResponse:
    user, auth = request.user, request.auth
    return JSONResponse([user.is_authenticated, user.display_name, list(auth.scopes)])


@starlette_requires("orders:read")
def _read_orders(request: Request) -> JSONResponse:
    return JSONResponse("orders")


def test_request_user_and_auth_are_the_principal_and_its_permissions(rsa_key: SigningKey) -> None:
    options = {"keys": rsa_key.public_pem, "gateway": "standard", "optional": True}
    app = protected([Route("/", _tell_user), Route("/orders", _read_orders)], options)
    claims = {"sub": "ana", "scope": "orders:write orders:read"}
    headers = [("X-JWT-Assertion", mint(rsa_key, claims, form="standard"))]

    told = call_asgi(app, "GET", "/", headers).json()

    assert told == [True, "ana", ["authenticated", "orders:read", "orders:write"]]
    assert call_asgi(app, "GET", "/").json() == [False, "", []]
    assert call_asgi(app, "GET", "/orders", headers).json() == "orders"
    assert call_asgi(app, "GET", "/orders").status == 403


@starlette_requires("authenticated")
def _starlettes_own(request: Request) -> JSONResponse:
    return JSONResponse("served")


@pytest.mark.parametrize("scope", ["", "orders:read"], ids=["no permission", "a permission"])
def test_starlettes_own_requires_authenticated_lets_in_whoever_is_proven(
    scope: str, rsa_key: SigningKey
) -> None:
    options = {"keys": rsa_key.public_pem, "gateway": "standard", "optional": ("/open",)}
    paths = ("/open", "/closed", "/exempt")
    app = protected([Route(path, _starlettes_own) for path in paths], options, exempt=["/exempt"])
    headers = [("X-JWT-Assertion", mint(rsa_key, {"sub": "ana", "scope": scope}, form="standard"))]

    assert [call_asgi(app, "GET", path, headers).status for path in paths] == [200, 200, 403]
    assert [call_asgi(app, "GET", path).status for path in paths] == [403, 401, 403]


def test_set_user_false_leaves_them_to_their_owner(options: Options, caller: Caller) -> None:
    async def tell_keys(request: Request) -> JSONResponse:
        return JSONResponse([request.scope.get("user"), request.scope.get("auth")])

    app = protected([Route("/", tell_keys)], options, set_user=False)
    owned = {"user": "of another", "auth": "of another too"}

    assert call_asgi(app, "GET", "/", caller()).json() == [None, None]
    assert call_asgi(app, "GET", "/", caller(), scope_changes=owned).json() == list(owned.values())


def test_a_users_stale_scope_keys_do_not_survive_an_anonymous_request(options: Options) -> None:
    app = protected([Route("/", _tell_user)], options, optional=True)
    stale = {"user": "an admin", "auth": "everything"}

    assert call_asgi(app, "GET", "/", scope_changes=stale).json() == [False, "", []]


# --- places ----------------------------------------------------------------------------------


def test_the_middleware_can_protect_one_mount_only(options: Options, caller: Caller) -> None:
    inner = [Middleware(JWTMiddleware, **options)]
    closed = Mount("/closed", routes=[Route("/x", tell)], middleware=inner)

    def unmarked(request: Request) -> JSONResponse:
        return JSONResponse("open to anybody")

    app = Starlette(routes=[closed, Route("/open", unmarked)])

    assert call_asgi(app, "GET", "/open").status == 200
    assert call_asgi(app, "GET", "/closed/x").status == 401
    assert call_asgi(app, "GET", "/closed/x", caller()).status == 200


def test_a_plain_router_can_be_wrapped(options: Options, caller: Caller) -> None:
    app = JWTMiddleware(Router([Route("/", requires(EVERYONE)(_bare))]), **options)

    assert call_asgi(app, "GET", "/").status == 401
    assert call_asgi(app, "GET", "/", caller()).status == 200


def test_nothing_leaks_between_two_requests_on_one_loop(options: Options, caller: Caller) -> None:
    """Both requests are inside their handlers at once, each between two looks at its principal."""
    inside = 0

    async def look_twice(request: Request) -> JSONResponse:
        nonlocal inside
        before = current_principal().subject
        inside += 1
        while inside < 2:
            await asyncio.sleep(0)
        return JSONResponse([before, current_principal().subject])

    app = protected([Route("/", look_twice)], options)

    async def both() -> list[Any]:
        names = ("ana", "ben")
        scopes = [http_scope("GET", "/", caller(enduser=name)) for name in names]
        answers = await asyncio.gather(*(ask_asgi(app, scope) for scope in scopes))
        return [answer.json() for answer in answers]

    assert asyncio.run(both()) == [["ana", "ana"], ["ben", "ben"]]


def test_the_principal_is_gone_from_the_task_that_served_the_request(
    options: Options, caller: Caller
) -> None:
    """Servers may serve the requests of one connection in one task."""
    app = protected([Route("/", tell)], options)

    async def ask_and_look() -> Any:
        answer = await ask_asgi(app, http_scope("GET", "/", caller()))
        return answer.status, current_principal_or_none()

    assert asyncio.run(ask_and_look()) == (200, None)


# --- what an answer tells caches -------------------------------------------------------------


def test_files_and_what_has_not_changed_depend_on_the_header(
    tmp_path: Path, options: Options, caller: Caller
) -> None:
    (tmp_path / "a.txt").write_text("a")
    app = protected([Mount("/static", StaticFiles(directory=tmp_path))], options)
    whole = call_asgi(app, "GET", "/static/a.txt", caller())
    tag = whole.header("ETag") or ""
    same = call_asgi(app, "GET", "/static/a.txt", [*caller(), ("If-None-Match", tag)])

    assert (whole.status, same.status) == (200, 304)
    for answer in (whole, same):
        assert answer.header("Vary") == "X-JWT-Assertion"
        assert answer.header("Cache-Control") == "private"


def test_a_stream_and_an_error_of_the_apps_own_depend_on_the_header(
    options: Options, caller: Caller
) -> None:
    async def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(iter(["a", "b"]), headers={"Vary": "Accept"})

    async def fail(request: Request) -> JSONResponse:
        raise KeyError("of the app")

    async def sorry(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse("sorry", 410)

    app = protected([Route("/stream", stream), Route("/fail", fail)], options)
    app.add_exception_handler(KeyError, sorry)

    streamed, failed = (call_asgi(app, "GET", path, caller()) for path in ("/stream", "/fail"))

    assert (streamed.body, streamed.header("Vary")) == (b"ab", "Accept, X-JWT-Assertion")
    assert (failed.status, failed.header("Vary")) == (410, "X-JWT-Assertion")


def test_a_mounted_app_with_a_middleware_of_its_own_adds_nothing_twice(
    options: Options, caller: Caller
) -> None:
    inner = protected([Route("/", tell)], options)
    app = protected([Mount("/inner", inner)], options)

    answer = call_asgi(app, "GET", "/inner/", caller())

    assert answer.header("Vary") == "X-JWT-Assertion"
    assert answer.header("Cache-Control") == "private"
