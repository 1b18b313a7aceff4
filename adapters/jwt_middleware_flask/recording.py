"""The event of a request, emitted when its answer is ready."""

from __future__ import annotations

from flask import Response, request

from jwt_middleware.events import RequestRecord

RECORDED_KEY = "jwt_middleware.recorded"
"""The key of the record that this app has begun for a request: an app inside may begin its own."""


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
