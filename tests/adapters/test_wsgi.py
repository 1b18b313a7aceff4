"""The WSGI door, where it is not like the others."""

from __future__ import annotations

import io
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from wsgiref.validate import validator

import pytest
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette

from jwt_middleware import ConfigurationError, Principal
from jwt_middleware.principal import PRINCIPAL_KEY
from jwt_middleware.wsgi import JWTMiddleware

from .conftest import Caller
from .harness import call_wsgi
from .test_asgi import Quart

Options = dict[str, Any]


def tell_client(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    principal = environ.get(PRINCIPAL_KEY)
    return [b"nobody" if principal is None else str(principal.client_id).encode()]


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


def test_a_frameworks_inner_wsgi_app_is_welcome(options: Options) -> None:
    app = Flask("tests")
    app.wsgi_app = JWTMiddleware(app.wsgi_app, **options)  # type: ignore[method-assign]

    assert call_wsgi(app, "GET", "/").json()["code"] == "missing_token"


def test_a_wrong_option_fails_in_the_constructor(options: Options) -> None:
    with pytest.raises(ConfigurationError, match="'optional'"):
        JWTMiddleware(tell_client, **options, optinal=True)  # type: ignore[call-arg]


def test_the_environ_and_the_answers_keep_to_pep_3333(options: Options, caller: Caller) -> None:
    """``validator`` raises on both sides wherever the middleware breaks the protocol."""
    app = validator(JWTMiddleware(validator(tell_client), **options))

    for headers, status in ((caller(), 200), ([], 401)):
        stream = {"wsgi.input": io.BytesIO(), "wsgi.errors": io.StringIO()}
        assert call_wsgi(app, "GET", "/who", headers, environ_changes=stream).status == status


@pytest.mark.parametrize("status, line", [(429, "429 Too Many Requests"), (499, "499 Refused")])
def test_the_status_line_always_has_a_phrase(status: int, line: str, options: Options) -> None:
    def hook(refusal: Any, _: Any) -> Any:
        return type(refusal)(status, refusal.headers, refusal.body)

    lines: list[str] = []
    app = JWTMiddleware(tell_client, **options, refuse=hook)
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.input": io.BytesIO()}
    app(environ, lambda status, headers: lines.append(status))  # type: ignore[arg-type]

    assert lines == [line]


@pytest.mark.parametrize("more", [{"optional": True}, {"exempt": ("/x",)}], ids=repr)
def test_a_principal_that_stood_in_the_environ_reaches_no_app(more: Any, options: Options) -> None:
    app = JWTMiddleware(tell_client, **options | more)
    stale = {PRINCIPAL_KEY: Principal({"client_id": "stale"})}

    assert call_wsgi(app, "GET", "/x", environ_changes=stale).body == b"nobody"


def test_script_name_is_no_part_of_the_path(options: Options) -> None:
    app = JWTMiddleware(tell_client, **options, exempt=("/health",))

    mounted = call_wsgi(app, "GET", "/health", environ_changes={"SCRIPT_NAME": "/api"})
    elsewhere = call_wsgi(app, "GET", "/api/health")

    assert (mounted.status, elsewhere.status) == (200, 401)


def test_a_path_in_utf8_is_compared_as_text(options: Options) -> None:
    app = JWTMiddleware(tell_client, **options, exempt=("/häuser",))

    assert call_wsgi(app, "GET", "/häuser").status == 200


def test_a_path_that_is_no_utf8_is_not_taken_for_one_that_is(options: Options) -> None:
    app = JWTMiddleware(tell_client, **options, exempt=("/häuser",))

    assert call_wsgi(app, "GET", "/", environ_changes={"PATH_INFO": "/h\xe4user"}).status == 401


def test_the_underscore_form_cannot_be_distinguished_so_the_server_must_drop_it(
    options: Options, caller: Caller
) -> None:
    """PEP 3333 folds both names into one key: what the README's table of servers is for."""
    [(_, token)] = caller(client_id="app")

    answer = call_wsgi(
        JWTMiddleware(tell_client, **options), "GET", "/", [("X_JWT_Assertion", token)]
    )

    assert answer.body == b"app"


def test_threads_each_see_their_own_principal(options: Options, caller: Caller) -> None:
    app = JWTMiddleware(tell_client, **options)
    names = [f"client-{number % 5}" for number in range(60)]
    headers = {name: caller(client_id=name) for name in set(names)}

    with ThreadPoolExecutor(8) as pool:
        told = pool.map(lambda name: call_wsgi(app, "GET", "/", headers[name]).body.decode(), names)

    assert list(told) == names


# --- what an answer tells caches -------------------------------------------------------------


def begin_late(environ: Any, start_response: Any) -> Any:
    """A generator: it begins its answer when it is read."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"late"


def begin_anew(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", "public")])
    try:
        raise ValueError("after it had begun")
    except ValueError:
        start_response("500 Oops", [("Content-Type", "text/plain")], sys.exc_info())
    return [b"late"]


def write_by_hand(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])(b"late")
    return []


@pytest.mark.parametrize("app", [begin_late, begin_anew, write_by_hand])
@pytest.mark.parametrize("listeners", [[], [lambda event: None]], ids=["", "with a listener"])
def test_an_answer_depends_on_the_header_however_it_is_begun(
    app: Any, listeners: Any, options: Options, caller: Caller
) -> None:
    door = JWTMiddleware(app, **options, listeners=listeners)

    answer = call_wsgi(door, "GET", "/", caller())

    assert (answer.header("Vary"), answer.body) == ("X-JWT-Assertion", b"late")
    assert answer.header("Cache-Control") == "private"


def test_the_apps_list_of_headers_is_left_as_it_is(options: Options, caller: Caller) -> None:
    headers = [("Content-Type", "text/plain")]

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", headers)
        return [b""]

    call_wsgi(JWTMiddleware(app, **options), "GET", "/", caller())

    assert headers == [("Content-Type", "text/plain")]


def test_a_door_behind_another_adds_its_header_once(options: Options, caller: Caller) -> None:
    door = JWTMiddleware(JWTMiddleware(tell_client, **options), **options)

    answer = call_wsgi(door, "GET", "/", caller())

    assert answer.header("Vary") == "X-JWT-Assertion"
    assert answer.header("Cache-Control") == "private"
