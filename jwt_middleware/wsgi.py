"""The WSGI door: ``app.wsgi_app = JWTMiddleware(app.wsgi_app, keys=...)`` for any WSGI app.

WSGI folds ``-`` and ``_`` of header names and joins repeated lines by commas (PEP 3333), so a value
with a comma is refused, and the server must drop underscore names: the README has the table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Unpack

from .authorization.request import EnvironView
from .errors import RequestError
from .events.record import RequestRecord
from .middleware.inside import put_inside
from .middleware.middleware import MIDDLEWARE_KEY, Middleware
from .middleware.settings import Options
from .principal import PRINCIPAL_KEY
from .responses import send_wsgi

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class JWTMiddleware:
    """Verifies the assertion header; the principal is ``environ["jwt_middleware.principal"]``.

    Raises:
        ConfigurationError: an option is unknown or wrong, or the app is one that another
            ``JWTMiddleware`` serves.

    """

    def __init__(self, app: WSGIApplication, **options: Unpack[Options]) -> None:
        # Imported here: the adapters' doors do not need it.
        from .middleware.plain_apps import check_no_routes, check_plain_app

        check_plain_app(app, "WSGI")
        self.app = app
        self.middleware = Middleware(options)
        put_inside(self, WithCacheHeaders)
        check_no_routes(self.middleware)
        self.middleware.prefetch()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        middleware = self.middleware
        record = (
            middleware.start_record(environ, EnvironView(environ))
            if middleware.has_listeners
            else None
        )
        if record is None:
            return self._serve(environ, start_response)
        return serve_recorded(record, self._serve, environ, start_response)

    def _serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ.pop(PRINCIPAL_KEY, None)
        environ[MIDDLEWARE_KEY] = self.middleware
        request = EnvironView(environ)
        if not self.middleware.skips_verification(request):
            start_response = with_cache_headers(self.middleware, start_response)
            lines = self.middleware.headers.in_environ(environ)
            try:
                self.middleware.admit(lines, environ, EnvironView)
            except RequestError as error:
                return send_wsgi(self.middleware.refusal(error, request), start_response)
        else:
            metadata = self.middleware.metadata_answer(request)
            if metadata is not None:
                return send_wsgi(metadata, start_response)
        try:
            return self.app(environ, start_response)
        except RequestError as error:
            # The app's own code raised it, and nothing in between has handled it.
            refusal = self.middleware.refusal(error, request)
            return send_wsgi(refusal, start_response, sys.exc_info())


def with_cache_headers(middleware: Middleware, start_response: StartResponse) -> StartResponse:
    """Wrap ``start_response`` to add Vary and Cache-Control: private."""
    cache_headers = middleware.cache_headers
    if cache_headers is None:
        return start_response

    def start_with_headers(status: str, headers: Any, *failure: Any) -> Any:
        return start_response(status, cache_headers.text(headers), *failure)

    return start_with_headers


class WithCacheHeaders:
    """Puts Vary and Cache-Control on the answers of an app, before middleware around it reads them.

    A cache inside ours would keep answers without these headers, and give one caller's to another.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        middleware: Middleware | None = environ.get(MIDDLEWARE_KEY)
        if middleware is not None and not middleware.skips_verification(EnvironView(environ)):
            start_response = with_cache_headers(middleware, start_response)
        return self.app(environ, start_response)


def serve_recorded(
    record: RequestRecord,
    app: WSGIApplication,
    environ: WSGIEnvironment,
    start_response: StartResponse,
) -> Iterable[bytes]:
    """Serve a request, and emit its audit record before the first byte is sent."""
    status: int | None = None

    def note(line: str, headers: Any, *failure: Any) -> Any:
        nonlocal status
        status = int(line[:3])
        return start_response(line, headers, *failure)

    def read(chunks: Iterable[bytes]) -> Iterator[bytes]:
        try:
            # Consumed by next() below: a generator that was never started skips its finally on
            # close().
            yield b""
            for chunk in chunks:
                if status is not None:
                    record.emit(status, environ)
                yield chunk
        finally:
            record.emit(status, environ)
            record.finish(environ)
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    try:
        chunks = app(environ, note)
        # The app may still call start_response again with exc_info until it returns (PEP 3333).
        if status is None:
            # start_response has not been called yet: the app is a generator.
            reader = read(chunks)
            next(reader)
            return reader
        record.emit(status, environ)
    except BaseException:
        record.finish(environ)
        raise
    record.finish(environ)
    return chunks
