"""Errors as HTTP: the one place with status codes, bodies and challenges.

RFC 9457 for the body, RFC 6750 for the challenge. The answer tells the stable code and nothing
beyond it; what the operator needs stands in the audit event under the same reference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from .errors import (
    AuthenticationError,
    ConfigurationError,
    MissingToken,
    PermissionDenied,
    RequestError,
    Unavailable,
)


@dataclass(frozen=True)
class Refusal:
    """An answer as plain values, which each protocol serves in a few lines."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def can_be_sent(self) -> bool:
        """Whether status, headers and body are such that every server takes them."""
        try:
            lines = [line for pair in self.headers for line in pair]
            plain = all(isinstance(each, str) and each.isprintable() for each in lines)
            bool("".join(lines).encode("latin-1"))
        except (TypeError, ValueError):
            return False
        return plain and isinstance(self.body, bytes) and self.status in range(200, 600)

    @property
    def reason_phrase(self) -> str:
        """The status line's phrase (RFC 9110)."""
        return _PHRASES.get(self.status, "Refused")


_PHRASES = {401: "Unauthorized", 403: "Forbidden", 503: "Service Unavailable"}


class Challenge(NamedTuple):
    """Scheme and realm of ``WWW-Authenticate``, from the gateway's preset."""

    scheme: str = "Bearer"
    realm: str = "api"


class _Text(NamedTuple):
    title: str
    detail: str


_TEXTS: Mapping[str, _Text] = MappingProxyType(
    {
        "missing_token": _Text("No assertion", "The request carries no assertion header."),
        "duplicate_header": _Text(
            "Repeated assertion", "The assertion header came more than once."
        ),
        "token_too_large": _Text("Assertion too large", "The assertion header is too long."),
        "malformed_token": _Text("Malformed assertion", "The assertion is not a signed JWT."),
        "unacceptable_algorithm": _Text(
            "Unacceptable algorithm", "The assertion's algorithm is not accepted here."
        ),
        "unknown_key": _Text("Unknown key", "The assertion's signing key is not known here."),
        "bad_signature": _Text("Bad signature", "The assertion's signature does not hold."),
        "token_expired": _Text("Expired assertion", "The assertion has expired."),
        "token_immature": _Text("Immature assertion", "The assertion is not valid yet."),
        "invalid_claim": _Text(
            "Invalid claim", "A claim of the assertion is missing or not accepted here."
        ),
        "token_revoked": _Text("Revoked assertion", "The assertion has been revoked."),
        "token_reused": _Text("Reused assertion", "The assertion has been used before."),
        "client_mismatch": _Text("Unproven client", "The assertion does not prove its client."),
        "unknown_client": _Text("Unknown client", "The client is not known here."),
        "client_disabled": _Text("Disabled client", "The client is switched off."),
        "insufficient_permission": _Text("Insufficient permission", "The caller may not do this."),
        "unavailable": _Text(
            "Temporarily unavailable", "It cannot be decided now. Try again later."
        ),
        "keys_unavailable": _Text(
            "Keys unavailable", "The assertion cannot be verified now. Try again later."
        ),
        "store_unavailable": _Text(
            "Store unavailable",
            "Whether the assertion still counts cannot be known now. Try again later.",
        ),
        "configuration_error": _Text(
            "Service misconfigured", "The service is not configured correctly."
        ),
    }
)
_UNAUTHENTICATED = _Text("Unauthenticated", "The caller could not be authenticated.")


def refusal_for(
    error: RequestError, challenge: Challenge, *, accept: str = "", method: str = "GET"
) -> Refusal:
    """Return the answer to a refused request.

    A small HTML page where ``accept`` prefers one, else ``application/problem+json``.
    """
    text = _TEXTS.get(error.code, _UNAUTHENTICATED)
    if isinstance(error, Unavailable):
        extra = (("Retry-After", str(error.retry_after)),)
        return _answer(503, error.code, text, extra, error.reference, accept, method)
    status = 403 if isinstance(error, PermissionDenied) else 401
    extra = (("WWW-Authenticate", _challenge(error, challenge, text)),)
    return _answer(status, error.code, text, extra, error.reference, accept, method)


def misconfigured(_: ConfigurationError) -> Refusal:
    """Return the answer of an app whose middleware could not be made; the log says why."""
    code = "configuration_error"
    return _answer(503, code, _TEXTS[code], (), None, "", "GET")


def _challenge(error: RequestError, challenge: Challenge, text: _Text) -> str:
    parts = [f'{challenge.scheme} realm="{challenge.realm}"']
    # RFC 6750, 3.1: a request without any authentication gets a bare challenge.
    if not isinstance(error, MissingToken):
        name = "invalid_token" if isinstance(error, AuthenticationError) else "insufficient_scope"
        parts += [f'error="{name}"', f'error_description="{text.detail}"']
    return ", ".join(parts)


def _answer(
    status: int,
    code: str,
    text: _Text,
    extra: tuple[tuple[str, str], ...],
    reference: str | None,
    accept: str,
    method: str,
) -> Refusal:
    if prefers_html(accept):
        content_type = "text/html; charset=utf-8"
        body = _page(status, code, text, reference)
    else:
        content_type = "application/problem+json"
        problem: dict[str, object] = {
            "type": f"urn:jwt-middleware:problem:{code}",
            "title": text.title,
            "status": status,
            "code": code,
            "detail": text.detail,
        }
        if reference is not None:
            problem["reference"] = reference
        body = json.dumps(problem).encode()
    headers = (
        ("Content-Type", content_type),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        *extra,
    )
    return Refusal(status, headers, b"" if method == "HEAD" else body)


def _page(status: int, code: str, text: _Text, reference: str | None) -> bytes:
    from html import escape  # few callers prefer a page

    line = f"<p>Reference: <code>{escape(reference)}</code></p>" if reference else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{status} {escape(text.title)}</title></head><body><h1>{escape(text.title)}</h1>"
        f"<p>{escape(text.detail)}</p><p>Code: <code>{escape(code)}</code></p>{line}</body></html>"
    ).encode()


def prefers_html(accept: str) -> bool:
    """Whether an Accept header (RFC 9110, 12.5.1) wants HTML more than JSON."""
    accept = accept[:1025].lower()  # media types ignore case (RFC 9110, 8.3.1)
    if "text/html" not in accept or len(accept) > 1024:
        return False
    weights: dict[str, float] = {}
    for part in accept.split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        weights[kind] = weight
    json_weight = max(
        weights.get(kind, 0.0)
        for kind in ("application/problem+json", "application/json", "application/*", "*/*")
    )
    return weights.get("text/html", 0.0) > json_weight
