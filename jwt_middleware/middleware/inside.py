"""Where the headers to caches are put: inside middleware that could keep answers without them."""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import Any

from ..authorization.guards import safe_attribute

_KEEP_NOTHING = ("jwt_middleware.", "jwt_middleware_starlette.", "starlette.", "fastapi.")
"""The packages whose middleware keeps no answers, but for ``BaseHTTPMiddleware``: it calls a
function of the app's own."""


def put_inside(holder: Any, wrap: type) -> Any:
    """Wrap what the middleware wraps that ``holder`` has as ``app``; return what is wrapped.

    Nothing is put where all of it is Starlette's or ours. ``wrap`` is a class of middleware, and
    what it wraps is called as itself is: beyond a bridge from ASGI to WSGI nothing is touched.
    """
    arguments = len(inspect.signature(wrap.__call__).parameters) - 1
    may_keep, passed = False, set[int]()
    app = safe_attribute(holder, "app")
    while _is_middleware(app, arguments) and id(app) not in passed:
        passed.add(id(app))
        # What stands around an earlier wrap sees the headers already.
        may_keep = type(app) is not wrap and (may_keep or may_keep_answers(type(app)))
        holder, app = app, app.app
    if may_keep:
        with suppress(AttributeError):  # what cannot be replaced stays as it is
            holder.app = wrap(app)
    return app


def _is_middleware(app: Any, arguments: int) -> bool:
    """Whether an app wraps another one, which is called with so many arguments as it is.

    Its class says so by its first argument.
    """
    inner = safe_attribute(app, "app")
    if inner is None or inspect.isfunction(app):
        return False
    try:
        first = next(iter(inspect.signature(type(app)).parameters), None)
        inspect.signature(inner).bind(*[None] * arguments)
    except (TypeError, ValueError):
        return False
    return first == "app"


def may_keep_answers(kind: Any) -> bool:
    """Whether a class of middleware is neither ours nor one of Starlette's that keep nothing."""
    place = f"{kind.__module__}."
    return place.startswith("starlette.middleware.base.") or not place.startswith(_KEEP_NOTHING)
