"""Flask's own ways: error handlers, blueprints, class views, factories, signals of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, jsonify, request, session
from flask.views import MethodView
from werkzeug.exceptions import HTTPException

import jwt_middleware
from jwt_middleware import ConfigurationError, has_role, path_param
from jwt_middleware_flask import (
    JWTMiddleware,
    current_principal,
    current_principal_or_none,
    public,
    requires,
)

from .conftest import Caller
from .harness import Answer, call_wsgi

Options = dict[str, Any]
EVERYONE = has_role("Internal/everyone")
NOBODY = has_role("nobody")


def protected(options: Options, **more: Any) -> Flask:
    app = Flask("tests", **more)
    JWTMiddleware(app, **options)
    return app


def get(app: Any, path: str, headers: Any = ()) -> Answer:
    return call_wsgi(app, "GET", path, headers)


# --- installing ------------------------------------------------------------------------------


def test_a_wrong_option_fails_in_the_constructor(options: Options) -> None:
    with pytest.raises(ConfigurationError, match="'leeway'"):
        JWTMiddleware(Flask("tests"), **options, leway=3)  # type: ignore[call-arg]


def test_a_second_install_on_one_app_is_refused(options: Options) -> None:
    app = protected(options)

    with pytest.raises(ConfigurationError, match="already"):
        JWTMiddleware(app, **options)


def test_one_installer_serves_several_apps_each_with_its_own_options(
    options: Options, caller: Caller
) -> None:
    installer = JWTMiddleware(keys=options["keys"])
    echo, orders = Flask("echo"), Flask("orders")
    installer.init_app(echo, api="/echo")
    installer.init_app(orders, api="/orders")
    for app in (echo, orders):
        app.add_url_rule("/", view_func=lambda: "served")

    assert get(echo, "/", caller()).status == 200
    assert get(orders, "/", caller()).json()["code"] == "invalid_claim"


def test_code_beats_the_apps_configuration(options: Options, caller: Caller) -> None:
    app = Flask("tests")
    app.config["JWT_MIDDLEWARE"] = options | {"header": "X-From-Config", "optional": True}
    JWTMiddleware(app, header="X-From-Code")
    app.add_url_rule("/", view_func=lambda: jsonify(current_principal_or_none() is not None))
    [(_, token)] = caller()

    assert get(app, "/", [("X-From-Code", token)]).json() is True
    assert get(app, "/", [("X-From-Config", token)]).json() is False


@pytest.mark.parametrize("wrong", [None, "keys=x", ["keys"]])
def test_a_configuration_that_is_no_dict_is_refused(wrong: Any, options: Options) -> None:
    app = Flask("tests")
    app.config["JWT_MIDDLEWARE"] = wrong

    with pytest.raises(ConfigurationError, match="dict"):
        JWTMiddleware(app, **options)


@pytest.mark.parametrize("app", [object(), lambda environ, start: []], ids=["object", "wsgi"])
def test_only_a_flask_app_is_served(app: Any, options: Options) -> None:
    with pytest.raises(ConfigurationError, match="Flask"):
        JWTMiddleware(app, **options)


# --- what is protected -----------------------------------------------------------------------


def test_static_files_and_unknown_paths_are_protected(
    options: Options, caller: Caller, tmp_path: Any
) -> None:
    (tmp_path / "plan.txt").write_text("the plan")
    app = protected(options, static_folder=str(tmp_path), static_url_path="/static")

    assert get(app, "/static/plan.txt").status == 401
    assert get(app, "/nowhere").status == 401
    assert get(app, "/static/plan.txt", caller()).body == b"the plan"
    assert get(app, "/nowhere", caller()).status == 404


def test_nothing_of_the_app_runs_before_the_request_is_verified(
    options: Options, caller: Caller
) -> None:
    app, ran = Flask("tests"), []
    app.before_request(lambda: ran.append(current_principal().subject))
    JWTMiddleware(app, **options)
    app.add_url_rule("/", view_func=lambda: "served")

    assert get(app, "/").status == 401
    assert ran == []
    assert get(app, "/", caller()).status == 200
    assert ran == ["jroe@carbon.super"]


def test_two_names_of_one_path_need_the_header_alike(options: Options, caller: Caller) -> None:
    """Flask merges slashes in front, so ``//open`` is ``/open`` to it: not to the exempt list."""
    app = protected(options | {"exempt": ("/open",)})
    app.add_url_rule("/open", view_func=lambda: "open")

    assert get(app, "/open").body == b"open"
    assert get(app, "//open").status == 401
    assert get(app, "///open").status == 401


# --- error handlers --------------------------------------------------------------------------


def denying(options: Options) -> Flask:
    app = protected(options)
    app.add_url_rule("/denied", "denied", requires(NOBODY)(lambda: "served"))
    return app


def test_the_apps_handlers_of_401_and_403_are_reached(options: Options, caller: Caller) -> None:
    app = denying(options)
    app.register_error_handler(401, lambda error: (f"own {error.code}", 401))
    app.register_error_handler(403, lambda error: (f"own {error.code}", 403))

    assert get(app, "/denied").body == b"own 401"
    assert get(app, "/denied", caller()).body == b"own 403"


def test_the_apps_handler_of_http_exceptions_is_reached(options: Options, caller: Caller) -> None:
    app = denying(options)

    @app.errorhandler(HTTPException)
    def own(error: HTTPException) -> Any:
        response = error.get_response()
        response.set_data(f"own {error.code}")
        return response

    answer = get(app, "/denied", caller())

    assert (answer.status, answer.body) == (403, b"own 403")
    assert answer.header("WWW-Authenticate") is not None


def test_a_handler_of_every_exception_can_let_our_answers_pass(
    options: Options, caller: Caller
) -> None:
    """The idiom of Flask's manual: ``if isinstance(e, HTTPException): return e``."""
    app = denying(options | {"optional": True})
    app.add_url_rule("/principal", "principal", lambda: jsonify(current_principal().subject))
    app.add_url_rule("/broken", "broken", lambda: 1 // 0)  # type: ignore[arg-type, return-value]

    @app.errorhandler(Exception)
    def own(error: Exception) -> Any:
        return error if isinstance(error, HTTPException) else ("own 500", 500)

    assert get(app, "/denied", caller()).json()["code"] == "insufficient_permission"
    assert get(app, "/principal").json()["code"] == "missing_token"
    assert get(app, "/broken", caller()).body == b"own 500"


def test_the_answer_is_the_same_while_testing(options: Options, caller: Caller) -> None:
    """``TESTING`` lets exceptions out of the app; ours are answers all the same."""
    app = denying(options | {"optional": True})
    app.add_url_rule("/principal", "principal", lambda: jsonify(current_principal().subject))
    app.testing = True

    assert get(app, "/denied", caller()).status == 403
    assert get(app, "/principal").json()["code"] == "missing_token"


# --- guards ----------------------------------------------------------------------------------


def test_requires_protects_below_and_above_the_route(options: Options, caller: Caller) -> None:
    app = protected(options)

    @app.route("/below")
    @requires(NOBODY)
    def below() -> str:
        return "served"

    @requires(NOBODY)
    @app.route("/above")
    def above() -> str:
        return "served"

    @requires(NOBODY)
    @app.route("/both")
    @requires(EVERYONE)
    def both() -> str:
        return "served"

    for path in ("/below", "/above", "/both"):
        assert get(app, path, caller()).json()["code"] == "insufficient_permission", path


def test_requires_above_a_blueprints_route_protects(options: Options, caller: Caller) -> None:
    blueprint = Blueprint("orders", "tests", url_prefix="/orders/<tenant>")

    @requires(has_role("Internal/everyone") & (path_param("tenant") == "acme"))
    @blueprint.route("/<int:number>")
    def order(tenant: str, number: int) -> Any:
        return jsonify([tenant, number])

    app = protected(options)
    app.register_blueprint(blueprint)

    assert get(app, "/orders/acme/7", caller()).json() == ["acme", 7]
    assert get(app, "/orders/globex/7", caller()).status == 403


def test_a_guard_above_is_checked_before_the_apps_own_hooks(
    options: Options, caller: Caller
) -> None:
    app, ran = protected(options), []
    app.before_request(lambda: ran.append(request.path))

    @requires(NOBODY)
    @app.route("/above")
    def above() -> str:
        return "served"

    assert get(app, "/above", caller()).status == 403
    assert ran == []


class Orders(MethodView):
    def get(self) -> str:
        return "orders"

    @requires(NOBODY)
    def delete(self) -> str:
        return "gone"


class Audit(MethodView):
    decorators = [requires(NOBODY)]  # noqa: RUF012 - Flask's own name and type

    def get(self) -> str:
        return "audit"


@pytest.mark.parametrize(
    "method, path, status",
    [("GET", "/orders", 200), ("DELETE", "/orders", 403), ("GET", "/audit", 403)],
)
def test_class_views_are_guarded_by_method_and_by_decorators(
    method: str, path: str, status: int, options: Options, caller: Caller
) -> None:
    app = protected(options)
    app.add_url_rule("/orders", view_func=Orders.as_view("orders"))
    app.add_url_rule("/audit", view_func=Audit.as_view("audit"))

    assert call_wsgi(app, method, path, caller()).status == status


def test_async_views_are_guarded_and_see_their_principal(options: Options, caller: Caller) -> None:
    app = protected(options)

    @app.route("/me")
    @requires(EVERYONE)
    async def me() -> Any:
        return jsonify(current_principal().subject)

    @requires(NOBODY)
    @app.route("/above")
    async def above() -> str:
        return "served"

    assert get(app, "/me", caller(enduser="ana")).json() == "ana"
    assert get(app, "/above", caller()).status == 403


def test_public_leaves_a_view_open_to_whoever_passes_the_middleware(
    options: Options, caller: Caller
) -> None:
    app = protected(options)
    app.add_url_rule("/", view_func=public(lambda: "open"))

    assert get(app, "/", caller()).status == 200
    assert get(app, "/").status == 401


def test_a_guard_without_the_middleware_lets_nobody_in(caller: Caller) -> None:
    app = Flask("tests")
    app.add_url_rule("/", view_func=requires(EVERYONE)(lambda: "served"))

    assert get(app, "/", caller()).status == 401


def test_outside_a_request_there_is_no_principal() -> None:
    assert current_principal_or_none() is None
    with pytest.raises(jwt_middleware.MissingToken):
        current_principal()


def test_the_principal_of_a_nested_request_is_its_own(options: Options, caller: Caller) -> None:
    """A view that calls its own app, as some batch endpoints do, gets its principal back."""
    app = protected(options)
    app.add_url_rule("/inner", "inner", lambda: jsonify(current_principal().subject))

    @app.route("/outer")
    def outer() -> Any:
        inner = get(app, "/inner", caller(enduser="ben")).json()
        return jsonify([inner, current_principal().subject])

    assert get(app, "/outer", caller(enduser="ana")).json() == ["ben", "ana"]


# --- what an answer tells caches -------------------------------------------------------------


def fail() -> str:
    raise KeyError("of the app")


def test_what_the_session_and_the_apps_own_hooks_say_is_joined(
    options: Options, caller: Caller
) -> None:
    """Flask adds ``Vary: Cookie`` when all functions after the request have been called."""
    app = protected(options)
    app.secret_key = "of the tests"

    @app.get("/")
    def visit() -> str:
        session["seen"] = True
        return "seen"

    @app.after_request
    def keep(response: Any) -> Any:
        response.headers["Cache-Control"] = "max-age=60"
        return response

    answer = get(app, "/", caller())

    assert answer.header("Vary") == "Cookie, X-JWT-Assertion"
    assert answer.header("Cache-Control") == "max-age=60, private"


def test_errors_of_the_app_depend_on_the_header(options: Options, caller: Caller) -> None:
    app = protected(options)
    app.add_url_rule("/fail", view_func=fail)
    handled = protected(options)
    handled.add_url_rule("/fail", view_func=fail)
    handled.register_error_handler(KeyError, lambda error: ("gone", 410))

    for answer, status in (
        (get(app, "/fail", caller()), 500),
        (get(handled, "/fail", caller()), 410),
    ):
        assert answer.status == status
        assert answer.header("Vary") == "X-JWT-Assertion"
        assert answer.header("Cache-Control") == "private"


def test_a_file_that_has_not_changed_depends_on_the_header(
    tmp_path: Path, options: Options, caller: Caller
) -> None:
    (tmp_path / "a.txt").write_text("a")
    app = protected(options, static_folder=str(tmp_path), static_url_path="/static")
    whole = get(app, "/static/a.txt", caller())
    tag = whole.header("ETag") or ""
    same = get(app, "/static/a.txt", [*caller(), ("If-None-Match", tag)])

    assert (whole.status, same.status) == (200, 304)
    for answer in (whole, same):
        assert answer.header("Vary") == "X-JWT-Assertion"
        assert answer.header("Cache-Control") == "no-cache, private"


def test_vary_false_leaves_the_apps_wsgi_app_as_it_is(options: Options) -> None:
    app = protected(options | {"vary": False})

    assert app.wsgi_app == Flask.wsgi_app.__get__(app)
