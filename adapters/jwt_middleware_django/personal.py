"""Answers that depend on the caller, and Django's own cache, which would give them to others.

``cache_page`` and the cache's middleware store an answer by its URL and its ``Vary``, which comes
too late where they stand below ``JWTMiddleware``. So they store no answer for which the principal
was read, whether before them or after.
"""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from django.http import HttpRequest

from jwt_middleware.principal import PRINCIPAL_KEY, Principal

_PRINCIPAL = "principal"
_IS_ASKED = "_jwt_middleware_is_asked"
_IS_WANTED = "_jwt_middleware_is_wanted"


class _Personal:
    """Added to the class of a request whose header was read."""

    @property
    def principal(self) -> Principal | None:
        """The caller, or None."""
        ask(self)
        return cast("Principal | None", self.__dict__[_PRINCIPAL])

    @principal.setter
    def principal(self, principal: Principal | None) -> None:
        self.__dict__[_PRINCIPAL] = principal

    @property
    def _cache_update_cache(self) -> bool:
        """Whether Django's cache may store the answer; only that cache sets and reads it."""
        return self.__dict__.get(_IS_WANTED, False) and not self.__dict__.get(_IS_ASKED, False)

    @_cache_update_cache.setter
    def _cache_update_cache(self, value: bool) -> None:
        self.__dict__[_IS_WANTED] = value


@cache
def _personal(kind: type[HttpRequest]) -> type[HttpRequest]:
    return type(kind.__name__, (_Personal, kind), {"__module__": kind.__module__})


def make_personal(request: HttpRequest) -> None:
    """Have the request note whether its principal is read."""
    kind: Any = type(request)
    if not issubclass(kind, _Personal):
        request.__class__ = _personal(kind)


def is_header_read(request: HttpRequest) -> bool:
    """Whether ``JWTMiddleware`` has read the header of the request."""
    return isinstance(request, _Personal)


def ask(request: Any) -> None:
    """Note that the answer depends on the caller; takes REST framework's request too."""
    getattr(request, "_request", request).__dict__[_IS_ASKED] = True


def principal_or_none(request: Any) -> Principal | None:
    """Return a request's principal, and note that the answer depends on it."""
    ask(request)
    principal: Principal | None = request.META.get(PRINCIPAL_KEY)
    return principal


def put_principal(request: HttpRequest) -> None:
    """Put the principal of the request, or None, where views look for it."""
    request.principal = request.META.get(PRINCIPAL_KEY)  # type: ignore[attr-defined]
