"""The metadata of a protected resource: where its clients get their tokens (RFC 9728).

A client that is refused finds the document's URL in the challenge, or derives it from the URL of
the resource, and reads there which authorization servers and scopes there are. MCP clients do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from ..authorization.request import RequestView, is_plain
from ..errors import ConfigurationError
from ..options import checks as check
from ..options.resource import ProtectedResource, checked_url
from ..responses import Headers, Refusal
from ..verification.verifier import Verifier

FRESH_FOR = 300
"""Seconds for which a client or a cache may keep the document."""

_METHODS = "GET, HEAD, OPTIONS"


class MetadataDocument(Refusal):
    """An answer with the document, which has no secret: it may be cached, and read by any page."""

    @property
    def sent_headers(self) -> Headers:
        """The headers as they are."""
        return self.headers


class ResourceMetadata:
    """The document of one middleware, and the answers to whoever asks for it.

    Raises:
        ConfigurationError: the authorization servers must be named.

    """

    def __init__(self, resource: ProtectedResource, verifier: Verifier) -> None:
        self.resource = resource.resource
        path = unquote(urlsplit(self.resource).path)
        if path and not is_plain(path):
            raise ConfigurationError("resource: its path can be read in more than one way")
        self.url = resource.metadata_url
        self.document: Mapping[str, Any] = dict(_members(resource, verifier))
        # Clients derive the URL from the one that they were given, with or without a slash.
        path = unquote(urlsplit(self.url).path).rstrip("/")
        self._paths = (path, f"{path}/")
        body = json.dumps(self.document).encode()
        headers = (
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", f"public, max-age={FRESH_FOR}"),
            ("Access-Control-Allow-Origin", "*"),
            ("X-Content-Type-Options", "nosniff"),
        )
        # Pages send MCP-Protocol-Version, for which a browser asks first.
        preflight = (
            ("Access-Control-Allow-Origin", "*"),
            ("Access-Control-Allow-Methods", _METHODS),
            ("Access-Control-Allow-Headers", "*"),
            ("Allow", _METHODS),
        )
        self._answers = {
            "GET": MetadataDocument(200, headers, body),
            "HEAD": MetadataDocument(200, headers, b""),
            "OPTIONS": MetadataDocument(204, preflight, b""),
        }
        self.not_allowed = Refusal(405, (("Allow", _METHODS), ("Content-Length", "0")), b"")
        """The answer to a method that the document does not have, or to a websocket."""

    def is_at(self, request: RequestView) -> bool:
        """Whether the request is for the document."""
        return request.path in self._paths

    def answer(self, request: RequestView) -> Refusal:
        """Return the answer to a request for the document, which needs no token."""
        return self._answers.get(request.method, self.not_allowed)


def _members(resource: ProtectedResource, verifier: Verifier) -> Iterator[tuple[str, Any]]:
    """Yield the members of the document (RFC 9728, 2), without those that have no value."""
    servers = check.texts("resource", resource.authorization_servers) or _issuers_of(verifier)
    scopes = check.texts("resource", resource.scopes_supported)
    yield "resource", resource.resource
    if servers:
        yield "authorization_servers", list(servers)
    if scopes:
        yield "scopes_supported", list(scopes)
    yield "bearer_methods_supported", ["header"]
    if resource.resource_name is not None:
        yield "resource_name", resource.resource_name
    if resource.resource_documentation is not None:
        yield "resource_documentation", resource.resource_documentation


def _issuers_of(verifier: Verifier) -> tuple[str, ...]:
    """Return the issuers of the verifier, if those are whom clients get their tokens from.

    Raises:
        ConfigurationError: they are not.

    """
    way_out = "; write ProtectedResource(..., authorization_servers=['https://login.example.com'])"
    if not verifier.gateway.writes_scheme:
        raise ConfigurationError(
            f"resource: the gateway {verifier.gateway.name!r} makes its tokens itself, so say "
            f"where clients get theirs{way_out}"
        )
    issuers = [issuer for each in verifier.issuers for issuer in each.policy.issuers]
    for issuer in issuers:
        try:
            checked_url("issuer", issuer)
        except ConfigurationError:
            raise ConfigurationError(
                f"resource: the issuer {issuer!r} is no https URL, so say where clients get their "
                f"tokens{way_out}"
            ) from None
    return tuple(dict.fromkeys(issuers))
