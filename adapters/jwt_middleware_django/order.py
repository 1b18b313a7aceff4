"""The order of ``MIDDLEWARE``: what would answer before ours, or undo its work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.utils.module_loading import import_string

from jwt_middleware.options import is_a

OURS = ("jwt_middleware_django", "JWTMiddleware")
USERS = ("jwt_middleware_django", "UserMiddleware")
LOGIN_REQUIRED = ("django", "LoginRequiredMiddleware")
CORS = ("corsheaders", "CorsMiddleware")
DJANGOS_USERS = (
    ("django", "SessionMiddleware"),
    ("django", "AuthenticationMiddleware"),
)

READERS = (
    ("django", "RemoteUserMiddleware"),
    LOGIN_REQUIRED,
    ("django_otp", "OTPMiddleware"),
    ("auditlog", "AuditlogMiddleware"),
    ("hijack", "HijackUserMiddleware"),
    ("impersonate", "ImpersonateMiddleware"),
)
"""Middleware that reads ``request.user`` or replaces it before the view."""


class Order:
    """The site's middleware as ``MIDDLEWARE`` lists it, the outermost first."""

    def __init__(self) -> None:
        self._listed: list[tuple[str, Any]] = [(p, loaded(p)) for p in settings.MIDDLEWARE]
        self.ours = self.places(*OURS)

    def fetching_above(self) -> str | None:
        """Return the fault of a cache that would answer before the header is read, or None."""
        places = self.places("django", "FetchFromCacheMiddleware")
        above = [self._path(place) for place in places if self.ours and place < self.ours[0]]
        if not above:
            return None
        return (
            f"MIDDLEWARE: {above[0]} stands above JWTMiddleware, and answers from its cache before "
            "the header is read"
        )

    def faults(self) -> Iterator[CheckMessage]:
        """Yield what stands in a wrong place, and where it belongs."""
        if not self.ours:
            return
        fetching = self.fetching_above()
        if fetching is not None:
            yield Error(
                fetching,
                hint=f"Put it below {self._path(self.ours[0])}; UpdateCacheMiddleware stays above.",
                id="jwt_middleware.E002",
            )
        if len(self.ours) > 1:
            yield Error(
                "MIDDLEWARE: JWTMiddleware is listed more than once",
                hint="Keep one: each verifies the header anew.",
                id="jwt_middleware.E003",
            )
        yield from self._below(self.places(*CORS), "W002", "a refusal would lack CORS headers")
        updating = self.places("django", "UpdateCacheMiddleware")
        reason = "it keeps answers before they say on which header they depend"
        yield from self._below(updating, "W003", reason)
        yield from self._users()

    def _below(self, places: list[int], number: str, reason: str) -> Iterator[CheckMessage]:
        for place in places:
            if place > self.ours[0]:
                yield Warning(
                    f"MIDDLEWARE: {self._path(place)} stands below JWTMiddleware: {reason}",
                    hint=f"Put it above {self._path(self.ours[0])}.",
                    id=f"jwt_middleware.{number}",
                )

    def _users(self) -> Iterator[CheckMessage]:
        wanted = [*self.ours[:1], *(p for known in DJANGOS_USERS for p in self.places(*known))]
        for users in self.places(*USERS):
            late = [self._path(place) for place in sorted(wanted) if place > users]
            if late:
                yield Warning(
                    f"MIDDLEWARE: {self._path(users)} stands above {', '.join(late)}, so "
                    "request.user may not be the principal's user, and exempt paths lose theirs",
                    hint="Put it below.",
                    id="jwt_middleware.W004",
                )

    def early_readers(self) -> Iterator[CheckMessage]:
        """Yield what reads ``request.user`` before it is the principal's user."""
        users = self.places(*USERS)
        for place in sorted(p for known in READERS for p in self.places(*known)):
            if users and place < users[0]:
                yield Warning(
                    f"MIDDLEWARE: {self._path(place)} stands above {self._path(users[0])}, and "
                    "reads request.user before it is the principal's user",
                    hint="Put it below.",
                    id="jwt_middleware.W008",
                )

    def places(self, package: str, name: str) -> list[int]:
        """Return the places of a middleware, by its package and name."""
        return [
            n for n, (_, middleware) in enumerate(self._listed) if is_a(middleware, package, name)
        ]

    def _path(self, place: int) -> str:
        return self._listed[place][0]


def loaded(path: str) -> Any:
    """Return what a dotted path names; None where Django itself will say what is wrong with it."""
    try:
        return import_string(path)
    except Exception:  # noqa: BLE001 - the site's own code
        return None
