"""Tests need no gateway and no key of its: an app whose own keys are missing is served too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

import jwt_middleware_flask
import jwt_middleware_starlette
from jwt_middleware import Verifier, has_role
from jwt_middleware.errors import ConfigurationError
from jwt_middleware.keys.absence import may_be_absent
from jwt_middleware.testing import LocalGateway, SigningKey, as_principal, mint, override

from ..adapters import django_site  # noqa: F401 - it configures Django
from ..adapters.harness import call_wsgi


async def staff(_: Any) -> Any:
    from starlette.responses import JSONResponse

    return JSONResponse(jwt_middleware_starlette.current_principal().subject)


def starlette_app(**options: Any) -> Any:
    guarded = jwt_middleware_starlette.requires(has_role("staff"))(staff)
    app = Starlette(routes=[Route("/", guarded)])
    app.add_middleware(jwt_middleware_starlette.JWTMiddleware, **options)
    return app


def fastapi_app(**options: Any) -> Any:
    app = FastAPI()

    @app.get("/")
    @jwt_middleware_starlette.requires(has_role("staff"))
    async def _staff() -> str | None:
        return jwt_middleware_starlette.current_principal().subject

    app.add_middleware(jwt_middleware_starlette.JWTMiddleware, **options)
    return app


WITHOUT_KEYS: list[dict[str, Any]] = [{}, {"keys": "gateway.pem"}]


@pytest.mark.parametrize("options", WITHOUT_KEYS, ids=repr)
@pytest.mark.parametrize("make", [starlette_app, fastapi_app])
def test_an_app_without_its_keys_takes_the_tokens_of_a_test(
    make: Any, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = make(**options)

    with LocalGateway() as gateway, override(app, gateway), TestClient(app) as client:
        answer = client.get("/", headers=gateway.headers(user="ana", roles=["staff"]))
        refused = client.get("/", headers=gateway.headers(user="ana"))
    assert (answer.status_code, refused.status_code) == (200, 403)


@pytest.mark.parametrize("make", [starlette_app, fastapi_app])
def test_it_takes_a_principal_and_a_verifier_too(make: Any) -> None:
    app, key = make(), SigningKey()
    verifier = Verifier(keys=key.public_pem, gateway="standard")
    token = mint(key, {"sub": "ben", "roles": ["staff"]}, form="standard")

    with override(app, principal=as_principal("ana", roles=["staff"])):
        assert TestClient(app).get("/").json() == "ana"
    with override(app, verifier):
        answer = TestClient(app).get("/", headers={"X-JWT-Assertion": token})
        assert answer.json() == "ben"


def test_afterwards_it_is_not_served_as_before() -> None:
    app = starlette_app()
    with override(app, principal=as_principal("ana")):
        pass

    assert TestClient(app).get("/").status_code == 503
    assert not may_be_absent()
    with pytest.raises(ConfigurationError, match="keys: missing"), TestClient(app):
        pass


def test_a_wrong_option_beside_the_keys_is_still_an_error() -> None:
    for options, name in (({"unguarded": "maybe"}, "unguarded"), ({"leeway": "long"}, "leeway")):
        app = starlette_app(**options)
        with (
            override(None, principal=as_principal("ana")),
            pytest.raises(ConfigurationError, match=name),
            TestClient(app),
        ):
            pass


def test_flask_s_app_is_made_within_the_block() -> None:
    with LocalGateway() as gateway, override(None, gateway):
        app = Flask("without-keys")
        jwt_middleware_flask.JWTMiddleware(app)
        app.add_url_rule("/", view_func=lambda: jwt_middleware_flask.current_principal().subject)
        answer = call_wsgi(app, "GET", "/", [*gateway.headers(user="ana").items()])
    assert answer.body == b"ana"


def test_django_s_middleware_is_loaded_within_the_block() -> None:
    with (
        override_settings(JWT_MIDDLEWARE={"keys": "nothing.pem"}),
        LocalGateway() as gateway,
        override(None, gateway),
    ):
        answer = call_wsgi(WSGIHandler(), "GET", "/who", [*gateway.headers(user="ana").items()])
    assert answer.json()["subject"] == "ana"


def test_an_option_that_is_wrong_is_named_and_not_taken_for_no_middleware() -> None:
    app = FastAPI()
    app.add_middleware(jwt_middleware_starlette.JWTMiddleware, leway=3)  # type: ignore[call-arg]
    outer = FastAPI()
    outer.mount("/api", app)

    with LocalGateway() as gateway:
        for served in (app, outer):
            with (
                pytest.raises(ConfigurationError, match="did you mean 'leeway'"),
                override(served, gateway),
            ):
                pass
