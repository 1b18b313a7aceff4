"""Which route's template a path belongs to, asked before and after Starlette has routed.

Starlette keeps no whole template of a route below a mount, and none of a request that was refused
before it was routed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from starlette.routing import compile_path

from jwt_middleware.authorization.routes import Route

_ANYTHING_BELOW = "/*"
"""How the inventory ends the path of a mount whose routes it cannot see."""


class _Template(NamedTuple):
    pattern: re.Pattern[str]
    methods: frozenset[str]
    path: str


class Templates:
    """The templates of an app's routes, in the order in which it tries them."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._templates: list[_Template] = []
        for route in routes:
            whole = route.path
            if whole.endswith(_ANYTHING_BELOW):
                whole = whole.removesuffix("*") + "{path:path}"
            try:
                pattern, *_ = compile_path(whole)
            except ValueError:  # a mount and its route have a parameter of the same name
                continue
            self._templates.append(_Template(pattern, frozenset(route.methods), route.path))

    def find(self, method: str, path: str) -> str | None:
        """Return the template that serves this, else one of another method, else None."""
        other: str | None = None
        for template in self._templates:
            if template.pattern.match(path):
                if not template.methods or method in template.methods:
                    return template.path
                if other is None and ("WEBSOCKET" in template.methods) == (method == "WEBSOCKET"):
                    other = template.path
        return other
