"""Every route of a Django site is found, with what guards it."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType
from typing import Any

from . import django_rest_site as rest  # it configures Django before the adapter is imported

# isort: split
import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import include, path, re_path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.generic import ListView
from django.views.static import serve as serve_static
from ninja import NinjaAPI, Router
from ninja.decorators import decorate_view
from rest_framework.decorators import api_view
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import ModelViewSet

from jwt_middleware import has_role
from jwt_middleware.testing import SigningKey
from jwt_middleware_django import public, requires
from jwt_middleware_django.inventory import installed_gate, inventory

from ..foreign_decorators import without_wraps
from .client_cases import sent
from .harness import call_wsgi
from .rule_apps import DjangoApp

A = has_role("a")
GUARDED_A = ("guarded", "requires(has_role('a'))")
ADMINS = ("guarded", "requires(has_role('acme_admin'))")
BARE = ("unguarded", "")
PUBLIC = ("public", "")
OWN = ("framework", "")


def view() -> Any:
    def serve(request: HttpRequest, **_: Any) -> HttpResponse:
        return HttpResponse("served")

    return serve


def found_in(*urlpatterns: Any) -> list[Any]:
    urls = ModuleType("urls")
    urls.urlpatterns = urlpatterns  # type: ignore[attr-defined]
    with override_settings(ROOT_URLCONF=urls):
        return inventory(None)


def table(*urlpatterns: Any) -> dict[tuple[str, str], tuple[str, str]]:
    """What is found of a site: kind and guard, by methods and path."""
    found = found_in(*urlpatterns)
    told = {(",".join(each.methods), each.path): (each.kind, each.guard) for each in found}
    assert len(told) == len(found)
    return told


class Page(View):
    """A class of views; those below guard it in one way each."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("served")

    def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("served")


# --- functions -------------------------------------------------------------------------------


def test_a_function_is_listed_with_its_path_its_guard_and_its_name() -> None:
    [found] = found_in(path("x/<int:number>", requires(A)(view()), name="x"))

    assert (found.path, found.methods) == ("/x/<int:number>", ())
    assert (found.kind, found.guard) == GUARDED_A
    assert found.handler == f"{__name__}.view.<locals>.serve"


def test_requires_above_below_and_among_other_decorators_is_found() -> None:
    above = view()
    patterns = [path("above", never_cache(above))]
    requires(A)(above)  # as above the line that registers it

    assert table(
        *patterns,
        path("below", requires(A)(view())),
        path("between", never_cache(requires(A)(never_cache(view())))),
        path("bare", never_cache(view())),
        path("public", never_cache(public(view()))),
    ) == {
        ("", "/above"): GUARDED_A,
        ("", "/below"): GUARDED_A,
        ("", "/between"): GUARDED_A,
        ("", "/bare"): BARE,
        ("", "/public"): PUBLIC,
    }


def test_includes_and_the_includes_in_them_are_looked_into() -> None:
    inner = [path("x", requires(A)(view())), re_path(r"^y/(?P<id>\d+)$", view())]
    outer = [path("inner/", include((inner, "inner"), namespace="deep")), path("", view())]

    assert table(path("outer/", include(outer)), path("again/<part>/", include(inner))) == {
        ("", "/outer/inner/x"): GUARDED_A,
        ("", r"/outer/inner/y/(?P<id>\d+)$"): BARE,
        ("", "/outer/"): BARE,
        ("", "/again/<part>/x"): GUARDED_A,
        ("", r"/again/<part>/y/(?P<id>\d+)$"): BARE,
    }


# --- classes ---------------------------------------------------------------------------------


def test_a_class_whose_dispatch_is_guarded_is_guarded_as_a_whole_and_its_base_is_not() -> None:
    guarded = method_decorator(requires(A), name="dispatch")(type("Guarded", (Page,), {}))

    assert table(path("x", guarded.as_view()), path("base", Page.as_view())) == {
        ("", "/x"): GUARDED_A,
        ("GET", "/base"): BARE,
        ("POST", "/base"): BARE,
    }


def test_a_method_with_a_guard_beside_those_of_its_class_is_listed_with_both() -> None:
    @method_decorator(requires(A), name="dispatch")
    class Guarded(Page):
        @method_decorator(requires(has_role("b")))
        def post(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse("served")

    class Permitted(rest.Orders):
        @method_decorator(requires(has_role("b")))
        def create(self, request: Any) -> Any:
            return HttpResponse("served")

    actions = Permitted.as_view({"get": "list", "post": "create"})  # type: ignore[no-untyped-call]
    both = "requires(has_role('a')) and requires(has_role('b'))"
    found = table(path("x", Guarded.as_view()), path("y", actions))

    assert (found["GET", "/x"], found["POST", "/x"]) == (GUARDED_A, ("guarded", both))
    assert "has_role('b')" in found["POST", "/y"][1]
    assert "has_role('acme_admin')" in found["POST", "/y"][1]
    assert "has_role('b')" not in found["GET", "/y"][1]


def test_a_class_is_listed_method_by_method() -> None:
    class Methods(Page):
        @requires(A)
        def get(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse("served")

        @method_decorator(requires(A))
        def put(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse("served")

        @public
        def delete(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse("served")

    assert table(path("x", Methods.as_view())) == {
        ("GET", "/x"): GUARDED_A,
        ("POST", "/x"): BARE,
        ("PUT", "/x"): GUARDED_A,
        ("DELETE", "/x"): PUBLIC,
    }


def test_a_method_guarded_by_name_is_guarded_alone() -> None:
    guarded = method_decorator(requires(A), name="post")(type("Guarded", (Page,), {}))

    assert table(path("x", guarded.as_view())) == {
        ("GET", "/x"): BARE,
        ("POST", "/x"): GUARDED_A,
    }


def test_a_guard_around_as_view_guards_that_route_alone() -> None:
    found = table(path("x", requires(A)(Page.as_view())), path("y", Page.as_view()))

    assert found == {("", "/x"): GUARDED_A, ("GET", "/y"): BARE, ("POST", "/y"): BARE}


def test_a_class_can_be_marked_public_as_it_is_guarded() -> None:
    opened = method_decorator(public, name="dispatch")(type("Opened", (Page,), {}))

    assert set(table(path("x", opened.as_view())).values()) == {PUBLIC}


def test_a_class_that_answers_by_its_own_dispatch_is_listed() -> None:
    class Dispatching(View):
        def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
            return HttpResponse("served")

    assert list(table(path("x", Dispatching.as_view())).values()) == [BARE]


@pytest.mark.parametrize("method", ["head", "options", "trace"])
def test_rarer_methods_are_listed_where_the_class_has_its_own(method: str, rsa_key: Any) -> None:
    class Page(View):
        @requires(A)
        def get(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse("served")

    page = type("Page", (Page,), {method: lambda self, request: HttpResponse("served")})
    patterns = [path("x", page.as_view())]
    app = DjangoApp(WSGIHandler, patterns, {"keys": rsa_key.certificate_pem, "api": "/echo"})

    with app.settings():
        answer = call_wsgi(app.handler, method.upper(), "/x", sent(rsa_key, {}))

    assert answer.status == 200
    assert table(*patterns)[method.upper(), "/x"] == BARE


# --- REST framework --------------------------------------------------------------------------


def test_views_of_rest_framework_are_listed_by_their_permissions() -> None:
    found = table(*rest.urlpatterns)

    assert found["", "/guarded"] == ADMINS
    assert found["", "/function"] == ADMINS
    assert found["", "/given"] == ADMINS
    assert found["", "/authenticated"] == ("guarded", "requires(authenticated)")
    assert found["", "/shadow"] == ("guarded", "requires(has_role('acme_admin'), enforce=False)")
    assert found["", "/two"] == (
        "guarded",
        "requires(has_role('acme_admin')) and requires(has_role('acme_buyer'))",
    )
    assert found["GET", "/who"] == BARE
    assert found["GET", "/taken"] == BARE
    assert found["GET", "/frameworks"] == BARE
    assert found["GET", "/by-method"] == ADMINS
    assert found["POST", "/by-method"] == BARE
    assert found["PUT", "/by-method"] == PUBLIC


def test_view_sets_are_listed_by_what_their_router_calls() -> None:
    found = table(*rest.urlpatterns)

    assert found["GET", "/api/projects/$"] == ADMINS
    assert found["POST", "/api/projects/$"] == BARE
    assert found["", "/api/projects/cart/$"] == (
        "guarded",
        "requires(has_role('acme_buyer'))",
    )
    assert found["", "/api/orders/$"] == ADMINS


def test_a_view_set_of_the_site_is_its_own_though_the_framework_wrote_the_methods() -> None:
    class Users(ModelViewSet):
        queryset: Any = ()

    router = SimpleRouter()
    router.register("users", Users, basename="user")

    found = table(*router.urls)

    assert {method for method, _ in found} == {"GET", "POST", "PUT", "PATCH", "DELETE"}
    assert set(found.values()) == {BARE}


def test_a_permission_that_another_may_overrule_guards_nothing() -> None:
    both = rest.IsAdmin & AllowAny
    either, opposite = both | AllowAny, ~both

    found = table(path("x", rest.page(either)), path("y", rest.page(opposite)))

    assert found == {("GET", "/x"): BARE, ("GET", "/y"): BARE}


def test_permissions_on_a_view_of_django_itself_guard_nothing() -> None:
    """Nobody asks them there."""

    class Plain(Page):
        permission_classes = (rest.IsAdmin,)

    found = table(path("x", Plain.as_view()))

    assert set(found.values()) == {BARE}


# --- the framework's own ---------------------------------------------------------------------


def test_the_view_of_static_files_is_the_frameworks_own() -> None:
    static = path("static/<path:path>", serve_static, {"document_root": "."})

    assert table(static) == {("", "/static/<path:path>"): OWN}


@pytest.mark.parametrize(
    "listing",
    [ListView.as_view(queryset=["of the site"]), ListAPIView.as_view(queryset=["of the site"])],
    ids=["django", "rest_framework"],
)
def test_a_generic_view_of_the_sites_own_data_is_not_the_frameworks(listing: Any) -> None:
    assert set(table(path("x", listing)).values()) == {BARE}


def test_the_sites_own_views_are_not_the_frameworks_for_the_name_of_their_app() -> None:
    """Any site may call an app of its own ``admin``."""
    own = [path("salaries", view())]

    found = table(path("staff/", include((own, "admin"), namespace="staff")))

    assert found == {("", "/staff/salaries"): BARE}


ADMIN_SITE = """
import django
from django.conf import settings

settings.configure(
    ROOT_URLCONF="__main__",
    SECRET_KEY="of the tests, for nothing",
    INSTALLED_APPS=["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
                    "django.contrib.sessions", "django.contrib.messages"],
)
django.setup()
from django.contrib import admin
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("admin/", admin.site.urls), path("x", lambda request: HttpResponse())]

from jwt_middleware_django.inventory import inventory

for each in inventory(None):
    if each.kind != "framework":
        print(each.path, each.kind)
"""


def test_the_admin_is_the_frameworks_own() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ADMIN_SITE],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": ":".join(filter(None, sys.path))},
    )

    assert done.stderr == ""
    assert done.stdout.splitlines() == ["/x unguarded"]


# --- the middleware that is installed --------------------------------------------------------


def test_the_gate_is_that_of_the_settings(rsa_key: Any) -> None:
    options = {"keys": rsa_key.certificate_pem, "header": "X-Other"}
    with override_settings(JWT_MIDDLEWARE=options, MIDDLEWARE=[]):
        assert installed_gate(None) is None
    with override_settings(
        JWT_MIDDLEWARE=options, MIDDLEWARE=["jwt_middleware_django.JWTMiddleware"]
    ):
        middleware = installed_gate(None)

    assert middleware is not None
    assert middleware.headers.names == ("X-Other",)


# --- methods and operations of a site's own ---------------------------------------------------


def test_a_classs_own_list_of_methods_is_looked_at() -> None:
    class Payroll(View):
        http_method_names = [*View.http_method_names, "report"]  # noqa: RUF012

        @method_decorator(requires(A))
        def get(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse("served")

        def report(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse("served")

    assert table(path("x", Payroll.as_view())) == {
        ("GET", "/x"): GUARDED_A,
        ("REPORT", "/x"): BARE,
    }
    short = Payroll.as_view(http_method_names=["get"])
    assert table(path("x", short)) == {("GET", "/x"): GUARDED_A}


def test_rest_frameworks_api_view_over_requires_is_guarded() -> None:
    below = api_view(["GET"])(requires(A)(view()))
    above = requires(A)(api_view(["GET"])(view()))
    bare = api_view(["GET"])(view())

    told = table(path("below", below), path("above", above), path("bare", bare))

    assert told[("GET", "/below")] == GUARDED_A
    assert told[("", "/above")] == GUARDED_A
    assert told[("GET", "/bare")] == BARE


def ninja() -> NinjaAPI:
    return NinjaAPI(urls_namespace=f"inventory-{next(_numbers)}", docs_url="/docs")


_numbers = iter(range(1000))


def test_django_ninjas_operations_are_listed_one_by_one() -> None:
    api, router = ninja(), Router()
    view_of = {name: view() for name in ("above", "below", "bare", "own", "public")}
    requires(A)(api.get("/above")(view_of["above"]))
    api.post("/above")(requires(A)(view_of["below"]))
    api.put("/above")(view_of["bare"])
    router.get("/own")(decorate_view(requires(A))(view_of["own"]))
    router.delete("/own")(public(view_of["public"]))
    api.add_router("/r", router)

    told = table(path("api/", api.urls))

    assert told[("GET", "/api/above")] == GUARDED_A
    assert told[("POST", "/api/above")] == GUARDED_A
    assert told[("PUT", "/api/above")] == BARE
    assert told[("GET", "/api/r/own")] == GUARDED_A
    assert told[("DELETE", "/api/r/own")] == PUBLIC
    assert {kind for (_, where), (kind, _) in told.items() if "docs" in where} == {"framework"}


# --- a urlconf of a request's own -------------------------------------------------------------


def test_a_view_that_only_a_requests_urlconf_has_is_guarded_or_not_served(
    rsa_key: SigningKey, caplog: pytest.LogCaptureFixture
) -> None:
    """django-hosts and tenants choose a urlconf for each request."""
    tenant = ModuleType("tenant")
    above = view()
    kept = requires(has_role("acme_admin"))(without_wraps(above))
    tenant.urlpatterns = [  # type: ignore[attr-defined]
        path("bare", view()),
        path("public", public(view())),
        path("guarded", requires(has_role("acme_admin"))(view())),
        path("above", above),
    ]

    def choose(get_response: Any) -> Any:
        def serve(request: HttpRequest) -> Any:
            request.urlconf = tenant
            return get_response(request)

        return serve

    chooser = ModuleType("chooser")
    chooser.choose = choose  # type: ignore[attr-defined]
    sys.modules["chooser"] = chooser
    try:
        options = {"keys": rsa_key.certificate_pem, "api": "/echo", "unguarded": "refuse"}
        app = DjangoApp(WSGIHandler, [path("own", public(view()))], options)
        middleware = ["chooser.choose", "jwt_middleware_django.JWTMiddleware"]
        with app.settings(), override_settings(MIDDLEWARE=middleware):
            site = WSGIHandler()
            caller = sent(rsa_key, {"roles": ["nobody"]})
            asked = {
                name: call_wsgi(site, "GET", f"/{name}", caller).status
                for name in ("bare", "public", "guarded", "above")
            }
            page = call_wsgi(site, "GET", "/bare", [*caller, ("Accept", "text/html")])
    finally:
        del sys.modules["chooser"]
    del kept

    assert asked == {"bare": 503, "public": 200, "guarded": 403, "above": 403}
    assert b"<h1>Service misconfigured</h1>" in page.body
    assert any("/bare is not served" in record.getMessage() for record in caplog.records)


def test_a_decorator_of_ones_own_guards_by_method_decorator_too() -> None:
    def for_admins(view: Any) -> Any:
        return requires(A)(never_cache(view))

    class Payroll(View):
        @method_decorator(for_admins)
        def get(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse("served")

        @method_decorator([never_cache, requires(A)])
        def post(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse("served")

    assert table(path("x", Payroll.as_view())) == {
        ("GET", "/x"): GUARDED_A,
        ("POST", "/x"): GUARDED_A,
    }
