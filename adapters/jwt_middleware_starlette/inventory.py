"""The routes of a Starlette or FastAPI app, with those of mounted apps and included routers.

Middleware hides an app: ours may stand inside it, around it, or around a mounted one. So the walk
starts at whatever is wrapped, and follows each wrapper's ``app``.
"""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import MethodType
from typing import Any

from starlette.endpoints import HTTPEndpoint
from starlette.routing import Route as HTTPRoute
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from jwt_middleware.authorization import (
    Enter,
    Exposure,
    Guard,
    Route,
    attributes_of_class,
    guards_to_ask,
    listed,
    name_of,
    place_of,
    route_of,
    routes_of_class,
)
from jwt_middleware.errors import ConfigurationError

from .templates import Templates

GUARD = "jwt_middleware_guard"
"""The attribute by which a FastAPI dependency says what it enforces."""

_SOCKET_METHODS = ("on_connect", "on_receive", "on_disconnect")

Check = Callable[[Sequence[Guard], Scope], None]
"""Asks guards of a connection; raises where one does not hold."""


class _Everything(HTTPEndpoint):
    """An endpoint that has every method, to learn which of them Starlette serves."""

    def __getattr__(self, _: str) -> bool:
        return True


def _served_methods() -> tuple[str, ...]:
    """Return the methods that an ``HTTPEndpoint`` may serve, by Starlette's own word."""

    async def receive() -> Any: ...
    async def send(_: Any) -> None: ...

    everything = _Everything({"type": "http"}, receive, send)
    known = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")
    return tuple(dict.fromkeys((*known, *vars(everything).get("_allowed_methods", ()))))


_METHODS = _served_methods()


class Routes:
    """What an app routes to, as far as it can be seen, and whether that has changed."""

    def __init__(self, *apps: Any, enter: Enter, check: Check) -> None:
        self._apps = apps
        self._enter = enter
        self._check = check
        self._lists: dict[int, list[Any]] = {}
        self._seen: list[tuple[list[Any], int]] | None = None
        self._found: list[Route] = []
        self._templates: Templates | None = None
        self.unused: list[str] = []
        """The guards that no route uses, each with its place."""

    def add(self, app: Any) -> None:
        """Walk this app too: middleware may hide it from whatever is wrapped."""
        if app not in self._apps:
            self._apps = (*self._apps, app)
            self._seen = None

    @property
    def are_hidden(self) -> bool:
        """Whether no list of routes was found at all."""
        return not self._lists

    def have_changed(self) -> bool:
        """Whether routes were added or taken away since they were last walked."""
        if self._seen is None:
            return True
        for routes, size in self._seen:  # noqa: SIM110 - asked at each request: half the time
            if len(routes) != size:
                return True
        return False

    def inventory(self) -> list[Route]:
        """Return every route, and have guards asked that a decorator could answer in place of.

        Raises:
            ConfigurationError: the app routes to a guarded function without its guard.

        """
        self._lists.clear()
        seen: set[int] = set()
        walk = _Walk(self._lists)
        for app in self._apps:
            routes = _routes_of(app)
            if id(routes) not in seen:
                seen.add(id(routes))
                walk.below(app, "", (), ())
        handlers = [(each, path) for handler, path in walk.endpoints for each in _served(handler)]
        exposure = Exposure([each for each, _ in handlers], self._enter, beside=walk.beside)
        faults = [
            f"{path}: {each}" for handler, path in handlers for each in exposure.faults(handler)
        ]
        if faults:
            raise ConfigurationError(
                f"{listed(faults)}: it stands above the route's decorator, so the app routes to "
                "the function without it; put @requires directly below the route's decorator"
            )
        for endpoint, holder in walk.holders:
            self._ask_first(endpoint, holder)
        if not self.are_hidden:
            self.unused = exposure.unused(_all_endpoints)
        self._seen = [(routes, len(routes)) for routes in self._lists.values()]
        self._found = walk.found
        self._templates = None
        return walk.found

    def template(self, method: str, path: str) -> str | None:
        """Return the template of the route that serves this; None where there is none."""
        if self._templates is None:
            self._templates = Templates(self._found)
        return self._templates.find(method, path)

    def _ask_first(self, endpoint: Any, holder: Any) -> None:
        """Have the guards of a route asked before a decorator above them could answer."""
        guards = () if inspect.isclass(endpoint) else guards_to_ask(endpoint)
        app = getattr(holder, "app", None)
        if not guards or isinstance(app, _AskedFirst):
            return
        if app is None:
            raise ConfigurationError(
                f"{place_of(endpoint)}: a decorator stands between the route and {guards[0]!r}, "
                "and could answer without asking it; put @requires directly below the route's "
                "decorator"
            )
        holder.app = _AskedFirst(app, guards, self._check)


class _AskedFirst:
    """Asks the guards of a route, then serves it."""

    def __init__(self, app: ASGIApp, guards: Sequence[Guard], check: Check) -> None:
        self.app = app
        self._guards = guards
        self._check = check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._check(self._guards, scope)
        await self.app(scope, receive, send)


class _Walk:
    """One walk through all routes; ``lists`` collects the lists that hold them."""

    def __init__(self, lists: dict[int, list[Any]]) -> None:
        self._lists = lists
        self.found: list[Route] = []
        self.endpoints: list[tuple[Any, str]] = []
        self.holders: list[tuple[Any, Any]] = []
        """Endpoints, each with the object whose ``app`` serves it."""
        self.beside: list[Any] = []
        self._serving: dict[int, Any] = {}

    def below(
        self, app: Any, prefix: str, guards: tuple[Guard, ...], above: tuple[int, ...]
    ) -> None:
        routes = _routes_of(app)
        if not isinstance(routes, list) or id(routes) in above:
            return
        self._lists[id(routes)] = routes
        above = (*above, id(routes))
        for route in list(routes):
            path = prefix + getattr(route, "path", "")
            if hasattr(route, "endpoint"):
                self._endpoint(route, path, guards)
                continue
            included = getattr(route, "original_router", None)
            if included is not None:
                # FastAPI keeps an included router as one route that holds the original one, and
                # serves its routes by copies of their own.
                context = route.include_context
                self.beside += [each.dependency for each in context.dependencies]
                self._serving.update(_serving(route))
                below = (*guards, *_guards_of_inclusion(context.dependencies))
                self.below(included, path + context.prefix, below, above)
            else:
                # Dependencies of an included router are not for what it mounts.
                self._mounted(getattr(route, "app", None), path, above)
        default = getattr(app, "default", None)
        if default is None:
            default = getattr(getattr(app, "router", None), "default", None)
        if default is not None and getattr(default, "__name__", "") != "not_found":
            self.endpoints.append((default, prefix))
            self.found.append(route_of(prefix + "/*", (), default))

    def _mounted(self, app: Any, path: str, above: tuple[int, ...]) -> None:
        if isinstance(_routes_of(app), list):
            self.below(app, path, (), above)
        elif app is not None:
            self.endpoints.append((_innermost(app), path))
            self.found.append(route_of(path + "/*", (), _innermost(app)))

    def _endpoint(self, route: Any, path: str, included: tuple[Guard, ...]) -> None:
        endpoint = route.endpoint
        self.endpoints.append((endpoint, path))
        self.holders.append((endpoint, self._serving.get(id(route), route)))
        # FastAPI asks dependencies of its own routes only, not of plain ones beside them.
        dependant = getattr(route, "dependant", None)
        guards: tuple[Guard, ...] = ()
        if dependant is not None:
            guards = (*included, *_dependencies(dependant))
            self.beside += _calls(dependant)
        if inspect.isclass(endpoint):
            self.beside += attributes_of_class(endpoint)
        self.found += _rows(route, path, guards)


def _rows(route: Any, path: str, guards: tuple[Guard, ...]) -> Iterator[Route]:
    """Describe one route: a row for each method where its endpoint is a class."""
    endpoint = route.endpoint
    methods: Iterable[str] | None = getattr(route, "methods", None)
    if not inspect.isclass(endpoint):
        kinds = ("WEBSOCKET",) if "WebSocket" in type(route).__name__ else methods or ()
        yield route_of(path, kinds, endpoint, guards=guards)
        return
    connects = getattr(endpoint, "on_connect", None)
    if connects is not None:
        socket = route_of(path, ("WEBSOCKET",), connects, guards=guards)
        yield socket._replace(handler=name_of(endpoint))
        return
    found = tuple(routes_of_class(path, methods or _METHODS, endpoint, guards=guards))
    # It may serve every method by a ``dispatch`` of its own.
    yield from found or (route_of(path, methods or (), endpoint, guards=guards),)


def _served(endpoint: Any) -> Iterator[Any]:
    """Yield the handlers behind an endpoint: itself, or the methods of a class."""
    if not inspect.isclass(endpoint):
        yield endpoint
        return
    for name in (*map(str.lower, _METHODS), "dispatch", *_SOCKET_METHODS):
        method = getattr(endpoint, name, None)
        if method is not None:
            yield method


def _serving(included: Any) -> Iterator[tuple[int, Any]]:
    """Yield, for each route of an included router, the object whose ``app`` serves it there."""
    candidates = getattr(included, "effective_candidates", None)
    for each in () if candidates is None else candidates():
        if hasattr(each, "effective_candidates"):
            yield from _serving(each)
        else:
            yield id(each.original_route), getattr(each, "starlette_route", None) or each


def _all_endpoints() -> Iterator[Any]:
    """Yield what every route in this process serves, of whatever app."""
    for each in gc.get_objects():
        # By its type: to ask some objects for their class makes them do things.
        if issubclass(type(each), HTTPRoute | WebSocketRoute):
            endpoint = getattr(each, "endpoint", None)
            if inspect.isclass(endpoint):
                yield from attributes_of_class(endpoint)
            elif endpoint is not None:
                yield endpoint
            dependant = getattr(each, "dependant", None)
            if dependant is not None:
                yield from _calls(dependant)


def _guards_of_inclusion(dependencies: Iterable[Any]) -> Iterator[Guard]:
    """Yield the guards among the dependencies that an included router was given."""
    from fastapi.dependencies.utils import get_dependant  # the router is FastAPI's, so it is there

    for each in dependencies:
        yield from _guards_among([each.dependency])
        yield from _dependencies(get_dependant(path="/", call=each.dependency))


def _dependencies(dependant: Any) -> Iterator[Guard]:
    """Yield the guards among a FastAPI route's dependencies, at any depth."""
    yield from _guards_among(_calls(dependant))


def _calls(dependant: Any) -> Iterator[Any]:
    """Yield the dependencies of a FastAPI route, at any depth."""
    for each in dependant.dependencies:
        yield each.call
        yield from _calls(each)


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
