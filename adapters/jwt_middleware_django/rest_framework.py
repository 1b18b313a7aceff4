"""Django REST framework: authentication and permission classes over the verified principal.

``JWTMiddleware`` has verified the header already; these classes only give the framework the caller
and the guards. Refusals are answered as everywhere.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from django.conf import settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.settings import api_settings

from jwt_middleware.authorization import Guard, Predicate, authenticated
from jwt_middleware.errors import MissingToken
from jwt_middleware.middleware import enforce as enforce_guard
from jwt_middleware.middleware import refusal_of
from jwt_middleware.principal import Principal

from .caller import Caller
from .guards import request_view_of
from .personal import ask, principal_or_none
from .users import maps_users, user_of

__all__ = ["JWTAuthentication", "Requires"]


class JWTAuthentication(BaseAuthentication):
    """``request.auth`` is the principal, and ``request.user`` its user, where there is one.

    With ``map_user`` in ``JWT_MIDDLEWARE`` that is the site's user, and for a proven caller who has
    none, the framework's anonymous one. Without it, a ``Caller``, whom throttles and permissions
    can ask, and which has the principal's attributes.
    """

    def authenticate(self, request: Request) -> tuple[Any, Principal] | None:
        """Return the user and the principal; None where the request has no principal.

        Raises ``ConfigurationError`` where ``map_user`` is no function.
        """
        principal = principal_or_none(request)
        if principal is None:
            return None
        if not maps_users():
            return Caller(principal), principal
        user = user_of(principal)
        return _nobody() if user is None else user, principal

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge, so that the framework's own refusals are 401."""
        refusal = refusal_of(MissingToken(), request.META, request_view_of(request))
        return dict(refusal.headers)["WWW-Authenticate"]


def _nobody() -> Any:
    anonymous: Any = api_settings.UNAUTHENTICATED_USER
    return anonymous() if anonymous else None


class _AlwaysWhole(type(BasePermission)):  # type: ignore[misc]
    """Refuses ``|`` and ``~``, which do not work with a permission that raises."""

    def __or__(cls, other: object) -> NoReturn:
        raise TypeError("combine predicates, not permissions: Requires(a | b)")

    def __invert__(cls) -> NoReturn:
        raise TypeError("negate the predicate, not the permission: Requires(~a)")

    def __ror__(cls, other: object) -> NoReturn:
        raise TypeError("combine predicates, not permissions: Requires(a | b)")


class _Permission(BasePermission, metaclass=_AlwaysWhole):
    jwt_middleware_guard: ClassVar[Guard]

    def has_permission(self, request: Request, view: Any) -> bool:  # noqa: ARG002
        """Check the guard; refuse by raising, so that the answer is the middleware's."""
        ask(request)
        enforce_guard(self.jwt_middleware_guard, request.META, request_view_of(request))
        return True


def Requires(  # noqa: N802 - it returns a class, and stands where classes stand
    predicate: Predicate = authenticated, *, enforce: bool = True
) -> type[BasePermission]:
    """Return a permission class that lets only a proven caller pass for whom this holds.

    ``permission_classes = [Requires(has_role("registrar"))]``
    """
    guard = Guard(predicate, enforce)
    return _AlwaysWhole(repr(guard), (_Permission,), {"jwt_middleware_guard": guard})


if any(app.partition(".")[0] == "drf_spectacular" for app in settings.INSTALLED_APPS):
    from . import spectacular as spectacular  # it registers itself
