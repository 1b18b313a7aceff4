"""One HTTP GET for a key document, bounded in every direction.

https, or http to loopback; TLS always verified; no redirect; at most 512 KiB, never compressed; one
deadline from connect to the last byte.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from ..errors import ConfigurationError

MAX_BYTES = 512 * 1024


class FetchError(Exception):
    """The endpoint gave no usable answer. The text says why, without what it sent."""


def checked_url(url: str) -> SplitResult:
    """Return the URL's parts; raise ``ConfigurationError`` where keys must not come from there."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigurationError(f"keys: the URL cannot be read: {error}") from None
    if not host:
        raise ConfigurationError("keys: the URL names no host; write https://host:port/path")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("keys: a key URL must not hold a user name or a password")
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host)):
        return parts
    raise ConfigurationError(
        f"keys: {parts.scheme}://{host} cannot be trusted with keys; use https "
        "(http is for loopback only)"
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def get(url: str, *, deadline: float, ca_file: str | None = None) -> bytes:
    """Return the body of a 200 answer.

    Args:
        url: checked with ``checked_url``.
        deadline: seconds for everything, from connect to the last byte.
        ca_file: PEM file of the authorities to trust instead of the system's.

    Raises:
        FetchError: anything else than a complete 200 answer of at most 512 KiB in time.

    """
    parts = checked_url(url)
    ends = time.monotonic() + deadline
    connection = _connection(parts, deadline, ca_file)
    alarm = threading.Timer(deadline, _cut, (connection,))
    alarm.daemon = True
    alarm.start()
    try:
        body = _exchange(connection, parts, ends)
    except (OSError, http.client.HTTPException) as error:
        if time.monotonic() >= ends:
            raise FetchError(f"no complete answer within {deadline:g} s") from None
        raise FetchError(f"{type(error).__name__}: {error}"[:200]) from None
    finally:
        alarm.cancel()
        connection.close()
    if time.monotonic() >= ends:
        raise FetchError(f"no complete answer within {deadline:g} s")
    return body


def _connection(
    parts: SplitResult, timeout: float, ca_file: str | None
) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=timeout)
    context = ssl.create_default_context(cafile=ca_file)
    return http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=context)


def _exchange(connection: http.client.HTTPConnection, parts: SplitResult, ends: float) -> bytes:
    target = parts.path or "/"
    if parts.query:
        target += "?" + parts.query
    connection.request(
        "GET",
        target,
        headers={"Accept": "application/jwk-set+json, application/json", "Connection": "close"},
    )
    response = connection.getresponse()
    if response.status != 200:
        raise FetchError(f"status {response.status}, 200 was expected")
    if response.getheader("Content-Encoding", "identity").lower() != "identity":
        raise FetchError("a compressed answer, which was not asked for")
    chunks: list[bytes] = []
    size = 0
    while chunk := response.read1(65536):
        size += len(chunk)
        if size > MAX_BYTES:
            raise FetchError(f"an answer of more than {MAX_BYTES} bytes")
        if time.monotonic() >= ends:
            raise TimeoutError
        chunks.append(chunk)
    if response.length:
        raise FetchError("an answer that breaks off")
    return b"".join(chunks)


def _cut(connection: http.client.HTTPConnection) -> None:
    """End an exchange that drips: every single read may be in time while the whole is not."""
    sock = connection.sock
    if sock is not None:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
