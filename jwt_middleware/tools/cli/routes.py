"""``jwt-assertion routes``: an app's routes with their guards; and ``module:app``."""

from __future__ import annotations

import argparse
import functools
import importlib
import inspect
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from types import ModuleType
from typing import Any, NamedTuple

from ...authorization.routes import Route
from ...errors import ConfigurationError
from ...keys.absence import allowed_absence
from ...middleware.middleware import Middleware
from ...options.looking import only_looking
from ..explain.times import count
from .loading import load
from .shared import add_command, answer, complain

_ADAPTERS = {
    "starlette": "jwt_middleware_starlette",
    "fastapi": "jwt_middleware_starlette",
    "flask": "jwt_middleware_flask",
    "django": "jwt_middleware_django",
}
_TITLES = {
    "unguarded": "UNGUARDED: neither requires nor public",
    "guarded": "guarded",
    "public": "public",
    "framework": "the framework's own",
}
_NOTES = {"optional": "  (optional: no token is needed)", "not read": "  (exempt: none is read)"}


def add_to(commands: Any) -> None:
    """Add the command."""
    command = add_command(
        commands,
        _routes,
        "list an app's routes with their guards",
        ["main:app --strict", "'main:make_app()'"],
    )
    command.add_argument("app", help="module:app, or module:factory()")
    command.add_argument(
        "--strict", action="store_true", help="exit status 1 where a route of the app has no guard"
    )
    command.add_argument(
        "--all", action="store_true", help="list each route of Django's admin, not their number"
    )


@only_looking()
def _routes(options: argparse.Namespace) -> int:
    """List the routes of a Starlette, FastAPI, Flask or Django app, with their guards.

    Mounted apps and included routers are listed too.
    """
    with allowed_absence():  # the routes are the same without the gateway's keys, as in CI
        app = find_app(options.app)
    routes = app.routes
    if app.middleware is None:
        complain(f"{options.app}: JWTMiddleware is not installed on it, so every guard refuses")
    rows = [
        {
            "path": route.path,
            "methods": list(route.methods),
            "handler": route.handler,
            "kind": route.kind,
            "guard": route.guard or None,
            "token": app.token_on(app.as_read(route.path)),
        }
        for route in routes
    ]
    shown = [route._replace(path=app.as_read(route.path)) for route in routes]
    listed = shown if options.all else _folded(shown)
    notes = {route.path: _NOTES.get(app.token_on(route.path) or "", "") for route in listed}
    answer(options, rows, _lines(listed, Counter(route.kind for route in routes), notes))
    return int(options.strict and any(route.kind == "unguarded" for route in routes))


def _place_of(route: Route) -> tuple[str, str]:
    """Return a part of a framework and where it stands: a site may have more than one admin."""
    return route.part, route.path.split("/")[1]


def _folded(routes: list[Route]) -> list[Route]:
    """Return the routes, with one in place of all that a part of the framework serves itself."""
    parts: dict[tuple[str, str], list[Route]] = {}
    for route in routes:
        if route.part and route.kind == "framework":
            parts.setdefault(_place_of(route), []).append(route)
    shown: list[Route] = []
    for route in routes:
        of_part = parts.get(_place_of(route), [])
        if route not in of_part:
            shown.append(route)
        elif route is of_part[0]:
            prefix = os.path.commonpath([each.path for each in of_part])
            said = f"{route.part}: {count(len(of_part), 'route')}, which --all lists"
            shown.append(Route(f"{prefix.rstrip('/')}/*", (), said, frameworks_own=True))
    return shown


def _lines(
    routes: list[Route], numbers: Mapping[str, int], notes: Mapping[str, str]
) -> Iterator[str]:
    if not routes:
        yield "no routes"
    rows = [(route, ",".join(route.methods) or "any") for route in routes]
    width = max((len(methods) for _, methods in rows), default=0)
    for kind, title in _TITLES.items():
        of_kind = [row for row in rows if row[0].kind == kind]
        if of_kind:
            yield f"{title}: {numbers[kind]}"
        for route, methods in of_kind:
            said = route.guard or route.handler
            yield f"  {methods:<{width}}  {route.path}  {said}{notes[route.path]}"


class GuardedApp(NamedTuple):
    """An app's routes, its middleware or None, and what stands beside that in a wrong place.

    ``find`` returns the template of the route that serves a method and a path, and its parameters;
    ``as_read`` a template as a person reads it.
    """

    routes: list[Route]
    middleware: Middleware | None
    misplaced: list[str]
    find: Callable[[str, str], tuple[str, Mapping[str, Any]] | None]
    as_read: Callable[[str], str]

    def token_on(self, path: str) -> str | None:
        """Return whether a token is ``required``, ``optional`` or ``not read`` on a path.

        None where no middleware would read it.
        """
        if self.middleware is None:
            return None
        options = self.middleware.settings
        if path in options.exempt:
            return "not read"
        is_optional = options.optional is True or (options.optional and path in options.optional)
        return "optional" if is_optional else "required"

    def route_of(self, method: str, path: str) -> tuple[Route | None, Mapping[str, Any]]:
        """Return the route that serves a request, and the parameters of its path."""
        match = self.find(method, path)
        if match is None:
            return None, {}
        template, parameters = match
        methods = {method, "GET"} if method == "HEAD" else {method}
        serving = (
            route
            for route in self.routes
            if route.path == template and (not route.methods or methods.intersection(route.methods))
        )
        return next(serving, None), parameters

    def methods_of(self, path: str) -> list[str]:
        """Return the methods that a path takes."""
        known = {method for route in self.routes for method in route.methods}
        return sorted(method for method in known if self.route_of(method, path)[0] is not None)


def find_app(spec: str) -> GuardedApp:
    """Import an app by ``module:name``, or ``module:factory()``.

    Raises ``ConfigurationError`` where there is none, or no adapter knows its framework.
    """
    with redirect_stdout(sys.stderr):  # what the app prints is not part of the answer
        app = load(spec, "app")
        seen: set[int] = set()
        while id(app) not in seen:
            seen.add(id(app))
            adapter = _adapter_of(app)
            if adapter is not None:
                # Where the order counts: Django's own check knows it, and Flask has none.
                misplaced: Callable[[Any], list[str]] = getattr(adapter, "misplaced", lambda _: [])
                return GuardedApp(
                    adapter.inventory(app),
                    adapter.installed_gate(app),
                    misplaced(app),
                    functools.partial(adapter.find_route, app),
                    getattr(adapter, "as_read", str),  # Django's may be regular expressions
                )
            app = getattr(app, "app", None) or getattr(app, "wsgi_app", None) or app
    raise ConfigurationError(
        f"{spec}: a Starlette, FastAPI, Flask or Django app is wanted, not {type(app).__name__}"
        + (f"; write {spec}() for a factory" if inspect.isfunction(app) else "")
    )


def _adapter_of(app: Any) -> ModuleType | None:
    for base in type(app).__mro__:
        adapter = _ADAPTERS.get(base.__module__.partition(".")[0])
        # Starlette's middleware is not the app; the app is inside it.
        if adapter is not None and not base.__module__.startswith("starlette.middleware"):
            return importlib.import_module(f"{adapter}.inventory")
    return None
