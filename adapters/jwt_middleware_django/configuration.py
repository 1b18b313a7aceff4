"""``settings.JWT_MIDDLEWARE``, and the system check that reads it before a server starts."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured

from jwt_middleware.errors import ConfigurationError
from jwt_middleware.middleware import Middleware

from .inventory import SiteRoutes
from .order import Order
from .users import MAP_USER
from .websockets import unasked_websockets

MIDDLEWARE_PATH = "jwt_middleware_django.JWTMiddleware"


def options_from_settings() -> dict[str, Any]:
    """Return the options; raise ``ConfigurationError`` where they are no dict."""
    options = getattr(settings, "JWT_MIDDLEWARE", {})
    if not isinstance(options, dict):
        raise ConfigurationError(
            f"settings.JWT_MIDDLEWARE: a dict of options, not {type(options).__name__}"
        )
    return {name: value for name, value in options.items() if name != MAP_USER}


def check_settings(**_: Any) -> list[CheckMessage]:
    """Return what is wrong with the options, the routes and the order of the middleware."""
    from .guards import check_view

    messages: list[CheckMessage] = []
    try:
        middleware = Middleware(options_from_settings())
        with suppress(ImproperlyConfigured):  # of a urlconf: Django's own check names it
            routes = SiteRoutes(check_view)
            middleware.inspect(routes.inventory(), routes.unused())
    except ConfigurationError as error:
        messages.append(Error(str(error), obj="JWT_MIDDLEWARE", id="jwt_middleware.E001"))
    order = Order()
    messages += order.faults()
    messages += unasked_websockets()
    if not order.ours:
        messages.append(
            Warning(
                "jwt_middleware_django is installed, but its middleware is not",
                hint=f'Add "{MIDDLEWARE_PATH}" to MIDDLEWARE.',
                id="jwt_middleware.W001",
            )
        )
    return messages
