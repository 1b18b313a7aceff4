"""What may be fetched and what comes of it: the words of every key endpoint.

How it is fetched is ``http_fetch``'s matter, which is loaded where an endpoint is configured.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from ..errors import ConfigurationError

MAX_BYTES = 512 * 1024


class FetchError(Exception):
    """The endpoint gave no usable answer. The text says why, without what it sent.

    ``retry_after``: seconds that the endpoint asked for, if it did.
    """

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Document(NamedTuple):
    """A good answer. ``body`` is None where it has not changed since the one with ``etag``.

    ``max_age``: seconds for which it says it is fresh, or None where it says nothing.
    """

    body: bytes | None
    etag: str | None = None
    max_age: float | None = None


def checked_url(url: str) -> SplitResult:
    """Return the URL's parts; raise ``ConfigurationError`` where keys must not come from there."""
    # No part of a URL that is refused is echoed: a secret may stand in any of them.
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except (ValueError, TypeError, AttributeError):
        raise ConfigurationError(
            "keys: the URL cannot be read; write https://host:port/path"
        ) from None
    if not host or any(ord(character) <= 32 or ord(character) == 127 for character in url):
        raise ConfigurationError("keys: the URL names no host; write https://host:port/path")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("keys: a key URL must not hold a user name or a password")
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host)):
        return parts
    raise ConfigurationError(
        "keys: the URL is not https, and http is for loopback only; keys that came on any other "
        "way could be anybody's"
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
