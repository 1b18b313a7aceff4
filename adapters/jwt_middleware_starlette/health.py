"""Starlette and FastAPI: whether tokens can be verified now."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse

from jwt_middleware.authorization.decorators import public
from jwt_middleware.middleware import health_of, readiness_of


def health(app: Starlette) -> dict[str, Any]:
    """Return the health of the app's verifier: ``ready``, its key sources, and more.

    Raises:
        ConfigurationError: the app has no ``JWTMiddleware``, or has not started.

    """
    return health_of(app)


@public
async def readiness(request: Request) -> JSONResponse:
    """Answer a readiness probe: ``{"ready": true}``, or 503 with false.

    A route for it must also be ``exempt``: a probe has no token.
    """
    status, body = readiness_of(request.scope)
    return JSONResponse(body, status, {"Cache-Control": "no-store"})
