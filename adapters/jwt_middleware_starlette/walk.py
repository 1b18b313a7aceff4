"""A walk through all routes of a Starlette or FastAPI app.

Middleware hides an app, and ours may stand inside it, around it, or around a mounted one. So the
walk starts at whatever is wrapped, and follows each wrapper's ``app``.
"""

from __future__ import annotations

import inspect
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from types import MethodType, SimpleNamespace
from typing import Any

from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles

from jwt_middleware.asgi import WithCacheHeaders
from jwt_middleware.authorization import Guard
from jwt_middleware.authorization.exposure import guards_of
from jwt_middleware.authorization.guards import GUARD, safe_attribute
from jwt_middleware.authorization.kept import contents_of
from jwt_middleware.authorization.routes import (
    Route,
    attributes_of_class,
    name_of,
    route_of,
    routes_of_class,
)
from jwt_middleware.middleware import may_keep_answers, put_inside
from jwt_middleware.options import is_a

from .asking import METHODS

_MOST_WRAPPERS = 100


class Walk:
    """One walk through all routes; ``lists`` collects the lists that hold them."""

    def __init__(self, lists: dict[int, list[Any]]) -> None:
        self._lists = lists
        self.routes: list[Route] = []
        self.endpoints: list[tuple[Any, str]] = []
        self.holders: list[tuple[Any, tuple[Guard, ...], Callable[[], Any]]] = []
        """Each route with an endpoint, the guards among its dependencies, and what returns the
        object whose ``app`` serves it; None where there is none."""
        self.dependencies: list[Any] = []
        self.beside: list[Any] = []
        self._included: Any = None
        self._frontends: list[Route] = []
        self._serving: dict[int, dict[int, list[Any]]] = {}
        self._visits: Counter[tuple[int, int]] = Counter()

    def walk(self, app: Any, prefix: str = "", above: tuple[int, ...] = ()) -> None:
        """Walk a whole app; ``prefix`` is the path at which it is mounted."""
        owner = _owner_of(app)
        _put_inside_app(owner)
        self.beside += handlers_of_errors(owner)
        around = self._included, self._frontends
        self._included, self._frontends = None, []
        self._below(app, prefix, (), above)
        # FastAPI tries them when no route matched, the longest path first.
        self.routes += sorted(self._frontends, key=lambda each: -len(each.path))
        self._included, self._frontends = around

    def _below(
        self, app: Any, prefix: str, guards: tuple[Guard, ...], above: tuple[int, ...]
    ) -> None:
        owner = _owner_of(app)
        routes = routes_of(owner)
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
                # FastAPI keeps an included router as one route with the original router, whose
                # routes it serves by copies.
                context = route.include_context
                self.dependencies += [entry.dependency for entry in context.dependencies]
                below = (*guards, *_guards_among(_of_entries(context.dependencies)))
                outer = self._included
                self._included = outer or route
                self._below(included, path + context.prefix, below, above)
                self._included = outer
            elif hasattr(route, "app"):
                _put_inside_app(put_inside(route, WithCacheHeaders))
                # Dependencies of an included router do not apply to what it mounts. A mount knows
                # the routes below it, even where middleware of its own hides them.
                self._mounted(route if getattr(route, "routes", None) else route.app, path, above)
            else:
                self.routes.append(route_of(path, (), route))
        self._frontends_of(safe_attribute(owner, "router") or owner, prefix, guards)
        default = safe_attribute(app, "default") or safe_attribute(
            safe_attribute(app, "router"), "default"
        )
        if default is not None and getattr(default, "__name__", "") != "not_found":
            self.endpoints.append((default, prefix))
            self.routes.append(route_of(prefix + "/*", (), default))

    def _frontends_of(self, router: Any, prefix: str, included: tuple[Guard, ...]) -> None:
        """Describe the static frontends of FastAPI's router, each with the guards of the router."""
        for group in getattr(router, "_low_priority_routes", ()):
            self._lists[id(group.routes)] = group.routes
            guards = (*included, *_guards_among(group.dependant.dependencies))
            for route in group.routes:
                path = (prefix + route.path).rstrip("/") + "/*"
                found = route_of(path, route.methods, route.app, guards=guards)
                self._frontends.append(found._replace(frameworks_own=True, place=""))

    def _mounted(self, app: Any, path: str, above: tuple[int, ...]) -> None:
        if isinstance(routes_of(app), list):
            self.walk(app, path, above)
        elif app is not None:
            innermost = _innermost(app)
            self.endpoints.append((innermost, path))
            # Each request for a file passes it, so a subclass may guard it.
            served = getattr(innermost, "get_response", None)
            guards = guards_of(served) if isinstance(innermost, StaticFiles) else ()
            self.beside += [served] if guards else []
            self.routes.append(route_of(path + "/*", (), innermost, guards=guards))

    def _endpoint(self, route: Any, path: str, included: tuple[Guard, ...]) -> None:
        endpoint = route.endpoint
        self.endpoints.append((endpoint, path))
        put_inside(route, WithCacheHeaders)
        # FastAPI resolves the dependencies of its own routes only, not of plain ones beside them.
        dependant = getattr(route, "dependant", None)
        guards: tuple[Guard, ...] = ()
        if dependant is not None:
            below = [*(dependant.dependencies if self._included is None else _of_copy(route))]
            guards = (*included, *_guards_among(below))
            self.dependencies += calls_of(below)
        self.holders.append((route, guards, self._holder_of(route)))
        if inspect.isclass(endpoint):
            self.beside += attributes_of_class(endpoint)
        self.routes += _rows(route, path, guards)

    def _holder_of(self, route: Any) -> Callable[[], Any]:
        """Return what returns the object whose ``app`` serves a route here."""
        included = self._included
        if included is None:
            return lambda: route
        # A router that is included twice is walked twice, in the order of FastAPI's own copies.
        before = self._visits[id(included), id(route)]
        self._visits[id(included), id(route)] += 1

        def holder() -> Any:
            if id(included) not in self._serving:
                copies: dict[int, list[Any]] = defaultdict(list)
                for key, copy in _serving(included):  # FastAPI makes them now, else at first use
                    copies[key].append(copy)
                self._serving[id(included)] = copies
            return next(iter(self._serving[id(included)].get(id(route), [])[before:]), None)

        return holder


def handlers_of_errors(app: Any) -> Iterator[Any]:
    """Yield what an app calls where a request has failed; nothing where it is no app."""
    handlers = getattr(app, "exception_handlers", None)
    yield from handlers.values() if isinstance(handlers, dict) else ()


def has_middleware(app: Any) -> bool:
    """Whether an app has a ``JWTMiddleware`` of its own."""
    added = getattr(app, "user_middleware", ())
    return any(is_a(each.cls, "jwt_middleware_starlette", "JWTMiddleware") for each in added)


def _put_inside_app(app: Any) -> None:
    """Put the headers to caches inside the middleware that an app or its router has of its own."""
    stacks = [safe_attribute(safe_attribute(app, "router"), "middleware_stack")]
    # Where ours is among it, it does this itself for what it wraps.
    if not has_middleware(app):
        added = [each.cls for each in getattr(app, "user_middleware", ())]
        stacks.append(safe_attribute(app, "middleware_stack"))
        is_built = stacks[-1] is not None or WithCacheHeaders in added
        if not is_built and any(map(may_keep_answers, added)):
            app.user_middleware.append(Middleware(WithCacheHeaders))
    for stack in stacks:
        put_inside(SimpleNamespace(app=stack), WithCacheHeaders)


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
    guards = (*guards, *guards_of(getattr(endpoint, "dispatch", None)))
    by_method = tuple(routes_of_class(path, methods or METHODS, endpoint, guards=guards))
    # It may serve every method by a ``dispatch`` of its own.
    yield from by_method or (route_of(path, methods or (), endpoint, guards=guards),)


def _serving(included: Any) -> Iterator[tuple[int, Any]]:
    """Yield, for each route of an included router, the object whose ``app`` serves it there."""
    candidates = getattr(included, "effective_candidates", None)
    for candidate in () if candidates is None else candidates():
        if hasattr(candidate, "effective_candidates"):
            yield from _serving(candidate)
        else:
            holder = getattr(candidate, "starlette_route", None) or candidate
            yield id(candidate.original_route), holder


def _of_entries(entries: Iterable[Any]) -> Iterator[Any]:
    """Yield what a router's or a route's ``dependencies`` depend on, as FastAPI resolves it."""
    from fastapi.dependencies.utils import get_dependant  # the router is FastAPI's, so it is there

    for entry in entries:
        scopes: list[str] = [*(getattr(entry, "scopes", None) or ())]
        yield get_dependant(path="/", call=entry.dependency, own_oauth_scopes=scopes)


def _of_copy(route: Any) -> Iterator[Any]:
    """Yield what the copies depend on by which an included route is served.

    Each is made of the endpoint anew, which has another signature by now where a class of views
    has set it.
    """
    from fastapi.dependencies.utils import get_dependant  # the route is FastAPI's, so it is there

    yield from _of_entries(route.dependencies)
    yield from get_dependant(path=route.path_format, call=route.endpoint).dependencies


def own_guards_of(route: Any) -> tuple[Guard, ...]:
    """Return the guards among a route's own dependencies, without those of its inclusions."""
    return tuple(_guards_among(_of_copy(route))) if hasattr(route, "dependant") else ()


def calls_of(dependants: Iterable[Any]) -> Iterator[Any]:
    """Yield the dependencies of a FastAPI route, at any depth."""
    for dependant in dependants:
        yield dependant.call
        yield from calls_of(dependant.dependencies)


def _guards_among(dependants: Iterable[Any]) -> Iterator[Guard]:
    """Yield the guards among the dependencies of a FastAPI route, at any depth."""
    for dependant in dependants:
        guard = getattr(dependant.call, GUARD, None)
        if isinstance(guard, Guard):
            yield guard
            scopes = [*(dependant.parent_oauth_scopes or ()), *(dependant.own_oauth_scopes or ())]
            of_scopes = getattr(dependant.call, "guard_of_scopes", None)  # of ``guard`` alone
            if scopes and of_scopes is not None:
                yield of_scopes(list(dict.fromkeys(scopes)))
        yield from _guards_among(dependant.dependencies)


def _innermost(app: Any) -> Any:
    """Return what an app's wrappers wrap, as far as it can be seen."""
    seen: set[int] = set()
    while id(app) not in seen:
        seen.add(id(app))
        app = getattr(app, "app", None) or app
    return app


def routes_of(app: Any) -> Any:
    """Return the routes of the first app behind any wrappers that has some; None for none."""
    return safe_attribute(_owner_of(app), "routes")


def _owner_of(app: Any) -> Any:
    """Return the first app behind any wrappers that has routes; None where none is found.

    Wrappers keep an app as ``app``, under a name of their own, or in a closure.
    """
    seen: set[int] = set()
    waiting = deque([app])
    while waiting and len(seen) < _MOST_WRAPPERS:
        app = waiting.popleft()
        if app is None or id(app) in seen:
            continue
        seen.add(id(app))
        if isinstance(app, MethodType):  # a Router wraps its own method by its middleware
            app = app.__self__
        if isinstance(safe_attribute(app, "routes"), list):
            return app
        own = safe_attribute(app, "__dict__")
        kept = (
            safe_attribute(app, "app"),
            *contents_of(*(safe_attribute(app, "__closure__") or ())),
            *(own.values() if isinstance(own, dict) else ()),
        )
        waiting += [value for value in kept if callable(value) and not inspect.isclass(value)]
    return None
