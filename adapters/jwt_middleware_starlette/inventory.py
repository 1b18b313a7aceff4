"""The routes of a Starlette or FastAPI app, with those of mounted apps and included routers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from starlette.convertors import Convertor
from starlette.routing import Route as HTTPRoute
from starlette.routing import WebSocketRoute, compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from jwt_middleware.authorization import Enter, Guard
from jwt_middleware.authorization.exposure import (
    Exposure,
    alive,
    guards_of,
    guards_to_ask,
    place_of,
)
from jwt_middleware.authorization.routes import Route, attributes_of_class, listed
from jwt_middleware.errors import ConfigurationError
from jwt_middleware.middleware import Middleware
from jwt_middleware.options import is_a

from .asking import ToAsk, asked_first, has_own_handle, served_by
from .walk import Walk, calls_of, handlers_of_errors, own_guards_of, routes_of

Check = Callable[[Sequence[Guard], Scope], None]
"""Checks guards for a connection; raises where one does not hold."""

_ANYTHING_BELOW = "/*"
"""The end of a path in the inventory that stands for a mount whose routes cannot be seen."""

UNSEEN: list[tuple[list[Any], int]] = [([], -1)]


class Routes:
    """What an app routes to, as far as it can be seen."""

    def __init__(self, *apps: Any, enter: Enter, check: Check) -> None:
        self._apps = apps
        self._enter = enter
        self._check = check
        self._lists: dict[int, list[Any]] = {}
        self.sizes: list[tuple[list[Any], int]] = UNSEEN
        """Each list of routes with its length when it was walked, to notice changes."""
        self._walked: list[Route] = []
        self._templates: tuple[list[Route], Templates] | None = None
        self.unused: list[str] = []
        """The guards that no route uses, each with its place."""

    def add(self, app: Any) -> None:
        """Walk this app too, which other middleware may hide."""
        if app not in self._apps:
            self._apps = (*self._apps, app)
            self.sizes = UNSEEN

    @property
    def are_hidden(self) -> bool:
        """Whether no list of routes was found at all."""
        return not self._lists

    def inventory(self) -> list[Route]:
        """Return every route, and have guards checked before decorators that could answer first.

        Raises ``ConfigurationError`` where the app routes to a guarded function without its guard.
        """
        self._lists.clear()
        seen: set[int] = set()
        walk = Walk(self._lists)
        for app in self._apps:
            routes = routes_of(app)
            walk.beside += handlers_of_errors(app)
            if id(routes) not in seen:
                seen.add(id(routes))
                walk.walk(app)
        handlers = [
            (handler, path) for endpoint, path in walk.endpoints for handler in served_by(endpoint)
        ]
        handlers += [(dependency, "a dependency") for dependency in walk.dependencies]
        exposure = Exposure([handler for handler, _ in handlers], self._enter, beside=walk.beside)
        faults = [
            f"{path}: {fault}" for handler, path in handlers for fault in exposure.faults(handler)
        ]
        if faults:
            raise ConfigurationError(
                f"{listed(faults)}: it stands above the route's decorator, so the app routes to "
                "the function without it; put @requires directly below the route's decorator"
            )
        for dependency in walk.dependencies:
            if guards_to_ask(dependency):
                raise _stands_between(dependency, guards_to_ask(dependency))
        for route, guards, holder_of in walk.holders:
            to_ask = asked_first(route, guards)
            if to_ask is None:
                continue
            # A decorator above the guards could answer before they are checked.
            holder = holder_of()
            if holder is route and has_own_handle(route):
                self._ask_first(route, "handle", to_ask)
                continue
            if getattr(holder, "app", None) is None:
                raise _stands_between(route.endpoint, (*guards_of(route.endpoint), *guards))
            self._ask_first(holder, "app", to_ask)
            if has_own_handle(route):  # all inclusions share it, and each has guards of its own
                self._ask_first(route, "handle", asked_first(route, own_guards_of(route)))
        if not self.are_hidden:
            self.unused = exposure.unused(_all_endpoints)
        self.sizes = [(routes, len(routes)) for routes in self._lists.values()]
        self._walked = walk.routes
        return walk.routes

    def _ask_first(self, holder: Any, name: str, to_ask: ToAsk | None) -> None:
        served = getattr(holder, name)
        if to_ask is not None and not isinstance(served, _AskedFirst):
            setattr(holder, name, _AskedFirst(served, to_ask, self._check))

    def template(self, method: str, path: str) -> str | None:
        """Return the template of the route that serves this; None where there is none."""
        # Each taken once: another thread may walk the app anew meanwhile.
        walked, known = self._walked, self._templates
        if known is None or known[0] is not walked:
            known = self._templates = walked, Templates(walked)
        return known[1].find(method, path)


class Templates:
    """The templates of an app's routes, in the order in which it tries them.

    Starlette keeps no whole template of a route below a mount, and none for a request that is
    refused before it is routed.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._templates: list[tuple[re.Pattern[str], Mapping[str, Convertor[Any]], Route]] = []
        for route in routes:
            path = route.path
            if path.endswith(_ANYTHING_BELOW):
                path = path.removesuffix("*") + "{path:path}"
            with suppress(ValueError):  # a mount and its route have a parameter of the same name
                pattern, _, convertors = compile_path(path)
                self._templates.append((pattern, convertors, route))

    def match(self, method: str, path: str) -> tuple[str, Mapping[str, Any]] | None:
        """Return the template that serves this, and the parameters of the path; else None."""
        for pattern, convertors, route in self._templates:
            match = pattern.match(path)
            if match and (not route.methods or method in route.methods):
                given = match.groupdict().items()
                return route.path, {name: convertors[name].convert(text) for name, text in given}
        return None

    def find(self, method: str, path: str) -> str | None:
        """Return the template that serves this, else one of another method, else None."""
        other: str | None = None
        for pattern, _, route in self._templates:
            if pattern.match(path):
                if not route.methods or method in route.methods:
                    return route.path
                if other is None and ("WEBSOCKET" in route.methods) == (method == "WEBSOCKET"):
                    other = route.path
        return other


class _AskedFirst:
    """Checks the guards of a route, then serves it."""

    def __init__(self, app: ASGIApp, to_ask: ToAsk, check: Check) -> None:
        self.app = app
        self._to_ask = to_ask
        self._check = check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._check(self._to_ask(scope.get("method", "WEBSOCKET")), scope)
        await self.app(scope, receive, send)


def _stands_between(handler: Any, guards: Sequence[Guard]) -> ConfigurationError:
    return ConfigurationError(
        f"{place_of(handler)}: a decorator stands above {guards[0]!r} and could "
        "answer without asking it; put @requires above that decorator"
    )


def _all_endpoints() -> Iterator[Any]:
    """Yield what the routes of all apps in this process serve."""
    for route in alive(HTTPRoute, WebSocketRoute):
        endpoint = getattr(route, "endpoint", None)
        if inspect.isclass(endpoint):
            yield from attributes_of_class(endpoint)
        elif endpoint is not None:
            yield endpoint
        dependant = getattr(route, "dependant", None)
        if dependant is not None:
            yield from calls_of(dependant.dependencies)


def inventory(app: Any) -> list[Route]:
    """Return every route of the app, for the commands ``routes`` and ``check``."""
    from .guards import check_first, enter_handler  # imported here: guards imports this package

    return Routes(app, enter=enter_handler, check=check_first).inventory()


def installed_gate(app: Any) -> Middleware | None:
    """Return the app's middleware, made as the server will make it."""
    from . import JWTMiddleware  # imported here: the package imports this file

    for middleware in getattr(app, "user_middleware", ()):
        if middleware.cls is JWTMiddleware:
            return Middleware({k: v for k, v in middleware.kwargs.items() if k != "set_user"})
    return None


def find_route(app: Any, method: str, path: str) -> tuple[str, Mapping[str, Any]] | None:
    """Return the template of the route that serves this, and its parameters; None for none."""
    return Templates(inventory(app)).match(method, path)


def misplaced(app: Any) -> list[str]:
    """Say which middleware stands in a wrong place beside ours, and where it belongs."""
    from . import JWTMiddleware  # imported here: the package imports this file

    classes = [added.cls for added in getattr(app, "user_middleware", ())]  # the outermost first
    if JWTMiddleware not in classes:
        return []
    inside = classes[classes.index(JWTMiddleware) + 1 :]
    return [
        f"{kind.__name__} stands inside JWTMiddleware: preflights are refused, and a browser "
        f"cannot read refusals. Call app.add_middleware({kind.__name__}, ...) after that of "
        "JWTMiddleware."
        for kind in inside
        if is_a(kind, "starlette", "CORSMiddleware")
    ]
