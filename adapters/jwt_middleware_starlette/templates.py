"""Which route's template a path belongs to, before and after Starlette has routed the request.

Starlette keeps no whole template of a route below a mount, and none for a request that is refused
before it is routed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress

from starlette.routing import compile_path

from jwt_middleware.authorization.routes import Route

_ANYTHING_BELOW = "/*"
"""The end of a path in the inventory that stands for a mount whose routes cannot be seen."""


class Templates:
    """The templates of an app's routes, in the order in which it tries them."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._templates: list[tuple[re.Pattern[str], Route]] = []
        for route in routes:
            path = route.path
            if path.endswith(_ANYTHING_BELOW):
                path = path.removesuffix("*") + "{path:path}"
            with suppress(ValueError):  # a mount and its route have a parameter of the same name
                self._templates.append((compile_path(path)[0], route))

    def find(self, method: str, path: str) -> str | None:
        """Return the template that serves this, else one of another method, else None."""
        other: str | None = None
        for pattern, route in self._templates:
            if pattern.match(path):
                if not route.methods or method in route.methods:
                    return route.path
                if other is None and ("WEBSOCKET" in route.methods) == (method == "WEBSOCKET"):
                    other = route.path
        return other
