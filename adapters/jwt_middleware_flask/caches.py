"""Cache headers of a Flask app's answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from jwt_middleware.middleware import CacheHeaders

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_IS_READ = "jwt_middleware.header_read"


class Marked:
    """Wraps an app's ``wsgi_app``, to see what Flask and the app's hooks add to an answer."""

    def __init__(self, app: WSGIApplication, cache_headers: CacheHeaders) -> None:
        self.app = app
        self._cache_headers = cache_headers

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        # A list that is filled: what stands between may pass on a copy of the environ.
        is_read: list[bool] = []
        environ[_IS_READ] = is_read

        def start_marked(status: str, headers: Any, *failure: Any) -> Any:
            if is_read:
                headers = self._cache_headers.text(headers)
            return start_response(status, headers, *failure)

        return self.app(environ, start_marked)


def note_header_read(environ: WSGIEnvironment) -> None:
    """Note that the answer to this request depends on the header."""
    is_read: list[bool] | None = environ.get(_IS_READ)
    if is_read is not None:
        is_read.append(True)
