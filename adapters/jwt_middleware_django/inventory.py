"""The routes of a Django site, those of REST framework's views among them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest
from django.urls import Resolver404, URLPattern, URLResolver, get_resolver, resolve

from jwt_middleware.authorization import Guard, Route, route_of, routes_of_class

GUARD = "jwt_middleware_guard"
"""The attribute by which a permission class of REST framework says what it enforces."""

_ADMINS = ("admin_site", "model_admin")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
_ASK_PERMISSIONS = ("check_permissions", "get_permissions", "initial")


def site_routes() -> list[Route]:
    """Return every route of the site that the settings name."""
    return list(_below(get_resolver(), "/"))


def template_of(request: HttpRequest) -> str | None:
    """Return the template of a request's route, also before Django has routed it."""
    match = request.resolver_match
    if match is None:
        try:
            match = resolve(request.path_info, getattr(request, "urlconf", None))
        except Resolver404:
            return None
    return f"/{match.route}"


def _below(resolver: URLResolver, prefix: str) -> Iterator[Route]:
    for each in resolver.url_patterns:
        path = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from _below(each, path)
        elif isinstance(each, URLPattern):
            # The admin's views ask for its own log-in, whatever their class.
            is_admins = any(hasattr(each.callback, name) for name in _ADMINS)
            for route in _routes(path, each.callback):
                yield route._replace(frameworks_own=route.frameworks_own or is_admins)


def _routes(path: str, view: Any) -> Iterator[Route]:
    """Yield the route of a view, or one a method where its class is guarded method by method."""
    view_class = getattr(view, "view_class", None) or getattr(view, "cls", None)
    permissions = tuple(_permissions(view, view_class))
    route = route_of(path, (), view, guards=permissions)
    if view_class is None or route.kind in ("guarded", "public"):
        yield route
        return
    actions: dict[str, str] | None = getattr(view, "actions", None)
    if actions is not None:  # a view set: the router says which method calls what
        for method, action in sorted(actions.items()):
            yield route_of(path, (method.upper(),), getattr(view_class, action))
        return
    found = tuple(routes_of_class(path, _METHODS, view_class))
    yield from found or (route,)


def _permissions(view: Any, view_class: Any) -> Iterator[Guard]:
    """Yield the guards among a REST framework view's permissions, all of which must hold."""
    if any(not _is_rest_frameworks(view_class, name) for name in _ASK_PERMISSIONS):
        return  # the class decides by itself what it asks
    given = getattr(view, "initkwargs", {}).get("permission_classes")
    classes = getattr(view_class, "permission_classes", ()) if given is None else given
    for each in classes:
        guard = getattr(each, GUARD, None)
        if isinstance(guard, Guard):
            yield guard


def _is_rest_frameworks(view_class: Any, name: str) -> bool:
    """Whether REST framework's own method of this name asks the permissions."""
    module = str(getattr(getattr(view_class, name, None), "__module__", ""))
    return module.startswith("rest_framework.")
