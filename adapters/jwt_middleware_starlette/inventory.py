"""The routes of a Starlette or FastAPI app, with those of mounted apps and included routers."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

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
    place_of,
)
from jwt_middleware.errors import ConfigurationError

from .templates import Templates
from .walk import Walk, calls_of, routes_of, served_by

Check = Callable[[Sequence[Guard], Scope], None]
"""Asks guards of a connection; raises where one does not hold."""


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
        walk = Walk(self._lists)
        for app in self._apps:
            routes = routes_of(app)
            if id(routes) not in seen:
                seen.add(id(routes))
                walk.below(app, "", (), ())
        handlers = [(each, path) for handler, path in walk.endpoints for each in served_by(handler)]
        exposure = Exposure([each for each, _ in handlers], self._enter, beside=walk.beside)
        faults = [
            f"{path}: {each}" for handler, path in handlers for each in exposure.faults(handler)
        ]
        if faults:
            raise ConfigurationError(
                f"{listed(faults)}: it stands above the route's decorator, so the app routes to "
                "the function without it; put @requires directly below the route's decorator"
            )
        for endpoint, holders in walk.holders:
            guards = () if inspect.isclass(endpoint) else guards_to_ask(endpoint)
            if guards:
                self._ask_first(endpoint, guards, holders())
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

    def _ask_first(self, endpoint: Any, guards: Sequence[Guard], holders: list[Any]) -> None:
        """Have the guards of a route asked before a decorator above them could answer."""
        apps: list[Any] = [getattr(each, "app", None) for each in holders]
        if not apps or None in apps:
            raise ConfigurationError(
                f"{place_of(endpoint)}: a decorator stands between the route and {guards[0]!r}, "
                "and could answer without asking it; put @requires directly below the route's "
                "decorator"
            )
        for holder, app in zip(holders, apps, strict=True):
            if not isinstance(app, _AskedFirst):
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
                yield from calls_of(dependant)
