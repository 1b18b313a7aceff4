"""Every route of a Flask app is found, with what guards it."""

from __future__ import annotations

from functools import wraps
from typing import Any

import pytest
from flask import Blueprint, Flask
from flask.views import MethodView, View
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from jwt_middleware import has_role
from jwt_middleware.testing import SigningKey
from jwt_middleware_flask import JWTMiddleware, public, requires
from jwt_middleware_flask.inventory import installed_gate, inventory

from .client_cases import sent
from .harness import call_wsgi

A, B = has_role("a"), has_role("b")
GUARDED_A = ("guarded", "requires(has_role('a'))")
BARE = ("unguarded", "")
PUBLIC = ("public", "")
OWN = ("framework", "")


def bare_app(**more: Any) -> Flask:
    return Flask("tests", **({"static_folder": None} | more))


def view() -> Any:
    def serve(**_: Any) -> str:
        return "served"

    return serve


def table(app: Flask) -> dict[tuple[str, str], tuple[str, str]]:
    """What is found of an app: kind and guard, by methods and path."""
    found = inventory(app)
    told = {(",".join(each.methods), each.path): (each.kind, each.guard) for each in found}
    assert len(told) == len(found)
    return told


def check_enforced(app: Flask, rsa_key: Any) -> None:
    """What the table says is what the app does, to a caller who has no role."""
    found = table(app)
    JWTMiddleware(app, keys=rsa_key.certificate_pem, api="/echo")
    headers = sent(rsa_key, {})
    for (methods, path), (kind, _) in found.items():
        for method in methods.split(","):
            status = call_wsgi(app, method, path, headers).status
            assert status == (403 if kind == "guarded" else 200), (method, path)


# --- functions -------------------------------------------------------------------------------


def test_a_function_is_listed_with_its_methods_its_guard_and_its_name() -> None:
    app = bare_app()

    @app.route("/x/<int:number>", methods=["POST", "PUT"])
    @requires(A)
    def serve(number: int) -> str:
        return "served"

    [found] = inventory(app)

    assert (found.path, found.methods) == ("/x/<int:number>", ("POST", "PUT"))
    assert (found.kind, found.guard) == GUARDED_A
    assert found.handler.endswith(".serve")
    assert found.handler.startswith(__name__)


def test_requires_above_below_and_among_other_decorators_is_found(rsa_key: Any) -> None:
    def timed(handler: Any) -> Any:
        @wraps(handler)
        def call(**params: Any) -> Any:
            return handler(**params)

        return call

    app = bare_app()
    app.add_url_rule("/below", "below", requires(A)(view()))
    requires(A)(app.route("/above", endpoint="above")(view()))
    app.add_url_rule("/between", "between", timed(requires(A)(timed(view()))))
    app.add_url_rule("/bare", "bare", timed(view()))
    app.add_url_rule("/public", "public", timed(public(view())))

    assert table(app) == {
        ("GET", "/below"): GUARDED_A,
        ("GET", "/above"): GUARDED_A,
        ("GET", "/between"): GUARDED_A,
        ("GET", "/bare"): BARE,
        ("GET", "/public"): PUBLIC,
    }
    check_enforced(app, rsa_key)


def test_one_function_on_two_paths_is_two_routes() -> None:
    app, serve = bare_app(), requires(A)(view())
    app.add_url_rule("/x", "x", serve)
    app.add_url_rule("/y", "y", serve, methods=["DELETE"])

    assert table(app) == {("GET", "/x"): GUARDED_A, ("DELETE", "/y"): GUARDED_A}


def test_blueprints_and_the_blueprints_in_them_are_found(rsa_key: Any) -> None:
    outer, inner = Blueprint("outer", "tests"), Blueprint("inner", "tests")
    outer.add_url_rule("/x", "x", requires(A)(view()))
    inner.add_url_rule("/y", "y", view())
    outer.register_blueprint(inner, url_prefix="/inner")
    app = bare_app()
    app.register_blueprint(outer, url_prefix="/outer")
    app.register_blueprint(outer, url_prefix="/again", name="again")

    assert table(app) == {
        ("GET", "/outer/x"): GUARDED_A,
        ("GET", "/outer/inner/y"): BARE,
        ("GET", "/again/x"): GUARDED_A,
        ("GET", "/again/inner/y"): BARE,
    }
    check_enforced(app, rsa_key)


# --- classes ---------------------------------------------------------------------------------


def test_a_method_view_is_listed_method_by_method(rsa_key: Any) -> None:
    class Page(MethodView):
        @requires(A)
        def get(self) -> str:
            return "served"

        def post(self) -> str:
            return "served"

        @public
        def delete(self) -> str:
            return "served"

    app = bare_app()
    app.add_url_rule("/x", view_func=Page.as_view("page"))
    app.add_url_rule("/read", view_func=Page.as_view("read"), methods=["GET"])

    assert table(app) == {
        ("GET", "/x"): GUARDED_A,
        ("POST", "/x"): BARE,
        ("DELETE", "/x"): PUBLIC,
        ("GET", "/read"): GUARDED_A,
    }
    check_enforced(app, rsa_key)


def test_a_method_with_a_guard_beside_those_of_its_class_is_listed_with_both() -> None:
    class Page(MethodView):
        decorators = (requires(A),)  # type: ignore[assignment]

        def get(self) -> str:
            return "served"

        @requires(B)
        def post(self) -> str:
            return "served"

    class Opened(MethodView):
        decorators = (public,)

        def get(self) -> str:
            return "served"

        @requires(B)
        def post(self) -> str:
            return "served"

    app = bare_app()
    app.add_url_rule("/x", view_func=Page.as_view("page"))
    app.add_url_rule("/y", view_func=Opened.as_view("opened"))

    assert table(app) == {
        ("GET", "/x"): GUARDED_A,
        ("POST", "/x"): ("guarded", "requires(has_role('a')) and requires(has_role('b'))"),
        ("GET", "/y"): PUBLIC,
        ("POST", "/y"): ("guarded", "requires(has_role('b'))"),
    }


def test_decorators_of_a_class_guard_all_its_methods(rsa_key: Any) -> None:
    class Page(MethodView):
        decorators = (requires(A),)  # type: ignore[assignment]

        def get(self) -> str:
            return "served"

        def post(self) -> str:
            return "served"

    class Other(MethodView):
        def get(self) -> str:
            return "served"

    app = bare_app()
    app.add_url_rule("/x", view_func=Page.as_view("page"))
    app.add_url_rule("/other", view_func=Other.as_view("other"))

    assert table(app) == {("GET,POST", "/x"): GUARDED_A, ("GET", "/other"): BARE}
    check_enforced(app, rsa_key)


def test_a_guard_around_as_view_guards_that_route_alone(rsa_key: Any) -> None:
    class Page(MethodView):
        def get(self) -> str:
            return "served"

    app = bare_app()
    app.add_url_rule("/x", view_func=requires(A)(Page.as_view("x")))
    app.add_url_rule("/y", view_func=Page.as_view("y"))

    assert table(app) == {("GET", "/x"): GUARDED_A, ("GET", "/y"): BARE}
    check_enforced(app, rsa_key)


def test_a_plain_view_is_one_route_by_its_dispatch_request(rsa_key: Any) -> None:
    class Page(View):
        methods = frozenset({"GET", "POST"})

        def dispatch_request(self) -> str:
            return "served"

    class Guarded(Page):
        @requires(A)
        def dispatch_request(self) -> str:
            return "served"

    app = bare_app()
    app.add_url_rule("/x", view_func=Page.as_view("x"))
    app.add_url_rule("/y", view_func=Guarded.as_view("y"))

    assert table(app) == {("GET,POST", "/x"): BARE, ("GET,POST", "/y"): GUARDED_A}
    check_enforced(app, rsa_key)


def test_a_method_that_is_inherited_is_found_with_its_guard(rsa_key: Any) -> None:
    class Base(MethodView):
        @requires(A)
        def get(self) -> str:
            return "served"

    class Page(Base):
        def post(self) -> str:
            return "served"

    class Replaced(Base):
        def get(self) -> str:
            return "served"

    app = bare_app()
    app.add_url_rule("/x", view_func=Page.as_view("x"))
    app.add_url_rule("/y", view_func=Replaced.as_view("y"))

    assert table(app) == {("GET", "/x"): GUARDED_A, ("POST", "/x"): BARE, ("GET", "/y"): BARE}
    check_enforced(app, rsa_key)


@pytest.mark.parametrize("method", ["head", "options"])
def test_methods_that_flask_answers_itself_are_listed_where_the_class_has_its_own(
    method: str, rsa_key: Any
) -> None:
    class Page(MethodView):
        @requires(A)
        def get(self) -> str:
            return "served"

    page = type("Page", (Page,), {method: lambda self: "served"})
    app = bare_app()
    app.add_url_rule("/x", view_func=page.as_view("x"))
    JWTMiddleware(app, keys=rsa_key.certificate_pem, api="/echo")

    assert call_wsgi(app, method.upper(), "/x", sent(rsa_key, {})).status == 200
    assert table(app) == {("GET", "/x"): GUARDED_A, (method.upper(), "/x"): BARE}


def test_a_function_of_options_alone_is_listed() -> None:
    app = bare_app()
    app.add_url_rule("/x", "x", view(), methods=["OPTIONS"])

    assert list(table(app).values()) == [BARE]


# --- the framework's own ---------------------------------------------------------------------


def test_static_files_are_the_frameworks_own_the_blueprints_too() -> None:
    app = bare_app(static_folder="static")
    blueprint = Blueprint("part", "tests", static_folder="files", static_url_path="/files")
    app.register_blueprint(blueprint, url_prefix="/part")

    assert table(app) == {
        ("GET", "/static/<path:filename>"): OWN,
        ("GET", "/part/files/<path:filename>"): OWN,
    }


def test_a_function_of_the_app_that_is_called_static_is_not_the_frameworks() -> None:
    """Only a name: what it serves is the app's."""
    app, blueprint = bare_app(), Blueprint("part", "tests")
    app.add_url_rule("/secret", "static", view())
    blueprint.add_url_rule("/secret", "static", view())
    app.register_blueprint(blueprint, url_prefix="/part")

    assert table(app) == {("GET", "/secret"): BARE, ("GET", "/part/secret"): BARE}


def test_the_gate_is_that_of_the_installed_middleware(rsa_key: Any) -> None:
    app = bare_app()
    assert installed_gate(app) is None

    JWTMiddleware(app, keys=rsa_key.certificate_pem, header="X-Other")
    middleware = installed_gate(app)

    assert middleware is not None
    assert middleware.headers.names == ("X-Other",)


def test_what_answers_around_the_app_is_a_route_that_nobody_guards(rsa_key: SigningKey) -> None:
    app = Flask(__name__, static_folder=None)
    JWTMiddleware(app, keys=rsa_key.certificate_pem)
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/metrics": lambda *_: []})  # type: ignore[method-assign]

    [told] = inventory(app)

    assert (told.kind, told.path, told.handler) == ("unguarded", "/*", "DispatcherMiddleware")
