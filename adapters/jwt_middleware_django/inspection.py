"""What the commands ``routes`` and ``check`` ask of a Django site."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from jwt_middleware.authorization.routes import Route
from jwt_middleware.middleware import Gate

from . import check_view
from .configuration import MIDDLEWARE_PATH, options_from_settings
from .inventory import SiteRoutes

__all__ = ["installed_gate", "inventory"]


def inventory(_: Any) -> list[Route]:
    """Return every route of the site; there is one a process."""
    return SiteRoutes(check_view).inventory()


def installed_gate(_: Any) -> Gate | None:
    """Return the gate of the site's middleware."""
    return Gate(options_from_settings()) if MIDDLEWARE_PATH in settings.MIDDLEWARE else None
