"""A guard may stand on what is called before every view of a class, a blueprint or an app.

There it counts, and it guards nothing else: not what shares the framework's own functions with it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from . import rule_apps as at  # it configures Django before the adapter is imported

# isort: split
import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import path as django_path
from django.utils.decorators import method_decorator
from django.views import View as DjangoView
from django.views.decorators.cache import cache_page
from flask import Blueprint, Flask
from flask.views import MethodView
from flask_restful import Api, Resource
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

import jwt_middleware_django as django_adapter
import jwt_middleware_flask as flask_adapter
import jwt_middleware_starlette as starlette_adapter
from jwt_middleware import authenticated, has_role
from jwt_middleware_flask.inventory import inventory as flask_inventory

from .conftest import Caller

BOSS = has_role("Internal/boss")
HANDLERS = [pytest.param(at.WSGIHandler, id="wsgi"), pytest.param(at.ASGIHandler, id="asgi")]
django_boss = django_adapter.requires(BOSS)
flask_boss = flask_adapter.requires(BOSS)
starlette_boss = starlette_adapter.requires(BOSS)


def asked(app: Any, caller: Caller, path: str = "/x") -> list[int]:
    """Return what a clerk, the boss, a clerk and nobody get."""
    clerk, boss = caller(role="Internal/clerk"), caller(role="Internal/boss")
    return [app.get(path, headers).status for headers in (clerk, boss, clerk, ())]


# --- Django -----------------------------------------------------------------------------------


def setup() -> Any:
    class Setup(DjangoView):
        @django_boss
        def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
            super().setup(request, *args, **kwargs)

        def get(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse("served")

    return Setup.as_view()


def setup_by_name() -> Any:
    @method_decorator(django_boss, name="setup")
    class Setup(DjangoView):
        def get(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse("served")

    return Setup.as_view()


class NoUsers(ViewSet):
    def perform_authentication(self, request: Any) -> None: ...


class Items(NoUsers):
    def list(self, request: Any) -> Response:
        return Response("served")


def initial() -> Any:
    class Initial(Items):
        @django_boss
        def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
            super().initial(request, *args, **kwargs)

    return Initial.as_view({"get": "list"})


def keeping(view: Any) -> Any:
    """A decorator that keeps the first answer."""
    kept: list[Any] = []

    def serve(*args: Any, **kwargs: Any) -> Any:
        if not kept:
            kept.append(view(*args, **kwargs))
            getattr(kept[0], "render", lambda: None)()
        return kept[0]

    return serve


DJANGO: dict[str, Callable[[], Any]] = {
    "setup": setup,
    "setup by name": setup_by_name,
    "setup, a cache above": lambda: cache_page(60)(setup()),
    "setup, an answer kept above": lambda: keeping(setup()),
    "initial": initial,
    "initial, an answer kept above": lambda: keeping(initial()),
}


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("view", DJANGO.values(), ids=DJANGO)
def test_a_guard_of_a_whole_django_view_counts(
    view: Callable[[], Any], handler: Any, options: Any, caller: Caller
) -> None:
    urls = [django_path("x", view())]

    app = at.DjangoApp(handler, urls, {**options, "unguarded": "refuse"})

    assert asked(app, caller) == [403, 200, 403, 401]


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_guard_around_one_view_set_guards_no_other(
    handler: Any, options: Any, caller: Caller
) -> None:
    class Others(NoUsers):
        def list(self, request: Any) -> Response:
            return Response("served")

    urls = [
        django_path("x", django_boss(Items.as_view({"get": "list"}))),
        django_path(
            "other", django_adapter.requires(authenticated)(Others.as_view({"get": "list"}))
        ),
    ]

    app = at.DjangoApp(handler, urls, {**options, "unguarded": "refuse"})

    assert asked(app, caller) == [403, 200, 403, 401]
    assert asked(app, caller, "/other") == [200, 200, 200, 401]


# --- Flask ------------------------------------------------------------------------------------


def app_hook(app: Flask) -> None:
    app.before_request(flask_boss(lambda: None))
    app.add_url_rule("/x", "x", lambda: "served")


def blueprint_hook(app: Flask) -> None:
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    outer.before_request(flask_boss(lambda: None))
    inner.add_url_rule("/x", "x", lambda: "served")
    outer.register_blueprint(inner)
    app.register_blueprint(outer)


def dispatch_request(app: Flask) -> None:
    class Whole(MethodView):
        @flask_boss
        def dispatch_request(self, **kwargs: Any) -> Any:
            return super().dispatch_request(**kwargs)

        def get(self) -> str:
            return "served"

    app.add_url_rule("/x", view_func=Whole.as_view("x"))


def method_decorators(app: Flask) -> None:
    class Whole(Resource):
        method_decorators = (flask_boss,)

        def get(self) -> str:
            return "served"

    Api(app).add_resource(Whole, "/x")


def method_decorators_by_method(app: Flask) -> None:
    class Whole(Resource):
        method_decorators: ClassVar[Any] = {"get": [flask_boss]}

        def get(self) -> str:
            return "served"

    Api(app).add_resource(Whole, "/x")


def method_decorators_below_a_kept_answer(app: Flask) -> None:
    class Whole(Resource):
        method_decorators = (flask_boss,)

        def get(self) -> str:
            return "served"

    Api(app, decorators=[keeping]).add_resource(Whole, "/x")


FLASK = [
    app_hook,
    blueprint_hook,
    dispatch_request,
    method_decorators,
    method_decorators_by_method,
    method_decorators_below_a_kept_answer,
]


@pytest.mark.parametrize("build", FLASK)
def test_a_guard_of_a_whole_flask_app_blueprint_or_class_counts(
    build: Callable[[Flask], None], options: Any, caller: Caller
) -> None:
    app = Flask("tests", static_folder=None)
    flask_adapter.JWTMiddleware(app, **options, unguarded="refuse")
    build(app)

    assert asked(at.WsgiApp(app), caller) == [403, 200, 403, 401]


def test_a_hook_of_one_blueprint_guards_no_route_of_another(options: Any, caller: Caller) -> None:
    app = Flask("tests", static_folder=None)
    flask_adapter.JWTMiddleware(app, **options, unguarded="refuse")
    blueprint_hook(app)
    app.add_url_rule("/bare", "bare", lambda: "served")

    assert at.WsgiApp(app).get("/x", caller(role="Internal/boss")).status == 503


def test_a_hook_whose_answer_is_kept_above_its_guard_does_not_count(
    options: Any, caller: Caller
) -> None:
    app = Flask("tests", static_folder=None)
    flask_adapter.JWTMiddleware(app, **options, unguarded="refuse")
    app.before_request(keeping(flask_boss(lambda: None)))
    app.add_url_rule("/x", "x", lambda: "served")

    assert at.WsgiApp(app).get("/x", caller(role="Internal/boss")).status == 503


def test_decorators_of_one_method_guard_no_other(options: Any, caller: Caller) -> None:
    class Part(Resource):
        method_decorators: ClassVar[Any] = {"post": [flask_boss]}

        def get(self) -> str:
            return "served"

        def post(self) -> str:
            return "served"

    app = Flask("tests", static_folder=None)
    flask_adapter.JWTMiddleware(app, **options)
    Api(app).add_resource(Part, "/x")

    assert at.WsgiApp(app).get("/x", caller(role="Internal/clerk")).status == 200
    assert [(row.methods, row.kind) for row in flask_inventory(app)] == [
        (("GET",), "unguarded"),
        (("POST",), "guarded"),
    ]


# --- Starlette --------------------------------------------------------------------------------


def dispatch() -> Route:
    class Whole(HTTPEndpoint):
        @starlette_boss
        async def dispatch(self) -> None:
            await super().dispatch()

        async def get(self, request: Any) -> JSONResponse:
            return JSONResponse("served")

    return Route("/x", Whole)


def test_a_guard_of_a_whole_starlette_endpoint_counts(options: Any, caller: Caller) -> None:
    app = Starlette(routes=[dispatch()])
    app.add_middleware(starlette_adapter.JWTMiddleware, **options, unguarded="refuse")

    assert asked(at.AsgiApp(app), caller) == [403, 200, 403, 401]


def test_a_guard_of_all_static_files_counts(options: Any, caller: Caller, tmp_path: Path) -> None:
    class Files(StaticFiles):
        @starlette_boss
        async def get_response(self, path: str, scope: Any) -> Any:
            return await super().get_response(path, scope)

    (tmp_path / "x").write_text("served")
    app = Starlette(routes=[Mount("/files", Files(directory=tmp_path))])
    app.add_middleware(starlette_adapter.JWTMiddleware, **options, unguarded="refuse")

    assert asked(at.AsgiApp(app), caller, "/files/x") == [403, 200, 403, 401]
