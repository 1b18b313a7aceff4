"""Django: whether tokens can be verified now."""

from __future__ import annotations

from typing import Any
from weakref import ref

from django.http import HttpRequest, JsonResponse

from jwt_middleware.authorization.decorators import public
from jwt_middleware.errors import ConfigurationError
from jwt_middleware.middleware import Middleware, readiness_of

_installed: list[ref[Middleware]] = []


def note_installed(middleware: Middleware) -> None:
    """Note the middleware of the newest handler, of which a process has one."""
    _installed[:] = [ref(middleware)]


def health() -> dict[str, Any]:
    """Return the health of the site's verifier: ``ready``, its key sources, and more.

    Raises:
        ConfigurationError: Django has not loaded its middleware yet.

    """
    middleware = _installed[0]() if _installed else None
    if middleware is None:
        raise ConfigurationError("health: Django has not loaded its middleware yet")
    return dict(middleware.verifier.health())


@public
def readiness(request: HttpRequest) -> JsonResponse:
    """Answer a readiness probe: ``{"ready": true}``, or 503 with false.

    A path for it must also be ``exempt``: a probe has no token.
    """
    status, body = readiness_of(request.META)
    return JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})


# As login_not_required marks it: LoginRequiredMiddleware would send a probe to the login page, and
# probes take a redirect for an answer.
readiness.login_required = False  # type: ignore[attr-defined]
