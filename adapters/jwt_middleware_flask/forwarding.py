"""Flask: the assertion of the current request, sent on to other services."""

from __future__ import annotations

from collections.abc import Sequence

from flask import has_request_context, request

from jwt_middleware.authorization import EnvironView
from jwt_middleware.errors import MissingToken
from jwt_middleware.middleware import Forwarding, Incoming, incoming_of


def forward_assertion(hosts: Sequence[str], *, header: str | None = None) -> Forwarding:
    """Return what sends the assertion of the current request on; see ``Forwarding``.

    It acts for the request whose context is active. A thread has none, unless the app gives it one
    by ``copy_current_request_context``, which also keeps it beyond the request's end.

    Raises:
        ConfigurationError: ``hosts`` or ``header`` is wrong.

    """
    return Forwarding(_incoming, hosts, header)


def _incoming(header: str | None) -> Incoming:
    if not has_request_context():
        raise MissingToken("there is no request")
    return incoming_of(request.environ, EnvironView(request.environ), header)
