"""The plain doors serve any app but those that an adapter serves."""

from __future__ import annotations

from typing import Any

import pytest

from jwt_middleware import ConfigurationError
from jwt_middleware.middleware.plain_apps import check_plain_app


def app_of(module: str, name: str, *bases: type, **more: Any) -> type:
    return type(name, bases, {"__module__": module, "__call__": lambda self: None, **more})


FLASK = app_of("flask.app", "Flask", wsgi_app=None)
STARLETTE = app_of("starlette.applications", "Starlette", add_middleware=None)
QUART = app_of("quart.app", "Quart", asgi_app=None)


@pytest.mark.parametrize(
    "kind",
    [
        FLASK,
        app_of("site", "Site", FLASK),
        STARLETTE,
        app_of("fastapi.applications", "FastAPI", STARLETTE),
        QUART,
        app_of("site", "Site", app_of("site", "Base", QUART)),
    ],
    ids=lambda kind: kind.__name__,
)
@pytest.mark.parametrize("protocol", ["ASGI", "WSGI"])
def test_a_frameworks_app_is_known_by_its_class(kind: type, protocol: str) -> None:
    with pytest.raises(ConfigurationError, match=r"from jwt_middleware.* import JWTMiddleware"):
        check_plain_app(kind(), protocol)


@pytest.mark.parametrize(
    "kind",
    [
        app_of("falcon.app", "App", add_middleware=None),
        app_of("flask_socketio", "_SocketIOMiddleware", wsgi_app=None),
        app_of("werkzeug.middleware.dispatcher", "DispatcherMiddleware", app=None, mounts={}),
        app_of("litestar.app", "Litestar", asgi_handler=None, add_middleware=None),
        app_of("site", "Site", asgi_app=None, wsgi_app=None, add_middleware=None),
        app_of("site", "Flask", wsgi_app=None),
        app_of("flask_like.app", "Flask", wsgi_app=None),
    ],
    ids=lambda kind: f"{kind.__module__}.{kind.__name__}",
)
@pytest.mark.parametrize("protocol", ["ASGI", "WSGI"])
def test_any_other_callable_is_a_plain_app(kind: type, protocol: str) -> None:
    check_plain_app(kind(), protocol)
    check_plain_app(kind().__call__, protocol)
    check_plain_app(lambda environ, start_response: [], protocol)
