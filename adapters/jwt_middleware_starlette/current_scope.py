"""The scope of the connection that is served now, for code that has no request at hand."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, MutableMapping
from types import FrameType
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import Scope

from jwt_middleware.middleware import GATE_KEY, Current

served: Current[Scope] = Current("jwt_middleware_scope")
"""What our middleware serves; it ends as the app's call returns, with its background tasks."""


def current_scope() -> Scope | None:
    """Return the scope of the connection that is served now; None where none is, or not by us.

    An app that another one calls in its own process inherits the context, but its scope is another
    one, which no middleware of ours has seen: there nobody is served.
    """
    scope = served.get()
    if scope is None:
        return None
    inner = next(_scopes(inspect.currentframe()), scope)
    return inner if GATE_KEY in inner else None


def _scopes(frame: FrameType | None) -> Iterator[Scope]:
    """Yield the scopes that the callers on the stack were given, the nearest first.

    On a thread for plain functions the stack ends early; there it is as far as their own request.
    """
    while frame is not None:
        code = frame.f_code
        names = code.co_varnames[: code.co_argcount]
        values: Any = frame.f_locals if names else {}
        for name in names:
            value = values.get(name)
            if isinstance(value, HTTPConnection):
                yield value.scope
            elif name == "scope" and isinstance(value, MutableMapping) and "headers" in value:
                yield value
        frame = frame.f_back
