"""Django's own users, for sites that need them besides the principal. Optional.

``AUTHENTICATION_BACKENDS = ["jwt_middleware_django.auth.PrincipalBackend"]``, with ``"map_user"``
in ``JWT_MIDDLEWARE``: a function, or its dotted path, that takes the principal and returns a user
or None. There is no default: a bare user name proves nothing, as every client of a gateway may have
a user of that name, and yours may be staff.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, cast

from asgiref.sync import (
    iscoroutinefunction,  # pyright: ignore[reportDeprecated] - inspect's sees no marks on 3.11
    sync_to_async,
)
from django.contrib.auth import authenticate
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.decorators import sync_and_async_middleware
from django.utils.functional import SimpleLazyObject

from jwt_middleware.middleware import MIDDLEWARE_KEY

from .personal import is_header_read, principal_or_none
from .users import map_user, user_of

__all__ = ["PrincipalBackend", "UserMiddleware"]


class PrincipalBackend(BaseBackend):
    """``authenticate(request)`` returns the user that ``map_user`` finds for the principal."""

    # No further keywords: Django skips a backend that does not take the given credentials, so that
    # a wrong password fails even with a good header.
    def authenticate(self, request: HttpRequest | None) -> Any:  # type: ignore[override]
        """Return the principal's user; None where there is none, or the user is not active.

        Raises ``ConfigurationError`` where ``map_user`` is missing, or is no function.
        """
        principal = None if request is None else principal_or_none(request)
        return None if principal is None else user_of(principal)

    def get_user(self, user_id: Any) -> Any:  # noqa: ARG002
        """Return None: each request is proven by its own header, never by a session."""
        return None


@sync_and_async_middleware
def UserMiddleware(get_response: Callable[[HttpRequest], Any]) -> Any:  # noqa: N802
    """Set ``request.user`` to the principal's user; below ours and Django's in ``MIDDLEWARE``.

    Where the header is not read, on an ``exempt`` path, the user of Django's session stays.
    """
    map_user()  # so that its faults are seen at start-up

    def put_user(request: HttpRequest) -> None:
        if _is_left_alone(request):
            return

        @cache
        def find() -> Any:
            return authenticate(request) or AnonymousUser()

        request.user = cast("Any", SimpleLazyObject(find))
        request.auser = sync_to_async(find)

    async def serve_async(request: HttpRequest) -> Any:
        put_user(request)
        return await get_response(request)

    def serve(request: HttpRequest) -> Any:
        put_user(request)
        return get_response(request)

    return serve_async if iscoroutinefunction(get_response) else serve  # pyright: ignore[reportDeprecated]


def _is_left_alone(request: HttpRequest) -> bool:
    """Whether ``JWTMiddleware`` saw the request and did not read its header."""
    is_seen = MIDDLEWARE_KEY in request.META
    return is_seen and not is_header_read(request) and hasattr(request, "user")
