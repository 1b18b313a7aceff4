"""Which guards are asked before a route of Starlette or FastAPI is served."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from starlette.endpoints import HTTPEndpoint

from jwt_middleware.authorization import Guard
from jwt_middleware.authorization.exposure import guards_of, guards_to_ask

_FRAMEWORKS = ("fastapi.", "starlette.")
_OPENING = ("WEBSOCKET", "on_connect")
_SOCKET_METHODS = ("on_connect", "on_receive", "on_disconnect")


class _Everything(HTTPEndpoint):
    """An endpoint that has every method, to learn which of them Starlette serves."""

    def __getattr__(self, _: str) -> bool:
        return True


def _served_methods() -> tuple[str, ...]:
    """Return the methods that Starlette lets an ``HTTPEndpoint`` serve."""

    async def receive() -> Any: ...
    async def send(_: Any) -> None: ...

    everything = _Everything({"type": "http"}, receive, send)
    known = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")
    return tuple(dict.fromkeys((*known, *vars(everything).get("_allowed_methods", ()))))


METHODS = _served_methods()
"""The methods that a class of Starlette's may serve."""


ToAsk = Callable[[str], Sequence[Guard]]
"""Returns the guards to check before a request of this method, or a ``WEBSOCKET``, is served."""


def asked_first(route: Any, of_dependencies: Sequence[Guard]) -> ToAsk | None:
    """Return what to check before a route's endpoint; None where its wrappers check everything.

    ``of_dependencies`` are the guards among its dependencies.
    """
    endpoint = route.endpoint
    may_answer = _may_answer_by_itself(route)
    if not inspect.isclass(endpoint):
        guards = guards_to_ask(endpoint)
        if not guards and may_answer:
            guards = (*guards_of(endpoint), *of_dependencies)
        return (lambda _: guards) if guards else None
    of = guards_of if may_answer else guards_to_ask
    by_method = {
        method: (*of(getattr(endpoint, "dispatch", None)), *of(getattr(endpoint, name, None)))
        for method, name in (*((method, method.lower()) for method in METHODS), _OPENING)
    }
    if not hasattr(endpoint, "head"):
        by_method["HEAD"] = by_method["GET"]
    return (lambda method: by_method.get(method, ())) if any(by_method.values()) else None


def _may_answer_by_itself(route: Any) -> bool:
    """Whether something may answer before the endpoint, as a cache does.

    It is middleware of the route, or a class of the app's own that replaces what calls the
    endpoint: FastAPI's ``get_route_handler``, or ``handle``.
    """
    return (
        _replaces(route, "get_route_handler")
        or has_own_handle(route)
        or hasattr(getattr(route, "app", None), "app")
    )


def has_own_handle(route: Any) -> bool:
    """Whether a class of the app's own replaces how a route handles a connection."""
    return _replaces(route, "handle")


def _replaces(route: Any, name: str) -> bool:
    """Whether a class of the app's own has a method in place of the framework's."""
    makers = [kind.__module__ for kind in type(route).__mro__ if name in vars(kind)]
    are_frameworks = [maker.startswith(_FRAMEWORKS) for maker in makers]
    return any(are_frameworks) and not are_frameworks[0]


def served_by(endpoint: Any) -> Iterator[Any]:
    """Yield the handlers behind an endpoint: itself, or the methods of a class."""
    if not inspect.isclass(endpoint):
        yield endpoint
        return
    for name in (*map(str.lower, METHODS), "dispatch", *_SOCKET_METHODS):
        method = getattr(endpoint, name, None)
        if method is not None:
            yield method
