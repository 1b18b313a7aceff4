"""The half-done set-ups of a site's users, which ``manage.py check`` names."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from jwt_middleware.errors import ConfigurationError
from jwt_middleware.options import is_a

from .order import LOGIN_REQUIRED, USERS, Order, loaded
from .users import MAP_USER, map_user, maps_users

BACKEND = "jwt_middleware_django.auth.PrincipalBackend"
USER_MIDDLEWARE = "jwt_middleware_django.auth.UserMiddleware"
_REST_FRAMEWORK = "jwt_middleware_django.rest_framework"


def faults_of_users(order: Order) -> Iterator[CheckMessage]:
    """Yield what is missing or wrong around ``map_user``, once the site's routes are imported."""
    has_middleware = bool(order.places(*USERS))
    has_backend = any(map(_is_backend, settings.AUTHENTICATION_BACKENDS))
    if maps_users() or has_middleware or has_backend:
        try:
            map_user()
        except ConfigurationError as error:
            yield Error(
                str(error),
                hint=f'JWT_MIDDLEWARE = {{..., "{MAP_USER}": "shop.users.of_principal"}}',
                id="jwt_middleware.E004",
            )
    if has_middleware and not has_backend:
        yield Warning(
            "AUTHENTICATION_BACKENDS: PrincipalBackend is missing, so UserMiddleware signs "
            "nobody in",
            hint=f'Add "{BACKEND}".',
            id="jwt_middleware.W006",
        )
    # A view that uses JWTAuthentication has imported it, and needs neither of the two.
    is_rest_alone = _REST_FRAMEWORK in sys.modules and not has_backend
    if maps_users() and not has_middleware and not is_rest_alone:
        yield Warning(
            "MIDDLEWARE: UserMiddleware is missing, so request.user is not map_user's user",
            hint=f'Add "{USER_MIDDLEWARE}" to MIDDLEWARE and "{BACKEND}" to '
            "AUTHENTICATION_BACKENDS.",
            id="jwt_middleware.W007",
        )
    if order.ours and not has_middleware and order.places(*LOGIN_REQUIRED):
        yield Warning(
            "MIDDLEWARE: LoginRequiredMiddleware sends proven callers to the login page, as "
            "request.user is not the principal's user",
            hint=f'Add "{USER_MIDDLEWARE}" above it, with map_user, or mark views by '
            "@login_not_required.",
            id="jwt_middleware.W012",
        )
    yield from order.early_readers()


def _is_backend(path: str) -> bool:
    return path == BACKEND or is_a(loaded(path), "jwt_middleware_django", "PrincipalBackend")
