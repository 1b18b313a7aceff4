"""One HTTP GET for a key document, bounded in every direction.

https, or http to loopback; TLS always verified; no redirect; at most 512 KiB, never compressed; one
deadline from connect to the last byte.
"""

from __future__ import annotations

import codecs
import http.client
import re
import socket
import ssl
import threading
import time
from contextlib import closing, suppress
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from ..errors import ConfigurationError
from ..options.hosts import is_loopback

# The first look-up of a name imports this codec. A child that is forked while the fetching thread
# does so would have no codec, and so no keys.
codecs.lookup("idna")


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return a context that verifies names and chains; ``ca_file`` replaces the system's roots."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"ca_file: {ca_file} cannot be read: {error}") from None


def get(
    url: str, *, deadline: float, context: ssl.SSLContext | None = None, etag: str | None = None
) -> Document:
    """Return the answer to a GET.

    Args:
        url: checked with ``checked_url``.
        deadline: seconds for everything, from connect to the last byte.
        context: of TLS, for https.
        etag: of the answer that is known; then an unchanged one (304) is good too.

    Raises ``FetchError`` for anything but a complete answer of at most 512 KiB in time.
    """
    parts = checked_url(url)
    ends = time.monotonic() + deadline
    connection = _Connection(parts, ends, context)
    alarm = threading.Timer(deadline, connection.cut)
    alarm.daemon = True
    alarm.start()
    try:
        document = _exchange(connection, parts, etag)
    except (OSError, http.client.HTTPException) as error:
        if time.monotonic() >= ends or isinstance(error, TimeoutError):
            raise FetchError(f"no complete answer within {deadline:g} s") from None
        # Without http.client's own texts, which quote the server.
        text = "" if isinstance(error, http.client.HTTPException) else f": {error}"
        raise FetchError(f"{type(error).__name__}{text}"[:200]) from None
    finally:
        alarm.cancel()
        connection.close()
    if time.monotonic() >= ends:
        raise FetchError(f"no complete answer within {deadline:g} s")
    return document


class _Connection(http.client.HTTPConnection):
    """A connection with one deadline for everything, from the first address that it tries."""

    def __init__(self, parts: SplitResult, ends: float, context: ssl.SSLContext | None) -> None:
        if parts.scheme == "https":
            self.default_port = 443
        super().__init__(parts.hostname or "", parts.port or self.default_port)
        self._ends = ends
        # http.client drops ``sock`` where an answer says that it is the last one; the alarm must
        # still be able to cut it.
        self._own: socket.socket | None = None
        self._tls = (context or tls_context(None)) if parts.scheme == "https" else None

    def connect(self) -> None:
        """Connect to the first address that answers, and verify its certificate."""
        plain = self._open()
        plain.settimeout(self.seconds_left())
        self.sock = plain
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
        self.sock.settimeout(self.seconds_left())
        self._own = self.sock

    def cut(self) -> None:
        """End an exchange that drips: each read may be in time while the whole is not."""
        if self._own is not None:
            with suppress(OSError):
                self._own.shutdown(socket.SHUT_RDWR)

    def _open(self) -> socket.socket:
        addresses = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, address in addresses:
            candidate = socket.socket(family, kind, protocol)
            try:
                candidate.settimeout(self.seconds_left())
                candidate.connect(address)
            except OSError:
                candidate.close()
                if address == addresses[-1][4]:
                    raise
            else:
                return candidate
        raise OSError("the host has no address")

    def seconds_left(self) -> float:
        """Return the seconds until the deadline; raise ``TimeoutError`` after it."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _exchange(connection: _Connection, parts: SplitResult, etag: str | None) -> Document:
    target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
    headers = {
        "Accept": "application/jwk-set+json, application/json",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    if etag is not None:
        headers["If-None-Match"] = etag
    connection.request("GET", target, headers=headers)
    with closing(connection.getresponse()) as response:
        max_age = _max_age(response)
        if response.status == 304 and etag is not None:
            return Document(None, etag, max_age)
        if response.status != 200:
            after = response.getheader("Retry-After") or ""
            raise FetchError(
                f"status {response.status}, 200 was expected",
                float(after) if re.fullmatch("[0-9]{1,9}", after) else None,
                response.status,
            )
        if response.getheader("Content-Encoding", "identity").lower() != "identity":
            raise FetchError("a compressed answer, which was not asked for")
        body = b""
        while chunk := response.read1(65536):
            body += chunk
            if len(body) > MAX_BYTES:
                raise FetchError(f"an answer of more than {MAX_BYTES} bytes")
            connection.seconds_left()
        connection.seconds_left()  # the alarm may have cut the answer
        if response.length:
            raise FetchError("an answer that breaks off")
        return Document(body, response.getheader("ETag"), max_age)


def _max_age(response: http.client.HTTPResponse) -> float | None:
    """Return what is left of Cache-Control's max-age (RFC 9111, 4.2); 0 without caching."""
    directives = (response.getheader("Cache-Control") or "").lower()
    if re.search(r"\bno-(?:store|cache)\b", directives):
        return 0.0
    max_age = re.search(r"\bmax-age\s*=\s*\"?(\d{1,10})", directives)
    if max_age is None:
        return None
    age = response.getheader("Age") or "0"
    return float(max_age[1]) - (float(age) if re.fullmatch("[0-9]+", age) else 0.0)


MAX_BYTES = 512 * 1024


class FetchError(Exception):
    """The endpoint gave no usable answer. The text says why, without what it sent.

    ``retry_after``: seconds that the endpoint asked for, if it did. ``status``: of HTTP, if that is
    why.
    """

    def __init__(
        self, reason: str, retry_after: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.status = status


class Document(NamedTuple):
    """A good answer. ``body`` is None where it has not changed since the one with ``etag``.

    ``max_age``: seconds for which it says it is fresh, or None where it says nothing.
    """

    body: bytes | None
    etag: str | None = None
    max_age: float | None = None


def checked_url(url: str) -> SplitResult:
    """Return the URL's parts; raise ``ConfigurationError`` where keys must not come from there."""
    # No part of a refused URL is echoed: any of them may be a secret.
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
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)):
        return parts
    raise ConfigurationError(
        "keys: the URL is not https, and http is for loopback only; keys that came any other way "
        "could be anybody's"
    )
