"""What happens to a Flask app's answers: cache headers, and the event of the request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Response, request

from jwt_middleware.events import RequestRecord
from jwt_middleware.middleware import CacheHeaders

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

RECORDED_KEY = "jwt_middleware.recorded"
"""The key of the record that this app has begun for a request: an app inside may begin its own."""

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


def emit(response: Response) -> Response:
    """Emit the record with the status of the answer."""
    record: RequestRecord | None = request.environ.get(RECORDED_KEY)
    if record is not None:
        record.emit(response.status_code, request.environ)
    return response


def finish(_: BaseException | None) -> None:
    """End the record with the request, even where no answer was seen."""
    record: RequestRecord | None = request.environ.pop(RECORDED_KEY, None)
    if record is not None:
        record.finish(request.environ)
