"""Views of every kind, guarded in every way, for ``test_django``."""

from __future__ import annotations

import threading
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache

from jwt_middleware import claim, has_role, path_param
from jwt_middleware_django import JWTMiddleware, current_principal_or_none, requires

from . import django_site  # noqa: F401 - configures Django before the adapter is imported

EVERYONE = has_role("Internal/everyone")
OWN_PROJECT = claim("http://wso2.org/claims/pid") == path_param("project_id")
THREADS: list[int] = []
urlpatterns: list[Any] = []


def route(pattern: str) -> Any:
    """A route decorator as many sites have one: it registers the view and returns it bare."""

    def register(view: Any) -> Any:
        urlpatterns.append(path(pattern, view))
        return view

    return register


def served() -> HttpResponse:
    return JsonResponse("served", safe=False)


def _subjects(request: HttpRequest) -> HttpResponse:
    found = (request.principal, current_principal_or_none())
    return JsonResponse([each and each.subject for each in found], safe=False)


@route("sync/me")
def me(request: HttpRequest) -> HttpResponse:
    return _subjects(request)


@route("async/me")
async def me_async(request: HttpRequest) -> HttpResponse:
    return _subjects(request)


@route("sync/denied")
@requires(EVERYONE)
def denied(request: HttpRequest) -> HttpResponse:
    return served()


@route("async/denied")
@requires(EVERYONE)
async def denied_async(request: HttpRequest) -> HttpResponse:
    return served()


@requires(EVERYONE)
@route("sync/above")
def above(request: HttpRequest) -> HttpResponse:
    return served()


@requires(EVERYONE)
@route("async/above")
async def above_async(request: HttpRequest) -> HttpResponse:
    return served()


@requires(EVERYONE)
@route("sync/registered")
@never_cache
def registered(request: HttpRequest) -> HttpResponse:
    return served()


@requires(EVERYONE)
@route("async/registered")
@never_cache
async def registered_async(request: HttpRequest) -> HttpResponse:
    return served()


@route("projects/<project_id>")
@requires(OWN_PROJECT)
def project(request: HttpRequest, project_id: str) -> HttpResponse:
    return served()


@method_decorator(requires(EVERYONE), name="dispatch")
class Dispatched(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return served()


@method_decorator(requires(EVERYONE), name="dispatch")
class DispatchedAsync(View):
    async def get(self, request: HttpRequest) -> HttpResponse:
        return served()


class Methods(View):
    @requires(EVERYONE)
    def get(self, request: HttpRequest) -> HttpResponse:
        return served()

    def post(self, request: HttpRequest) -> HttpResponse:
        return JsonResponse("posted", safe=False)


class MethodsAsync(View):
    @method_decorator(requires(EVERYONE))
    async def get(self, request: HttpRequest) -> HttpResponse:
        return served()

    async def post(self, request: HttpRequest) -> HttpResponse:
        return JsonResponse("posted", safe=False)


class Sibling(View):
    """Beside the guarded classes; it inherits Django's own ``dispatch``, as they do."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return served()


class Base(View):
    """A site's own base class, with a ``dispatch`` of its own."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        return served()


@method_decorator(requires(EVERYONE), name="dispatch")
class Sub(Base):
    """Inherits the site's ``dispatch``, and is guarded where its base is not."""


urlpatterns += [
    path("sync/class-dispatch", Dispatched.as_view()),
    path("async/class-dispatch", DispatchedAsync.as_view()),
    path("sync/class-method", Methods.as_view()),
    path("async/class-method", MethodsAsync.as_view()),
    path("sibling", Sibling.as_view()),
    path("base", Base.as_view()),
    path("sub", Sub.as_view()),
]


class Stamp:
    """Another middleware: it writes down what it sees of the request and of the answer."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if self.is_async:
            return self._stamp_async(request)
        return self._stamp(request, self.get_response(request))

    async def _stamp_async(self, request: HttpRequest) -> HttpResponse:
        return self._stamp(request, await self.get_response(request))

    def _stamp(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        principal = request.principal
        response["X-Stamp"] = f"{response.status_code} {principal and principal.subject}"
        return response


class TracedMiddleware(JWTMiddleware):
    """Ours, and a note of the thread on which each of its hooks begins."""

    def process_view(self, *args: Any) -> Any:
        THREADS.append(threading.get_ident())
        return super().process_view(*args)

    def process_exception(self, *args: Any) -> Any:
        THREADS.append(threading.get_ident())
        return super().process_exception(*args)
