"""Flask: whether tokens can be verified now."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, jsonify, request

from jwt_middleware.authorization.decorators import public
from jwt_middleware.middleware import health_of, readiness_of


def health(app: Flask) -> dict[str, Any]:
    """Return the health of the app's verifier: ``ready``, its key sources, and more.

    Raises:
        ConfigurationError: the app has no ``JWTMiddleware``.

    """
    return health_of(app)


@public
def readiness() -> Response:
    """Answer a readiness probe: ``{"ready": true}``, or 503 with false.

    A rule for it must also be ``exempt``: a probe has no token.
    """
    status, body = readiness_of(request.environ)
    answer = jsonify(body)
    answer.status_code = status
    answer.headers["Cache-Control"] = "no-store"
    return answer
