"""Websockets of Django Channels, which bypass ``MIDDLEWARE``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning
from django.core.handlers.asgi import ASGIHandler
from django.utils.module_loading import import_string

from jwt_middleware.middleware import Middleware

_SERVERS = frozenset({"channels", "daphne"})
_INNER = ("application", "inner", "app")
"""The names under which Channels' classes and ASGI middleware keep what they wrap."""


def unasked_websockets() -> Iterator[CheckMessage]:
    """Warn where the site's ASGI application may accept unverified websockets.

    The application is imported, as a server does: what it accepts cannot be seen otherwise.
    """
    name = getattr(settings, "ASGI_APPLICATION", None)
    installed = {app.partition(".")[0] for app in settings.INSTALLED_APPS}
    if not name or not installed & _SERVERS:
        return
    try:
        problem = "" if _is_verified(import_string(name)) else "verifies none"
    except Exception as error:  # noqa: BLE001 - the site's own code
        problem = f"cannot be imported ({type(error).__name__})"
    if problem:
        yield Warning(
            f"ASGI_APPLICATION: websockets pass MIDDLEWARE by, and {name} {problem}",
            hint="Put jwt_middleware.asgi.JWTMiddleware(application, ...) around what serves "
            "websockets.",
            id="jwt_middleware.W005",
        )


def _is_verified(application: Any) -> bool:
    """Whether the application verifies every websocket that it serves, or serves none."""
    mapping = getattr(application, "application_mapping", None)  # Channels' ProtocolTypeRouter
    if isinstance(mapping, dict):
        return "websocket" not in mapping or _is_verified(mapping["websocket"])
    if isinstance(application, ASGIHandler) or isinstance(
        getattr(application, "middleware", None), Middleware
    ):
        return True  # Django's own handler refuses websockets
    inner = (getattr(application, name) for name in _INNER if hasattr(application, name))
    return any(_is_verified(app) for app in inner)
