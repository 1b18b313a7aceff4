"""The site's user of a principal, as its ``map_user`` finds it; without Django's own users, too."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.utils.module_loading import import_string

from jwt_middleware.errors import ConfigurationError
from jwt_middleware.events import log_bounded
from jwt_middleware.principal import Principal

MAP_USER = "map_user"
"""An option of Django's adapter alone."""


def maps_users() -> bool:
    """Whether the site has a ``map_user``."""
    return _option() is not None


def map_user() -> Callable[[Principal], Any]:
    """Return the site's function.

    Raises ``ConfigurationError`` where it is missing, or is no function.
    """
    function = _option()
    if isinstance(function, str):
        try:
            function = import_string(function)
        except ImportError as error:
            raise ConfigurationError(f"JWT_MIDDLEWARE: map_user: {error}") from None
    if not callable(function):
        raise ConfigurationError(
            "JWT_MIDDLEWARE: map_user: a function of the principal that returns a user or None"
        )
    return cast("Callable[[Principal], Any]", function)


def user_of(principal: Principal) -> Any:
    """Return the principal's user; None where there is none, or the user is not active.

    Raises ``ConfigurationError`` where ``map_user`` is missing, or is no function.
    """
    user = map_user()(principal)
    if user is None or not user.is_active:
        return None
    if user.pk is None or user._state.adding:
        log_bounded(
            logging.ERROR, "map_user returned a user that is not saved; nobody is signed in"
        )
        return None
    return user


def _option() -> Any:
    options = getattr(settings, "JWT_MIDDLEWARE", {})
    return options.get(MAP_USER) if isinstance(options, dict) else None
