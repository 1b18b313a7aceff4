"""Where the headers to caches are put: inside middleware that could keep answers without them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_KEEP_NOTHING = ("jwt_middleware.", "jwt_middleware_starlette.", "starlette.", "fastapi.")
"""The packages whose middleware keeps no answers, but for ``BaseHTTPMiddleware``: it calls a
function of the app's own."""


def put_inside(holder: Any, wrap: Callable[[Any], Any]) -> Any:
    """Wrap what the middleware wraps that ``holder`` has as ``app``; return what is wrapped.

    Nothing is put where all of it is Starlette's or ours. ``wrap`` is a class of middleware.
    """
    may_keep, passed = False, set[int]()
    app: Any = getattr(holder, "app", None)
    while _is_middleware(app) and id(app) not in passed:
        passed.add(id(app))
        # What stands around an earlier wrap sees the headers already.
        may_keep = type(app) is not wrap and (may_keep or may_keep_answers(type(app)))
        holder, app = app, app.app
    if may_keep:
        with suppress(AttributeError):  # what cannot be replaced stays as it is
            holder.app = wrap(app)
    return app


def _is_middleware(app: Any) -> bool:
    """Whether an app wraps another one, as its class says by its first argument."""
    if not hasattr(app, "app") or inspect.isfunction(app):
        return False
    try:
        first = next(iter(inspect.signature(type(app)).parameters), None)
    except (TypeError, ValueError):
        return False
    return first == "app"


def may_keep_answers(kind: Any) -> bool:
    """Whether a class of middleware is neither ours nor one of Starlette's that keep nothing."""
    place = f"{kind.__module__}."
    return place.startswith("starlette.middleware.base.") or not place.startswith(_KEEP_NOTHING)
