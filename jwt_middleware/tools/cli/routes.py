"""``jwt-assertion routes``: every route of an app, and what guards it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from ...authorization.routes import Route
from .apps import find_app
from .shared import add_command, answer, complain

_TITLES = {
    "unguarded": "UNGUARDED: neither requires nor public",
    "guarded": "guarded",
    "public": "public",
    "framework": "the framework's own",
}


def add_routes(commands: Any) -> None:
    """Add the command."""
    command = add_command(
        commands,
        "routes",
        _routes,
        "list an app's routes with their guards",
        "List every route of a Starlette, FastAPI, Flask or Django app with its guard, those of "
        "mounted apps and included routers too.",
    )
    command.add_argument("app", help="module:app, or module:factory()")
    command.add_argument(
        "--strict", action="store_true", help="exit status 1 where a route of the app has no guard"
    )


def _routes(options: argparse.Namespace) -> int:
    routes, gate = find_app(options.app)
    if gate is None:
        complain(
            f"{options.app}: JWTMiddleware is not installed on it, so every guard refuses",
        )
    answer(options, [_as_json(route) for route in routes], _lines(routes))
    return int(options.strict and any(route.kind == "unguarded" for route in routes))


def _as_json(route: Route) -> dict[str, Any]:
    return {
        "path": route.path,
        "methods": list(route.methods),
        "handler": route.handler,
        "kind": route.kind,
        "guard": route.guard or None,
    }


def _lines(routes: list[Route]) -> Iterator[str]:
    if not routes:
        yield "no routes"
        return
    width = max(len(_methods(route)) for route in routes)
    for kind, title in _TITLES.items():
        of_kind = [route for route in routes if route.kind == kind]
        if of_kind:
            yield f"{title}: {len(of_kind)}"
        for route in of_kind:
            yield f"  {_methods(route):<{width}}  {route.path}  {route.guard or route.handler}"


def _methods(route: Route) -> str:
    return ",".join(route.methods) or "any"
