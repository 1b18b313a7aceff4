"""FastHTML without what its import changes in every Starlette app of the process."""

from __future__ import annotations

from starlette.convertors import StringConvertor

_regex = StringConvertor.regex

from fasthtml.common import FastHTML as FastHTML  # noqa: E402

# With FastHTML's own, "/files/" would be served by "/files/{name}".
StringConvertor.regex = _regex
