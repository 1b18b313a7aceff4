"""What the commands ``routes`` and ``check`` ask of a Flask app."""

from __future__ import annotations

from flask import Flask

from jwt_middleware.gate import Gate

from . import EXTENSION
from .inventory import inventory

__all__ = ["installed_gate", "inventory"]


def installed_gate(app: Flask) -> Gate | None:
    """Return the gate of the app's middleware."""
    installed = app.extensions.get(EXTENSION)
    return None if installed is None else installed.gate
