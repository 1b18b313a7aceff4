"""Extensions that answer errors themselves, with bodies of their own.

Flask-RESTful and Flask-RESTX replace ``app.handle_user_exception``, and know HTTP exceptions only;
APIFlask and flask-smorest register a handler of every HTTP exception.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, current_app, request

from jwt_middleware.authorization.exposure import guards_to_ask
from jwt_middleware.errors import RequestError

from .guards import Refused, check_guard, refused, serve_error

_THEIRS = ("apiflask.", "flask_smorest.")
"""The modules of handlers that take challenge, code and reference out of an answer."""


def answer_refusals(app: Flask) -> None:
    """Have an app answer refusals, unless it has a handler of its own for such HTTP exceptions."""
    app.register_error_handler(RequestError, serve_error)
    app.register_error_handler(Refused, _serve)


def _serve(error: Refused) -> Any:
    """Answer as the app's own handler does, but not as an extension's."""
    handler = current_app._find_error_handler(error.usual(), request.blueprints)  # pyright: ignore[reportPrivateUsage]
    if handler is None:
        return error.get_response()
    if _is_theirs(handler) and _is_theirs(getattr(current_app, "error_callback", handler)):
        return error.get_response()
    return current_app.ensure_sync(handler)(error)


def _is_theirs(handler: Any) -> bool:
    """Whether an extension has it, or the ``error_callback`` of APIFlask, which a site may set."""
    return f"{handler.__module__}.".startswith(_THEIRS)


def keep_refusals(app: Flask) -> None:
    """Have handlers of errors refuse as views do, and extensions see refusals as HTTP exceptions.

    A handler's guards are asked before a decorator above them could answer.
    """
    inner = app.handle_user_exception
    is_replaced = "handle_user_exception" in app.__dict__

    def handle(error: Exception) -> Any:
        # An app may have a handler of its own for what ``current_principal()`` raises.
        handler = app._find_error_handler(error, request.blueprints)  # pyright: ignore[reportPrivateUsage]
        if is_replaced and isinstance(error, RequestError) and handler is serve_error:
            error = refused(error)
        try:
            is_own = not (handler is None or handler is serve_error or handler is _serve)
            for guard in guards_to_ask(handler) if is_own else ():
                check_guard(guard)
            return inner(error)
        except RequestError as raised:
            refusal = refused(raised)
        except Refused as raised:
            if raised is error:
                raise
            refusal = raised
        return refusal.get_response() if isinstance(error, Refused) else handle(refusal)

    app.__dict__["handle_user_exception"] = handle
