"""Guards of views, and the way in which Django refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse

from jwt_middleware.authorization import EnvironView, Guard
from jwt_middleware.authorization.decorators import requires_by
from jwt_middleware.errors import MissingToken, RequestError
from jwt_middleware.middleware import Current, Middleware, enforce, principal_of, refusal_of
from jwt_middleware.principal import Principal
from jwt_middleware.responses import Refusal

from .personal import ask, principal_or_none

served: Current[HttpRequest] = Current("jwt_middleware_request")


def current_principal() -> Principal:
    """Return the principal of the current request.

    Raises:
        MissingToken: there is none.

    """
    request = served.get()
    if request is None:
        raise MissingToken("there is no request")
    ask(request)
    return principal_of(request.META)


def current_principal_or_none() -> Principal | None:
    """Return the principal of the current request, or None."""
    request = served.get()
    return None if request is None else principal_or_none(request)


def check_view(guard: Guard, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Check a guard for the request that its view was given; raise where it does not hold."""
    requests = (value for value in (*args[:2], kwargs.get("request")) if _is_request(value))
    request = next(requests, None) or served.get()
    if request is None:
        raise MissingToken("there is no request")
    ask(request)
    enforce(guard, request.META, request_view_of(request))


requires = requires_by(check_view)
"""Guards a view: functions and methods, sync and async; on a class,
``method_decorator(requires(...), name="dispatch")``."""


def _is_request(value: Any) -> bool:
    # REST framework hands views a wrapper of the request, with the same META.
    return isinstance(value, HttpRequest) or isinstance(
        getattr(value, "_request", None), HttpRequest
    )


def request_view_of(request: HttpRequest) -> EnvironView:
    """Return what predicates and events may see of a request, REST framework's wrapper too."""
    match = getattr(request, "resolver_match", None)
    return EnvironView(
        request.META,
        path=request.path_info,
        path_params=match and match.kwargs,
        scope=getattr(request, "scope", None),
    )


def to_admit(
    request: HttpRequest, middleware: Middleware
) -> tuple[Sequence[bytes | str], Any, Any]:
    """Return what ``Middleware.admit`` asks for: the header lines, META, and what makes a view."""
    # Under ASGI the raw lines are still there: a repeated header is seen as what it is.
    scope = getattr(request, "scope", None)
    lines: Sequence[bytes | str] = (
        middleware.headers.in_environ(request.META)
        if scope is None
        else middleware.headers.in_scope(scope)
    )
    return lines, request.META, lambda _: request_view_of(request)


def response_to(error: RequestError, request: HttpRequest) -> HttpResponse:
    """Return the answer to a refused request."""
    return answer_of(refusal_of(error, request.META, request_view_of(request)))


def metadata_of(request: HttpRequest, middleware: Middleware) -> HttpResponse | None:
    """Return the answer to a request for the metadata of the API; None for any other one."""
    if middleware.resource is None:
        return None
    answer = middleware.metadata_answer(request_view_of(request))
    return None if answer is None else answer_of(answer)


def answer_of(refusal: Refusal) -> HttpResponse:
    """Return a refusal as Django's response."""
    response = HttpResponse(refusal.body, status=refusal.status)
    del response["Content-Type"]
    for name, value in refusal.sent_headers:
        # Django keeps one line a name; a list is the same in one line (RFC 9110, 5.3).
        response[name] = f"{response[name]}, {value}" if name in response else value
    return response
