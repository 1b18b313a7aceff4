"""Extensions make answers of errors themselves, and keep ours."""

from __future__ import annotations

from typing import Any

import flask_restful
import flask_restx
import flask_smorest
import pytest
from apiflask import APIFlask
from flask import Flask
from werkzeug.exceptions import HTTPException

from jwt_middleware import MissingToken, has_role
from jwt_middleware_flask import JWTMiddleware, current_principal, requires

from .conftest import Caller
from .harness import Answer, call_wsgi

BODY = ["type", "title", "status", "code", "detail", "reference"]
EXTENSIONS = pytest.mark.parametrize(
    "extension", [flask_restful, flask_restx], ids=lambda module: module.__name__
)
NOBODY = requires(has_role("nobody"))


def app_of(extension: Any, options: Any) -> Flask:
    app = Flask(__name__)
    JWTMiddleware(app, **options, optional=("/me", "/raised"))
    api = extension.Api(app)

    class Me(extension.Resource):  # type: ignore[misc]
        def get(self) -> Any:
            return {"subject": current_principal().subject}

    class Above(extension.Resource):  # type: ignore[misc]
        method_decorators = (NOBODY,)

        def get(self) -> Any:
            return {}

    class Below(extension.Resource):  # type: ignore[misc]
        @NOBODY
        def get(self) -> Any:
            return {}

    for resource in (Me, Above, Below):
        api.add_resource(resource, f"/{resource.__name__.lower()}")
    return app


@EXTENSIONS
@pytest.mark.parametrize(
    "path, is_proven, status, code",
    [
        ("/above", True, 403, "insufficient_permission"),
        ("/below", True, 403, "insufficient_permission"),
        ("/below", False, 401, "missing_token"),
        ("/nowhere", False, 401, "missing_token"),
        ("/me", False, 401, "missing_token"),  # raised in the view by current_principal()
    ],
)
def test_a_refusal_says_the_same_as_in_a_plain_app(
    extension: Any,
    path: str,
    is_proven: bool,
    status: int,
    code: str,
    options: Any,
    caller: Caller,
) -> None:
    headers = caller() if is_proven else []
    answer = call_wsgi(app_of(extension, options), "GET", path, headers)

    body = answer.json()
    assert (answer.status, body["code"], list(body)) == (status, code, BODY)
    assert answer.header("Cache-Control") == "no-store"
    expected = plain(options, headers, status)
    assert answer.header("WWW-Authenticate") == expected.header("WWW-Authenticate")
    assert body == expected.json() | {"reference": body["reference"]}


@EXTENSIONS
def test_an_apps_own_handler_of_our_error_stays(extension: Any, options: Any) -> None:
    app = app_of(extension, options)
    app.register_error_handler(MissingToken, lambda error: ("own", 418))
    app.get("/raised")(lambda: current_principal().subject)

    assert call_wsgi(app, "GET", "/raised").status == 418


@EXTENSIONS
def test_a_refusal_for_people_keeps_its_status(extension: Any, options: Any) -> None:
    headers = [("Accept", "text/html")]

    assert call_wsgi(app_of(extension, options), "GET", "/below", headers).status == 401


@EXTENSIONS
def test_a_proven_caller_is_served(extension: Any, options: Any, caller: Caller) -> None:
    answer = call_wsgi(app_of(extension, options), "GET", "/me", caller())

    assert answer.json() == {"subject": "jroe@carbon.super"}


def apiflask_app(options: Any) -> Flask:
    app = APIFlask(__name__)
    JWTMiddleware(app, **options, optional=("/me",))
    return app


def smorest_app(options: Any) -> Flask:
    app = Flask(__name__)
    app.config.update(API_TITLE="x", API_VERSION="1", OPENAPI_VERSION="3.0.2")
    flask_smorest.Api(app)
    JWTMiddleware(app, **options, optional=("/me",))
    return app


HANDLING = pytest.mark.parametrize("make", [apiflask_app, smorest_app])


@HANDLING
@pytest.mark.parametrize(
    "path, is_proven, status, code",
    [
        ("/denied", True, 403, "insufficient_permission"),
        ("/denied", False, 401, "missing_token"),
        ("/me", False, 401, "missing_token"),
    ],
)
def test_an_extensions_handler_of_http_exceptions_takes_nothing_away(
    make: Any,
    path: str,
    is_proven: bool,
    status: int,
    code: str,
    options: Any,
    caller: Caller,
) -> None:
    app = make(options)
    app.get("/denied", endpoint="denied")(NOBODY(lambda: "x"))
    app.get("/me", endpoint="me")(lambda: {"subject": current_principal().subject})
    headers = caller() if is_proven else []
    answer = call_wsgi(app, "GET", path, headers)

    body = answer.json()
    assert (answer.status, body["code"], list(body)) == (status, code, BODY)
    assert answer.header("Cache-Control") == "no-store"
    expected = plain(options, headers, status)
    assert answer.header("WWW-Authenticate") == expected.header("WWW-Authenticate")


@HANDLING
def test_an_apps_own_handler_of_http_exceptions_stays(make: Any, options: Any) -> None:
    def own(error: HTTPException) -> Any:
        return {"own": error.code}, error.code

    for kind in (HTTPException, 401):
        app = make(options)
        app.register_error_handler(kind, own)

        assert call_wsgi(app, "GET", "/denied").json() == {"own": 401}


def test_the_shape_that_a_site_gives_its_errors_in_apiflask_stays(options: Any) -> None:
    app = APIFlask(__name__)
    JWTMiddleware(app, **options)
    app.error_processor(lambda error: ({"own": error.status_code}, error.status_code))

    assert call_wsgi(app, "GET", "/denied").json() == {"own": 401}


def plain(options: Any, headers: Any, status: int) -> Answer:
    """The same refusal of an app without extensions."""
    app = Flask(__name__)
    JWTMiddleware(app, **options)
    app.get("/denied")(NOBODY(lambda: ""))
    return call_wsgi(app, "GET", "/denied", headers if status == 403 else [])
