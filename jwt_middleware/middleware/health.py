"""Whether an app's tokens can be verified now, for readiness probes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ConfigurationError
from .live import middlewares_of
from .middleware import MIDDLEWARE_KEY


def health_of(app: Any) -> dict[str, Any]:
    """Return the health of an app's verifier (``Verifier.health``).

    Of several middlewares, mounted apps' too: ready if all are, with the sources of all.

    Raises:
        ConfigurationError: no middleware serves the app, or not yet: Starlette makes its own when
            the app starts.

    """
    states = [middleware.verifier.health() for middleware in middlewares_of(app)]
    if not states:
        raise ConfigurationError(
            f"health: no JWTMiddleware serves this {type(app).__name__}, or it has not started"
        )
    first, *others = states
    if not others:
        return dict(first)
    sources = {source["source"]: source for state in states for source in state["sources"]}
    ready = all(state["ready"] for state in states)
    return {**first, "ready": ready, "sources": list(sources.values())}


def readiness_of(carrier: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """Return status and body of a readiness probe, for a request by its scope, environ or META.

    Nothing but ``ready``: the sources say more than the world needs to know. As with
    ``Verifier.health``, the first probe after an outage asks for keys, and the next one finds them.
    """
    middleware = carrier.get(MIDDLEWARE_KEY)
    ready = middleware is not None and middleware.verifier.health()["ready"]
    return (200 if ready else 503), {"ready": ready}
