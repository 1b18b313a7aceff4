"""The headers that may hold the token: under which names, and their lines in a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..authorization.request import scope_lines


class TokenHeaders:
    """The names of the headers; a request has one line of them all.

    Attributes:
        names: as they were given, the usual one first.
        raw_names: as ASGI has them, in lower case.
        environ_keys: as WSGI and Django's META have them.

    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.raw_names = tuple(name.lower().encode("ascii") for name in names)
        self.environ_keys = tuple("HTTP_" + name.upper().replace("-", "_") for name in names)

    def in_scope(self, scope: Mapping[str, Any]) -> list[bytes]:
        """Return every line of the headers in an ASGI scope."""
        return [line for name in self.raw_names for line in scope_lines(scope, name)]

    def in_environ(self, environ: Mapping[str, Any]) -> list[str]:
        """Return every line of the headers in a WSGI environ, or Django's META."""
        return [environ[key] for key in self.environ_keys if key in environ]
