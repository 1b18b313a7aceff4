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
        methods = (rule.methods or set()) - _ANSWERED_BY_FLASK
        route = route_of(rule.rule, methods, view)
        view_class = getattr(view, "view_class", None)
        if view_class is not None and route.kind not in ("guarded", "public"):
            found = tuple(routes_of_class(rule.rule, methods, view_class))
            # A plain View serves every method by dispatch_request.
            yield from found or (route_of(rule.rule, methods, view_class.dispatch_request),)
        elif rule.endpoint.rpartition(".")[2] == "static" and not route.guards:
            yield route._replace(frameworks_own=True)
        else:
            yield route
