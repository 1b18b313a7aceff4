"""What the commands ``routes`` and ``check`` ask of a Flask app."""

from __future__ import annotations

from flask import Flask

from jwt_middleware.authorization.routes import Route
from jwt_middleware.middleware import Gate

from . import EXTENSION, check_guard
from .inventory import Routes
from .wrappers import unasked

__all__ = ["installed_gate", "inventory"]


def inventory(app: Flask) -> list[Route]:
    """Return every route of the app, and what answers around it without asking it."""
    found = Routes(app, check_guard).inventory()
    wrapper = unasked(app, EXTENSION)
    return found if wrapper is None else [*found, Route("/*", (), wrapper)]


def installed_gate(app: Flask) -> Gate | None:
    """Return the gate of the app's middleware."""
    installed = app.extensions.get(EXTENSION)
    return None if installed is None else installed.gate
