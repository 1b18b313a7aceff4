"""What the commands ``routes`` and ``check`` ask of a Starlette or FastAPI app."""

from __future__ import annotations

from typing import Any

from jwt_middleware.authorization.routes import Route
from jwt_middleware.middleware import Gate

from . import JWTMiddleware, check_first, enter_handler
from .inventory import Routes

__all__ = ["installed_gate", "inventory"]


def inventory(app: Any) -> list[Route]:
    """Return every route of the app."""
    return Routes(app, enter=enter_handler, check=check_first).inventory()


def installed_gate(app: Any) -> Gate | None:
    """Return the gate of the app's middleware, made as the server will make it."""
    for middleware in getattr(app, "user_middleware", ()):
        if middleware.cls is JWTMiddleware:
            return Gate({k: v for k, v in middleware.kwargs.items() if k != "set_user"})
    return None
