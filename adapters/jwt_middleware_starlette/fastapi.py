"""FastAPI: the guard as a dependency, documented in OpenAPI.

``Depends(guard(has_role("registrar")))`` returns the ``Principal`` to the handler;
``Security(guard(), scopes=["orders:read"])`` asks for permissions beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi.openapi.models import APIKey, HTTPBearer
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from pydantic import BaseModel
from starlette.requests import HTTPConnection

from jwt_middleware.authorization import Guard, Predicate, all_of, authenticated
from jwt_middleware.authorization.predicates import has_permission
from jwt_middleware.middleware.openapi import USUAL_HEADER, scheme_of
from jwt_middleware.principal import PRINCIPAL_KEY, Principal

from .guards import check_guard

__all__ = ["GUARD_RESPONSES", "Problem", "guard"]


class guard(SecurityBase):  # noqa: N801 - it reads as the verb it is
    """A dependency that lets only a proven caller pass for whom the predicate holds.

    Args:
        predicate: what must hold; ``authenticated`` where left out.
        header: the name in OpenAPI of the header that holds the token. ``"Authorization"`` is
            documented as a bearer token (RFC 6750), any other as an API key. Where it is left out,
            the document that the app serves names the header of its middleware.
        enforce: False is shadow mode: what the predicate would refuse is let in, and logged.

    Two guards of one predicate are equal, so ``app.dependency_overrides[guard(p)]`` finds it.

    """

    def __init__(
        self,
        predicate: Predicate = authenticated,
        *,
        header: str = USUAL_HEADER,
        enforce: bool = True,
    ) -> None:
        self.jwt_middleware_guard = Guard(predicate, enforce)
        self._header = header
        self.model = _scheme_of(header)
        self.scheme_name = header
        # FastAPI asks for it several times a request.
        self._hash = hash(self._identity())

    async def __call__(
        self, connection: HTTPConnection, security_scopes: SecurityScopes
    ) -> Principal:
        """Check the guard and the scopes, and return the principal."""
        check_guard(self.jwt_middleware_guard, connection.scope)
        if security_scopes.scopes:
            check_guard(self.guard_of_scopes(security_scopes.scopes), connection.scope)
        principal: Principal = connection.scope[PRINCIPAL_KEY]
        return principal

    @staticmethod
    def guard_of_scopes(scopes: Sequence[str]) -> Guard:
        """Return what ``Security(guard(), scopes=...)`` asks for beside the predicate."""
        return Guard(all_of(*map(has_permission, scopes)))

    def _identity(self) -> tuple[Predicate, str, bool]:
        return self.jwt_middleware_guard.predicate, self._header, self.jwt_middleware_guard.enforce

    def __eq__(self, other: object) -> bool:
        return isinstance(other, guard) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"guard({self.jwt_middleware_guard.predicate!r})"


def _scheme_of(header: str) -> APIKey | HTTPBearer:
    scheme = scheme_of(header)
    model = APIKey if scheme["type"] == "apiKey" else HTTPBearer
    return model.model_validate(scheme)


class Problem(BaseModel):
    """Why a request is refused (RFC 9457). ``reference`` stands in the service's log too."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    reference: str = ""  # an app that is misconfigured, and does not start, answers without one


class _ProblemContent(dict[str, Any]):
    """Has FastAPI document a model under the media type of RFC 9457.

    FastAPI puts it under the one of the route's own answers.
    """

    def setdefault(self, _: str, default: Any = None, /) -> Any:
        return super().setdefault("application/problem+json", default)


def _problem(description: str, header: str, meaning: str) -> dict[str, Any]:
    return {
        "model": Problem,
        "description": description,
        "content": _ProblemContent(),
        "headers": {header: {"description": meaning, "schema": {"type": "string"}}},
    }


_CHALLENGE = "WWW-Authenticate", "How a caller is proven (RFC 6750)."

GUARD_RESPONSES: dict[int | str, dict[str, Any]] = {
    401: _problem("The caller is not proven.", *_CHALLENGE),
    403: _problem("The caller may not do this.", *_CHALLENGE),
    503: _problem(
        "Nobody can be proven now.", "Retry-After", "Seconds to wait (RFC 9110, section 10.2.3)."
    ),
}
"""``responses=GUARD_RESPONSES`` documents the refusals of a route (RFC 9457)."""
