"""``jwt-assertion routes``: every route of an app, and what guards it."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from ...authorization.routes import Route
from .apps import find_app

_TITLES = {
    "unguarded": "UNGUARDED: neither requires nor public",
    "guarded": "guarded",
    "public": "public",
    "framework": "the framework's own",
}


def add_routes(commands: Any) -> None:
    """Add the command."""
    routes = commands.add_parser(
        "routes",
        help="list an app's routes with their guards",
        description="List every route of a Starlette, FastAPI, Flask or Django app with what "
        "guards it. Mounted apps and included routers are looked into.",
    )
    routes.add_argument("app", help="module:app, or module:factory()")
    routes.add_argument(
        "--strict", action="store_true", help="exit status 1 where a route of the app has no guard"
    )
    routes.add_argument("--json", action="store_true", help="for a program")
    routes.set_defaults(run=_routes)


def _routes(options: argparse.Namespace) -> int:
    found = find_app(options.app)
    routes = found.routes
    if found.gate is None:
        print(
            f"jwt-assertion: {options.app}: JWTMiddleware is not installed on it, so every guard "
            "refuses",
            file=sys.stderr,
        )
    if options.json:
        print(json.dumps([_as_json(route) for route in routes], indent=2))
    else:
        _print(routes)
    bare = any(route.kind == "unguarded" for route in routes)
    return 1 if options.strict and bare else 0


def _as_json(route: Route) -> dict[str, Any]:
    return {
        "path": route.path,
        "methods": list(route.methods),
        "handler": route.handler,
        "kind": route.kind,
        "guard": route.guard or None,
    }


def _print(routes: list[Route]) -> None:
    width = max((len(",".join(route.methods) or "any") for route in routes), default=0)
    for kind, title in _TITLES.items():
        found = [route for route in routes if route.kind == kind]
        if found:
            print(f"{title}: {len(found)}")
        for route in found:
            methods = ",".join(route.methods) or "any"
            print(f"  {methods:<{width}}  {route.path}  {route.guard or route.handler}")
    if not routes:
        print("no routes")
