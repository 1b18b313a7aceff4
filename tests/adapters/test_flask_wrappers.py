"""What stands around a Flask app: what answers there is told, what only hands on is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.middleware.shared_data import SharedDataMiddleware

import jwt_middleware.wsgi
from jwt_middleware import ConfigurationError, Verifier, has_role
from jwt_middleware.events.kinds import ConfigurationWarning
from jwt_middleware_flask import JWTMiddleware, current_principal, requires

from .conftest import Caller
from .harness import Answer, call_wsgi

Options = dict[str, Any]
EVERYONE = has_role("Internal/everyone")


class WSGIApp:
    """As python-engineio's: it answers its own path, and hands the rest on."""

    __module__ = "engineio.middleware"

    def __init__(self, server: Any, wsgi_app: Any) -> None:
        self.server = server
        self.wsgi_app = wsgi_app

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"].startswith("/socket.io/"):
            return self.server(environ, start_response)
        return self.wsgi_app(environ, start_response)


class SocketIOMiddleware(WSGIApp):
    """As Flask-SocketIO's: it hands on a copy of the environ."""

    __module__ = "flask_socketio"

    def __init__(self, server: Any, app: Flask) -> None:
        super().__init__(server, app.wsgi_app)
        self.flask_app = app

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return super().__call__(environ.copy() | {"flask.app": self.flask_app}, start_response)


class SocketIO:
    """As Flask-SocketIO: its events are served in a context of the request that connected."""

    def __init__(self, app: Flask) -> None:
        self.environ: Any = None
        app.wsgi_app = SocketIOMiddleware(self, app)  # type: ignore[method-assign]

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        self.environ = environ
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"connected"]

    def event(self, handler: Callable[[], Any]) -> Any:
        with self.environ["flask.app"].request_context(self.environ):
            return handler()


def protected(options: Options, warnings: list[str] | None = None, **more: Any) -> Flask:
    def note(event: Any) -> None:
        if isinstance(event, ConfigurationWarning) and warnings is not None:
            warnings.append(event.reason)

    app = Flask("tests")
    JWTMiddleware(app, **options, **more, listeners=[note])
    app.add_url_rule("/", view_func=lambda: "served")
    return app


def get(app: Any, path: str, headers: Any = ()) -> Answer:
    return call_wsgi(app, "GET", path, headers)


def other(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"other"]


def another(options: Options) -> Flask:
    return protected(options)


ANSWERING = {
    "DispatcherMiddleware": lambda app: DispatcherMiddleware(app.wsgi_app, {"/metrics": other}),
    "SharedDataMiddleware": lambda app: SharedDataMiddleware(app.wsgi_app, {"/s": "/nowhere"}),
    "WSGIApp": lambda app: WSGIApp(other, app.wsgi_app),
    "SocketIOMiddleware": lambda app: SocketIOMiddleware(other, app),
}
AROUND = {
    "alone": lambda wsgi_app: wsgi_app,
    "in ProxyFix": ProxyFix,
    "in two": lambda wsgi_app: ProxyFix(LintMiddleware(wsgi_app)),
}


@pytest.mark.parametrize("name", ANSWERING)
@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_what_answers_before_the_app_is_asked_is_warned_of_once(
    name: str, around: Any, options: Options, caller: Caller
) -> None:
    warnings: list[str] = []
    app = protected(options, warnings)
    app.wsgi_app = around(ANSWERING[name](app))  # type: ignore[method-assign]

    for _ in range(2):
        get(app, "/", caller())

    [reason] = warnings
    assert name in reason
    assert "app.wsgi_app = jwt_middleware.wsgi.JWTMiddleware(app.wsgi_app" in reason


@pytest.mark.parametrize("name", ANSWERING)
def test_it_is_an_error_where_nothing_may_be_served_unasked(
    name: str, options: Options, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    app = protected(options, unguarded="refuse")
    app.view_functions.clear()
    app.wsgi_app = ANSWERING[name](app)  # type: ignore[method-assign]

    page = get(app, "/", [*caller(), ("Accept", "text/html")])

    assert get(app, "/", caller()).json()["code"] == "configuration_error"
    assert b"<h1>Service misconfigured</h1>" in page.body
    assert name in caplog.text


def hand_on(app: Flask) -> Any:
    inner = app.wsgi_app
    return lambda environ, start_response: inner(environ, start_response)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda app, options: app.wsgi_app,
        lambda app, options: ProxyFix(app.wsgi_app),
        lambda app, options: LintMiddleware(ProxyFix(app.wsgi_app)),
        lambda app, options: DispatcherMiddleware(app.wsgi_app, {}),
        lambda app, options: DispatcherMiddleware(app.wsgi_app, {"/b": another(options)}),
        lambda app, options: DispatcherMiddleware(app.wsgi_app, {"/b": another(options).wsgi_app}),
        lambda app, options: DispatcherMiddleware(
            app.wsgi_app, {"/b": jwt_middleware.wsgi.JWTMiddleware(other, **options)}
        ),
        lambda app, options: hand_on(app),
        lambda app, options: jwt_middleware.wsgi.JWTMiddleware(
            ANSWERING["SocketIOMiddleware"](app), **options
        ),
        lambda app, options: ProxyFix(
            jwt_middleware.wsgi.JWTMiddleware(ANSWERING["DispatcherMiddleware"](app), **options)
        ),
    ],
    ids=[
        "nothing",
        "ProxyFix",
        "lint",
        "no mounts",
        "a verified app",
        "its wsgi_app",
        "a door",
        "a function",
        "a door around a socket",
        "a door around mounts",
    ],
)
def test_what_only_hands_on_and_what_is_verified_is_not_warned_of(
    wrap: Any, options: Options, caller: Caller
) -> None:
    warnings: list[str] = []
    app = protected(options, warnings)
    app.wsgi_app = wrap(app, options)  # type: ignore[method-assign]

    assert get(app, "/", caller()).status == 200
    assert warnings == []


@pytest.mark.parametrize("installed", [True, False], ids=["beside the adapter", "alone"])
def test_the_plain_door_around_a_socket_verifies_its_connections_and_events(
    installed: bool, options: Options, caller: Caller
) -> None:
    verifier = Verifier(**options)
    app = Flask("tests")
    if installed:
        JWTMiddleware(app, verifier=verifier)
    socket = SocketIO(app)
    app.wsgi_app = jwt_middleware.wsgi.JWTMiddleware(  # type: ignore[method-assign]
        app.wsgi_app, verifier=verifier
    )
    guest = caller(role="Internal/guest")

    @requires(EVERYONE)
    def chat() -> str:
        return str(current_principal().subject)

    assert get(app, "/socket.io/").status == 401
    assert socket.environ is None
    assert get(app, "/socket.io/", caller(enduser="ana")).status == 200
    assert socket.event(chat) == "ana"
    assert get(app, "/socket.io/", guest).status == 200
    with pytest.raises(HTTPException) as refused:
        socket.event(chat)
    assert refused.value.code == 403


def test_an_event_of_a_connection_that_nobody_verified_is_refused(options: Options) -> None:
    app = protected(options)
    socket = SocketIO(app)
    get(app, "/socket.io/")

    with pytest.raises(HTTPException) as refused:
        socket.event(requires(EVERYONE)(lambda: "served"))
    assert refused.value.code == 401


@pytest.mark.parametrize("first", ["the socket", "the middleware"])
def test_a_copy_of_the_environ_tells_caches_as_well(
    first: str, options: Options, caller: Caller
) -> None:
    app = Flask("tests")
    app.add_url_rule("/", view_func=lambda: "served")
    if first == "the socket":
        SocketIO(app)
    JWTMiddleware(app, **options)
    if first == "the middleware":
        SocketIO(app)

    answer = get(app, "/", caller())

    assert answer.header("Vary") == "X-JWT-Assertion"
    assert answer.header("Cache-Control") == "private"


def test_a_flask_app_itself_is_for_the_adapter(options: Options) -> None:
    with pytest.raises(ConfigurationError, match="from jwt_middleware_flask import"):
        jwt_middleware.wsgi.JWTMiddleware(Flask("tests"), **options)
