"""Guards of views, and the way in which Flask refuses."""

from __future__ import annotations

import json
from typing import Any

from flask import current_app, has_request_context, request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import (
    Forbidden,
    HTTPException,
    ServiceUnavailable,
    Unauthorized,
    default_exceptions,
)
from werkzeug.wrappers import Response

from jwt_middleware.authorization import EnvironView, Guard
from jwt_middleware.authorization.decorators import requires_by
from jwt_middleware.errors import MissingToken, PermissionDenied, RequestError, Unavailable
from jwt_middleware.middleware import enforce, principal_of, refusal_of
from jwt_middleware.principal import PRINCIPAL_KEY, Principal
from jwt_middleware.responses import Refusal


class Refused(HTTPException):
    """A refusal as an HTTP exception, so that Flask and the app's handlers know it."""

    refusal: Refusal

    def usual(self) -> HTTPException:
        """Return werkzeug's own exception for it."""
        return default_exceptions[self.code or 401]()

    def get_response(self, *_: Any, **__: Any) -> Response:
        """Serve the refusal with the same body as at every other door."""
        return response_of(self.refusal)

    @property
    def data(self) -> Any:
        """The body as Flask-RESTX sends it, which makes one of its own where there is none."""
        try:
            return json.loads(self.refusal.body)
        except ValueError:  # a page for people
            raise AttributeError("data") from None


def response_of(refusal: Refusal) -> Response:
    """Return a refusal as Flask's response."""
    response = Response([refusal.body], refusal.status)
    response.headers = Headers(refusal.sent_headers)  # unchanged, repeated ones too
    return response


class RefusedUnauthorized(Refused, Unauthorized):
    """401."""


class RefusedForbidden(Refused, Forbidden):
    """403."""


class RefusedUnavailable(Refused, ServiceUnavailable):
    """503."""


def refused(error: RequestError) -> Refused:
    """Return a refusal as Flask raises it."""
    kind: type[Refused] = RefusedUnauthorized
    if isinstance(error, PermissionDenied):
        kind = RefusedForbidden
    elif isinstance(error, Unavailable):
        kind = RefusedUnavailable
    return refused_with(kind, refusal_of(error, request.environ, _view()))


def refused_with(kind: type[Refused], refusal: Refusal) -> Refused:
    """Return an HTTP exception that is answered by this refusal."""
    refused = kind()
    refused.refusal = refusal
    # Flask-RESTful sends it as it is; without it, it makes a body of its own.
    refused.response = response_of(refusal)
    return refused


def serve_error(error: RequestError) -> Any:
    """Answer an error that current_principal() raised in a view, as every refusal."""
    return current_app.handle_user_exception(refused(error))


def current_principal() -> Principal:
    """Return the principal of the current request.

    Raises:
        MissingToken: there is none.

    """
    if not has_request_context():
        raise MissingToken("there is no request")
    return principal_of(request.environ)


def current_principal_or_none() -> Principal | None:
    """Return the principal of the current request, or None."""
    return request.environ.get(PRINCIPAL_KEY) if has_request_context() else None


def check_guard(guard: Guard, *_: Any) -> None:
    """Check a guard for the current request; raise an HTTP exception where it does not hold."""
    if not has_request_context():
        raise MissingToken("there is no request")
    try:
        enforce(guard, request.environ, _view())
    except RequestError as error:
        raise refused(error) from None


requires = requires_by(check_guard)
"""Guards a view. It works above the route's decorator as well as below it."""


def _view() -> EnvironView:
    return EnvironView(request.environ, path_params=request.view_args)
