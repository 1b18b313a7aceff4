"""One HTTP GET for a key document, bounded in every direction.

TLS always verified; no redirect; at most 512 KiB, never compressed; one deadline from connect to
the last byte, in which every address of the host is tried. ``key_urls`` says where keys may come
from, ``fetch_faults`` why there are none.
"""

from __future__ import annotations

import codecs
import http.client
import io
import os
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import SplitResult

from ..errors import ConfigurationError
from ..options import checks as check
from .fetch_faults import FetchError as FetchError
from .fetch_faults import connection_fault, status_fault
from .key_urls import checked_url as checked_url
from .key_urls import is_allowed_address

# The first look-up of a name imports this codec. A child that is forked while the fetching thread
# does so would have no codec, and so no keys.
codecs.lookup("idna")


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return a context that verifies names and chains; ``ca_file`` replaces the system's roots.

    All fetches by the same authorities share one, as reading them takes 20 ms and a megabyte. A
    file that was replaced is read anew.
    """
    ca_file = check.text("ca_file", ca_file)
    system = ssl.get_default_verify_paths()  # SSL_CERT_FILE and SSL_CERT_DIR count
    place = (ca_file,) if ca_file is not None else (system.cafile, system.capath)
    mark = tuple(map(_mark, place))
    known = _contexts.get(place)
    if known is None or known[0] != mark:
        known = _contexts[place] = mark, _new_context(ca_file)
    return known[1]


def _mark(path: str | None) -> tuple[int, ...] | None:
    try:
        stat = os.stat(path or "")
    except (OSError, ValueError):
        return None
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def _new_context(ca_file: str | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise ConfigurationError(f"ca_file: {ca_file} cannot be read: {error}") from None
    if ca_file is not None:
        # Python 3.13 refuses authorities without key identifiers, as private ones often are. Here
        # one was named, and its chain and the host's name are verified as before.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


_contexts: dict[tuple[str | None, ...], tuple[object, ssl.SSLContext]] = {}
"""By where the authorities are: what their files were like, and the context of that."""

if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    # A thread that the child does not have may hold a lock within a context.
    os.register_at_fork(after_in_child=_contexts.clear)


def checked_headers(headers: Any) -> dict[str, str]:
    """Read the option ``headers``. No error repeats a name or a value: either may be a secret.

    Raises:
        ConfigurationError: it is no table of header names and their values (RFC 9110, 5.5 and 5.6),
            or has a header that HTTP itself needs.

    """
    if headers is None:
        return {}
    if not isinstance(headers, Mapping):
        raise ConfigurationError(f"headers: a table of names and values, not {check.kind(headers)}")
    for number, (name, value) in enumerate(headers.items(), 1):
        where = f"headers, entry {number}"
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ConfigurationError(f"{where}: its name is no header name (RFC 9110, 5.6.2)")
        if name.lower() in _OWN_HEADERS:
            raise ConfigurationError(f"{where}: {name.title()} is set by the fetch itself")
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise ConfigurationError(
                f"{where}: its value is no header value: printable ASCII in one line, not empty"
            )
    return dict(headers)


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_HEADER_VALUE = re.compile(r"[!-~](?:[ \t!-~]*[!-~])?")
_OWN_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "host",
        "if-none-match",
        "te",
        "transfer-encoding",
        "upgrade",
    }
)


@cache
def user_agent() -> str:
    """Return the ``User-Agent`` of every fetch: firewalls refuse requests without one."""
    from importlib.metadata import PackageNotFoundError, version

    name = "jwt-assertion-middleware"
    try:
        return f"{name}/{version(name)}"
    except PackageNotFoundError:
        return name


def get(
    url: str,
    *,
    deadline: float,
    ca_file: str | None = None,
    headers: Mapping[str, str] | None = None,
    allow_http: bool = False,
    etag: str | None = None,
) -> Document:
    """Return the answer to a GET.

    Args:
        url: checked with ``checked_url``.
        deadline: seconds for everything, from connect to the last byte.
        ca_file: PEM file of the authorities to trust instead of the system's.
        headers: sent beside the usual ones.
        allow_http: plain http to private addresses too, not to loopback only.
        etag: of the answer that is known; then an unchanged one (304) is good too.

    Raises ``FetchError`` for anything but a complete answer of at most 512 KiB in time.
    """
    parts = checked_url(url, allow_http=allow_http)
    ends = time.monotonic() + deadline
    try:
        context = tls_context(ca_file) if parts.scheme == "https" else None
    except ConfigurationError as error:  # the file was good when the app started
        raise FetchError(str(error)) from None
    connection = _Connection(parts, ends, context, allow_http)
    try:
        document = _exchange(connection, parts, headers or {}, etag)
    except (OSError, http.client.HTTPException) as error:
        if time.monotonic() >= ends or isinstance(error, TimeoutError):
            raise FetchError(f"no complete answer within {deadline:g} s") from None
        raise FetchError(connection_fault(error, is_tls=parts.scheme == "https")) from None
    finally:
        connection.close()
    if time.monotonic() >= ends:
        raise FetchError(f"no complete answer within {deadline:g} s")
    return document


class _Connection(http.client.HTTPConnection):
    """A connection with one deadline for everything, from the first address that it tries."""

    def __init__(
        self, parts: SplitResult, ends: float, context: ssl.SSLContext | None, allow_http: bool
    ) -> None:
        if parts.scheme == "https":
            self.default_port = 443
        super().__init__(parts.hostname or "", parts.port or self.default_port)
        self._ends = ends
        self._allow_http = allow_http
        self._tls = context

    def connect(self) -> None:
        """Connect to the first address that answers, and verify its certificate."""
        plain = self._open()
        plain.settimeout(self.seconds_left())
        self.sock = plain
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
        self.sock.settimeout(self.seconds_left())

    def response_class(  # type: ignore[override]
        self, sock: socket.socket, **options: Any
    ) -> http.client.HTTPResponse:
        """Return the answer, of which each read must be in time."""
        return http.client.HTTPResponse(_Timed(sock, self.seconds_left), **options)  # type: ignore[arg-type]

    def _open(self) -> socket.socket:
        addresses = self._addresses()
        for untried in range(len(addresses), 0, -1):
            family, kind, protocol, _, address = addresses[-untried]
            left = self.seconds_left()
            candidate = socket.socket(family, kind, protocol)
            try:
                # One that swallows packets must not use up the time of the others and the answer.
                candidate.settimeout(left if untried == 1 else left / (untried + 1))
                candidate.connect(address)
            except OSError:
                candidate.close()
                if untried == 1:
                    raise
            else:
                return candidate
        raise OSError("the host has no address")

    def _addresses(self) -> list[Any]:
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        is_tls, allow_http = self._tls is not None, self._allow_http
        allowed = [
            each
            for each in found
            if is_allowed_address(str(each[4][0]), is_tls=is_tls, allow_http=allow_http)
        ]
        if found and not allowed:
            where = "private addresses" if allow_http else "loopback"
            raise FetchError(f"the host has a public address, and http is for {where} only")
        return allowed

    def seconds_left(self) -> float:
        """Return the seconds until the deadline; raise ``TimeoutError`` after it."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Timed(io.RawIOBase):
    """What a socket answers until a deadline: an answer that drips has each byte in time."""

    def __init__(self, sock: socket.socket, seconds_left: Callable[[], float]) -> None:
        self._sock = sock
        self._answer = sock.makefile("rb", buffering=0)
        self._seconds_left = seconds_left

    def makefile(self, _: str) -> io.BufferedReader:
        """Return the answer as a file, as a socket does."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what has come, or wait for it, at most until the deadline."""
        self._sock.settimeout(self._seconds_left())
        return self._answer.readinto(buffer)

    def close(self) -> None:
        """Let go of the socket."""
        self._answer.close()
        super().close()


ACCEPT = "application/jwk-set+json, application/json;q=0.9, */*;q=0.1"
"""RFC 7517, section 8.5; some servers answer 406 where ``*/*`` is missing."""


def _exchange(
    connection: _Connection, parts: SplitResult, own: Mapping[str, str], etag: str | None
) -> Document:
    target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
    usual = {
        "Accept": ACCEPT,
        "Accept-Encoding": "identity",
        "Connection": "close",
        "User-Agent": user_agent(),
    }
    if etag is not None:
        usual["If-None-Match"] = etag
    named = {name.lower() for name in own}
    headers = {name: value for name, value in usual.items() if name.lower() not in named}
    connection.request("GET", target, headers={**headers, **own})
    with closing(connection.getresponse()) as response:
        max_age = _max_age(response)
        if response.status == 304 and etag is not None:
            return Document(None, etag, max_age)
        if response.status != 200:
            after = response.getheader("Retry-After") or ""
            raise FetchError(
                status_fault(parts.geturl(), response.status, response.getheader("Location")),
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


class Document(NamedTuple):
    """A good answer. ``body`` is None where it has not changed since the one with ``etag``.

    ``max_age``: seconds for which it says it is fresh, or None where it says nothing.
    """

    body: bytes | None
    etag: str | None = None
    max_age: float | None = None
