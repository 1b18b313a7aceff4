"""The routes of a Starlette or FastAPI app, with those of mounted apps and included routers.

Middleware hides an app: ours may stand inside it, around it, or around a mounted one. So the walk
starts at whatever is wrapped, and follows each wrapper's ``app``.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MethodType
from typing import Any

from jwt_middleware.authorization import outstanding
from jwt_middleware.errors import ConfigurationError


class Routes:
    """What an app routes to, as far as it can be seen, and whether that has changed."""

    def __init__(self, *apps: Any) -> None:
        self._apps = apps
        self._lists: dict[int, list[Any]] = {}
        self._sizes: tuple[int, ...] | None = None

    def have_changed(self) -> bool:
        """Whether routes were added or taken away since they were last walked."""
        return self._sizes is None or self._sizes != tuple(map(len, self._lists.values()))

    def walk(self) -> Iterator[tuple[str, Any]]:
        """Yield each route's path and the function or class that it routes to."""
        self._lists.clear()
        for app in self._apps:
            yield from self._below(app, "")
        self._sizes = tuple(map(len, self._lists.values()))

    def fault(self) -> ConfigurationError | None:
        """Return what is wrong where an app routes to a marked function without its guard."""
        found: ConfigurationError | None = None
        for path, endpoint in self.walk():
            guards = outstanding(endpoint)
            if guards and found is None:
                name = getattr(endpoint, "__qualname__", repr(endpoint))
                found = ConfigurationError(
                    f"{name} ({path}): {guards[0]!r} stands above the route's decorator, so the "
                    "app routes to the bare function; put @requires below it"
                )
        return found

    def _below(self, app: Any, prefix: str) -> Iterator[tuple[str, Any]]:
        routes = _routes_of(app)
        if not isinstance(routes, list) or id(routes) in self._lists:
            return
        self._lists[id(routes)] = routes
        for route in list(routes):
            path = prefix + getattr(route, "path", "")
            if hasattr(route, "endpoint"):
                yield path, route.endpoint
            # FastAPI keeps an included router as one route that holds the original one.
            for inner in (getattr(route, "original_router", None), getattr(route, "app", None)):
                yield from self._below(inner, path)


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
