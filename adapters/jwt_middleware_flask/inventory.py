"""The routes of a Flask app, its blueprints' among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from flask import Flask
from werkzeug.exceptions import HTTPException

from jwt_middleware.authorization import Enter, Guard
from jwt_middleware.authorization.exposure import Exposure, alive, guards_of, guards_to_ask
from jwt_middleware.authorization.guards import GuardedBy, safe_attribute
from jwt_middleware.authorization.reach import behind_and_before
from jwt_middleware.authorization.routes import (
    Route,
    attributes_of_class,
    one_or_each,
    route_of,
    routes_of_class,
)
from jwt_middleware.middleware import Middleware

from .wrappers import unasked

ToAsk = tuple[Guard, ...] | Callable[[str], tuple[Guard, ...]]
"""Guards, or what returns those of a method."""

_ANSWERED_BY_FLASK = frozenset({"HEAD", "OPTIONS"})


class Routes:
    """What an app routes to, as it is now."""

    def __init__(self, app: Flask, enter: Enter) -> None:
        self._app = app
        self._exposure = Exposure(_handlers(app), enter, beside=_hooks(app))

    def guards_to_ask(self, view: Any) -> ToAsk:
        """Return the guards to check before a view is called: a decorator above may answer first.

        Where a class serves the view, they depend on the method.
        """
        bare = self.bare(view)
        if _class_of(view) is None:
            return (*bare, *guards_to_ask(view))
        return cache(lambda method: (*bare, *self._guards_below(view, method)))

    def _guards_below(self, view: Any, method: str) -> Iterator[Guard]:
        """Yield the guards below a decorator of a view, or of the class that serves it."""
        view_class = _class_of(view)
        served = getattr(view_class, method.lower(), None)
        if served is None and method == "HEAD":
            served = getattr(view_class, "get", None)
        yield from guards_to_ask(view)
        yield from _of_method_decorators(view_class, method)
        for handler in (served, getattr(view_class, "dispatch_request", None)):
            if handler is not None:
                yield from self._exposure.guards(handler)

    def bare(self, view: Any) -> tuple[Guard, ...]:
        """Return the guards above a view's route, which no wrapper checks."""
        return self._exposure.bare(view)

    def unused(self) -> list[str]:
        """Return the guards that no route of any app in this process uses."""
        return self._exposure.unused(
            lambda: (handler for app in alive(Flask) for handler in _handlers(app))
        )

    def inventory(self) -> Iterator[Route]:
        """Yield every route of the app."""
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
            guards = (*self._exposure.bare(view), *self._guards_of_hooks(rule.endpoint))
            if view_class is None:
                yield route_of(rule.rule, methods, view, guards=guards)
                continue
            # It serves every method; a plain View has no others.
            dispatch = view_class.dispatch_request
            route = route_of(rule.rule, methods, view, guards=(*guards, *guards_of(dispatch)))
            guards = route.guards
            by_method = [
                row
                for method in sorted(methods)
                for row in routes_of_class(
                    rule.rule,
                    (method,),
                    view_class,
                    guards=(*guards, *_of_method_decorators(view_class, method)),
                )
            ]
            yield from one_or_each(
                route, by_method or [route_of(rule.rule, methods, dispatch, guards=guards)]
            )

    def _guards_of_hooks(self, endpoint: str) -> Iterator[Guard]:
        """Yield the guards of what is called before the views of an endpoint's blueprints."""
        parts = endpoint.split(".")[:-1]  # as Flask has it, with the blueprints that are nested
        names = (None, *(".".join(parts[:size]) for size in range(1, len(parts) + 1)))
        for name in names:
            for hook in self._app.before_request_funcs.get(name, ()):
                if not guards_to_ask(hook):  # else a decorator may answer without its guard
                    yield from guards_of(hook)


def _class_of(view: Any) -> Any:
    """Return the class that serves a view, also below decorators that hide it."""
    classes = (safe_attribute(node, "view_class") for node in behind_and_before(view))
    return next((kind for kind in classes if isinstance(kind, type)), None)


def _of_method_decorators(view_class: Any, method: str) -> Iterator[Guard]:
    """Yield the guards with which Flask-RESTful and Flask-RESTX decorate a method at each call."""
    decorators = getattr(view_class, "method_decorators", ())
    if isinstance(decorators, Mapping):
        decorators = decorators.get(method.lower(), ())
    for decorator in decorators:
        if isinstance(decorator, GuardedBy):
            yield decorator.guard


def _hooks(app: Flask) -> Iterator[Any]:
    """Yield what the app calls besides its views: before and after them, and on errors."""
    for hooks in (app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs):
        for functions in hooks.values():
            yield from functions
    for by_code in app.error_handler_spec.values():
        for by_class in by_code.values():
            yield from by_class.values()


def _handlers(app: Flask) -> Iterator[Any]:
    """Yield the views of an app, and the functions of their classes."""
    for view in app.view_functions.values():
        if view is not None:
            yield view
            view_class = _class_of(view)
            if view_class is not None:
                yield from attributes_of_class(view_class)


def inventory(app: Flask) -> list[Route]:
    """Return every route, and what answers around the app, for ``routes`` and ``check``."""
    from . import EXTENSION  # imported here: the package imports this file
    from .guards import check_guard

    wrapper = unasked(app, EXTENSION)
    around = [] if wrapper is None else [Route("/*", (), wrapper)]
    return [*Routes(app, check_guard).inventory(), *around]


def misplaced(app: Flask) -> list[str]:
    """Say that Flask-CORS, which only adds to answers, answers no preflight."""
    middleware = installed_gate(app)
    adding = (hook for hooks in app.after_request_funcs.values() for hook in hooks)
    is_there = any(f"{hook.__module__}.".startswith("flask_cors.") for hook in adding)
    if middleware is None or not is_there or middleware.settings.passes_preflight:
        return []
    return ["Flask-CORS answers no preflight, so each is refused. Set cors_preflight='pass'."]


def find_route(app: Flask, method: str, path: str) -> tuple[str, Mapping[str, Any]] | None:
    """Return the template of the route that serves this, and its parameters; None for none."""
    try:
        rule, parameters = app.url_map.bind("").match(path, method, return_rule=True)
    except HTTPException:
        return None
    return rule.rule, parameters


def installed_gate(app: Flask) -> Middleware | None:
    """Return the app's middleware."""
    from . import EXTENSION  # imported here: the package imports this file

    installed = app.extensions.get(EXTENSION)
    return None if installed is None else installed.middleware
