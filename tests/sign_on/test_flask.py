"""Sign-on in Flask: its session, begun anew."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from cachelib import SimpleCache
from flask import Flask, session
from flask_session import Session as ServerSide

from jwt_middleware import ConfigurationError
from jwt_middleware.sign_on import PATH, Account, Integration
from jwt_middleware.sign_on.sql import SQLDirectory
from jwt_middleware.testing import SigningKey
from jwt_middleware_flask import JWTMiddleware
from jwt_middleware_flask.sign_on import SignOn

from ..conftest import Clock
from .kit import KEY, NOW, TRANSLATED, token, translated


def options(folder: Path) -> dict[str, Any]:
    return {
        "integrations": [Integration("acme", secret=KEY.secret)],
        "directory": SQLDirectory(f"sqlite:///{folder / 'accounts.sqlite'}"),
        "store": "process-memory",
        "clock": Clock(NOW),
    }


def make(folder: Path, **more: Any) -> Flask:
    app = Flask(__name__)
    app.secret_key = "of the tests, for nothing"
    SignOn(app, **options(folder), **more)

    @app.get("/me")
    def me() -> Any:
        return dict(session)

    @app.get("/plant")
    def plant() -> Any:
        session["planted"] = True
        return {}

    return app


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return make(tmp_path)


def arrive(client: Any, raw: str, go: str = "/me") -> Any:
    return client.get(PATH, query_string={"token": raw, "go": go})


def test_a_person_is_signed_in_to_the_apps_session(app: Flask) -> None:
    client = app.test_client()
    answer = arrive(client, token())

    assert (answer.status_code, answer.headers["Location"]) == (303, "/me")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    found = client.get("/me").json
    assert found["integration"] == "acme"
    assert len(found["user_id"]) == 32


def test_nothing_of_the_session_before_is_left(app: Flask) -> None:
    """Whoever planted a session in this browser knows what is in it."""
    client = app.test_client()
    client.get("/plant")
    arrive(client, token())

    assert set(client.get("/me").json) == {"integration", "user_id"}


@pytest.mark.parametrize("permanent", [True, False])
def test_a_session_on_the_server_gets_another_id(tmp_path: Path, permanent: bool) -> None:
    app = make(tmp_path)
    app.config.update(
        SESSION_TYPE="cachelib", SESSION_CACHELIB=SimpleCache(), SESSION_PERMANENT=permanent
    )
    ServerSide(app)
    client, eve = app.test_client(), app.test_client()
    eve.get("/plant")
    planted = eve.get_cookie("session")
    assert planted is not None
    client.set_cookie("session", planted.value)
    assert client.get("/me").json["planted"] is True

    arrive(client, token())

    assert "user_id" in client.get("/me").json
    assert "planted" not in client.get("/me").json
    assert "user_id" not in eve.get("/me").json


def test_a_refused_person_keeps_the_session_that_there_was(app: Flask) -> None:
    client = app.test_client()
    client.get("/plant")

    assert arrive(client, "x").status_code == 401
    assert client.get("/me").json == {"planted": True}


def test_a_site_translates_the_page(tmp_path: Path) -> None:
    client = make(tmp_path, refuse=translated).test_client()
    answer = client.get(PATH, query_string={"token": "x"}, headers={"Accept-Language": "de"})

    assert (answer.status_code, answer.data) == (401, TRANSLATED)


def test_the_app_may_begin_its_session_itself(tmp_path: Path) -> None:
    def sign_in(account: Account) -> None:
        session["_user_id"] = account.user_id

    client = make(tmp_path, sign_in=sign_in).test_client()
    arrive(client, token())

    assert set(client.get("/me").json) == {"_user_id"}


def test_an_app_that_fails_to_begin_its_session_has_signed_nobody_in(tmp_path: Path) -> None:
    def sign_in(account: Account) -> None:
        session["_user_id"] = account.user_id
        raise RuntimeError

    client = make(tmp_path, sign_in=sign_in).test_client()

    assert arrive(client, token()).status_code == 503
    assert client.get("/me").json == {}


def test_without_a_secret_key_nobody_signs_on_and_the_token_stays_good(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    raw = token()
    secret, app.secret_key = app.secret_key, None
    with caplog.at_level(logging.ERROR):
        answer = arrive(app.test_client(), raw)

    assert answer.status_code == 503
    assert b"<p>Signing in is not set up on this site.</p>" in answer.data
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "secret_key" in caplog.text
    app.secret_key = secret
    assert arrive(app.test_client(), raw).status_code == 303


def test_head_uses_no_token(app: Flask) -> None:
    raw = token()

    for method in ("head", "options", "post"):
        answer = getattr(app.test_client(), method)(PATH, query_string={"token": raw})
        assert answer.status_code == 405
    assert arrive(app.test_client(), raw).status_code == 303


def test_what_the_app_does_after_the_request_sees_no_token(app: Flask) -> None:
    from flask import request

    seen: list[str] = []
    raw = token()

    @app.before_request
    def before() -> None:
        assert request.args
        assert raw in request.full_path

    @app.after_request
    def after(response: Any) -> Any:
        seen.extend([request.url, request.full_path, repr(request.args), repr(request.environ)])
        return response

    arrive(app.test_client(), raw)

    assert seen
    assert not any(raw in each for each in seen)


def test_it_stands_beside_the_gateways_header(tmp_path: Path, rsa_key: SigningKey) -> None:
    app = make(tmp_path)
    JWTMiddleware(
        app, keys=rsa_key.certificate_pem, exempt=(PATH, "/me", "/plant"), unguarded="allow"
    )
    client = app.test_client()

    assert arrive(client, token()).status_code == 303
    assert "user_id" in client.get("/me").json


def test_it_is_installed_later_and_once(tmp_path: Path) -> None:
    sign_on = SignOn(**options(tmp_path), path="/partners/in")
    app = Flask(__name__)
    app.secret_key = "of the tests, for nothing"
    sign_on.init_app(app)

    answer = app.test_client().get("/partners/in", query_string={"token": token()})
    assert answer.status_code == 303
    with pytest.raises(ConfigurationError, match="already"):
        sign_on.init_app(app)
    with pytest.raises(ConfigurationError, match="for Flask"):
        sign_on.init_app(object())  # type: ignore[arg-type]
