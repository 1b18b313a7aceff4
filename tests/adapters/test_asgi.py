"""The ASGI door, where it is not like the others."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette

from jwt_middleware import ConfigurationError
from jwt_middleware.asgi import JWTMiddleware
from jwt_middleware.middleware.enforcing import principal_of
from jwt_middleware.principal import PRINCIPAL_KEY

from .conftest import Caller
from .harness import DENIAL, ask_asgi, call_asgi, http_scope, open_websocket

Options = dict[str, Any]


class Echo:
    """A plain ASGI app that keeps the scopes that it is called with."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
        elif scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})


class Quart:
    """Named as Quart's app is, in a package of that name."""

    __module__ = "quart.app"

    async def asgi_app(self, scope: Any, receive: Any, send: Any) -> None: ...

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


@pytest.mark.parametrize(
    "app, right_line",
    [
        (Flask("tests"), "from jwt_middleware_flask import JWTMiddleware; JWTMiddleware(app"),
        (Starlette(), "from jwt_middleware_starlette import JWTMiddleware; app.add_middleware("),
        (FastAPI(), "from jwt_middleware_starlette import JWTMiddleware; app.add_middleware("),
        (Quart(), "from jwt_middleware.asgi import JWTMiddleware; app.asgi_app = JWTMiddleware("),
    ],
    ids=["Flask", "Starlette", "FastAPI", "Quart"],
)
def test_a_frameworks_app_is_refused_with_the_line_that_is_right_for_it(
    app: Any, right_line: str, options: Options
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        JWTMiddleware(app, **options)

    assert right_line in str(caught.value)
    assert type(app).__name__ in str(caught.value)


def test_what_cannot_be_called_is_no_app(options: Options) -> None:
    with pytest.raises(ConfigurationError, match="can be called"):
        JWTMiddleware(None, **options)  # type: ignore[arg-type]


def test_a_wrong_option_fails_in_the_constructor(options: Options) -> None:
    with pytest.raises(ConfigurationError, match="'leeway'"):
        JWTMiddleware(Echo(), **options, leway=3)  # type: ignore[call-arg]


@pytest.mark.parametrize("kind", ["lifespan", "webtransport", "a.kind.of.2040"])
def test_other_scope_types_pass_through_untouched(kind: str, options: Options) -> None:
    app, scope = Echo(), {"type": kind, PRINCIPAL_KEY: "whatever it is"}

    asyncio.run(JWTMiddleware(app, **options)(scope, _never, _never))

    assert app.scopes == [{"type": kind, PRINCIPAL_KEY: "whatever it is"}]
    assert app.scopes[0] is scope


async def _never(*_: object) -> Any:
    raise AssertionError("the middleware may not speak here")


@pytest.mark.parametrize("name", [b"X-JWT-Assertion", b"x-jwt-assertion", b"X-Jwt-ASSERTION"])
def test_the_headers_name_is_read_in_any_case(
    name: bytes, options: Options, caller: Caller
) -> None:
    [(_, token)] = caller()
    headers = {"headers": [(name, token.encode())]}

    assert call_asgi(JWTMiddleware(Echo(), **options), "GET", "/", scope_changes=headers)[0] == 200


def test_two_lines_in_different_cases_are_two_lines(options: Options, caller: Caller) -> None:
    [(_, token)] = caller()
    lines = [(b"x-jwt-assertion", token.encode()), (b"X-JWT-Assertion", token.encode())]
    app = JWTMiddleware(Echo(), **options)

    answer = call_asgi(app, "GET", "/", scope_changes={"headers": lines})

    assert answer.json()["code"] == "duplicate_header"


@pytest.mark.parametrize(
    "twin",
    [
        "x_jwt_assertion",
        "x-jwt_assertion",
        "x-jwt-assertion ",
        "x-jwt-assertion\0",
        "jwt-assertion",
    ],
)
def test_a_name_that_is_nearly_the_headers_is_never_read(
    twin: str, options: Options, caller: Caller
) -> None:
    [(_, token)] = caller()
    answer = call_asgi(JWTMiddleware(Echo(), **options), "GET", "/", [(twin, token)])

    assert answer.json()["code"] == "missing_token"


@pytest.mark.parametrize("more", [{"optional": True}, {"exempt": ("/x",)}], ids=repr)
def test_a_principal_that_stood_in_the_scope_reaches_no_app(more: Any, options: Options) -> None:
    app = Echo()
    stale = {PRINCIPAL_KEY: "somebody"}
    call_asgi(JWTMiddleware(app, **options | more), "GET", "/x", scope_changes=stale)

    assert app.scopes[0].get(PRINCIPAL_KEY) is None


def test_a_refused_request_never_reaches_the_app(options: Options) -> None:
    app = Echo()
    call_asgi(JWTMiddleware(app, **options), "POST", "/")

    assert app.scopes == []


def test_a_proven_websocket_reaches_the_app_with_its_principal(
    options: Options, caller: Caller
) -> None:
    app = Echo()
    shake = open_websocket(JWTMiddleware(app, **options), "/ws", caller())

    assert shake.accepted
    assert app.scopes[0][PRINCIPAL_KEY].subject == "jroe@carbon.super"


def test_a_websocket_is_refused_by_http_where_the_server_can(options: Options) -> None:
    shake = open_websocket(JWTMiddleware(Echo(), **options), "/ws", extensions=DENIAL)

    assert not shake.accepted
    assert shake.denial is not None
    assert shake.denial.status == 401
    assert shake.denial.json()["code"] == "missing_token"
    assert shake.denial.header("WWW-Authenticate") == 'Bearer realm="api"'


def test_a_websocket_is_closed_before_it_is_accepted_elsewhere(options: Options) -> None:
    shake = open_websocket(JWTMiddleware(Echo(), **options), "/ws")

    assert (shake.accepted, shake.close_code, shake.denial) == (False, 1008, None)


def test_exempt_paths_are_those_below_the_mount(options: Options) -> None:
    app = JWTMiddleware(Echo(), **options, exempt=("/health",))

    def status(path: str, root: str) -> int:
        return call_asgi(app, "GET", path, scope_changes={"root_path": root}).status

    assert status("/api/health", "/api") == 200
    assert status("/health", "/api") == 200  # a server whose path has no root in it
    assert status("/api/health", "") == 401
    assert status("/apihealth", "/api") == 401
    assert status("/api//health", "/api") == 401
    assert status("/api/health", "/health") == 401


def test_a_hundred_concurrent_requests_each_see_their_own_principal(
    options: Options, caller: Caller
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        before = scope[PRINCIPAL_KEY].client_id
        await asyncio.sleep(0)
        assert scope[PRINCIPAL_KEY].client_id == before
        headers = [(b"x-client", before.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    door = JWTMiddleware(app, **options)
    names = [f"client-{number % 7}" for number in range(100)]
    headers = {name: caller(client_id=name) for name in set(names)}

    async def ask_all() -> list[str | None]:
        asked = [ask_asgi(door, http_scope("GET", "/", headers[name])) for name in names]
        return [answer.header("x-client") for answer in await asyncio.gather(*asked)]

    assert asyncio.run(ask_all()) == names


# --- what an answer tells caches -------------------------------------------------------------


def test_an_app_may_send_the_same_message_and_headers_for_every_request(
    options: Options, caller: Caller
) -> None:
    headers = [(b"x-own", b"1")]
    start = {"type": "http.response.start", "status": 200, "headers": headers}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start)
        await send({"type": "http.response.body", "body": b""})

    door = JWTMiddleware(app, **options)
    answers = [call_asgi(door, "GET", "/", caller()) for _ in range(3)]

    assert [answer.header("Vary") for answer in answers] == ["X-JWT-Assertion"] * 3
    assert [answer.header("Cache-Control") for answer in answers] == ["private"] * 3
    assert headers == [(b"x-own", b"1")]


@pytest.mark.parametrize("headers", [{}, {"headers": ()}, {"headers": ([b"X-Own", b"1"],)}])
def test_an_answer_may_have_its_headers_in_any_iterable(
    headers: Any, options: Options, caller: Caller
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200} | headers)
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"b"})

    answer = call_asgi(JWTMiddleware(app, **options), "GET", "/", caller())

    assert (answer.header("Vary"), answer.body) == ("X-JWT-Assertion", b"ab")
    assert answer.header("Cache-Control") == "private"


def test_a_door_behind_another_adds_its_header_once(options: Options, caller: Caller) -> None:
    inner = JWTMiddleware(JWTMiddleware(Echo(), **options), **options, header="X-Inner")
    [(_, token)] = caller()

    answer = call_asgi(JWTMiddleware(inner, **options), "GET", "/", [*caller(), ("X-Inner", token)])

    assert answer.header("Vary") == "X-JWT-Assertion, X-Inner"
    assert answer.header("Cache-Control") == "private"


def test_what_the_app_raises_to_refuse_is_stored_nowhere(options: Options) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        principal_of(scope)

    answer = call_asgi(JWTMiddleware(app, **options, optional=True), "GET", "/")

    assert answer.status == 401
    assert answer.header("Vary") == "X-JWT-Assertion"
    assert answer.header("Cache-Control") == "no-store"


def test_the_acceptance_of_a_websocket_is_left_as_it_is(options: Options, caller: Caller) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    door = JWTMiddleware(Echo(), **options)
    asyncio.run(door(http_scope("GET", "/", caller(), kind="websocket"), receive, send))

    assert sent == [{"type": "websocket.accept"}]
