"""Errors as HTTP: the one place with status codes, bodies and challenges.

RFC 9457 for the body, RFC 6750 for the challenge. The answer has the stable code and nothing
beyond it; the audit event has what the operator needs, under the same reference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, AnyStr, NamedTuple

from .errors import (
    AuthenticationError,
    ConfigurationError,
    DuplicateHeader,
    InvalidClaims,
    MalformedToken,
    MissingToken,
    PermissionDenied,
    RequestError,
    Unavailable,
)
from .refusal_page import prefers_html, prefers_json, refusal_page

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse

Headers = tuple[tuple[str, str], ...]
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True)
class Refusal:
    """An answer as plain values, which each protocol serves in a few lines.

    ``code``, ``reference`` and ``faults`` are those that the body states, for a ``refuse=`` that
    words its own; ``faults`` are of sign-on, what is wrong with the claims.
    """

    status: int
    headers: Headers
    body: bytes
    code: str = ""
    reference: str | None = None
    faults: tuple[str, ...] = ()

    def can_be_sent(self) -> bool:
        """Whether every server takes the status, the headers and the body."""
        try:
            parts = [part for pair in self.headers for part in pair]
            plain = all(isinstance(part, str) and part.isprintable() for part in parts)
            "".join(parts).encode("latin-1")
        except (TypeError, ValueError):
            return False
        return plain and isinstance(self.body, bytes) and self.status in range(200, 600)

    @property
    def sent_headers(self) -> Headers:
        """The headers with ``Cache-Control: no-store``, whatever an app's own shape says there."""
        others, own = parted(self.headers, ("cache-control",))
        members = [member for _, value in own for member in list_members(value)]
        if any(directive_name(member) == "no-store" for member in members):
            return self.headers
        return (*others, ("Cache-Control", "no-store"))

    @property
    def reason_phrase(self) -> str:
        """The status line's phrase (RFC 9110)."""
        return _PHRASES.get(self.status, "Refused")


_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Challenge(NamedTuple):
    """Scheme and realm of ``WWW-Authenticate``, from the gateway's preset.

    ``is_oauth``: the caller itself sends the token, as in RFC 6750, so that errors of the request
    and the needed scope are named. ``metadata``: the URL of the resource's metadata (RFC 9728).
    """

    scheme: str = "Bearer"
    realm: str = "api"
    is_oauth: bool = False
    metadata: str | None = None


class Text(NamedTuple):
    """What a code means, in one line each: fixed words, ASCII, without a quotation mark."""

    title: str
    detail: str


class Wording(NamedTuple):
    """How one way in words its refusals.

    ``texts`` are by code; a code without one gets ``otherwise``. ``headers`` are on every answer,
    unless ``page_headers`` replace them on pages. ``for_people``: a page unless the caller asks for
    JSON; else JSON unless it asks for a page. ``way_out``: a page's link, as its path and its text.
    """

    texts: Mapping[str, Text]
    otherwise: Text
    headers: Headers = ()
    for_people: bool = False
    page_headers: Headers | None = None
    way_out: tuple[str, str] | None = None


_TEXTS: Mapping[str, Text] = MappingProxyType(
    {
        "missing_token": Text("No assertion", "The request carries no assertion header."),
        "duplicate_header": Text("Repeated assertion", "The assertion header came more than once."),
        "token_too_large": Text("Assertion too large", "The assertion header is too long."),
        "malformed_token": Text("Malformed assertion", "The assertion is not a signed JWT."),
        "unacceptable_algorithm": Text(
            "Unacceptable algorithm", "The assertion's algorithm is not accepted here."
        ),
        "unknown_key": Text("Unknown key", "The assertion's signing key is not known here."),
        "bad_signature": Text("Bad signature", "The assertion's signature does not hold."),
        "invalid_original": Text(
            "Invalid original assertion", "The assertion of the original caller is not accepted."
        ),
        "token_expired": Text("Expired assertion", "The assertion has expired."),
        "token_immature": Text("Immature assertion", "The assertion is not valid yet."),
        "invalid_claim": Text(
            "Invalid claim", "A claim of the assertion is missing or not accepted here."
        ),
        "token_revoked": Text("Revoked assertion", "The assertion has been revoked."),
        "token_reused": Text("Reused assertion", "The assertion has been used before."),
        "invalid_claims": Text(
            "Invalid claims", "Claims of the token are missing or not accepted here."
        ),
        "unknown_integration": Text(
            "Unknown integration", "The token comes from nobody who is known here."
        ),
        "integration_disabled": Text("Disabled integration", "The integration is switched off."),
        "account_refused": Text("Refused account", "The account cannot be signed in to."),
        "client_mismatch": Text("Unproven client", "The assertion does not prove its client."),
        "unknown_client": Text("Unknown client", "The client is not known here."),
        "client_disabled": Text("Disabled client", "The client is switched off."),
        "insufficient_permission": Text("Insufficient permission", "The caller may not do this."),
        "unavailable": Text(
            "Temporarily unavailable", "It cannot be decided now. Try again later."
        ),
        "keys_unavailable": Text(
            "Keys unavailable", "The assertion cannot be verified now. Try again later."
        ),
        "store_unavailable": Text(
            "Store unavailable",
            "Whether the assertion still counts cannot be known now. Try again later.",
        ),
        "sign_on_failed": Text("Sign-on failed", "Nobody was signed in. Try again later."),
        "configuration_error": Text(
            "Service misconfigured", "The service is not configured correctly."
        ),
    }
)
_UNAUTHENTICATED = Text("Unauthenticated", "The caller could not be authenticated.")
ASSERTION = Wording(_TEXTS, _UNAUTHENTICATED)
"""The words for a gateway's assertion."""


def refusal_for(
    error: RequestError,
    challenge: Challenge,
    *,
    accept: str = "",
    method: str = "GET",
    wording: Wording = ASSERTION,
) -> Refusal:
    """Return the answer to a refused request.

    A small HTML page where ``accept`` prefers one, else ``application/problem+json``.
    """
    text = wording.texts.get(error.code, wording.otherwise)
    if isinstance(error, Unavailable):
        status, header = 503, ("Retry-After", str(error.retry_after))
    else:
        status = 403 if isinstance(error, PermissionDenied) else 401
        header = ("WWW-Authenticate", _challenge(error, challenge, text))
    faults = error.faults if isinstance(error, InvalidClaims) else ()
    wants_page = _wants_page(accept, wording)
    if wants_page:
        body = _page(status, wording, text, error, faults)
        own = wording.headers if wording.page_headers is None else wording.page_headers
    else:
        body = _problem(status, error.code, text, error.reference, faults)
        own = wording.headers
    answer = _answer(status, wants_page, body, (*own, header), method)
    return replace(answer, code=error.code, reference=error.reference, faults=faults)


def misconfigured(
    _: ConfigurationError, *, accept: str = "", wording: Wording = ASSERTION
) -> Refusal:
    """Return the answer of an app whose middleware could not be made; the log says why."""
    code = "configuration_error"
    wants_page = _wants_page(accept, wording)
    if wants_page:
        text = wording.texts.get(code, _TEXTS[code])
        body = refusal_page(503, code, text.title, text.detail, way_out=wording.way_out)
    else:
        body = _problem(503, code, _TEXTS[code], None, ())
    own = (wording.page_headers or wording.headers) if wants_page else ()
    return replace(_answer(503, wants_page, body, own), code=code)


def _wants_page(accept: str, wording: Wording) -> bool:
    return not prefers_json(accept) if wording.for_people else prefers_html(accept)


def _challenge(error: RequestError, challenge: Challenge, text: Text) -> str:
    parts = [f'{challenge.scheme} realm="{challenge.realm}"']
    if challenge.metadata is not None:
        parts.append(f'resource_metadata="{challenge.metadata}"')
    if not isinstance(error, MissingToken):  # RFC 6750, 3.1: no error where nothing authenticates
        name = "invalid_token" if isinstance(error, AuthenticationError) else "insufficient_scope"
        if challenge.is_oauth and _is_of_request(error):
            name = "invalid_request"
        parts += [f'error="{name}"', f'error_description="{text.detail}"']
        if challenge.is_oauth and isinstance(error, PermissionDenied) and error.scope:
            parts.append(f'scope="{error.scope}"')
    return ", ".join(parts)


def _is_of_request(error: RequestError) -> bool:
    """Whether the request is malformed, not the token (RFC 6750, 3.1)."""
    return isinstance(error, DuplicateHeader) or (
        isinstance(error, MalformedToken) and error.is_of_request
    )


def _answer(
    status: int, is_page: bool, body: bytes, others: Headers = (), method: str = "GET"
) -> Refusal:
    headers = (
        ("Content-Type", "text/html; charset=utf-8" if is_page else "application/problem+json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        *others,
    )
    return Refusal(status, headers, b"" if method == "HEAD" else body)


def _problem(
    status: int, code: str, text: Text, reference: str | None, faults: tuple[str, ...]
) -> bytes:
    problem: dict[str, object] = {
        "type": f"urn:jwt-middleware:problem:{code}",
        "title": text.title,
        "status": status,
        "code": code,
        "detail": text.detail,
    }
    if reference is not None:
        problem["reference"] = reference
    if faults:
        problem["faults"] = faults
    return json.dumps(problem).encode()


def _page(
    status: int, wording: Wording, text: Text, error: RequestError, faults: tuple[str, ...]
) -> bytes:
    return refusal_page(
        status,
        error.code,
        text.title,
        text.detail,
        faults=faults,
        reference=error.reference,
        way_out=wording.way_out,
    )


async def send_asgi(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a refusal: as an HTTP response, or before a websocket is accepted."""
    prefix = ""
    if scope["type"] == "websocket":
        await receive()  # websocket.connect
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008})
            return
        prefix = "websocket."
    await send(
        {
            "type": f"{prefix}http.response.start",
            "status": refusal.status,
            "headers": raw_headers(refusal),
        }
    )
    await send({"type": f"{prefix}http.response.body", "body": refusal.body})


def raw_headers(refusal: Refusal) -> list[tuple[bytes, bytes]]:
    """Return the headers as ASGI sends them."""
    return [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in refusal.sent_headers]


def send_wsgi(
    refusal: Refusal, start_response: StartResponse, failure: OptExcInfo | None = None
) -> Iterable[bytes]:
    """Send a refusal; after a failure of the app, also where it had begun to answer (PEP 3333)."""
    status = f"{refusal.status} {refusal.reason_phrase}"
    if failure is None:
        start_response(status, list(refusal.sent_headers))
    else:
        start_response(status, list(refusal.sent_headers), failure)
    return [refusal.body]


def parted(
    lines: Iterable[tuple[AnyStr, AnyStr]], names: tuple[AnyStr, ...]
) -> tuple[list[tuple[AnyStr, AnyStr]], tuple[tuple[AnyStr, AnyStr], ...]]:
    """Return the header lines of other names, and those of these names (in lower case)."""
    others: list[tuple[AnyStr, AnyStr]] = []
    own: list[tuple[AnyStr, AnyStr]] = []
    for name, value in lines:
        (own if name.lower() in names else others).append((name, value))
    return others, tuple(own)


_MEMBER = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')


def list_members(value: str) -> list[str]:
    """Split a header's list at its commas, except those between quotation marks."""
    return [member.strip() for member in _MEMBER.findall(value) if member.strip()]


def directive_name(directive: str) -> str:
    """Return the name of a ``Cache-Control`` directive, in lower case."""
    return directive.partition("=")[0].strip().lower()
