"""How the paths of a Django site are told: as Django joins them, and as a person reads them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from . import django_rest_site  # noqa: F401 - it configures Django before the adapter is imported

# isort: split
import pytest
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import include, path, re_path
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import ModelViewSet

from jwt_middleware_django.inventory import as_read, find_route, inventory


def view() -> Any:
    def serve(request: HttpRequest, **_: Any) -> HttpResponse:
        return HttpResponse("served")

    return serve


class Reports(ModelViewSet):  # type: ignore[type-arg]
    queryset: Any = ()
    lookup_field = "name"


def test_the_route_that_serves_a_path_is_one_of_the_inventory() -> None:
    router = SimpleRouter()
    router.register("reports", Reports, basename="report")
    inner = [re_path(r"^y/(?P<id>\d+)$", view())]
    urls = ModuleType("urls")
    urls.urlpatterns = [  # type: ignore[attr-defined]
        path("api/", include(router.urls)),
        path("in/", include((inner, "inner"))),
        re_path(r"^z$", view()),
    ]
    with override_settings(ROOT_URLCONF=urls):
        listed = {route.path for route in inventory(None)}
        for asked in ("/api/reports/", "/api/reports/one/", "/in/y/7", "/z"):
            found = find_route(None, "GET", asked)
            assert found is not None
            assert found[0] in listed


@pytest.mark.parametrize(
    "template, shown",
    [
        ("/x/<int:number>/", "/x/<int:number>/"),
        ("/c++/", "/c++/"),
        ("/api/customers/$", "/api/customers/"),
        ("/api/customers/(?P<pk>[^/.]+)/$", "/api/customers/<pk>/"),
        (r"/api/customers\.(?P<format>[a-z0-9]+)/?$", "/api/customers.<format>/"),
        (r"/^y-z/(\d+)$", "/y-z/<var>"),
        ("/(?:a|b)/^c$", "/<var>/c"),
    ],
)
def test_a_regular_expression_is_shown_without_its_marks(template: str, shown: str) -> None:
    assert as_read(template) == shown
