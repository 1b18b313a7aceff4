"""Django: ``MIDDLEWARE = [..., "jwt_middleware_django.JWTMiddleware"]``.

Options go in ``settings.JWT_MIDDLEWARE``, a dict. With ``"jwt_middleware_django"`` in
``INSTALLED_APPS``, ``manage.py check`` reports their faults.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from asgiref.sync import (
    iscoroutinefunction,  # pyright: ignore[reportDeprecated] - inspect's sees no marks on 3.11
    markcoroutinefunction,
)
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from jwt_middleware.authorization.decorators import public
from jwt_middleware.errors import ConfigurationError, RequestError
from jwt_middleware.events import RequestRecord
from jwt_middleware.middleware import CHECKED_GUARDS_KEY, MIDDLEWARE_KEY, Middleware, enforce_first
from jwt_middleware.principal import PRINCIPAL_KEY
from jwt_middleware.responses import misconfigured

from .configuration import options_from_settings
from .failures import answering_refused
from .forwarding import forward_assertion
from .guards import (
    answer_of,
    check_view,
    current_principal,
    current_principal_or_none,
    metadata_of,
    request_view_of,
    requires,
    response_to,
    served,
    to_admit,
)
from .health import health, note_installed, readiness
from .inventory import SiteRoutes, finish, template_of
from .order import Order
from .personal import ask, make_personal, put_principal

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


class JWTMiddleware:
    """Verifies the assertion header of every request, and sets ``request.principal``, or None.

    Raises:
        ConfigurationError: an option is unknown or wrong, or a cache stands above that would answer
            first, when Django loads its middleware.

    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = answering_refused(get_response)
        self.middleware = Middleware(options_from_settings())
        note_installed(self.middleware)
        if (fetching := Order().fetching_above()) is not None:
            raise ConfigurationError(f"{fetching}; put it below")
        self.middleware.prefetch()
        self._routes: SiteRoutes | None = None
        # A urlconf may import the application, and is not loaded yet: then the first view inspects.
        with suppress(ImproperlyConfigured):
            self._inspect()
        self._is_async = iscoroutinefunction(get_response)  # pyright: ignore[reportDeprecated]
        if self._is_async:
            markcoroutinefunction(self)
            # Django would run plain methods of an async middleware on another thread.
            self.process_view = _async(self.process_view)  # type: ignore[method-assign]
            self.process_exception = _async(self.process_exception)  # type: ignore[method-assign]

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Serve one request."""
        if self._is_async:
            return self._serve_async(request)
        record = self._record(request)
        response: Any = None
        skips_verification = self._prepare(request)
        token = served.begin(request)
        try:
            if not skips_verification:
                make_personal(request)
                self.middleware.admit(*to_admit(request, self.middleware))
                put_principal(request)
            response = metadata_of(request, self.middleware) or self.get_response(request)
        except RequestError as error:
            response = response_to(error, request)
        finally:
            served.end(token)
            finish(record, response, request)
        return response if skips_verification else self._marked(response)

    async def _serve_async(self, request: HttpRequest) -> HttpResponseBase:
        record = self._record(request)
        response: Any = None
        skips_verification = self._prepare(request)
        token = served.begin(request)
        try:
            if not skips_verification:
                make_personal(request)
                await self.middleware.admit_async(*to_admit(request, self.middleware))
                put_principal(request)
            response = metadata_of(request, self.middleware) or await self.get_response(request)
        except RequestError as error:
            response = response_to(error, request)
        finally:
            served.end(token)
            finish(record, response, request)
        return response if skips_verification else self._marked(response)

    def _inspect(self) -> SiteRoutes:
        """Check the site's routes, once."""
        if self._routes is None:
            routes = SiteRoutes(check_view)
            self.middleware.inspect(routes.inventory(), routes.unused())
            self._routes = routes
        return self._routes

    def process_view(
        self, request: HttpRequest, view_func: Any, _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        """Check the guards that wrappers do not, or may not: another decorator may answer first.

        A request's own urlconf may have views that were not inspected at start-up.
        """
        record = self.middleware.record_of(request.META)
        if record is not None:
            record.route = template_of(request)
        try:
            routes = self._inspect()
            if self.middleware.needs_routes and view_func not in routes:
                self.middleware.check_guarded(routes.rows(request.path_info, view_func))
        except ConfigurationError as error:
            logger.error("%s is not served: %s", request.path_info, error)
            return answer_of(misconfigured(error, accept=request.headers.get("Accept", "")))
        guards = routes.guards_to_ask(view_func, request.method or "")
        view = request_view_of(request)
        if guards and self.middleware.is_passed_preflight(view):
            # A decorator may answer the preflight, and a wrapper checks its own guards.
            guards = routes.bare(view_func)
        if guards:
            ask(request)
        try:
            enforce_first(guards, request.META, view)
        except RequestError as error:
            return response_to(error, request)
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer a refusal that was raised in a view."""
        return response_to(error, request) if isinstance(error, RequestError) else None

    def _marked(self, response: HttpResponseBase) -> HttpResponseBase:
        """Add Vary and Cache-Control: private to the response."""
        if self.middleware.cache_headers is not None:
            own = [(name, response[name]) for name in ("Vary", "Cache-Control") if name in response]
            for name, value in self.middleware.cache_headers.text(own):
                response[name] = value
        return response

    def _record(self, request: HttpRequest) -> RequestRecord | None:
        if not self.middleware.has_listeners:
            return None
        return self.middleware.start_record(request.META, request_view_of(request))

    def _prepare(self, request: HttpRequest) -> bool:
        """Remove what a client must not set; return whether the header is not read."""
        request.META.pop(PRINCIPAL_KEY, None)
        request.META.pop(CHECKED_GUARDS_KEY, None)
        request.META[MIDDLEWARE_KEY] = self.middleware
        put_principal(request)
        return self.middleware.skips_verification(request_view_of(request))


def _async(method: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: Any) -> Any:
        return method(*args)

    return call
