"""Django: the assertion of the current request, sent on to other services."""

from __future__ import annotations

from collections.abc import Sequence

from jwt_middleware.errors import MissingToken
from jwt_middleware.middleware import Forwarding, Incoming, incoming_of

from .guards import request_view_of, served
from .personal import ask


def forward_assertion(hosts: Sequence[str], *, header: str | None = None) -> Forwarding:
    """Return what sends the assertion of the current request on; see ``Forwarding``.

    It acts for the request whose view or task calls, and for nobody once the request has ended.

    Raises:
        ConfigurationError: ``hosts`` or ``header`` is wrong.

    """
    return Forwarding(_incoming, hosts, header)


def _incoming(header: str | None) -> Incoming:
    request = served.get()
    if request is None:
        raise MissingToken("there is no request")
    ask(request)  # what another service answers to this caller is for this caller
    return incoming_of(request.META, request_view_of(request), header)
