"""Why a fetch brought no keys, in a sentence that names the way out.

No text repeats a body; a host, a status and a redirect's address may be named.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from urllib.parse import urljoin, urlsplit

from ..events.fields import printable


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


def connection_fault(error: OSError | http.client.HTTPException, *, is_tls: bool) -> str:
    """Say why there is no connection, or no answer on it; ``is_tls``: the URL is https."""
    try_tls = "" if is_tls else f"; {_WRITE_HTTPS}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_fault(error)
    if isinstance(error, ssl.SSLError):
        reason = error.reason or type(error).__name__
        if reason in _NO_TLS:
            return f"the port speaks no TLS ({reason}); is the URL http, or the port another?"
        return f"TLS failed: {reason}"
    if isinstance(error, ConnectionResetError | ConnectionAbortedError | BrokenPipeError):
        return f"the server hung up without an answer{try_tls} ({type(error).__name__})"
    if isinstance(error, http.client.HTTPException):
        # Without http.client's own texts, which quote the server.
        return f"{type(error).__name__}: the answer is no HTTP{try_tls}"
    if isinstance(error, socket.gaierror):
        return f"the host's name cannot be resolved ({error.strerror})"
    if isinstance(error, ConnectionRefusedError):
        return f"{type(error).__name__}: nothing listens at this port, or a firewall is between"
    return f"{type(error).__name__}: {error}"[:200]


_WRITE_HTTPS = "if the port speaks TLS, write https://"
_NO_TLS = frozenset(
    {"WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}
)

_TRUST_IT = "name the PEM file of its authority by ca_file=, or by the variable SSL_CERT_FILE"


def _certificate_fault(error: ssl.SSLCertVerificationError) -> str:
    """Say what is wrong with the server's certificate; OpenSSL's own words at the end."""
    message = error.verify_message or "no reason"
    words = message.lower()
    if "mismatch" in words or "not valid for" in words:
        what = "its certificate is for another name; use the name that it is for"
    elif "expired" in words:
        what = "its certificate has expired; have it renewed"
    elif "not yet valid" in words:
        what = "its certificate is not valid yet; compare the clocks"
    elif "key identifier" in words or "basic constraints" in words or "key usage" in words:
        what = f"its certificate has not the form that RFC 5280 asks for; {_TRUST_IT}"
    else:
        what = f"its certificate is of no authority that is trusted here; {_TRUST_IT}"
    return f"{what} (CERTIFICATE_VERIFY_FAILED: {message})"[:250]


def status_fault(url: str, status: int, location: str | None) -> str:
    """Say that the status was another than 200, where a redirect leads, and where TLS is wanted."""
    text = f"status {status}, 200 was expected"
    if status == 400 and url.startswith("http:"):  # as nginx and Go answer plain HTTP
        return f"{text}; {_WRITE_HTTPS}"
    if not 300 <= status < 400 or not location:
        return text
    try:
        there = urlsplit(urljoin(url, location))
        # Without the query, which may hold a secret.
        place = f"{there.scheme}://{there.hostname or ''}"
        place += ("" if there.port is None else f":{there.port}") + there.path
    except ValueError:
        place = "somewhere that is no URL"
    return f"{text}: redirects are not followed; it leads to {printable(place)}"
