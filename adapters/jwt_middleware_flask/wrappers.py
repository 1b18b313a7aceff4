"""What stands around a Flask app's ``wsgi_app`` and answers before any ``before_request``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask

import jwt_middleware.wsgi
from jwt_middleware.options import is_a

_ANSWERS = (
    ("engineio", "WSGIApp"),  # Flask-SocketIO's is one
    ("werkzeug", "DispatcherMiddleware"),
    ("werkzeug", "SharedDataMiddleware"),
    ("whitenoise", "WhiteNoise"),
)
_INNER = ("wsgi_app", "app", "application")
"""The names under which wrappers keep what they wrap."""


def fault_of_wrappers(app: Flask, extension: str) -> str | None:
    """Say which wrapper answers requests unverified, and the way out; None where none does."""
    wrapper = unasked(app, extension)
    if wrapper is None:
        return None
    return (
        f"{wrapper} around app.wsgi_app answers before JWTMiddleware is asked; put the "
        "plain door around both: app.wsgi_app = jwt_middleware.wsgi.JWTMiddleware("
        "app.wsgi_app, verifier=...), with the verifier of this app"
    )


def unasked(app: Flask, extension: str) -> str | None:
    """Return the name of a wrapper that answers requests unverified, or None.

    ``extension`` is the key of our middleware in an app's extensions.
    """
    for wrapper in _inwards(app.wsgi_app):
        if isinstance(wrapper, jwt_middleware.wsgi.JWTMiddleware):
            return None  # it verifies what reaches everything inside
        if _answers(wrapper, extension):
            return type(wrapper).__name__
    return None


def _inwards(wrapper: Any) -> Iterator[Any]:
    """Yield a WSGI app and what it wraps, as far as it can be seen."""
    seen: set[int] = set()
    while wrapper is not None and id(wrapper) not in seen:
        seen.add(id(wrapper))
        yield wrapper
        wrapper = next((getattr(wrapper, n) for n in _INNER if hasattr(wrapper, n)), None)


def _answers(wrapper: Any, extension: str) -> bool:
    mounts = getattr(wrapper, "mounts", None)
    if mounts is not None and all(_is_verified(mount, extension) for mount in mounts.values()):
        return False
    return any(is_a(type(wrapper), *known) for known in _ANSWERS)


def _is_verified(mount: Any, extension: str) -> bool:
    for wrapper in _inwards(mount):
        owner = getattr(wrapper, "__self__", wrapper)  # a Flask app, of its own ``wsgi_app``
        if isinstance(owner, Flask) and extension in owner.extensions:
            return True
        if isinstance(wrapper, jwt_middleware.wsgi.JWTMiddleware):
            return True
    return False
