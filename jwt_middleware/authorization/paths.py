"""Lists of paths for ``exempt`` and ``optional``: exact, or ``/p/*`` for anything below ``/p``.

A path that two programs might read differently matches nothing, so that no encoded, doubled or
dotted form gets past: then the header is required.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import ConfigurationError


class PathList:
    """Paths without a pattern language, compared with the decoded path that the app routes by."""

    __slots__ = ("_below", "_exact")

    def __init__(self, paths: Iterable[str]) -> None:
        listed = tuple(paths)
        self._exact = frozenset(path for path in listed if not path.endswith("/*"))
        self._below = tuple(path[:-1] for path in listed if path.endswith("/*"))

    def __contains__(self, path: str) -> bool:
        if path not in self._exact and not any(
            path.startswith(prefix) and len(path) > len(prefix) for prefix in self._below
        ):
            return False
        # A percent sign that is left was encoded twice, and somebody may decode it again.
        return "%" not in path and is_plain(path)

    def __str__(self) -> str:
        return ", ".join(sorted((*self._exact, *(f"{prefix}*" for prefix in self._below))))

    def __bool__(self) -> bool:
        return bool(self._exact or self._below)


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


def path_list(name: str, value: Any) -> PathList:
    """Read the option; raise ``ConfigurationError`` for anything that is no list of paths."""
    if isinstance(value, str) or not isinstance(value, list | tuple | set | frozenset):
        raise ConfigurationError(f"{name}: a tuple of paths, such as ('/health',), not {value!r}")
    for path in value:
        if isinstance(path, str) and "%" in path:
            raise ConfigurationError(
                f"{name}: {path!r}: write it decoded, as the app routes by it ('/caf\u00e9', not "
                "'/caf%C3%A9'); a path that holds a percent sign after decoding matches nothing"
            )
        if not isinstance(path, str) or not is_plain(path.removesuffix("*")) or "*" in path[:-1]:
            raise ConfigurationError(
                f"{name}: {path!r} is no path; write '/health', or '/static/*' for all below it"
            )
        if path.endswith("*") and not path.endswith("/*"):
            raise ConfigurationError(f"{name}: {path!r}: the only wildcard is '/*' at the end")
        if path == "/*":
            raise ConfigurationError(
                f"{name}: '/*' is every path; leave the middleware out instead"
            )
    return PathList(value)
