"""The routes of ``django_site``, with async views."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from jwt_middleware import claim, client, has_role, path_param
from jwt_middleware_django import current_principal, current_principal_or_none, requires

from .django_site import told
from .harness import answer_headers

urlpatterns: list[Any] = []


def route(pattern: str) -> Any:
    def register(view: Any) -> Any:
        urlpatterns.append(path(pattern, view))
        return view

    return register


@route("files/<name>")
@route("who")
async def who(request: HttpRequest, name: str = "") -> HttpResponse:
    assert current_principal_or_none() is request.principal
    own = answer_headers(request.META["QUERY_STRING"])
    return JsonResponse(told(current_principal_or_none()), safe=False, headers=own)


@route("needs-role")
@requires(has_role("Internal/everyone"))
async def needs_role(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"served": True})


@route("denied")
@requires(has_role("nobody"))
async def denied(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"served": True})


@route("not-client")
@requires(~client("x"))
async def not_client(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"served": True})


@route("projects/<project_id>")
@requires(claim("http://wso2.org/claims/pid") == path_param("project_id"))
async def project(request: HttpRequest, project_id: str) -> HttpResponse:
    return JsonResponse({"served": True})


@requires(has_role("Internal/everyone"))
@route("above")
async def above(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"served": True})


@route("principal")
async def principal(request: HttpRequest) -> HttpResponse:
    return JsonResponse(told(current_principal()), safe=False)
