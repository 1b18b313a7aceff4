"""The ASGI door: ``app = JWTMiddleware(app, keys=...)`` for any ASGI app.

Reads the raw header list, so a repeated header is seen and an underscore twin is never read. Scope
types other than ``http`` and ``websocket`` pass through.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import NoReturn, Unpack

from .authorization.request import ScopeView
from .background.waiting import Steps, drive_async
from .errors import ConfigurationError, RequestError
from .events.record import RequestRecord
from .middleware.caching import CacheHeaders
from .middleware.inside import put_inside
from .middleware.middleware import MIDDLEWARE_KEY, Middleware
from .middleware.resource import ResourceMetadata
from .middleware.settings import Options
from .middleware.streams import serve_with_token
from .principal import PRINCIPAL_KEY, Principal
from .responses import ASGIApp, Message, Receive, Scope, Send, send_asgi


class JWTMiddleware:
    """Verifies the assertion header; the principal is ``scope["jwt_middleware.principal"]``.

    Raises:
        ConfigurationError: an option is unknown or wrong, or the app is one that another
            ``JWTMiddleware`` serves.

    """

    def __init__(self, app: ASGIApp, **options: Unpack[Options]) -> None:
        # Imported here: the adapters' doors do not need it.
        from .middleware.plain_apps import (
            check_framework_cache,
            check_no_routes,
            check_plain_app,
        )

        check_plain_app(app, "ASGI")
        self.middleware = Middleware(options)
        self.app = with_metadata(self.middleware, app)
        innermost = put_inside(self, WithCacheHeaders)
        check_framework_cache(innermost, self.middleware)
        check_no_routes(self.middleware)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the lifespan."""
        kind = scope["type"]
        if kind == "http" or kind == "websocket":
            middleware = self.middleware
            record = (
                middleware.start_record(scope, ScopeView(scope), kind)
                if middleware.has_listeners
                else None
            )
            if record is not None:
                send = with_audit(record, scope, send)
            try:
                if kind == "http" and middleware.cache_headers is not None:
                    send = with_cache_headers(middleware, middleware.cache_headers, scope, send)
                waiting = enter(middleware, scope)
                if waiting is not None:
                    await waiting
                if middleware.ends_streams:
                    await serve_with_token(self.app, scope, receive, send, middleware.verifier)
                else:
                    await self.app(scope, receive, send)
            except RequestError as error:
                await answer(middleware, error, scope, receive, send)
            finally:
                if record is not None:
                    record.finish(scope)
        elif kind == "lifespan":
            await guard_lifespan(self.middleware, self.app, scope, receive, send)
        else:
            await self.app(scope, receive, send)


async def guard_lifespan(
    middleware: Middleware, app: ASGIApp, scope: Scope, receive: Receive, send: Send
) -> None:
    """Fetch the keys, then let the app start, unless there are none and ``fail_fast`` is set."""
    try:
        await middleware.prefetch_async()
    except ConfigurationError as error:
        await fail_startup(error, receive, send)
    await app(scope, receive, send)


async def fail_startup(error: ConfigurationError, receive: Receive, send: Send) -> NoReturn:
    """Report to the server that the app cannot start, then raise, as test clients wait for that."""
    await receive()  # lifespan.startup
    await send({"type": "lifespan.startup.failed", "message": str(error)})
    raise error


def with_metadata(middleware: Middleware, app: ASGIApp) -> ASGIApp:
    """Put the metadata of the API, if there is any, before the app."""
    return app if middleware.resource is None else _BehindMetadata(app, middleware.resource)


class _BehindMetadata:
    """An app that the requests for the metadata do not reach. The middleware has let them pass."""

    def __init__(self, app: ASGIApp, resource: ResourceMetadata) -> None:
        self.app = app
        self._resource = resource

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind, resource = scope["type"], self._resource
        if kind in ("http", "websocket") and resource.is_at(ScopeView(scope)):
            is_http = kind == "http"
            answer = resource.answer(ScopeView(scope)) if is_http else resource.not_allowed
            await send_asgi(answer, scope, receive, send)
        else:
            await self.app(scope, receive, send)


def with_audit(record: RequestRecord, scope: Scope, send: Send) -> Send:
    """Wrap ``send`` to emit the request's audit record when the answer starts."""

    # A coroutine function, which Channels asks of what its synchronous consumers send by.
    async def send_recorded(message: Message) -> None:
        kind = message["type"]
        if kind in _STARTS:
            record.emit(101 if kind == "websocket.accept" else message.get("status"), scope)
        await send(message)

    return send_recorded


_STARTS = frozenset(
    {
        "http.response.start",
        "websocket.accept",
        "websocket.close",
        "websocket.http.response.start",
    }
)
"""The types of the messages that start an answer."""


def with_cache_headers(
    middleware: Middleware, headers: CacheHeaders, scope: Scope, send: Send
) -> Send:
    """Wrap ``send`` to add Vary and Cache-Control: private, if this request's header is read."""
    if middleware.may_exempt and middleware.skips_verification(ScopeView(scope)):
        return send

    # Not a coroutine function: it only passes most messages on.
    def send_with_headers(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            # Replace the header list in the same message; the sender does not read the message
            # again.
            message["headers"] = headers.raw(message.get("headers", ()))
        return send(message)

    return send_with_headers


class WithCacheHeaders:
    """Puts Vary and Cache-Control on the answers of an app, before middleware around it reads them.

    A cache inside ours would keep answers without these headers, and give one caller's to another.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        middleware: Middleware | None = scope.get(MIDDLEWARE_KEY)
        if scope["type"] == "http" and middleware is not None:
            headers = middleware.cache_headers
            if headers is not None:
                send = with_cache_headers(middleware, headers, scope, send)
        await self.app(scope, receive, send)


def enter(middleware: Middleware, scope: Scope) -> Awaitable[None] | None:
    """Verify a connection's header, and let it in; return an awaitable if it must wait.

    Not a coroutine function: most requests repeat a token, and need not pay for a coroutine.

    Raises:
        RequestError: the connection is refused; already announced.

    """
    scope.pop(PRINCIPAL_KEY, None)
    scope[MIDDLEWARE_KEY] = middleware
    if middleware.may_exempt and middleware.skips_verification(ScopeView(scope)):
        return None
    # As ``scope_lines`` does, without the cost of a call.
    wanted = middleware.raw_header
    size = len(wanted)
    lines = [v for key, v in scope["headers"] if len(key) == size and key.lower() == wanted]
    if middleware.has_other_headers:
        lines = middleware.headers.in_scope(scope)
    # As ``Middleware.begin`` does for one line: this spares a call.
    outcome = (
        middleware.begin_line(lines[0], scope, ScopeView)
        if len(lines) == 1
        else middleware.begin(lines, scope, ScopeView)
    )
    if isinstance(outcome, Principal):
        middleware.let_in(outcome, scope, ScopeView)
        return None
    return None if outcome is None else _enter_verified(middleware, outcome, scope)


async def _enter_verified(middleware: Middleware, steps: Steps[Principal], scope: Scope) -> None:
    middleware.let_in(await drive_async(steps), scope, ScopeView)


async def answer(
    middleware: Middleware, error: RequestError, scope: Scope, receive: Receive, send: Send
) -> None:
    """Answer a refused connection; the door or the app's own code has raised the error."""
    try:
        await send_asgi(middleware.refusal(error, ScopeView(scope)), scope, receive, send)
    except Exception:  # noqa: BLE001 - the answer had started, so let the server handle the error
        raise error from None
