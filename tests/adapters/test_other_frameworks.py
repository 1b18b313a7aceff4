"""Frameworks without an adapter of ours, behind the plain doors: the real packages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import falcon
import falcon.asgi
import flask_socketio
import litestar
import pytest
import quart
from flask import Flask
from litestar.config.response_cache import ResponseCacheConfig
from starlette.middleware.cors import CORSMiddleware
from werkzeug.middleware.dispatcher import DispatcherMiddleware

import jwt_middleware.asgi
import jwt_middleware.wsgi
from jwt_middleware import ConfigurationError, Verifier, has_role
from jwt_middleware.middleware.plain_apps import check_plain_app
from jwt_middleware.principal import PRINCIPAL_KEY
from jwt_middleware_flask import JWTMiddleware as FlaskMiddleware

from .conftest import Caller
from .harness import Answer, call_asgi, call_wsgi

Options = dict[str, Any]


class FalconPage:
    def on_get(self, request: Any, response: Any) -> None:
        response.media = {"subject": request.env[PRINCIPAL_KEY].subject}


class FalconAsyncPage:
    async def on_get(self, request: Any, response: Any) -> None:
        response.media = {"subject": request.scope[PRINCIPAL_KEY].subject}


def falcon_wsgi(options: Options) -> Any:
    app = falcon.App()
    app.add_route("/me", FalconPage())
    return jwt_middleware.wsgi.JWTMiddleware(app, **options)


def falcon_asgi(options: Options) -> Any:
    app = falcon.asgi.App()
    app.add_route("/me", FalconAsyncPage())
    return jwt_middleware.asgi.JWTMiddleware(app, **options)


def of_litestar(options: Options) -> Any:
    @litestar.get("/me")
    async def me(request: litestar.Request[Any, Any, Any]) -> dict[str, str]:
        return {"subject": request.scope[PRINCIPAL_KEY].subject}  # type: ignore[literal-required]

    return jwt_middleware.asgi.JWTMiddleware(
        litestar.Litestar([me], logging_config=None), **options
    )


def of_quart(options: Options) -> Any:
    app = quart.Quart(__name__)

    @app.get("/me")
    async def me() -> dict[str, str]:
        return {"subject": quart.request.scope[PRINCIPAL_KEY].subject}  # type: ignore[index]

    app.asgi_app = jwt_middleware.asgi.JWTMiddleware(app.asgi_app, **options)  # type: ignore[method-assign]
    return app


class Framework(NamedTuple):
    make: Callable[[Options], Any]
    call: Callable[..., Answer]


FRAMEWORKS = {
    "Falcon": Framework(falcon_wsgi, call_wsgi),
    "Falcon, ASGI": Framework(falcon_asgi, call_asgi),
    "Litestar": Framework(of_litestar, call_asgi),
    "Quart": Framework(of_quart, call_asgi),
}


@pytest.mark.parametrize("framework", FRAMEWORKS.values(), ids=FRAMEWORKS)
def test_a_plain_door_protects_the_app(
    framework: Framework, options: Options, caller: Caller
) -> None:
    app = framework.make(options | {"authorize": has_role("Internal/everyone")})

    served = framework.call(app, "GET", "/me", caller())
    assert (served.status, served.json()) == (200, {"subject": "jroe@carbon.super"})
    assert framework.call(app, "GET", "/me").json()["code"] == "missing_token"
    assert framework.call(app, "GET", "/nowhere").status == 401
    refused = framework.call(app, "GET", "/me", caller(role="none"))
    assert (refused.status, refused.json()["code"]) == (403, "insufficient_permission")


@litestar.get(["/me", "/you"], cache=60)
async def kept(request: litestar.Request[Any, Any, Any]) -> str:
    principal = request.scope.get(PRINCIPAL_KEY)
    return "nobody" if principal is None else str(principal.subject)  # type: ignore[attr-defined]


def by_subject(request: litestar.Request[Any, Any, Any]) -> str:
    return f"{request.url.path} {request.scope[PRINCIPAL_KEY].subject}"  # type: ignore[literal-required]


def with_a_cache(options: Options, **config: Any) -> Any:
    app = litestar.Litestar([kept], logging_config=None, **config)
    return jwt_middleware.asgi.JWTMiddleware(app, **options)


def test_litestar_does_not_start_where_it_keeps_a_callers_answer_for_all(options: Options) -> None:
    with pytest.raises(ConfigurationError, match="Litestar gives its answer to /me to every"):
        with_a_cache(options)
    with pytest.raises(ConfigurationError, match="Litestar gives its answer to /you to every"):
        with_a_cache({**options, "exempt": ("/me",)})


def test_so_it_is_where_other_middleware_stands_in_between(options: Options) -> None:
    app = CORSMiddleware(litestar.Litestar([kept], logging_config=None))

    with pytest.raises(ConfigurationError, match="Litestar gives its answer to /me to every"):
        jwt_middleware.asgi.JWTMiddleware(app, **options)


def test_litestar_keeps_answers_by_a_key_of_ones_own(options: Options, caller: Caller) -> None:
    names, config = ("ana", "bob", "ana"), ResponseCacheConfig(key_builder=by_subject)
    app = with_a_cache(options, response_cache_config=config)

    asked = [call_asgi(app, "GET", "/me", caller(enduser=name)).body for name in names]
    assert asked == [b"ana", b"bob", b"ana"]


def test_litestar_keeps_answers_that_depend_on_no_caller(options: Options) -> None:
    app = with_a_cache({**options, "exempt": ("/me", "/you")})

    assert call_asgi(app, "GET", "/me").body == b"nobody"
    with_a_cache({**options, "vary": False})


def test_quart_is_named_the_line_that_protects_it(options: Options) -> None:
    with pytest.raises(ConfigurationError, match=r"app\.asgi_app = JWTMiddleware\(app\.asgi_app"):
        jwt_middleware.asgi.JWTMiddleware(quart.Quart(__name__), **options)


# --- around a Flask app ----------------------------------------------------------------------


def metrics(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"metrics"]


def with_dispatcher(app: Flask) -> None:
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/beside": metrics})  # type: ignore[method-assign]


def with_socketio(app: Flask) -> None:
    flask_socketio.SocketIO(app, path="/beside", async_mode="threading")


@pytest.mark.parametrize("wrap", [with_dispatcher, with_socketio])
def test_what_answers_beside_a_flask_app_is_protected_by_the_door_around_both(
    wrap: Callable[[Flask], None], options: Options, caller: Caller
) -> None:
    verifier = Verifier(**options)
    app = Flask(__name__)
    FlaskMiddleware(app, verifier=verifier)
    app.get("/me")(lambda: "me")
    wrap(app)
    path = "/beside/?EIO=4&transport=polling"

    def get(path: str, headers: Any = ()) -> int:
        path, _, query = path.partition("?")
        return call_wsgi(app, "GET", path, headers, query=query).status

    assert get(path) == 200  # the Flask adapter does not see it, and says so
    app.wsgi_app = jwt_middleware.wsgi.JWTMiddleware(app.wsgi_app, verifier=verifier)  # type: ignore[method-assign]
    assert (get(path), get("/me")) == (401, 401)
    assert (get(path, caller()), get("/me", caller())) == (200, 200)


@pytest.mark.parametrize(
    "app",
    [
        falcon.App(),
        falcon.asgi.App(),
        litestar.Litestar(logging_config=None),
        quart.Quart(__name__).asgi_app,
    ],
)
@pytest.mark.parametrize("protocol", ["ASGI", "WSGI"])
def test_no_framework_is_taken_for_another(app: Any, protocol: str) -> None:
    check_plain_app(app, protocol)
