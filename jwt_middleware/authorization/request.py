"""What a predicate, a ``refuse`` hook and an audit event may see of a request.

Read from an ASGI scope or a WSGI environ, both plain dicts of their specifications, so that one
predicate reads alike under every framework. Nothing is parsed before it is asked for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from ..events.record import RECORD_KEY


class RequestView:
    """Method, path, path parameters, query values and header values of one request.

    This class holds values that are given; ``ScopeView`` and ``EnvironView`` read a server's.
    """

    __slots__ = ("_headers", "_query", "_values")

    def __init__(
        self,
        method: str = "GET",
        path: str = "/",
        *,
        path_params: Mapping[str, Any] | None = None,
        query_string: str = "",
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._values = (method, path, path_params or {})
        self._query = query_string
        self._headers = headers

    @property
    def method(self) -> str:
        """The request's method, in capitals; ``GET`` for a websocket."""
        return self._values[0]

    @property
    def path(self) -> str:
        """The decoded path as the app routes by it, without the mount's root."""
        return self._values[1]

    @property
    def path_params(self) -> Mapping[str, Any]:
        """The parameters of the route; empty before the app has routed."""
        return self._values[2]

    @property
    def route(self) -> str | None:
        """The route's template as the framework writes it, where the request is followed.

        None where there is no listener, or the template is not known.
        """
        record = self.carried(RECORD_KEY)
        route: str | None = None if record is None else record.route
        return route

    def carried(self, key: str) -> Any:  # noqa: ARG002 - a view of given values carries nothing
        """Return what the middleware keeps with the request under a key of its own; else None."""
        return None

    def query_values(self, name: str) -> list[str]:
        """Return all values of a query parameter, in order; empty where it is absent.

        Raises:
            ValueError: the query has more than 1000 fields, so nothing is known about it.

        """
        pairs = parse_qsl(self._query_string(), keep_blank_values=True, max_num_fields=1000)
        return [value for key, value in pairs if key == name]

    def header_values(self, name: str) -> list[str]:
        """Return all values of a header, in order; empty where it is absent."""
        return [value for key, value in self._headers if key.lower() == name.lower()]

    def _query_string(self) -> str:
        return self._query

    def __repr__(self) -> str:
        return f"<RequestView {self.method}>"


class ScopeView(RequestView):
    """A request by its ASGI ``http`` or ``websocket`` scope."""

    __slots__ = ("_scope",)

    def __init__(self, scope: Mapping[str, Any]) -> None:
        self._scope = scope

    @property
    def method(self) -> str:
        """The request's method; a websocket opens with GET."""
        return str(self._scope.get("method", "GET"))

    @property
    def path(self) -> str:
        """The decoded path without the mount's root (ASGI's ``root_path``)."""
        return app_path(self._scope)

    @property
    def path_params(self) -> Mapping[str, Any]:
        """The parameters of the route, where the app keeps them in the scope (Starlette does)."""
        return self._scope.get("path_params") or {}

    def carried(self, key: str) -> Any:
        """Return what the middleware keeps in the scope."""
        return self._scope.get(key)

    def header_values(self, name: str) -> list[str]:
        """Return all values of a header, in order."""
        wanted = name.lower().encode("latin-1", "replace")
        return [line.decode("latin-1") for line in scope_lines(self._scope, wanted)]

    def _query_string(self) -> str:
        query: bytes = self._scope.get("query_string", b"")
        return query.decode("latin-1")


class EnvironView(RequestView):
    """A request by its WSGI environ (PEP 3333), or Django's ``request.META``.

    ``scope``: the ASGI scope that Django made META of, where header lines are as they came.
    """

    __slots__ = ("_environ", "_path", "_path_params", "_scope")

    def __init__(
        self,
        environ: Mapping[str, Any],
        *,
        path: str | None = None,
        path_params: Mapping[str, Any] | None = None,
        scope: Mapping[str, Any] | None = None,
    ) -> None:
        self._environ = environ
        self._scope = scope
        self._path = path
        self._path_params = path_params

    @property
    def method(self) -> str:
        """The request's method."""
        return str(self._environ.get("REQUEST_METHOD", "GET"))

    @property
    def path(self) -> str:
        """The decoded path without SCRIPT_NAME."""
        return environ_path(self._environ) if self._path is None else self._path

    @property
    def path_params(self) -> Mapping[str, Any]:
        """The parameters of the route, as the framework's adapter gave them."""
        return self._path_params or {}

    def carried(self, key: str) -> Any:
        """Return what the middleware keeps in the environ."""
        return self._environ.get(key)

    def header_values(self, name: str) -> list[str]:
        """Return all values of a header; WSGI joins repeated lines by commas, so split there."""
        if self._scope is not None:
            wanted = name.lower().encode("latin-1", "replace")
            return [line.decode("latin-1") for line in scope_lines(self._scope, wanted)]
        key = name.upper().replace("-", "_")
        value = self._environ.get(
            key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key
        )
        return [] if value is None else value.split(",")

    def _query_string(self) -> str:
        return str(self._environ.get("QUERY_STRING", ""))


def app_path(scope: Mapping[str, Any]) -> str:
    """Return the decoded path without the mount's root: what the wrapped app routes by."""
    # Exactly as Starlette routes, for any other reading would open another route than is meant.
    path: str = scope.get("path", "")
    root: str = scope.get("root_path", "")
    if not root or not path.startswith(root):
        return path
    below = path[len(root) :]
    return below if not below or below[0] == "/" else path


def environ_path(environ: Mapping[str, Any]) -> str:
    """Return PATH_INFO as text: WSGI carries its UTF-8 bytes as latin-1 (PEP 3333)."""
    return str(environ.get("PATH_INFO", "")).encode("latin-1", "replace").decode("utf-8", "replace")


def is_plain(path: str) -> bool:
    """Whether the path has one reading only.

    Not so with an empty, ``.``, ``..`` or ``..;x`` segment (servlet containers cut at the
    semicolon), a backslash, or a control character. One slash at the end is plain: Django's paths
    have it.
    """
    if not path.startswith("/") or "\\" in path or not path.isprintable():
        return False
    segments = path[1:].split("/")
    if segments[-1] == "":
        segments.pop()
    return not any(segment.partition(";")[0] in ("", ".", "..") for segment in segments)


def scope_lines(scope: Mapping[str, Any], wanted: bytes) -> list[bytes]:
    """Return every line of a header, by its exact name: ``wanted`` in lower case."""
    size = len(wanted)
    return [value for key, value in scope["headers"] if len(key) == size and key.lower() == wanted]


LONGEST = 128
"""Characters of ``X-Request-ID`` that are taken."""

# No comma: WSGI joins two lines by one (PEP 3333).
_PLAIN = re.compile(rf"[\x21-\x2b\x2d-\x7e]{{1,{LONGEST}}}")
# W3C Trace Context, 3.2.2: version, trace id, parent id, flags; later versions may append.
_TRACEPARENT = re.compile("(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_NO_TRACE = "0" * 32


def request_id_of(request: RequestView) -> str:
    """Return the one ``X-Request-ID``, else the trace id of ``traceparent``, else 32 hex digits.

    A value that is there twice, is longer than 128 characters, or has a comma, a blank or anything
    but visible ASCII counts as absent. It is the caller's word, unless the gateway sets it.
    """
    given = request.header_values("X-Request-ID")
    if len(given) == 1 and _PLAIN.fullmatch(given[0]):
        return given[0]
    parents = request.header_values("traceparent")
    found = _TRACEPARENT.fullmatch(parents[0]) if len(parents) == 1 else None
    if found is not None and found[1] != _NO_TRACE:
        return found[1]
    # Of the system: those of ``random`` would give the app's own numbers away.
    return os.urandom(16).hex()
