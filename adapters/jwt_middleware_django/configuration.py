"""``settings.JWT_MIDDLEWARE``, and the system check that reads it before a server starts."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from jwt_middleware.errors import ConfigurationError
from jwt_middleware.settings import Settings

MIDDLEWARE_PATH = "jwt_middleware_django.JWTMiddleware"


def options_from_settings() -> dict[str, Any]:
    """Return the options; raise ``ConfigurationError`` where they are no dict."""
    options = getattr(settings, "JWT_MIDDLEWARE", {})
    if not isinstance(options, dict):
        raise ConfigurationError(
            f"settings.JWT_MIDDLEWARE: a dict of options, not {type(options).__name__}"
        )
    return options


def check_settings(**_: Any) -> list[CheckMessage]:
    """Tell what is wrong with the options, and whether the middleware is installed at all."""
    found: list[CheckMessage] = []
    try:
        Settings.read(options_from_settings())
    except ConfigurationError as error:
        found.append(Error(str(error), obj="JWT_MIDDLEWARE", id="jwt_middleware.E001"))
    if MIDDLEWARE_PATH not in settings.MIDDLEWARE:
        found.append(
            Warning(
                "jwt_middleware_django is installed, but its middleware is not",
                hint=f'Add "{MIDDLEWARE_PATH}" to MIDDLEWARE.',
                id="jwt_middleware.W001",
            )
        )
    return found
