"""What FastAPI's OpenAPI document says of the header: its names, as the middleware's options say.

A ``guard`` is made without knowing the app, so it documents the name that most gateways have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jwt_middleware.middleware.openapi import USUAL_HEADER, scheme_of
from jwt_middleware.options import is_a


def document_headers(app: Any, headers: Sequence[str]) -> None:
    """Have a FastAPI app's document name these headers where a guard names none itself.

    So for the apps that it mounts, unless they have a middleware of their own.
    """
    from .walk import has_middleware  # here: needed only when an app is built

    if USUAL_HEADER in headers:
        return
    waiting, seen = [app], set[int]()  # an app may be mounted twice, or in itself
    while waiting:
        app = waiting.pop()
        if id(app) in seen:
            continue
        seen.add(id(app))
        if is_a(type(app), "fastapi", "FastAPI"):
            _document(app, headers)
        mounted = [getattr(route, "app", None) for route in getattr(app, "routes", ())]
        waiting += [each for each in mounted if not has_middleware(each)]


def _document(app: Any, headers: Sequence[str]) -> None:
    inner = app.openapi

    def openapi() -> dict[str, Any]:
        document: dict[str, Any] = inner()
        schemes = document.get("components", {}).get("securitySchemes", {})
        # The document is kept by the app, and has other names the next time.
        if schemes.pop(USUAL_HEADER, None) is not None:
            schemes.update({header: scheme_of(header) for header in headers})
            for operation in _operations(document):
                operation["security"] = _renamed(operation["security"], headers)
        return document

    app.openapi = openapi


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    items = (*document.get("paths", {}).values(), *document.get("webhooks", {}).values())
    return [
        operation
        for item in items
        for operation in item.values()
        if isinstance(operation, dict) and "security" in operation
    ]


def _renamed(security: list[dict[str, Any]], headers: Sequence[str]) -> list[dict[str, Any]]:
    """Name each header as an alternative: one of them has the token."""
    renamed: list[dict[str, Any]] = []
    for needed in security:
        if USUAL_HEADER not in needed:
            renamed.append(needed)
            continue
        others = {name: scopes for name, scopes in needed.items() if name != USUAL_HEADER}
        renamed += [{header: needed[USUAL_HEADER]} | others for header in headers]
    return renamed
