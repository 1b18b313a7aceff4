"""Websockets of Starlette and FastAPI: refused before they are accepted, or not at all."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.routing import Mount, WebSocketRoute
from starlette.websockets import WebSocket

from jwt_middleware import Principal, has_role
from jwt_middleware_starlette import JWTMiddleware, current_principal, requires
from jwt_middleware_starlette.fastapi import guard

from .conftest import Caller
from .harness import DENIAL, Handshake, open_websocket

Options = dict[str, Any]
EVERYONE = has_role("Internal/everyone")
NOBODY = has_role("nobody")


async def greet(ws: WebSocket) -> None:
    await ws.accept()
    await ws.send_text(str(current_principal().subject))


@requires(EVERYONE)
async def everyone(ws: WebSocket) -> None:
    await greet(ws)


@requires(NOBODY)
async def nobody(ws: WebSocket) -> None:
    await greet(ws)


@requires(NOBODY)
async def accepted_first(ws: WebSocket) -> None:
    raise AssertionError("the guard comes first")


class Guarded(WebSocketEndpoint):
    @requires(NOBODY)
    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()


def starlette(options: Options) -> Any:
    below = [WebSocketRoute("/nobody", nobody)]
    app = Starlette(
        routes=[
            WebSocketRoute("/greet", greet),
            WebSocketRoute("/everyone", everyone),
            WebSocketRoute("/nobody", nobody),
            WebSocketRoute("/class", Guarded),
            Mount("/mounted", app=Starlette(routes=below)),
        ]
    )
    app.add_middleware(JWTMiddleware, **options)
    return app


def fastapi(options: Options) -> Any:
    app, below = FastAPI(), FastAPI()
    app.add_middleware(JWTMiddleware, **options)
    app.websocket("/greet")(greet)

    @app.websocket("/everyone")
    async def everyone(ws: WebSocket, who: Annotated[Principal, Depends(guard(EVERYONE))]) -> None:
        await ws.accept()
        await ws.send_text(str(who.subject))

    @app.websocket("/nobody")
    @below.websocket("/nobody")
    async def nobody(ws: WebSocket, who: Annotated[Principal, Depends(guard(NOBODY))]) -> None:
        await ws.accept()

    app.mount("/mounted", below)
    return app


APPS = pytest.mark.parametrize("build", [starlette, fastapi])


def check_refused(shake: Handshake, status: int, code: str, *, denial: bool) -> None:
    assert not shake.accepted
    if not denial:
        assert shake == (False, 1008, None, ())
        return
    assert shake.denial is not None
    assert shake.denial.status == status
    assert shake.denial.json()["code"] == code
    assert shake.denial.header("WWW-Authenticate") is not None


@APPS
@pytest.mark.parametrize("path", ["/greet", "/everyone"])
def test_a_proven_caller_is_accepted(
    build: Any, path: str, options: Options, caller: Caller
) -> None:
    shake = open_websocket(build(options), path, caller(enduser="ana"))

    assert shake.accepted
    assert shake.texts == ("ana",)


@APPS
@pytest.mark.parametrize("extensions", [DENIAL, {}], ids=["denial", "close"])
@pytest.mark.parametrize("path", ["/greet", "/nowhere"])
def test_an_unproven_caller_is_refused_before_the_app_is_asked(
    build: Any, path: str, extensions: Any, options: Options
) -> None:
    shake = open_websocket(build(options), path, extensions=extensions)

    check_refused(shake, 401, "missing_token", denial=bool(extensions))


@APPS
@pytest.mark.parametrize("extensions", [DENIAL, {}], ids=["denial", "close"])
@pytest.mark.parametrize("path", ["/nobody", "/mounted/nobody"])
def test_a_guard_refuses_before_the_socket_is_accepted(
    build: Any, path: str, extensions: Any, options: Options, caller: Caller
) -> None:
    shake = open_websocket(build(options), path, caller(), extensions=extensions)

    check_refused(shake, 403, "insufficient_permission", denial=bool(extensions))


@APPS
@pytest.mark.parametrize("extensions", [DENIAL, {}], ids=["denial", "close"])
def test_a_guard_refuses_nobody_where_the_middleware_lets_nobody_pass(
    build: Any, extensions: Any, options: Options
) -> None:
    app = build(options | {"optional": True})

    shake = open_websocket(app, "/everyone", extensions=extensions)

    check_refused(shake, 401, "missing_token", denial=bool(extensions))


@pytest.mark.parametrize("extensions", [DENIAL, {}], ids=["denial", "close"])
def test_a_guard_on_the_method_of_a_websocket_class_refuses_before_it_is_accepted(
    extensions: Any, options: Options, caller: Caller
) -> None:
    shake = open_websocket(starlette(options), "/class", caller(), extensions=extensions)

    assert not shake.accepted


@APPS
def test_a_socket_refused_by_current_principal_is_never_accepted_silently(
    build: Any, options: Options
) -> None:
    """``greet`` accepts and then asks: the socket is closed with 1008, not left open or 500."""
    shake = open_websocket(build(options | {"optional": True}), "/greet")

    assert (shake.close_code, shake.texts) == (1008, ())
