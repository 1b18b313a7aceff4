"""The routes of a Flask app, its blueprints' among them."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask

from jwt_middleware.authorization import Route, route_of, routes_of_class

_ANSWERED_BY_FLASK = frozenset({"HEAD", "OPTIONS"})


def inventory(app: Flask) -> list[Route]:
    """Return every route of the app."""
    return list(_routes(app))


def _routes(app: Flask) -> Iterator[Route]:
    for rule in app.url_map.iter_rules():
        view = app.view_functions.get(rule.endpoint)
        if view is None:
            continue
        view_class = getattr(view, "view_class", None)
        methods = {
            method
            for method in rule.methods or ()
            if method not in _ANSWERED_BY_FLASK or hasattr(view_class, method.lower())
        }
        route = route_of(rule.rule, methods, view)
        if view_class is not None and route.kind not in ("guarded", "public"):
            found = tuple(routes_of_class(rule.rule, methods, view_class))
            # A plain View serves every method by dispatch_request.
            yield from found or (route_of(rule.rule, methods, view_class.dispatch_request),)
        else:
            yield route
