"""Starlette and FastAPI: the assertion of the current request, sent on to other services."""

from __future__ import annotations

from collections.abc import Sequence

from jwt_middleware.authorization import ScopeView
from jwt_middleware.errors import MissingToken
from jwt_middleware.middleware import Forwarding, Incoming, incoming_of

from .guards import current_scope, serve_refusals


def forward_assertion(hosts: Sequence[str], *, header: str | None = None) -> Forwarding:
    """Return what sends the assertion of the current request on; see ``Forwarding``.

    It acts for the request whose handler, task or background task calls, and for nobody once the
    request has ended.

    Raises:
        ConfigurationError: ``hosts`` or ``header`` is wrong.

    """
    return Forwarding(_incoming, hosts, header)


def _incoming(header: str | None) -> Incoming:
    scope = current_scope()
    if scope is None:
        raise MissingToken("there is no request")
    serve_refusals(scope)
    return incoming_of(scope, ScopeView(scope), header)
