"""Extensions that answer errors themselves, such as Flask-RESTful and Flask-RESTX.

They replace ``app.handle_user_exception``, and know HTTP exceptions only.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, request

from jwt_middleware.errors import RequestError

from .guards import refused, serve_error


def keep_refusals(app: Flask) -> None:
    """Have extensions see what ``current_principal()`` raises as the HTTP exception that it is."""
    inner = app.__dict__.get("handle_user_exception")
    if inner is None:
        return

    def handle(error: Exception) -> Any:
        if isinstance(error, RequestError):
            # An app may have a handler of its own for such an error.
            handler = app._find_error_handler(error, request.blueprints)  # pyright: ignore[reportPrivateUsage]
            if handler is serve_error:
                error = refused(error)
        return inner(error)

    app.__dict__["handle_user_exception"] = handle
