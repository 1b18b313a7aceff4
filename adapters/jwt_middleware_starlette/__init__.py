"""Starlette and FastAPI: ``app.add_middleware(JWTMiddleware, keys=..., api=...)``.

Starlette makes its middleware when the server has started, too late for an exception in a
constructor. A wrong option, or a ``requires`` that stands above a route's decorator, therefore
fails the lifespan, and the server exits; where no lifespan comes, every request gets a clear 503.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Unpack

from starlette.authentication import AuthCredentials, UnauthenticatedUser
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketState

from jwt_middleware.asgi import (
    enter,
    fail_startup,
    guard_lifespan,
    marking,
    noting,
    resolve,
    serve_raised,
)
from jwt_middleware.authorization import GUARD, Guard, Predicate, ScopeView, authenticated
from jwt_middleware.authorization.decorators import Handler, guarded, public
from jwt_middleware.errors import ConfigurationError, MissingToken, RequestError
from jwt_middleware.middleware import (
    Gate,
    Options,
    enforce,
    enforce_first,
    principal_of,
    refusal_of,
)
from jwt_middleware.principal import PRINCIPAL_KEY, Principal
from jwt_middleware.responses import Refusal, misconfigured, raw_headers, send_asgi

from .current_scope import current_scope, served

__all__ = [
    "JWTMiddleware",
    "current_principal",
    "current_principal_or_none",
    "public",
    "requires",
]

logger = logging.getLogger("jwt_middleware")

_NO_SCOPES = AuthCredentials()
_NO_SCOPES.scopes = ()  # type: ignore[assignment]  # shared by requests, so that nobody adds to it


class StarletteOptions(Options, total=False):
    """The options of every middleware, and Starlette's own."""

    set_user: bool


class JWTMiddleware:
    """Verifies the assertion header of every http request and websocket.

    Beside the options of every middleware: ``set_user=False`` for apps whose ``scope["user"]`` and
    ``scope["auth"]`` belong to another middleware.
    """

    def __init__(self, app: ASGIApp, **options: Unpack[StarletteOptions]) -> None:
        self.app = app
        self._set_user = options.pop("set_user", True)
        self._fault: ConfigurationError | None = None
        self._told = False
        from .inventory import Routes  # imported here: the walk is for an app that is made

        self._routes = Routes(app, enter=enter_handler, check=check_first)
        self._has_learned = False
        try:
            self.gate = Gate(options)
        except ConfigurationError as error:
            self._fault = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the lifespan."""
        kind = scope["type"]
        if kind == "http" or kind == "websocket":
            if not self._has_learned:
                self._learn_app(scope)
            for routes, size in self._routes.sizes:
                if len(routes) != size:
                    self._inspect()  # an app may add routes when it starts, or later
                    break
            if self._fault is not None:
                await send_asgi(misconfigured(self._fault), scope, receive, send)
                return
            gate = self.gate
            record = gate.start_record(scope, ScopeView(scope), kind) if gate.audits else None
            if record is not None:
                method = record.method if kind == "http" else "WEBSOCKET"
                record.route = self._routes.template(method, record.path)
                send = noting(record, scope, send)
            try:
                if kind == "http" and gate.cache_headers is not None:
                    send = marking(gate, gate.cache_headers, scope, send)
                failure = enter(gate, scope)
                if failure is not None:
                    try:
                        if not await resolve(gate, failure, scope, receive, send):
                            return
                    finally:
                        del failure  # it holds this frame, which must not hold it
                if self._set_user:
                    principal: Principal | None = scope.get(PRINCIPAL_KEY)
                    scope["user"] = principal or UnauthenticatedUser()
                    allowed = None if principal is None else principal.permissions
                    scope["auth"] = AuthCredentials(sorted(allowed)) if allowed else _NO_SCOPES
                # As ``served.begin`` and ``end`` do, without the price of two calls.
                cell = [scope]
                token = served.variable.set(cell)
                try:
                    await self.app(scope, receive, send)
                except RequestError as error:
                    await serve_raised(gate, error, scope, receive, send)
                finally:
                    cell.clear()
                    served.variable.reset(token)
            finally:
                if record is not None:
                    record.finish(scope)
        elif kind == "lifespan":
            self._learn_app(scope)
            self._inspect()
            if self._fault is None:
                await guard_lifespan(self.gate, self.app, scope, receive, send)
            else:
                await fail_startup(self._fault, receive, send)
        else:
            await self.app(scope, receive, send)

    def _inspect(self) -> None:
        """Look at the routes, once the app is known; the first fault is the last."""
        if self._fault is None:
            self._fault = self._fault_of_routes()
        if self._fault is not None and not self._told:
            self._told = True
            logger.error(
                "the app is not served (it does not start, or answers 503): %s", self._fault
            )

    def _learn_app(self, scope: Scope) -> None:
        """Find the app that this middleware was added to; others may stand between and hide it."""
        self._has_learned = True
        app = scope.get("app")
        for added in getattr(app, "user_middleware", ()):
            if added.cls is type(self):
                self._routes.add(app)

    def _fault_of_routes(self) -> ConfigurationError | None:
        try:
            routes = self._routes.inventory()
            if self._routes.are_hidden and self.gate.inspects:
                return ConfigurationError(
                    "the app's routes cannot be seen, so neither unguarded= nor clients= can be "
                    "kept; add this middleware by app.add_middleware(JWTMiddleware, ...)"
                )
            self.gate.inspect(routes, self._routes.unused)
        except ConfigurationError as error:
            return error
        return None


class Refused(HTTPException):
    """A refusal, as Starlette's own error: any app's exception middleware can serve it."""

    def __init__(self, error: RequestError, refusal: Refusal) -> None:
        extra = {k: v for k, v in refusal.sent_headers if not k.lower().startswith("content-")}
        super().__init__(refusal.status, detail=error.code, headers=extra)
        self.refusal = refusal


def current_principal(
    connection: HTTPConnection = None,  # type: ignore[assignment]  # FastAPI knows the bare type
) -> Principal:
    """Return the principal of the current request, or of this one; also a FastAPI dependency.

    Raises:
        MissingToken: there is none, or the request has ended.

    """
    scope = _scope_of(connection)
    if scope is None:
        raise MissingToken("there is no request")
    _serve_refusals(scope)
    return principal_of(scope)


# As a dependency it is a guard, which the inventory of routes counts.
current_principal.__dict__[GUARD] = Guard(authenticated)


def current_principal_or_none(
    connection: HTTPConnection = None,  # type: ignore[assignment]
) -> Principal | None:
    """Return the principal of the current request, or of this one; None without."""
    scope = _scope_of(connection)
    return None if scope is None else scope.get(PRINCIPAL_KEY)


def _scope_of(connection: HTTPConnection | None) -> Scope | None:
    return current_scope() if connection is None else connection.scope


def requires(
    predicate: Predicate, *, enforce: bool = True, routed: bool = True
) -> Callable[[Handler], Handler]:
    """Let a handler serve only a proven caller for whom the predicate holds.

    Put it below the route's decorator; above it, the app refuses to start.

    Args:
        predicate: what must hold.
        enforce: False is shadow mode: what it would refuse is let in, and logged.
        routed: False for a function that no route serves, such as one that views call.

    """
    return guarded(predicate, enter_handler, enforce=enforce, routed=routed)


def enter_handler(guard: Guard, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    connections = (each for each in (*args, *kwargs.values()) if isinstance(each, HTTPConnection))
    connection = next(connections, None)
    scope = _scope_of(connection)
    # Without a scope there was no middleware: nobody is let in, and the log says why.
    check_guard(guard, {"type": "http", "headers": []} if scope is None else scope)


def check_guard(guard: Guard, scope: Scope) -> None:
    """Check a guard for a connection; raise ``Refused`` where it does not hold."""
    try:
        enforce(guard, scope, ScopeView(scope))
    except RequestError as error:
        _serve_refusals(scope)
        raise Refused(error, refusal_of(error, scope, ScopeView(scope))) from None


def check_first(guards: Sequence[Guard], scope: Scope) -> None:
    """Check the guards of a route before its handler is called; raise as ``check_guard``."""
    try:
        enforce_first(guards, scope, ScopeView(scope))
    except RequestError as error:
        _serve_refusals(scope)
        raise Refused(error, refusal_of(error, scope, ScopeView(scope))) from None


def _serve_refusals(scope: Scope) -> None:
    """Let the innermost app serve our errors with the same body as the middleware's.

    A mounted app has exception handlers of its own, and FastAPI's default one re-shapes a body. A
    handler that the app itself has set for HTTP exceptions goes before ours.
    """
    handlers = scope.get("starlette.exception_handlers")
    if handlers is not None:
        exceptions = handlers[0]
        exceptions.setdefault(RequestError, _refuse)
        module = str(getattr(exceptions.get(HTTPException), "__module__", "starlette"))
        if module.partition(".")[0] in ("starlette", "fastapi"):
            exceptions.setdefault(Refused, _serve_refused)


async def _refuse(connection: Request | WebSocket, error: Exception) -> None:
    """Send what current_principal() raised the way of every refusal."""
    if not isinstance(error, RequestError):
        raise error
    refused = Refused(error, refusal_of(error, connection.scope, ScopeView(connection.scope)))
    try:
        if not isinstance(connection, WebSocket):
            raise refused from None  # to the app's handlers of HTTP exceptions
        await _serve_refused(connection, refused)
    finally:
        del refused  # it holds this frame, which must not hold it


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
