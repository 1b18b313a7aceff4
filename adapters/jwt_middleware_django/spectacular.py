"""drf-spectacular: ``JWTAuthentication`` and its subclasses in the OpenAPI document.

It is known where ``"drf_spectacular"`` is in ``INSTALLED_APPS``.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from jwt_middleware.errors import ConfigurationError
from jwt_middleware.middleware.openapi import USUAL_HEADER, scheme_of

from .configuration import middleware_to_look_at, options_from_settings


class JWTAuthenticationScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The header, or each of several as an alternative, by the site's options."""

    target_class = "jwt_middleware_django.rest_framework.JWTAuthentication"
    match_subclasses = True

    def __init__(self, target: Any) -> None:
        super().__init__(target)  # type: ignore[no-untyped-call]
        self.name = list(_headers())

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:  # noqa: ARG002
        """Return one alternative a header."""
        return [{header: []} for header in self.name]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:  # noqa: ARG002
        """Return the scheme of each header."""
        return [dict(scheme_of(header)) for header in self.name]


_known: list[tuple[dict[str, Any], tuple[str, ...]]] = []
"""The headers of the last options: each operation of a document asks for them."""


def _headers() -> tuple[str, ...]:
    options = options_from_settings()
    if not _known or _known[0][0] != options:
        _known[:] = [(options, _headers_by(options))]
    return _known[0][1]


def _headers_by(options: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the header; the usual one where the options do not make a middleware.

    A document may be made where the gateway's keys are not, and ``manage.py check`` names faults.
    """
    try:
        with middleware_to_look_at() as middleware:
            return middleware.settings.headers
    except ConfigurationError:
        header = options.get("header")
        return (header,) if isinstance(header, str) else (USUAL_HEADER,)
