"""``settings.JWT_MIDDLEWARE``, and the system check that reads it before a server starts."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakSet

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured

from jwt_middleware.errors import ConfigurationError
from jwt_middleware.middleware import Gate
from jwt_middleware.verification import Verifier

from .inventory import SiteRoutes
from .order import Order
from .websockets import unasked_websockets

MAP_USER = "map_user"
"""Django's own option, which ``auth`` reads: it concerns no other door."""

MIDDLEWARE_PATH = "jwt_middleware_django.JWTMiddleware"


def options_from_settings() -> dict[str, Any]:
    """Return the options; raise ``ConfigurationError`` where they are no dict."""
    options = getattr(settings, "JWT_MIDDLEWARE", {})
    if not isinstance(options, dict):
        raise ConfigurationError(
            f"settings.JWT_MIDDLEWARE: a dict of options, not {type(options).__name__}"
        )
    return {name: value for name, value in options.items() if name != MAP_USER}


class SiteGates:
    """The gates of the site's middleware: Django makes one a handler, when it likes."""

    def __init__(self) -> None:
        self._gates: WeakSet[Gate] = WeakSet()
        self._substitutes: list[Callable[[Gate], Verifier]] = []

    def make(self) -> Gate:
        """Make the gate of another handler's middleware."""
        gate = Gate(options_from_settings())
        if self._substitutes:
            gate.verifier = self._substitutes[-1](gate)
        self._gates.add(gate)
        return gate

    @contextmanager
    def substituted(self, make: Callable[[Gate], Verifier]) -> Generator[None]:
        """Do as ``Gate.substituted``, for every gate that there is or will be meanwhile."""
        before = {gate: gate.verifier for gate in self._gates}
        others = {gate: make(gate) for gate in before}
        for gate, verifier in others.items():
            gate.verifier = verifier
        self._substitutes.append(make)
        try:
            yield
        finally:
            self._substitutes.remove(make)
            for gate in list(self._gates):
                if gate in before:
                    gate.verifier = before[gate]
                elif self._substitutes:
                    gate.verifier = self._substitutes[-1](gate)
                else:
                    gate.verifier = gate.settings.verifier


site_gates = SiteGates()
"""Those of this process, which serves one site."""


def check_settings(**_: Any) -> list[CheckMessage]:
    """Tell what is wrong with the options, and whether the middleware is installed at all."""
    from . import check_view  # which imports this module

    found: list[CheckMessage] = []
    try:
        gate = Gate(options_from_settings())
        with suppress(ImproperlyConfigured):  # of a urlconf: Django's own check names it
            routes = SiteRoutes(check_view)
            gate.inspect(routes.inventory(), routes.unused())
    except ConfigurationError as error:
        found.append(Error(str(error), obj="JWT_MIDDLEWARE", id="jwt_middleware.E001"))
    order = Order()
    found += order.faults()
    found += unasked_websockets()
    if not order.ours:
        found.append(
            Warning(
                "jwt_middleware_django is installed, but its middleware is not",
                hint=f'Add "{MIDDLEWARE_PATH}" to MIDDLEWARE.',
                id="jwt_middleware.W001",
            )
        )
    return found
