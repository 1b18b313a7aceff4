"""Flask: ``JWTMiddleware(app, keys=..., api=...)``, or ``init_app`` in an application factory.

The header is verified before every request of the app, its static files and its 404s too. Refusals
are HTTP exceptions, so ``@app.errorhandler(401)`` sees them. A wrapper around ``app.wsgi_app`` that
answers itself, such as Flask-SocketIO, bypasses the app: the first request warns about it.
"""

from __future__ import annotations

import logging
from typing import Any, Unpack

from flask import Flask, Request, request
from werkzeug.wrappers import Response

from jwt_middleware.authorization import EnvironView, Guard
from jwt_middleware.authorization.decorators import public
from jwt_middleware.background.forks import ForkLock
from jwt_middleware.errors import ConfigurationError, RequestError
from jwt_middleware.middleware import (
    CHECKED_GUARDS_KEY,
    MIDDLEWARE_KEY,
    Middleware,
    Options,
    enforce_first,
)
from jwt_middleware.principal import PRINCIPAL_KEY
from jwt_middleware.responses import misconfigured

from .answers import RECORDED_KEY, Marked, emit, finish, note_header_read
from .extensions import answer_refusals, keep_refusals
from .forwarding import forward_assertion
from .guards import (
    RefusedUnavailable,
    check_guard,
    current_principal,
    current_principal_or_none,
    refused,
    refused_with,
    requires,
    response_of,
)
from .health import health, readiness
from .inventory import Routes, ToAsk
from .wrappers import fault_of_wrappers

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

EXTENSION = "jwt_middleware"

logger = logging.getLogger("jwt_middleware")


class JWTMiddleware:
    """Verifies the assertion header before every request.

    Options come from the constructor, else ``init_app``, else ``app.config["JWT_MIDDLEWARE"]``.

    Raises:
        ConfigurationError: an option is unknown or wrong.

    """

    def __init__(self, app: Flask | None = None, **options: Unpack[Options]) -> None:
        self._options = options
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask, **options: Unpack[Options]) -> None:
        """Install on one app. Keeps no reference to it, so one object may serve several apps."""
        if not isinstance(app, Flask):
            raise ConfigurationError(f"this JWTMiddleware is for Flask, not {type(app).__name__}")
        if EXTENSION in app.extensions:
            raise ConfigurationError("JWTMiddleware is installed on this app already")
        configured: Any = app.config.get("JWT_MIDDLEWARE", {})
        if not isinstance(configured, dict):
            raise ConfigurationError('app.config["JWT_MIDDLEWARE"]: a dict of options')
        middleware = Middleware({**configured, **options, **self._options})
        middleware.prefetch()
        installed = _Installed(app, middleware)
        app.extensions[EXTENSION] = installed
        # First, so that no code of the app runs for a request that was not verified.
        app.before_request_funcs.setdefault(None, []).insert(0, installed.verify_request)
        if middleware.cache_headers is not None:
            # Not after_request: it would cost more than all the rest, and miss the session's Vary.
            app.wsgi_app = Marked(app.wsgi_app, middleware.cache_headers)  # type: ignore[method-assign]
        answer_refusals(app)


class _Installed:
    """The middleware of one app, and the fault of the app's routes, if any."""

    def __init__(self, app: Flask, middleware: Middleware) -> None:
        self.middleware = middleware
        self._app = app
        self._routes: Routes | None = None
        self._lock = ForkLock()
        self._is_recording = False
        self._guards: dict[str, tuple[object, ToAsk]] = {}
        self._fault: ConfigurationError | None = None

    def fault(self) -> ConfigurationError | None:
        """Return the fault of the routes, if any; the first call inspects them."""
        with self._lock:
            if self._routes is None:
                keep_refusals(self._app)
                routes = Routes(self._app, check_guard)
                try:
                    self.middleware.inspect(routes.inventory(), routes.unused())
                    self.middleware.report_fault(fault_of_wrappers(self._app, EXTENSION))
                except ConfigurationError as error:
                    self._fault = error
                    logger.error("the app answers 503 only: %s", error)
                self._routes = routes
            return self._fault

    def verify_request(self) -> Response | None:
        """Verify the header of the current request, and check the guards that no wrapper checks.

        Returns the answer to a request for the metadata of the API; None for any other.
        """
        if self._routes is None or self._fault is not None:
            fault = self.fault()
            if fault is not None:
                accept = request.headers.get("Accept", "")
                raise refused_with(RefusedUnavailable, misconfigured(fault, accept=accept))
        # The proxy looks up the request for every attribute; once is enough.
        current = request._get_current_object()  # type: ignore[attr-defined]
        environ = current.environ
        middleware = self.middleware
        environ.pop(PRINCIPAL_KEY, None)
        environ.pop(CHECKED_GUARDS_KEY, None)
        environ[MIDDLEWARE_KEY] = middleware
        if middleware.has_listeners:
            self._record(current)
        if middleware.resource is not None:
            metadata = middleware.metadata_answer(EnvironView(environ))
            if metadata is not None:
                return response_of(metadata)
        rule = current.url_rule
        guards = () if rule is None else self._guards_of(rule.endpoint, current)
        try:
            if not (middleware.may_exempt and middleware.skips_verification(EnvironView(environ))):
                note_header_read(environ)
                middleware.admit(middleware.headers.in_environ(environ), environ, EnvironView)
            if guards:
                view = EnvironView(environ, path_params=current.view_args)
                if middleware.is_passed_preflight(view):
                    guards = self._guards_of_preflight(rule)
                enforce_first(guards, environ, view)
        except RequestError as error:
            raise refused(error) from None
        return None

    def _record(self, current: Request) -> None:
        """Start the request's audit record, and emit it when the answer is ready."""
        if not self._is_recording:
            with self._lock:
                if not self._is_recording:
                    # Flask calls the first after_request function last: it sees the final status.
                    self._app.after_request_funcs.setdefault(None, []).insert(0, emit)
                    self._app.teardown_request_funcs.setdefault(None, []).insert(0, finish)
                    self._is_recording = True
        record = self.middleware.start_record(current.environ, EnvironView(current.environ))
        if record is not None:
            record.route = None if current.url_rule is None else current.url_rule.rule
            current.environ[RECORDED_KEY] = record

    def _guards_of(self, endpoint: str, current: Request) -> tuple[Guard, ...]:
        """Return the guards to check before an endpoint's view; cached for each view."""
        view = self._app.view_functions.get(endpoint)
        if view is None or self._routes is None:
            return ()
        known = self._guards.get(endpoint)
        if known is None or known[0] is not view:
            known = self._guards[endpoint] = (view, self._routes.guards_to_ask(view))
        guards = known[1]
        return guards if isinstance(guards, tuple) else guards(current.method)

    def _guards_of_preflight(self, rule: Any) -> tuple[Guard, ...]:
        """Return the guards to check before a view for a preflight that passes.

        Empty if Flask or a decorator answers the preflight, or the view's wrapper checks guards.
        A bare view that answers it would otherwise run unguarded.
        """
        if getattr(rule, "provide_automatic_options", False):
            return ()
        view = self._app.view_functions[rule.endpoint]
        return () if self._routes is None else self._routes.bare(view)
