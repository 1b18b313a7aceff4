"""The routes of a Flask app, its blueprints' among them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

from flask import Flask

from jwt_middleware.authorization import (
    Enter,
    Exposure,
    Guard,
    Route,
    attributes_of_class,
    guards_of,
    guards_to_ask,
    route_of,
    routes_of_class,
)

_ANSWERED_BY_FLASK = frozenset({"HEAD", "OPTIONS"})


class Routes:
    """What an app routes to, as it is now."""

    def __init__(self, app: Flask, enter: Enter) -> None:
        self._app = app
        views = [view for view in app.view_functions.values() if view is not None]
        classes = [kind for kind in map(_class_of, views) if kind is not None]
        self._exposure = Exposure(
            views, enter, beside=[each for kind in classes for each in attributes_of_class(kind)]
        )

    def guards_to_ask(self, view: Any, method: str) -> tuple[Guard, ...]:
        """Return the guards to ask before a view is called: a decorator above may answer first."""
        return (*self.bare(view), *_guards_below(view, method))

    def bare(self, view: Any) -> tuple[Guard, ...]:
        """Return the guards that stand above a view's route, which no wrapper asks."""
        return self._exposure.bare(view)

    def unused(self) -> list[str]:
        """Return the guards that no route of any app in this process uses."""
        return self._exposure.unused(_all_views)

    def inventory(self) -> list[Route]:
        """Return every route of the app."""
        return list(self._rows())

    def _rows(self) -> Iterator[Route]:
        for rule in self._app.url_map.iter_rules():
            view = self._app.view_functions.get(rule.endpoint)
            if view is None:
                continue
            view_class = _class_of(view)
            methods = {
                method
                for method in rule.methods or ()
                if method not in _ANSWERED_BY_FLASK or hasattr(view_class, method.lower())
            }
            route = route_of(rule.rule, methods, view, guards=self._exposure.bare(view))
            if view_class is not None and route.kind not in ("guarded", "public"):
                found = tuple(routes_of_class(rule.rule, methods, view_class))
                # A plain View serves every method by dispatch_request.
                yield from found or (route_of(rule.rule, methods, view_class.dispatch_request),)
            else:
                yield route


def _class_of(view: Any) -> Any:
    return getattr(view, "view_class", None)


def _guards_below(view: Any, method: str) -> tuple[Guard, ...]:
    """Return the guards below a decorator of a view, or of the class that serves it."""
    view_class = _class_of(view)
    served = getattr(view_class, method.lower(), None)
    if served is None and method == "HEAD":
        served = getattr(view_class, "get", None)
    below = (each for each in (served, getattr(view_class, "dispatch_request", None)) if each)
    return (*guards_to_ask(view), *(guard for each in below for guard in guards_of(each)))


def _all_views() -> Iterator[Any]:
    """Yield the views of every Flask app in this process."""
    for each in gc.get_objects():
        # By its type: to ask some objects for their class makes them do things.
        if issubclass(type(each), Flask):
            for view in each.view_functions.values():
                yield view
                if _class_of(view) is not None:
                    yield from attributes_of_class(_class_of(view))
