"""Which apps the plain doors serve, and which options they support."""

from __future__ import annotations

from typing import Any

from ..errors import ConfigurationError
from ..options.checks import is_a
from .middleware import Middleware

_INSTALLERS = (
    ("flask", "Flask", "jwt_middleware_flask", "JWTMiddleware(app, ...)"),
    (
        "starlette",
        "Starlette",  # FastAPI is one too
        "jwt_middleware_starlette",
        "app.add_middleware(JWTMiddleware, ...)",
    ),
    (
        "quart",
        "Quart",
        "jwt_middleware.asgi",
        "app.asgi_app = JWTMiddleware(app.asgi_app, ...)",
    ),
)
"""A framework's app by its package and class, and the adapter and line to use for it."""


def check_plain_app(app: Any, protocol: str) -> None:
    """Refuse a framework's app object at a plain door, and name the line to use instead."""
    for package, name, adapter, line in _INSTALLERS:
        if is_a(type(app), package, name):
            raise ConfigurationError(
                f"this JWTMiddleware wraps plain {protocol} apps; for {type(app).__name__} write: "
                f"from {adapter} import JWTMiddleware; {line}"
            )
    if not callable(app):
        raise ConfigurationError(f"an {protocol} app can be called, {type(app).__name__} cannot")


def check_framework_cache(app: Any, middleware: Middleware) -> None:
    """Refuse answers that Litestar keeps by their path and query: one caller's for all others."""
    if not is_a(type(app), "litestar", "Litestar") or middleware.cache_headers is None:
        return
    if not app.response_cache_config.key_builder.__module__.startswith("litestar."):
        return
    kept = sorted(
        route.path
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
        if getattr(handler, "cache", False)
        and handler.cache_key_builder is None
        and route.path not in middleware.settings.exempt
    )
    if kept:
        raise ConfigurationError(
            f"cache: Litestar gives its answer to {kept[0]} to every caller, as it keeps it by "
            "path and query; give the handler, or ResponseCacheConfig, a key builder that adds "
            'request.scope["jwt_middleware.principal"].subject'
        )


def check_no_routes(middleware: Middleware) -> None:
    """Refuse an option that a plain door does not support."""
    if middleware.settings.unguarded != "allow":
        raise ConfigurationError(
            "unguarded: a plain app's routes cannot be seen; it is for Starlette, FastAPI, Flask "
            "and Django"
        )
