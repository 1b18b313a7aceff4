"""``settings.JWT_MIDDLEWARE``, and the system check that reads it before a server starts."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured

from jwt_middleware.authorization.routes import (
    dangers_of,
    fault_of_unguarded,
    fault_of_unused,
    faults_of,
)
from jwt_middleware.errors import ConfigurationError
from jwt_middleware.middleware import Middleware

from .guards import check_view
from .inventory import SiteRoutes, as_read
from .order import Order
from .user_checks import faults_of_users
from .users import MAP_USER
from .websockets import unasked_websockets

MIDDLEWARE_PATH = "jwt_middleware_django.JWTMiddleware"


_WAYS_OUT = {
    "W009": "Guard the routes, or mark them @public; unguarded='allow' says nothing of them.",
    "W010": "Use the guard on a route, or say routed=False.",
}


def options_from_settings() -> dict[str, Any]:
    """Return the options; raise ``ConfigurationError`` where they are no dict."""
    options = getattr(settings, "JWT_MIDDLEWARE", {})
    if not isinstance(options, dict):
        raise ConfigurationError(
            f"settings.JWT_MIDDLEWARE: a dict of options, not {type(options).__name__}"
        )
    return {name: value for name, value in options.items() if name != MAP_USER}


@contextmanager
def middleware_to_look_at() -> Generator[Middleware]:
    """Make the site's middleware, and close what it has opened at the end of the context.

    Raises ``ConfigurationError`` where the options are wrong.
    """
    options = options_from_settings()
    middleware = Middleware(options)
    try:
        yield middleware
    finally:
        if options.get("verifier") is None:  # a ready one is the site's own
            middleware.settings.verifier.close()


def check_settings(**_: Any) -> list[CheckMessage]:
    """Return what is wrong with the options, the routes, the users, and the middleware's order."""
    messages: list[CheckMessage] = []
    try:
        with middleware_to_look_at() as middleware, suppress(ImproperlyConfigured):
            messages += _faults_of_routes(middleware)  # Django's own check names a bad urlconf
    except ConfigurationError as error:
        messages.append(Error(str(error), obj="JWT_MIDDLEWARE", id="jwt_middleware.E001"))
    order = Order()
    messages += order.faults()
    messages += faults_of_users(order)
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


def _faults_of_routes(middleware: Middleware) -> Iterator[CheckMessage]:
    """Yield what a start would refuse or warn of, which is logged there and not here.

    Raises ``ConfigurationError`` where a guard uses a name that no client could carry.
    """
    options = middleware.settings
    routes = SiteRoutes(check_view)
    rows = [route._replace(path=as_read(route.path)) for route in routes.inventory()]
    unknown = faults_of(rows, options.verifier.unknown_names)
    if unknown:
        raise ConfigurationError("; ".join(unknown))
    unguarded = None if options.unguarded == "allow" else fault_of_unguarded(rows)
    for danger in dangers_of(rows, options.held_by_nobody):
        yield Warning(danger, id="jwt_middleware.W011")
    for fault, number in ((unguarded, "W009"), (fault_of_unused(routes.unused()), "W010")):
        if fault is None:
            continue
        if options.unguarded == "refuse":
            raise ConfigurationError(fault)
        yield Warning(fault, hint=_WAYS_OUT[number], id=f"jwt_middleware.{number}")
