"""Configuration reaches everything: a verifier from settings, health of an app, readiness."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import django.urls
import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

import jwt_middleware.asgi
import jwt_middleware_django
import jwt_middleware_flask
import jwt_middleware_starlette
from jwt_middleware import Verifier
from jwt_middleware.errors import ConfigurationError, InvalidClaim
from jwt_middleware.testing import LocalGateway, SigningKey, mint

from . import django_site  # noqa: F401 - it configures Django
from .harness import Answer, call_asgi, call_wsgi

# --- a verifier from settings ----------------------------------------------------------------


@pytest.fixture
def by_environment(monkeypatch: pytest.MonkeyPatch, rsa_key: SigningKey) -> None:
    monkeypatch.setenv("JWT_MIDDLEWARE_KEYS", rsa_key.public_pem)
    monkeypatch.setenv("JWT_MIDDLEWARE_GATEWAY", "standard")
    monkeypatch.setenv("JWT_MIDDLEWARE_AUDIENCE", "api")
    monkeypatch.setenv("JWT_MIDDLEWARE_LEEWAY", "5")
    monkeypatch.setenv("JWT_MIDDLEWARE_HEADER", "X-Gateway")


@pytest.mark.usefixtures("by_environment")
def test_a_verifier_reads_the_environment_as_a_middleware_does(rsa_key: SigningKey) -> None:
    token = mint(rsa_key, {"aud": "api"}, form="standard")

    assert Verifier.from_settings().verify(token)
    with pytest.raises(InvalidClaim):
        Verifier.from_settings(audience="other").verify(token)


def test_a_verifier_reads_the_toml_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rsa_key: SigningKey
) -> None:
    (tmp_path / "gateway.pem").write_text(rsa_key.public_pem)
    (tmp_path / "jwt.toml").write_text(
        'keys = "gateway.pem"\ngateway = "standard"\nexempt = ["/h"]\n'
    )
    monkeypatch.setenv("JWT_MIDDLEWARE_CONFIG", str(tmp_path / "jwt.toml"))

    assert Verifier.from_settings().verify(mint(rsa_key, {}, form="standard"))


def test_settings_without_keys_name_what_is_missing() -> None:
    with pytest.raises(ConfigurationError, match="keys: missing"):
        Verifier.from_settings()
    with pytest.raises(ConfigurationError, match="header"):
        Verifier.from_settings(header="X")  # type: ignore[call-arg]


@pytest.mark.usefixtures("by_environment")
def test_beside_a_ready_verifier_the_environments_options_of_one_are_not_read(
    rsa_key: SigningKey,
) -> None:
    verifier = Verifier(keys=rsa_key.public_pem)

    door = jwt_middleware.asgi.JWTMiddleware(_served, verifier=verifier)
    assert door.middleware.verifier is verifier
    assert door.middleware.headers.names == ("X-Gateway",)  # that is the middleware's own
    with pytest.raises(ConfigurationError, match="verifier: keys beside it"):
        jwt_middleware.asgi.JWTMiddleware(_served, verifier=verifier, keys=rsa_key.public_pem)


async def _served(scope: Any, receive: Any, send: Any) -> None:
    raise NotImplementedError


@pytest.mark.parametrize(
    "variable, value",
    [
        ("API", "/x"),
        ("AUDIENCE", "other"),
        ("LEEWAY", "1"),
        ("HEADER", "X-Other"),
        ("ISSUER", "https://other"),
        ("MAX_TOKEN_SIZE", "64"),
        ("KEYS", "nothing.pem"),
    ],
)
def test_the_options_of_the_test_kit_are_whole_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(f"JWT_MIDDLEWARE_{variable}", value)

    with LocalGateway() as gateway:
        app = jwt_middleware.wsgi.JWTMiddleware(_hello, **gateway.options)
        answer = call_wsgi(app, "GET", "/", [*gateway.headers().items()])
    assert answer.status == 200


def _hello(_: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"hello"]


# --- health and readiness --------------------------------------------------------------------


def starlette_app(options: dict[str, Any]) -> Any:
    app = Starlette(routes=[Route("/ready", jwt_middleware_starlette.readiness)])
    app.add_middleware(jwt_middleware_starlette.JWTMiddleware, **options)
    return app


def fastapi_app(options: dict[str, Any]) -> Any:
    app = FastAPI()
    app.add_api_route("/ready", jwt_middleware_starlette.readiness)
    app.add_middleware(jwt_middleware_starlette.JWTMiddleware, **options)
    return app


def flask_app(options: dict[str, Any]) -> Any:
    app = Flask("ready")
    app.add_url_rule("/ready", view_func=jwt_middleware_flask.readiness)
    jwt_middleware_flask.JWTMiddleware(app, **options)
    return app


ASKED = {
    "starlette": (starlette_app, call_asgi, jwt_middleware_starlette.health),
    "fastapi": (fastapi_app, call_asgi, jwt_middleware_starlette.health),
    "flask": (flask_app, call_wsgi, jwt_middleware_flask.health),
}


@pytest.mark.parametrize("name", ASKED)
def test_a_probe_is_answered_as_the_keys_come(name: str) -> None:
    make, call, health = ASKED[name]
    with LocalGateway() as gateway:
        gateway.fail("down")
        options = {**gateway.options, "exempt": ["/ready"], "unguarded": "refuse"}
        app = make(options)  # type: ignore[operator]

        answer: Answer = call(app, "GET", "/ready")  # type: ignore[operator]
        assert (answer.status, answer.json()) == (503, {"ready": False})
        assert answer.header("Cache-Control") == "no-store"
        assert health(app)["ready"] is False
        assert health(app)["sources"][0]["source"] == gateway.keys_url

        options["keys"] = gateway.key.public_pem
        app = make(options)  # type: ignore[operator]
        answer = call(app, "GET", "/ready")  # type: ignore[operator]
        assert (answer.status, answer.json()) == (200, {"ready": True})
        assert health(app)["ready"] is True


@pytest.mark.parametrize("name", ASKED)
def test_a_probe_that_is_not_exempt_needs_a_token(name: str, rsa_key: SigningKey) -> None:
    make, call, _ = ASKED[name]

    answer = call(make({"keys": rsa_key.public_pem}), "GET", "/ready")  # type: ignore[operator]
    assert answer.status == 401


def test_django_says_whether_its_site_is_ready(rsa_key: SigningKey) -> None:
    site = ModuleType("site")
    site.urlpatterns = [  # type: ignore[attr-defined]
        django.urls.path("ready", jwt_middleware_django.readiness)
    ]

    with override_settings(
        ROOT_URLCONF=site,
        MIDDLEWARE=["jwt_middleware_django.JWTMiddleware"],
        JWT_MIDDLEWARE={
            "keys": rsa_key.public_pem,
            "exempt": ["/ready"],
            "unguarded": "refuse",
        },
    ):
        handler = WSGIHandler()
        answer = call_wsgi(handler, "GET", "/ready")

        assert (answer.status, answer.json()) == (200, {"ready": True})
        assert jwt_middleware_django.health()["ready"] is True


def test_an_app_without_the_middleware_has_no_health() -> None:
    with pytest.raises(ConfigurationError, match="no JWTMiddleware serves this Starlette"):
        jwt_middleware_starlette.health(Starlette())
    with pytest.raises(ConfigurationError, match="no JWTMiddleware serves this Flask"):
        jwt_middleware_flask.health(Flask("none"))


def test_the_health_of_an_app_is_that_of_its_mounted_apps_too(
    rsa_key: SigningKey, endpoint: str
) -> None:
    inner = starlette_app({"keys": endpoint})
    app = Starlette(routes=[Mount("/inner", inner)])
    app.add_middleware(jwt_middleware_starlette.JWTMiddleware, keys=rsa_key.public_pem)
    with TestClient(app) as client, TestClient(inner):
        client.get("/")

        health = jwt_middleware_starlette.health(app)
    assert health["ready"] is False
    assert {source["source"] for source in health["sources"]} == {"PEM text", endpoint}


def test_a_request_knows_its_app(rsa_key: SigningKey) -> None:
    async def own(request: Any) -> Any:
        from starlette.responses import JSONResponse

        return JSONResponse(jwt_middleware_starlette.health(request.app)["ready"])

    app = Starlette(routes=[Route("/own", own)])
    app.add_middleware(
        jwt_middleware_starlette.JWTMiddleware, keys=rsa_key.public_pem, exempt=["/own"]
    )
    assert call_asgi(app, "GET", "/own").json() is True
