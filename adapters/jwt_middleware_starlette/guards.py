"""Guards of handlers, and how Starlette refuses."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from types import FrameType
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketState

from jwt_middleware import asgi
from jwt_middleware.authorization import GUARD, Guard, ScopeView, authenticated
from jwt_middleware.authorization.decorators import requires_by
from jwt_middleware.errors import MissingToken, RequestError
from jwt_middleware.middleware import (
    MIDDLEWARE_KEY,
    Current,
    Middleware,
    enforce,
    enforce_first,
    principal_of,
    refusal_of,
)
from jwt_middleware.principal import PRINCIPAL_KEY, Principal
from jwt_middleware.responses import Refusal, raw_headers, send_asgi

served: Current[Scope] = Current("jwt_middleware_scope")
"""What our middleware serves; it ends as the app's call returns, with its background tasks."""


class Refused(HTTPException):
    """A refusal as Starlette's own error, which any app's exception middleware can serve."""

    def __init__(self, error: RequestError, refusal: Refusal) -> None:
        extra = {k: v for k, v in refusal.sent_headers if not k.lower().startswith("content-")}
        super().__init__(refusal.status, detail=error.code, headers=extra)
        self.error = error
        self.refusal = refusal


REFUSALS = (RequestError, Refused)
"""What refuses a connection; the app's own handlers of errors may have raised it last."""


async def answer(
    middleware: Middleware,
    error: RequestError | Refused,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Answer a refusal that nothing in the app has answered."""
    cause = error.error if isinstance(error, Refused) else error
    await asgi.answer(middleware, cause, scope, receive, send)


def current_principal(
    connection: HTTPConnection = None,  # type: ignore[assignment]  # FastAPI knows the bare type
) -> Principal:
    """Return the principal of the current or the given request; also a FastAPI dependency.

    Raises:
        MissingToken: there is none, or the request has ended.

    """
    scope = _scope_of(connection)
    if scope is None:
        raise MissingToken("there is no request")
    serve_refusals(scope)
    return principal_of(scope)


# As a dependency it is a guard, which the inventory of routes counts.
current_principal.__dict__[GUARD] = Guard(authenticated)


def current_principal_or_none(
    connection: HTTPConnection = None,  # type: ignore[assignment]
) -> Principal | None:
    """Return the principal of the current or the given request, or None."""
    scope = _scope_of(connection)
    return None if scope is None else scope.get(PRINCIPAL_KEY)


def _scope_of(connection: HTTPConnection | None) -> Scope | None:
    return current_scope() if connection is None else connection.scope


def current_scope() -> Scope | None:
    """Return the scope of the connection that is served now; None where none is, or not by us.

    An app that another one calls in its own process inherits the context, but its scope is another
    one, which no middleware of ours has seen: there nobody is served.
    """
    scope = served.get()
    if scope is None:
        return None
    innermost = next(_scopes(inspect.currentframe()), scope)
    return innermost if MIDDLEWARE_KEY in innermost else None


def _scopes(frame: FrameType | None) -> Iterator[Scope]:
    """Yield the scopes that the callers on the stack were given, the nearest first.

    On a thread for plain functions the stack ends early, at their own request at most.
    """
    while frame is not None:
        code = frame.f_code
        names = code.co_varnames[: code.co_argcount]
        values: Any = frame.f_locals if names else {}
        for name in names:
            value = values.get(name)
            if isinstance(value, HTTPConnection):
                yield value.scope
            elif name == "scope" and isinstance(value, MutableMapping) and "headers" in value:
                yield value
        frame = frame.f_back


def enter_handler(guard: Guard, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Check a guard for the request or websocket of its handler, else for the current one."""
    connections = (
        value for value in (*args, *kwargs.values()) if isinstance(value, HTTPConnection)
    )
    connection = next(connections, None)
    scope = _scope_of(connection)
    # Without a scope there was no middleware: everybody is refused, and the log says why.
    check_guard(guard, {"type": "http", "headers": []} if scope is None else scope)


requires = requires_by(enter_handler)
"""Guards a handler. Put it below the route's decorator; above it, the app refuses to start."""


def check_guard(guard: Guard, scope: Scope) -> None:
    """Check a guard for a connection; raise ``Refused`` where it does not hold."""
    _check(enforce, guard, scope)


def check_first(guards: Sequence[Guard], scope: Scope) -> None:
    """Check the guards of a route before its handler is called; raise as ``check_guard``."""
    _check(enforce_first, guards, scope)


def _check(check: Callable[..., None], what: Any, scope: Scope) -> None:
    view = ScopeView(scope)
    try:
        check(what, scope, view)
    except RequestError as error:
        serve_refusals(scope)
        raise Refused(error, refusal_of(error, scope, view)) from None


def serve_refusals(scope: Scope) -> None:
    """Let the innermost app serve our errors with the same body as the middleware's.

    A mounted app has exception handlers of its own, and FastAPI's default one replaces the body. A
    handler for HTTP exceptions that the app itself has set takes precedence over ours.
    """
    handlers = scope.get("starlette.exception_handlers")
    if handlers is not None:
        exceptions = handlers[0]
        exceptions.setdefault(RequestError, _refuse)
        module = str(getattr(exceptions.get(HTTPException), "__module__", "starlette"))
        if module.partition(".")[0] in ("starlette", "fastapi"):
            exceptions.setdefault(Refused, _serve_refused)


async def _refuse(connection: Request | WebSocket, error: Exception) -> None:
    """Answer what current_principal() raised, as every refusal."""
    if not isinstance(error, RequestError):
        raise error
    refusal = refusal_of(error, connection.scope, ScopeView(connection.scope))
    if not isinstance(connection, WebSocket):
        raise Refused(error, refusal) from None  # for the app's handlers of HTTP exceptions
    await _serve_refused(connection, Refused(error, refusal))


async def _serve_refused(connection: Request | WebSocket, error: Exception) -> Response | None:
    if not isinstance(error, Refused):
        raise error
    refusal = error.refusal
    if not isinstance(connection, WebSocket):
        response = Response(refusal.body, refusal.status)
        response.raw_headers = raw_headers(refusal)  # as they are, repeated ones too
        return response
    if connection.application_state is WebSocketState.CONNECTING:
        await send_asgi(refusal, connection.scope, connection.receive, connection.send)
    else:
        await connection.close(1008)
    return None
