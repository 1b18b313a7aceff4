"""The WSGI door: ``app.wsgi_app = JWTMiddleware(app.wsgi_app, keys=...)`` for any WSGI app.

WSGI folds ``-`` and ``_`` of header names and joins repeated lines by commas (PEP 3333), so a value
with a comma is refused, and the server must drop underscore names: the README has the table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Unpack

from .authorization.request import EnvironView, environ_lines
from .errors import RequestError
from .events.record import Trail
from .middleware.middleware import GATE_KEY, Gate, follows
from .middleware.plain_apps import check_no_routes, check_plain_app
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
        check_plain_app(app, "WSGI")
        self.app = app
        self.gate = Gate(options)
        check_no_routes(self.gate)
        self.gate.prefetch()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        if self.gate.audits and not follows(self.gate, environ):
            return follow(self, self.gate, environ, start_response)
        environ.pop(PRINCIPAL_KEY, None)
        environ[GATE_KEY] = self.gate
        request = EnvironView(environ)
        if not self.gate.is_open(request):
            start_response = marking(self.gate, start_response)
            lines = environ_lines(environ, self.gate.environ_key)
            try:
                principal = self.gate.admit(lines, request)
            except RequestError as error:
                return send_wsgi(self.gate.refusal(error, request), start_response)
            if principal is not None:
                environ[PRINCIPAL_KEY] = principal
        try:
            return self.app(environ, start_response)
        except RequestError as error:
            # The app's own code asked who calls, and nobody between has answered.
            refusal = self.gate.refusal(error, request)
            return send_wsgi(refusal, start_response, sys.exc_info())


def marking(gate: Gate, start_response: StartResponse) -> StartResponse:
    """Return a ``start_response`` that tells caches of whom an answer is."""
    cache_headers = gate.cache_headers
    if cache_headers is None:
        return start_response

    def start_marked(status: str, headers: Any, *failure: Any) -> Any:
        return start_response(status, cache_headers.text(headers), *failure)

    return start_marked


def follow(
    door: WSGIApplication, gate: Gate, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Let the door serve a request, and tell what was decided before the first byte is sent."""
    trail = gate.follow(environ, EnvironView(environ))
    seen: list[int] = []

    def note(status: str, headers: Any, *failure: Any) -> Any:
        seen[:] = [int(status[:3])]
        return start_response(status, headers, *failure)

    try:
        chunks = door(environ, note)
    except BaseException:
        trail.leave(environ)
        raise
    if seen:
        # Not before the app has returned: until then it may begin anew (PEP 3333, exc_info).
        trail.tell(seen[0], environ)
        trail.leave(environ)
        return chunks
    return _Followed(chunks, trail, seen, environ)


class _Followed:
    """The answer of an app that begins it only when it is read, such as a generator."""

    def __init__(
        self, chunks: Iterable[bytes], trail: Trail, seen: list[int], environ: WSGIEnvironment
    ) -> None:
        self._chunks = chunks
        self._trail = trail
        self._seen = seen
        self._environ = environ

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            if self._seen:
                self._trail.tell(self._seen[0], self._environ)
            yield chunk

    def close(self) -> None:
        """Close what the app returned (PEP 3333)."""
        if self._seen:
            self._trail.tell(self._seen[0], self._environ)
        self._trail.leave(self._environ)
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()
