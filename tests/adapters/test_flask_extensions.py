"""Flask-RESTful and Flask-RESTX make answers of errors themselves, and keep ours."""

from __future__ import annotations

from typing import Any

import flask_restful
import flask_restx
import pytest
from flask import Flask

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


def plain(options: Any, headers: Any, status: int) -> Answer:
    """The same refusal of an app without extensions."""
    app = Flask(__name__)
    JWTMiddleware(app, **options)
    app.get("/denied")(NOBODY(lambda: ""))
    return call_wsgi(app, "GET", "/denied", headers if status == 403 else [])
