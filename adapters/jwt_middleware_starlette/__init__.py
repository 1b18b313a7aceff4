"""Starlette and FastAPI: ``app.add_middleware(JWTMiddleware, keys=..., api=...)``.

Starlette makes its middleware when the server has started, too late for an exception in a
constructor. A wrong option, or a ``requires`` above a route's decorator, therefore fails the
lifespan, and the server exits; without a lifespan, every request gets a clear 503.
"""

from __future__ import annotations

import logging
from typing import Unpack

from starlette.authentication import AuthCredentials, UnauthenticatedUser
from starlette.types import ASGIApp, Receive, Scope, Send

from jwt_middleware.asgi import (
    WithCacheHeaders,
    enter,
    fail_startup,
    guard_lifespan,
    with_audit,
    with_cache_headers,
    with_metadata,
)
from jwt_middleware.authorization import ScopeView
from jwt_middleware.authorization.decorators import public
from jwt_middleware.background.forks import ForkLock
from jwt_middleware.errors import ConfigurationError
from jwt_middleware.middleware import Middleware, Options, put_inside, serve_with_token
from jwt_middleware.principal import PRINCIPAL_KEY, Principal
from jwt_middleware.responses import misconfigured, send_asgi

from .forwarding import forward_assertion
from .guards import (
    REFUSALS,
    answer,
    check_first,
    current_principal,
    current_principal_or_none,
    enter_handler,
    requires,
    served,
)
from .health import health, readiness
from .openapi import document_headers

__all__ = [
    "JWTMiddleware",
    "current_principal",
    "current_principal_or_none",
    "forward_assertion",
    "health",
    "public",
    "readiness",
    "requires",
]

logger = logging.getLogger("jwt_middleware")


def _shared(*scopes: str) -> AuthCredentials:
    credentials = AuthCredentials()
    credentials.scopes = scopes  # type: ignore[assignment]  # requests share it: immutable
    return credentials


_AUTHENTICATED = "authenticated"
"""The scope of a proven caller, by Starlette's convention: ``requires("authenticated")``."""

_NOBODY = _shared()
_ANYBODY = _shared(_AUTHENTICATED)


def _credentials(principal: Principal | None) -> AuthCredentials:
    if principal is None:
        return _NOBODY
    permissions = principal.permissions
    return AuthCredentials([_AUTHENTICATED, *sorted(permissions)]) if permissions else _ANYBODY


class StarletteOptions(Options, total=False):
    """The options of every middleware, and Starlette's own."""

    set_user: bool


class JWTMiddleware:
    """Verifies the assertion header of every http request and websocket.

    Apart from the options of every middleware: ``set_user=False`` for apps in which another
    middleware sets ``scope["user"]`` and ``scope["auth"]``.
    """

    def __init__(self, app: ASGIApp, **options: Unpack[StarletteOptions]) -> None:
        self.app = app
        self._set_user = options.pop("set_user", True)
        self.fault: ConfigurationError | None = None
        self._has_reported = False
        from .inventory import UNSEEN, Routes  # here: needed only when an app is built

        self._routes = Routes(app, enter=enter_handler, check=check_first)
        self._inspecting = ForkLock()
        self._has_learned = False
        self._sizes = UNSEEN
        try:
            self.middleware = Middleware(options)
            self.app = with_metadata(self.middleware, app)
        except ConfigurationError as error:
            self.fault = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the lifespan."""
        kind = scope["type"]
        if kind == "http" or kind == "websocket":
            for routes, size in self._sizes:
                if len(routes) != size:
                    self._inspect(scope)  # an app may add routes when it starts, or later
                    break
            if self.fault is not None:
                accept = ",".join(ScopeView(scope).header_values("Accept"))
                await send_asgi(misconfigured(self.fault, accept=accept), scope, receive, send)
                return
            middleware = self.middleware
            record = None
            if middleware.has_listeners:
                record = middleware.start_record(scope, ScopeView(scope), kind)
            if record is not None:
                method = record.method if kind == "http" else "WEBSOCKET"
                record.route = self._routes.template(method, record.path)
                send = with_audit(record, scope, send)
            try:
                if kind == "http" and middleware.cache_headers is not None:
                    send = with_cache_headers(middleware, middleware.cache_headers, scope, send)
                waiting = enter(middleware, scope)
                if waiting is not None:
                    await waiting
                if self._set_user:
                    principal: Principal | None = scope.get(PRINCIPAL_KEY)
                    scope["user"] = principal or UnauthenticatedUser()
                    scope["auth"] = _credentials(principal)
                # As ``served.begin`` and ``end`` do, without the cost of two calls.
                cell = [scope]
                token = served.variable.set(cell)
                try:
                    if middleware.ends_streams:
                        await serve_with_token(self.app, scope, receive, send, middleware.verifier)
                    else:
                        await self.app(scope, receive, send)
                finally:
                    cell.clear()
                    served.variable.reset(token)
            except REFUSALS as error:
                await answer(middleware, error, scope, receive, send)
            finally:
                if record is not None:
                    record.finish(scope)
        elif kind == "lifespan":
            self._inspect(scope)
            if self.fault is None:
                await guard_lifespan(self.middleware, self.app, scope, receive, send)
            else:
                await fail_startup(self.fault, receive, send)
        else:
            await self.app(scope, receive, send)

    def _inspect(self, scope: Scope) -> None:
        """Learn the app and check its routes; the first fault is kept. One thread at a time."""
        with self._inspecting:
            if not self._has_learned:
                self._learn_app(scope)
            if self.fault is None:
                self.fault = self._fault_of_routes()
            if self.fault is not None and not self._has_reported:
                self._has_reported = True
                logger.error("the app does not start, or answers 503: %s", self.fault)
            self._sizes = self._routes.sizes  # last: until then other threads wait for this

    def _learn_app(self, scope: Scope) -> None:
        """Find the app that this middleware was added to; middleware in between may hide it."""
        self._has_learned = True
        app = scope.get("app")
        for added in getattr(app, "user_middleware", ()):
            if added.cls is type(self):
                self._routes.add(app)
                if self.fault is None:
                    document_headers(app, self.middleware.settings.headers)

    def _fault_of_routes(self) -> ConfigurationError | None:
        put_inside(self, WithCacheHeaders)
        try:
            routes = self._routes.inventory()
            if self._routes.are_hidden and self.middleware.needs_routes:
                return ConfigurationError(
                    "the app's routes cannot be seen, so neither unguarded= nor clients= can be "
                    "kept; add this middleware by app.add_middleware(JWTMiddleware, ...)"
                )
            self.middleware.inspect(routes, self._routes.unused)
        except ConfigurationError as error:
            return error
        return None
