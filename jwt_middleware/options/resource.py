"""What an API says of itself to clients without a token: the option ``resource`` (RFC 9728)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ..errors import ConfigurationError
from . import checks as check
from .checks import in_file
from .hosts import is_loopback
from .shapes import TEXT, TEXT_OR_TEXTS, Keys

WELL_KNOWN = "/.well-known/oauth-protected-resource"
"""RFC 9728, 3."""

# Visible ASCII that needs no escape in the quoted string of a challenge (RFC 9110, 5.6.4), which is
# also what a scope is made of (RFC 6749, appendix A.4).
_QUOTABLE = re.compile(r"[!#-\[\]-~]+")

RESOURCE: Keys = {
    "resource": TEXT,
    "authorization_servers": TEXT_OR_TEXTS,
    "scopes_supported": TEXT_OR_TEXTS,
    "resource_name": TEXT,
    "resource_documentation": TEXT,
}
"""The keys of the option's table."""


@dataclass(frozen=True)
class ProtectedResource:
    """The option ``resource``: what an API says of itself to clients without a token.

    Attributes:
        resource: the resource identifier, which is the URL that clients use, such as
            ``https://mcp.example.com/mcp``: https, or http to loopback, without a fragment (RFC
            9728, 1.2).
        authorization_servers: the issuers that clients may get their tokens from; None: those of
            the verifier.
        scopes_supported: the scopes that clients may ask for.
        resource_name: the API's name, for people.
        resource_documentation: the URL of its documentation.

    Raises:
        ConfigurationError: one of them is wrong.

    """

    resource: str
    authorization_servers: str | Sequence[str] | None = field(default=None, kw_only=True)
    scopes_supported: str | Sequence[str] | None = field(default=None, kw_only=True)
    resource_name: str | None = field(default=None, kw_only=True)
    resource_documentation: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Raise ``ConfigurationError`` where an attribute is wrong."""
        if "#" in str(self.resource):
            raise ConfigurationError("resource: a resource identifier has no fragment ('#...')")
        checked_url("resource", self.resource)
        for server in check.texts("resource: authorization_servers", self.authorization_servers):
            checked_url("resource: authorization_servers", server)
        for scope in check.texts("resource: scopes_supported", self.scopes_supported):
            if not _QUOTABLE.fullmatch(scope):
                raise ConfigurationError(
                    f"resource: scopes_supported: {scope!r} is no scope; a scope is visible ASCII "
                    "without a blank, a quotation mark or a backslash (RFC 6749, 3.3)"
                )
        check.text("resource: resource_name", self.resource_name)
        if self.resource_documentation is not None:
            checked_url("resource: resource_documentation", self.resource_documentation)

    @classmethod
    def of(cls, value: Any) -> ProtectedResource:
        """Return the value of the option, which may be a text or a table, as in TOML.

        Raises:
            ConfigurationError: it is neither, or one of its members is wrong.

        """
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls(value)
        if not isinstance(value, Mapping):
            raise ConfigurationError(
                f"resource: the API's URL, or a ProtectedResource(...), not {check.kind(value)}"
            )
        with in_file(value):
            check.known(value, RESOURCE, "member of resource:")
            if "resource" not in value:
                raise ConfigurationError("resource: the table has no member 'resource', the URL")
            return cls(**value)

    @property
    def metadata_url(self) -> str:
        """The URL of the document (RFC 9728, 3.1).

        The well-known path stands before the path of the identifier; a slash that ends the host
        alone is dropped.
        """
        parts = urlsplit(self.resource)
        path = "" if parts.path == "/" else parts.path
        query = f"?{parts.query}" if parts.query else ""
        return f"{parts.scheme}://{parts.netloc}{WELL_KNOWN}{path}{query}"


def checked_url(name: str, value: Any) -> SplitResult:
    """Return the parts of an https URL, or one of http to loopback."""
    text = check.text(name, "" if value is None else value) or ""
    # Not echoed: a URL in the wrong place may hold a password.
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError(f"{name}: the URL cannot be read") from None
    if not host or not _QUOTABLE.fullmatch(text):
        raise ConfigurationError(f"{name}: a whole URL in ASCII, such as https://example.com/path")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(f"{name}: the URL must not hold a user name or a password")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ConfigurationError(f"{name}: the URL is not https, and http is for loopback only")
    return parts
