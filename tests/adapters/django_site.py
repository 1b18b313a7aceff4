"""The Django site of the tests: the same routes once with sync views, once with async ones."""

from __future__ import annotations

from typing import Any

import django
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from jwt_middleware import claim, client, has_role, path_param
from jwt_middleware.principal import PRINCIPAL_KEY

from .harness import answer_headers

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        DEFAULT_CHARSET="utf-8",
        INSTALLED_APPS=["jwt_middleware_django"],
        MIDDLEWARE=["tests.adapters.django_site.Outermost", "jwt_middleware_django.JWTMiddleware"],
        ROOT_URLCONF="tests.adapters.django_site",
        SECRET_KEY="of the tests, for nothing",
        USE_TZ=True,
    )
    django.setup()

from jwt_middleware_django import current_principal, current_principal_or_none, requires


class Outermost:
    """Stands before our middleware: plants a stale principal where the test's server has one."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        scope = getattr(request, "scope", None)
        if scope is not None:
            request.urlconf = "tests.adapters.django_site_async"
            if PRINCIPAL_KEY in scope:
                request.META[PRINCIPAL_KEY] = request.principal = scope[PRINCIPAL_KEY]
        return self.get_response(request)


urlpatterns: list[Any] = []


def route(pattern: str) -> Any:
    """A decorator that puts a view into the site and returns it as it is."""

    def register(view: Any) -> Any:
        urlpatterns.append(path(pattern, view))
        return view

    return register


@route("files/<name>")
@route("who")
def who(request: HttpRequest, name: str = "") -> HttpResponse:
    assert current_principal_or_none() is request.principal
    own = answer_headers(request.META["QUERY_STRING"])
    return JsonResponse(told(current_principal_or_none()), safe=False, headers=own)


@route("needs-role")
@requires(has_role("Internal/everyone"))
def needs_role(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"served": True})


@route("denied")
@requires(has_role("nobody"))
def denied(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"served": True})


@route("not-client")
@requires(~client("x"))
def not_client(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"served": True})


@route("projects/<project_id>")
@requires(claim("http://wso2.org/claims/pid") == path_param("project_id"))
def project(request: HttpRequest, project_id: str) -> HttpResponse:
    return JsonResponse({"served": True})


@requires(has_role("Internal/everyone"))
@route("above")
def above(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"served": True})


@route("principal")
def principal(request: HttpRequest) -> HttpResponse:
    return JsonResponse(told(current_principal()), safe=False)


def told(principal: Any) -> Any:
    """What every app of these tests tells of a principal."""
    if principal is None:
        return None
    return {
        "subject": principal.subject,
        "client_id": principal.client_id,
        "roles": sorted(principal.roles),
    }
