"""The routes of a Starlette or FastAPI app, with those of mounted apps and included routers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jwt_middleware.authorization import outstanding
from jwt_middleware.errors import ConfigurationError


def walk_routes(routes: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each route's path and the function or class that it routes to."""
    for route in routes or ():
        path = prefix + getattr(route, "path", "")
        if hasattr(route, "endpoint"):
            yield path, route.endpoint
        # FastAPI keeps an included router as one route that holds the original one.
        below = getattr(route, "routes", None)
        original = getattr(route, "original_router", None)
        yield from walk_routes(below or getattr(original, "routes", None), path)


def check_routes(app: Any) -> ConfigurationError | None:
    """Return what is wrong where an app routes to a marked function without its guard."""
    for path, endpoint in walk_routes(getattr(app, "routes", None)):
        guards = outstanding(endpoint)
        if guards:
            name = getattr(endpoint, "__qualname__", repr(endpoint))
            return ConfigurationError(
                f"{name} ({path}): {guards[0]!r} stands above the route's decorator, so the app "
                "routes to the bare function; put @requires below it (or, where two routes share "
                "one function under two guards, give each its own)"
            )
    return None
