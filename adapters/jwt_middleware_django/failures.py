"""Refusals that Django takes for failures, as of its handlers of errors and of other middleware."""

from __future__ import annotations

import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from asgiref.sync import (
    iscoroutinefunction,  # pyright: ignore[reportDeprecated] - inspect's sees no marks on 3.11
)
from django.core.signals import got_request_exception
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from jwt_middleware.errors import RequestError

from .guards import response_to

_REFUSED = "_jwt_middleware_refused"


def _note(request: HttpRequest | None = None, **_: Any) -> None:
    """Note a refusal that Django is about to answer with 500; Django sends this as it fails."""
    error = sys.exception()
    if request is not None and isinstance(error, RequestError):
        request.__dict__[_REFUSED] = error


got_request_exception.connect(_note)


def answering_refused(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Return what answers a refusal as one, where ``get_response`` takes it for a failure."""

    def serve(request: HttpRequest) -> HttpResponseBase:
        return _answer(request, get_response(request))

    async def serve_async(request: HttpRequest) -> HttpResponseBase:
        return _answer(request, await get_response(request))

    return serve_async if iscoroutinefunction(get_response) else serve  # pyright: ignore[reportDeprecated]


def _answer(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    error = request.__dict__.pop(_REFUSED, None)
    if error is None or response.status_code != HTTPStatus.INTERNAL_SERVER_ERROR:
        return response
    return response_to(error, request)
