"""Sign-on in Starlette and FastAPI: the session of ``SessionMiddleware``, begun anew."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from jwt_middleware.sign_on import PATH, Account, Integration
from jwt_middleware.sign_on.sql import SQLDirectory
from jwt_middleware.testing import SigningKey
from jwt_middleware_starlette import JWTMiddleware
from jwt_middleware_starlette.sign_on import SignOn

from ..conftest import Clock
from .kit import KEY, NOW, TRANSLATED, token, translated

SECRET = "of the tests, for nothing"


async def me(request: Request) -> JSONResponse:
    return JSONResponse(dict(request.session))


async def plant(request: Request) -> JSONResponse:
    request.session["planted"] = True
    return JSONResponse({})


def sign_on(folder: Path, **more: Any) -> SignOn:
    return SignOn(
        integrations=[Integration("acme", secret=KEY.secret)],
        directory=SQLDirectory(f"sqlite:///{folder / 'accounts.sqlite'}"),
        store="process-memory",
        clock=Clock(NOW),
        **more,
    )


def starlette(folder: Path, **more: Any) -> Any:
    app = Starlette(routes=[Route("/me", me), Route("/plant", plant), sign_on(folder, **more)])
    app.add_middleware(SessionMiddleware, secret_key=SECRET)
    return app


def fastapi(folder: Path, **more: Any) -> Any:
    app = FastAPI()
    app.add_route("/me", me)
    app.add_route("/plant", plant)
    app.router.routes.append(sign_on(folder, **more))
    app.add_middleware(SessionMiddleware, secret_key=SECRET)
    return app


APPS = {"starlette": starlette, "fastapi": fastapi}


@pytest.fixture(params=APPS)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return lambda **more: browser(APPS[request.param](tmp_path, **more))


def browser(app: Any) -> TestClient:
    return TestClient(app, base_url="https://app.example.edu", follow_redirects=False)


def arrive(client: TestClient, raw: str, go: str = "/me") -> Any:
    return client.get(PATH, params={"token": raw, "go": go})


def test_a_person_is_signed_in_to_the_apps_session(make: Any) -> None:
    client = make()
    answer = arrive(client, token())

    assert (answer.status_code, answer.headers["Location"]) == (303, "/me")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    found = client.get("/me").json()
    assert found["integration"] == "acme"
    assert len(found["user_id"]) == 32


def test_nothing_of_the_session_before_is_left(make: Any) -> None:
    client = make()
    client.get("/plant")
    arrive(client, token())

    assert set(client.get("/me").json()) == {"integration", "user_id"}


def test_a_refused_person_keeps_the_session_that_there_was(make: Any) -> None:
    client = make()
    client.get("/plant")

    assert arrive(client, "x").status_code == 401
    assert client.get("/me").json() == {"planted": True}


def test_a_site_translates_the_page(make: Any) -> None:
    client = make(refuse=translated)
    answer = client.get(PATH, params={"token": "x"}, headers={"Accept-Language": "de"})

    assert (answer.status_code, answer.content) == (401, TRANSLATED)


def test_the_app_may_begin_its_session_itself(make: Any) -> None:
    def sign_in(request: Request, account: Account) -> None:
        request.session["who"] = account.user_id

    client = make(sign_in=sign_in)
    arrive(client, token())

    assert set(client.get("/me").json()) == {"who"}


def test_an_app_that_fails_to_begin_its_session_has_signed_nobody_in(make: Any) -> None:
    def sign_in(request: Request, account: Account) -> None:
        request.session["who"] = account.user_id
        raise RuntimeError

    client = make(sign_in=sign_in)

    assert arrive(client, token()).status_code == 503
    assert client.get("/me").json() == {}


@pytest.mark.parametrize("method", ["HEAD", "POST", "OPTIONS"])
def test_other_methods_use_no_token(make: Any, method: str) -> None:
    client, raw = make(), token()

    assert client.request(method, PATH, params={"token": raw}).status_code == 405
    assert arrive(client, raw).status_code == 303


def test_without_session_middleware_nobody_signs_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = browser(Starlette(routes=[sign_on(tmp_path)]))
    with caplog.at_level(logging.ERROR):
        answer = arrive(client, token())

    assert answer.status_code == 503
    assert "<p>Signing in is not set up on this site.</p>" in answer.text
    assert "SessionMiddleware" in caplog.text


def test_it_can_stand_below_a_mount(tmp_path: Path) -> None:
    app = Starlette(routes=[Mount("/site", routes=[sign_on(tmp_path)]), Route("/me", me)])
    app.add_middleware(SessionMiddleware, secret_key=SECRET)
    client = browser(app)

    assert client.get("/site" + PATH, params={"token": token()}).status_code == 303
    assert "user_id" in client.get("/me").json()


def test_it_is_a_public_route_beside_the_gateways_header(
    tmp_path: Path, rsa_key: SigningKey
) -> None:
    app = Starlette(routes=[sign_on(tmp_path)])
    app.add_middleware(SessionMiddleware, secret_key=SECRET)
    app.add_middleware(
        JWTMiddleware, keys=rsa_key.certificate_pem, exempt=(PATH,), unguarded="refuse"
    )
    with browser(app) as client:
        assert arrive(client, token(), "/").status_code == 303


def test_it_does_not_stand_in_the_documented_api(tmp_path: Path) -> None:
    assert PATH not in fastapi(tmp_path).openapi()["paths"]
