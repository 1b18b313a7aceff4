"""What the guards and handlers of an app ask of the middleware that their request came through."""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from ..authorization.guards import Guard
from ..authorization.request import RequestView
from ..errors import MissingToken, RequestError
from ..events.log import log_bounded
from ..events.record import RECORD_KEY, RequestRecord
from ..principal import PRINCIPAL_KEY, Principal
from ..responses import Challenge, Refusal, refusal_for
from .middleware import MIDDLEWARE_KEY, Middleware

CHECKED_GUARDS_KEY = "jwt_middleware.asked"
"""The request's key for the guards that were checked before its handler was called."""


def enforce_first(
    guards: Sequence[Guard], carrier: MutableMapping[str, Any], request: RequestView
) -> None:
    """Check the guards of a route before its handler; ``enforce`` does not check them again."""
    for guard in guards:
        enforce(guard, carrier, request)
    carrier[CHECKED_GUARDS_KEY] = tuple(guards)


def enforce(guard: Guard, carrier: Mapping[str, Any], request: RequestView) -> None:
    """Check a guard for the request whose scope, environ or META is the carrier.

    Raises:
        RequestError: the guard does not hold, or no middleware has verified this request.

    """
    middleware: Middleware | None = carrier.get(MIDDLEWARE_KEY)
    if middleware is None:
        log_bounded(
            logging.ERROR,
            "%r: JWTMiddleware is not installed, or its request has ended: nobody is let in",
            guard,
        )
        raise MissingToken("the middleware is not installed")
    if any(checked is guard for checked in carrier.get(CHECKED_GUARDS_KEY, ())):
        return
    record: RequestRecord | None = carrier.get(RECORD_KEY)
    if record is not None and record.announce is middleware.verifier.announce:
        record.guarded = True
    middleware.check(guard, carrier.get(PRINCIPAL_KEY), request)


def refusal_of(error: RequestError, carrier: Mapping[str, Any], request: RequestView) -> Refusal:
    """Return the answer to a refused request, from the middleware that it came through."""
    middleware: Middleware | None = carrier.get(MIDDLEWARE_KEY)
    if middleware is None:
        return refusal_for(error, Challenge())
    return middleware.refusal(error, request)


def principal_of(carrier: Mapping[str, Any]) -> Principal:
    """Return the request's principal; raise ``MissingToken`` if it has none."""
    principal: Principal | None = carrier.get(PRINCIPAL_KEY)
    if principal is None:
        raise MissingToken("the request has no principal")
    return principal
