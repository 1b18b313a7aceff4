"""The routes of a Starlette or FastAPI app, with those of mounted apps and included routers.

Middleware hides an app: ours may stand inside it, around it, or around a mounted one. So the walk
starts at whatever is wrapped, and follows each wrapper's ``app``.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from types import MethodType
from typing import Any

from jwt_middleware.authorization import (
    Guard,
    Route,
    name_of,
    outstanding,
    route_of,
    routes_of_class,
)
from jwt_middleware.errors import ConfigurationError

from .templates import Templates

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
GUARD = "jwt_middleware_guard"
"""The attribute by which a FastAPI dependency says what it enforces."""


class Routes:
    """What an app routes to, as far as it can be seen, and whether that has changed."""

    def __init__(self, *apps: Any) -> None:
        self._apps = apps
        self._lists: dict[int, list[Any]] = {}
        self._sizes: list[tuple[list[Any], int]] | None = None
        self._found: list[Route] = []
        self._templates: Templates | None = None

    def add(self, app: Any) -> None:
        """Walk this app too: middleware may hide it from whatever is wrapped."""
        if app not in self._apps:
            self._apps = (*self._apps, app)
            self._sizes = None

    @property
    def are_hidden(self) -> bool:
        """Whether no list of routes was found at all."""
        return not self._lists

    def have_changed(self) -> bool:
        """Whether routes were added or taken away since they were last walked."""
        if self._sizes is None:
            return True
        for routes, size in self._sizes:  # noqa: SIM110 - asked at each request: half the time
            if len(routes) != size:
                return True
        return False

    def inventory(self) -> list[Route]:
        """Return every route.

        Raises:
            ConfigurationError: the app routes to a marked function without its guard.

        """
        self._lists.clear()
        seen: set[int] = set()
        found: list[Route] = []
        for app in self._apps:
            routes = _routes_of(app)
            if id(routes) not in seen:
                seen.add(id(routes))
                found += self._below(app, "", (), ())
        self._sizes = [(routes, len(routes)) for routes in self._lists.values()]
        self._found = found
        self._templates = None
        return found

    def template(self, method: str, path: str) -> str | None:
        """Return the template of the route that serves this; None where there is none."""
        if self._templates is None:
            self._templates = Templates(self._found)
        return self._templates.find(method, path)

    def _below(
        self, app: Any, prefix: str, guards: tuple[Guard, ...], above: tuple[int, ...]
    ) -> Iterator[Route]:
        routes = _routes_of(app)
        if not isinstance(routes, list) or id(routes) in above:
            return
        self._lists[id(routes)] = routes
        above = (*above, id(routes))
        for route in list(routes):
            path = prefix + getattr(route, "path", "")
            if hasattr(route, "endpoint"):
                yield from _endpoint(route, path, guards)
                continue
            included = getattr(route, "original_router", None)
            if included is not None:
                # FastAPI keeps an included router as one route that holds the original one.
                context = route.include_context
                below = (*guards, *_guards_of_inclusion(context.dependencies))
                yield from self._below(included, path + context.prefix, below, above)
            else:
                # Dependencies of an included router are not for what it mounts.
                yield from self._mounted(getattr(route, "app", None), path, above)
        default = getattr(app, "default", None)
        if default is None:
            default = getattr(getattr(app, "router", None), "default", None)
        if default is not None and getattr(default, "__name__", "") != "not_found":
            yield route_of(prefix + "/*", (), default)

    def _mounted(self, app: Any, path: str, above: tuple[int, ...]) -> Iterator[Route]:
        if isinstance(_routes_of(app), list):
            yield from self._below(app, path, (), above)
        elif app is not None:
            yield route_of(path + "/*", (), _innermost(app))


def _endpoint(route: Any, path: str, included: tuple[Guard, ...]) -> Iterator[Route]:
    endpoint = route.endpoint
    # FastAPI asks dependencies of its own routes only, not of plain ones beside them.
    dependant = getattr(route, "dependant", None)
    guards = () if dependant is None else (*included, *_dependencies(dependant))
    bare = outstanding(endpoint)
    if bare:
        raise ConfigurationError(
            f"{name_of(endpoint)} ({path}): {bare[0]!r} stands above the route's decorator, so the "
            "app routes to the bare function; put @requires below it"
        )
    methods: Iterable[str] | None = getattr(route, "methods", None)
    if inspect.isclass(endpoint):
        served = getattr(endpoint, "on_connect", None)
        if served is not None:
            socket = route_of(path, ("WEBSOCKET",), served, guards=guards)
            yield socket._replace(handler=name_of(endpoint))
        else:
            found = tuple(routes_of_class(path, methods or _METHODS, endpoint, guards=guards))
            # It may serve every method by a ``dispatch`` of its own.
            yield from found or (route_of(path, methods or (), endpoint, guards=guards),)
        return
    is_websocket = "WebSocket" in type(route).__name__
    yield route_of(path, ("WEBSOCKET",) if is_websocket else methods or (), endpoint, guards=guards)


def _guards_of_inclusion(dependencies: Iterable[Any]) -> Iterator[Guard]:
    """Yield the guards among the dependencies that an included router was given."""
    from fastapi.dependencies.utils import get_dependant  # the router is FastAPI's, so it is there

    for each in dependencies:
        yield from _guards_among([each.dependency])
        yield from _dependencies(get_dependant(path="/", call=each.dependency))


def _dependencies(dependant: Any) -> Iterator[Guard]:
    """Yield the guards among a FastAPI route's dependencies, at any depth."""
    for each in dependant.dependencies:
        yield from _guards_among([each.call])
        yield from _dependencies(each)


def _guards_among(calls: Iterable[Any]) -> Iterator[Guard]:
    for call in calls:
        guard = getattr(call, GUARD, None)
        if isinstance(guard, Guard):
            yield guard


def _innermost(app: Any) -> Any:
    """Return what an app's wrappers wrap, as far as they tell."""
    seen: set[int] = set()
    while id(app) not in seen:
        seen.add(id(app))
        app = getattr(app, "app", None) or app
    return app


def _routes_of(app: Any) -> Any:
    """Return the routes of the first app behind any wrappers that has some."""
    seen: set[int] = set()
    while app is not None and id(app) not in seen:
        seen.add(id(app))
        if isinstance(app, MethodType):  # a Router wraps its own method by its middleware
            app = app.__self__
        routes = getattr(app, "routes", None)
        if routes is not None:
            return routes
        app = getattr(app, "app", None)
    return None
