"""The routes of a Django site, with REST framework's views and django-ninja's operations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from types import FunctionType
from typing import Any

from django.conf import settings
from django.core.exceptions import ViewDoesNotExist
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, URLPattern, URLResolver, get_resolver, resolve

from jwt_middleware.authorization import GUARD, Enter, Guard
from jwt_middleware.authorization.exposure import Exposure, alive, guards_of, guards_to_ask
from jwt_middleware.authorization.guards import safe_attribute
from jwt_middleware.authorization.kept import contents_of
from jwt_middleware.authorization.reach import behind_and_before
from jwt_middleware.authorization.routes import (
    Route,
    attributes_of_class,
    is_frameworks_own,
    one_or_each,
    route_of,
    routes_of_class,
)
from jwt_middleware.background.forks import ForkLock
from jwt_middleware.events import RequestRecord
from jwt_middleware.middleware import Middleware

_ADMINS = ("admin_site", "model_admin")
_ADMIN = "django.contrib.admin"
_ADMINS_HANDLER = re.compile(r"django\.contrib\.(\w+\.)?admin\.")
_MOST_KNOWN = 10_000
_STATUSES_WITH_HANDLERS = (400, 403, 404, 500)
_CALLED_FIRST = ("setup", "dispatch", "initial")
"""Django's and, the last, REST framework's."""
_ASK_PERMISSIONS = ("check_permissions", "get_permissions", "initial")


class SiteRoutes:
    """What the site routes to, by its settings or by a urlconf of a request's own."""

    def __init__(self, enter: Enter) -> None:
        self._views = list(_views(get_resolver(), "/"))
        self._exposure = Exposure(
            [handler for _, view in self._views for handler in _handlers(view)],
            enter,
            beside=[
                *(function for _, view in self._views for function in _class_functions(view)),
                *_handlers_of_errors(get_resolver(), [view for _, view in self._views]),
            ],
        )
        self._known: dict[tuple[int, str], tuple[Any, tuple[Guard, ...]]] = {}
        self._noting = ForkLock()

    def __contains__(self, view: object) -> bool:
        return view in self._exposure

    def inventory(self) -> list[Route]:
        """Return every route of the site that the settings name."""
        # django-ninja has one pattern for each operation, and all operations behind each.
        routes = (route for path, view in self._views for route in self.rows(path, view))
        return list(dict.fromkeys(routes))

    def unused(self) -> list[str]:
        """Return the guards that no route uses, by any urlconf that has been imported."""
        return self._exposure.unused(_all_handlers)

    def rows(self, path: str, view: Any) -> Iterator[Route]:
        """Yield the route of a view, or one a method where they are served apart."""
        operations = _operations(view)
        if operations is not None:
            for operation in operations:
                function = operation.view_func
                guards = (*self._exposure.bare(function), *guards_of(_run_of(operation)))
                yield route_of(path, operation.methods, function, guards=guards)
            return
        # The admin's views require its own log-in, whatever their class.
        is_admins = any(hasattr(view, name) for name in _ADMINS)
        for route in self._rows_of_view(path, view):
            if is_admins or _ADMINS_HANDLER.match(route.handler):
                route = route._replace(frameworks_own=True, part=_ADMIN)
            yield route

    def _rows_of_view(self, path: str, view: Any) -> Iterator[Route]:
        view_class = _class_of(view)
        guards = (*self._exposure.bare(view), *_permissions(_served_node(view), view_class))
        if view_class is None:
            yield route_of(path, (), view, guards=guards)
            return
        # REST framework's api_view makes a class that the function's own guards know nothing of.
        guards += tuple(guard for first in _called_first(view_class) for guard in guards_of(first))
        route = route_of(path, (), view, guards=guards)
        guards = route.guards
        actions: dict[str, str] | None = getattr(_served_node(view), "actions", None)
        if actions is not None:  # a view set: the router says which method calls what
            by_method = [
                route_of(path, (method.upper(),), getattr(view_class, action), guards=guards)
                for method, action in sorted(actions.items())
            ]
        else:
            methods = _methods_of(view, view_class)
            by_method = list(routes_of_class(path, methods, view_class, guards=guards))
        yield from one_or_each(route, by_method)

    def guards_to_ask(self, view: Any, method: str) -> tuple[Guard, ...]:
        """Return the guards to check before a view: a decorator above it may answer first."""
        known = self._known.get((id(view), method))
        if known is not None and known[0] is view:
            return known[1]
        guards = (*self._exposure.bare(view), *guards_to_ask(view), *self._below(view, method))
        if view in self._exposure:  # others may be made anew for each request
            with self._noting:
                if len(self._known) >= _MOST_KNOWN:  # the caller chooses the method
                    self._known.clear()
                self._known[id(view), method] = (view, guards)
        return guards

    def bare(self, view: Any) -> tuple[Guard, ...]:
        """Return the guards above a view's route, which no wrapper checks."""
        return self._exposure.bare(view)

    def _below(self, view: Any, method: str) -> Iterator[Guard]:
        """Yield the guards of what a view's class or operations call for a method."""
        for operation in _operations(view) or ():
            if method in operation.methods:
                yield from guards_of(_run_of(operation))
                yield from self._exposure.guards(operation.view_func)
                return
        view_class = _class_of(view)
        if view_class is None or method not in _methods_of(view, view_class):
            return
        node = _served_node(view)
        actions: dict[str, str] = getattr(node, "actions", None) or {}
        name = actions.get(method.lower(), method.lower())
        served = getattr(view_class, name, None)
        if served is None and method == "HEAD":
            served = getattr(view_class, actions.get("get", "get"), None)
        if node is not view:  # a decorator above could answer before they are checked
            yield from _permissions(node, view_class)
        for handler in (*_called_first(view_class), served):
            if handler is not None:
                yield from self._exposure.guards(handler)


def template_of(request: HttpRequest) -> str | None:
    """Return the template of a request's route, even before Django has routed it."""
    try:
        match = request.resolver_match or resolve(
            request.path_info, getattr(request, "urlconf", None)
        )
    except Resolver404:
        return None
    return f"/{match.route}"


def _views(resolver: URLResolver, prefix: str) -> Iterator[tuple[str, Any]]:
    for entry in resolver.url_patterns:
        own = str(entry.pattern)
        # As Django joins them into ``ResolverMatch.route``.
        path = prefix + (own if prefix == "/" else own.removeprefix("^"))
        if isinstance(entry, URLResolver):
            yield from _views(entry, path)
        elif isinstance(entry, URLPattern):
            yield path, entry.callback


def _handlers(view: Any) -> Iterator[Any]:
    """Yield what serves a view's requests: itself, and the methods of its class or operations."""
    yield view
    for operation in _operations(view) or ():
        yield operation.view_func
        yield _run_of(operation)
    view_class = _class_of(view)
    if view_class is None:
        return
    actions: dict[str, str] = getattr(_served_node(view), "actions", None) or {}
    names = {"dispatch", *actions.values(), *map(str.lower, _methods_of(view, view_class))}
    for name in sorted(names):
        method = getattr(view_class, name, None)
        if method is not None and not is_frameworks_own(method):
            yield method


def _handlers_of_errors(resolver: URLResolver, views: list[Any]) -> Iterator[Any]:
    """Yield what Django and django-ninja call where a request has failed."""
    for status in _STATUSES_WITH_HANDLERS:
        with suppress(ImportError, ViewDoesNotExist):  # ``manage.py check`` names it
            yield resolver.resolve_error_handler(status)
    for operation in (each for view in views for each in _operations(view) or ()):
        yield from getattr(safe_attribute(operation, "api"), "_exception_handlers", {}).values()


def _all_handlers() -> Iterator[Any]:
    """Yield what every route in this process serves, of whatever urlconf."""
    for pattern in alive(URLPattern):
        yield from _handlers(pattern.callback)
        yield from _class_functions(pattern.callback)


def _class_functions(view: Any) -> Iterator[Any]:
    view_class = _class_of(view)
    return iter(()) if view_class is None else attributes_of_class(view_class)


def _class_of(view: Any) -> Any:
    """Return the class that serves a view; None for a function."""
    node = _served_node(view)
    return safe_attribute(node, "view_class") or safe_attribute(node, "cls")


def _called_first(view_class: Any) -> Iterator[Any]:
    """Yield what a class calls before the method that serves a request, whichever that is."""
    for name in _CALLED_FIRST:
        function = getattr(view_class, name, None)
        if function is not None:
            yield function


def _served_node(view: Any) -> Any:
    """Return what ``as_view`` made, also below decorators; None for a function."""
    node: Any = next(filter(_has_class, behind_and_before(view)), None)
    # Decorators copy the attributes; the function that ``as_view`` made is the innermost.
    while isinstance(safe_attribute(node, "__wrapped__"), FunctionType) and _has_class(
        node.__wrapped__
    ):
        node = node.__wrapped__
    return node


def _has_class(node: Any) -> bool:
    return any(isinstance(safe_attribute(node, name), type) for name in ("view_class", "cls"))


def _methods_of(view: Any, view_class: Any) -> list[str]:
    """Return the methods that a class allows, by an argument of ``as_view`` or its own."""
    node = _served_node(view)
    given: dict[str, Any] = (
        safe_attribute(node, "view_initkwargs") or safe_attribute(node, "initkwargs") or {}
    )
    own: Iterable[str] = getattr(view_class, "http_method_names", ())
    names: Iterable[str] = given.get("http_method_names", own)
    return [name.upper() for name in names]


def _operations(view: Any) -> list[Any] | None:
    """Return the operations of a django-ninja view, which keeps them in an object of its own."""
    for node in behind_and_before(view):
        for kept in contents_of(*(safe_attribute(node, "__closure__") or ())):
            operations = getattr(kept, "operations", None)
            if isinstance(operations, list) and all(hasattr(x, "view_func") for x in operations):
                return operations
    return None


def _run_of(operation: Any) -> Any:
    """Return what calls an operation, where ``decorate_view`` or a router has decorated it."""
    return vars(operation).get("run", operation.view_func)


def _permissions(view: Any, view_class: Any) -> Iterator[Guard]:
    """Yield the guards among a REST framework view's permissions, all of which must hold."""
    checks = (getattr(view_class, name, None) for name in _ASK_PERMISSIONS)
    if not all(str(getattr(x, "__module__", "")).startswith("rest_framework.") for x in checks):
        return  # the class has its own way of checking permissions
    given = getattr(view, "initkwargs", {}).get("permission_classes")
    classes = getattr(view_class, "permission_classes", ()) if given is None else given
    for permission in classes:
        guard = getattr(permission, GUARD, None)
        if isinstance(guard, Guard):
            yield guard


def finish(
    record: RequestRecord | None, response: HttpResponseBase | None, request: HttpRequest
) -> None:
    """Emit the event of a request whose answer is ready, or has failed."""
    if record is not None:
        record.route = template_of(request)
        record.emit(None if response is None else response.status_code, request.META)
        record.finish(request.META)


def inventory(_: Any) -> list[Route]:
    """Return every route of the process's one site, for the commands ``routes`` and ``check``."""
    from .guards import check_view  # imported here: the package imports this file

    return SiteRoutes(check_view).inventory()


def find_route(_: Any, __: str, path: str) -> tuple[str, Mapping[str, Any]] | None:
    """Return the template of the route that serves this, and its parameters; None for none."""
    try:
        match = resolve(path)
    except Resolver404:
        return None
    return f"/{match.route}", match.kwargs


def as_read(path: str) -> str:
    """Return the path of a route as a person reads it: a regular expression without its marks."""
    if not any(mark in path for mark in ("^", "$", "(?", "\\")):
        return path
    from django.contrib.admindocs import utils  # imported here: only a command shows paths

    for simplify in (
        utils.replace_named_groups,
        utils.replace_unnamed_groups,
        utils.replace_metacharacters,
    ):
        path = simplify(path)
    return re.sub(r"\\(\W)", r"\1", path)


def installed_gate(_: Any) -> Middleware | None:
    """Return the site's middleware."""
    from .configuration import MIDDLEWARE_PATH, options_from_settings  # imported here: as above

    return Middleware(options_from_settings()) if MIDDLEWARE_PATH in settings.MIDDLEWARE else None
