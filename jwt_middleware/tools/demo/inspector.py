"""The inspector: a page where a person sees what a token is, whether it verifies, and why not.

The server decodes and verifies; the page only shows, and nothing is sent elsewhere.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from ...authorization.clients import Client
from ...errors import ConfigurationError
from ...testing import FORMS, Accounts, SigningKey
from ...verification.verifier import Verifier
from ..explain.claims import grouped
from ..explain.telling import inspection_as_json, principal_as_json
from ..explain.token import Inspection, found_in, inspect
from ..gateway.bodies import bounded_body
from .echo import ECHO_CONTEXT
from .samples import FAULTS, Sample, sample

INSPECTOR = "/_inspector"
_FILES = Path(__file__).with_name("page")
_TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript"}
_LONGEST = 262_144
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

TryRoutes = Callable[[str], Awaitable[list[dict[str, Any]]]]


class _Fault(Exception):
    """What a person sent cannot be taken; the text says why."""


class Inspector:
    """The page, and what it asks for.

    Args:
        accounts: callers to pick from, and the public client that people sign in by.
        key: the gateway's, which signs samples.
        verifiers: verify what is pasted. Of several, one with a registry is asked about a token
            that names a client, and one without about the others.
        form: what samples are spelled in where nothing is chosen.
        try_routes: asks the app's routes with a token, and tells what each answered.

    """

    def __init__(
        self,
        accounts: Accounts,
        key: SigningKey,
        verifiers: Sequence[Verifier],
        *,
        form: str = "wso2-4.2",
        try_routes: TryRoutes | None = None,
    ) -> None:
        self._accounts = accounts
        self._key = key
        self._verifiers = verifiers
        self._form = form
        self._try_routes = try_routes

    def routes(self) -> list[Route]:
        """Return the page's routes, all below ``/_inspector``."""
        found = [
            Route(f"{INSPECTOR}/choices", self._choices, methods=["GET"]),
            Route(f"{INSPECTOR}/sample", _answering(self._sample), methods=["POST"]),
            Route(f"{INSPECTOR}/inspect", _answering(self._inspect), methods=["POST"]),
            Route(f"{INSPECTOR}/", _to_the_page, methods=["GET"]),
        ]
        for path in sorted(_FILES.iterdir()):
            place = INSPECTOR if path.suffix == ".html" else f"{INSPECTOR}/{path.name}"
            found.append(Route(place, _file(path), methods=["GET"]))
        return found

    async def _choices(self, _: Request) -> Response:
        accounts = self._accounts
        named = accounts.registry.clients if accounts.registry is not None else None
        clients = []
        for client_id, account in accounts.clients.items():
            entry = None if named is None else named.get(client_id)
            name = entry.name if entry is not None else account.application or client_id
            clients.append({"id": client_id, "name": name})
        public = [
            account.client_id
            for account in accounts.clients.values()
            if account.secret is None
            and any(uri.endswith(INSPECTOR) for uri in account.redirect_uris)
        ]
        told = {
            "clients": clients,
            "users": list(accounts.users),
            "forms": [{"id": name, "preset": form.preset} for name, form in FORMS.items()],
            "form": self._form,
            "faults": [{"id": name, "name": said} for name, (said, _) in FAULTS.items()],
            "sign_in": {"client": public[0] if public else None, "echo": ECHO_CONTEXT},
        }
        return JSONResponse(told, headers=_HEADERS)

    async def _sample(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        wanted = {name: asked.get(name) or default for name, default in Sample()._asdict().items()}
        if not all(value is None or isinstance(value, str) for value in wanted.values()):
            raise _Fault("client, user, form and fault are texts")
        try:
            token = sample(Sample(**wanted), self._accounts, self._key, ECHO_CONTEXT)
        except (ConfigurationError, ValueError) as error:
            raise _Fault(str(error)) from None
        return {"token": token}

    async def _inspect(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        text = asked.get("token")
        if not isinstance(text, str):
            raise _Fault("token is a text")
        token = found_in(text)
        # A thread, since a verifier may wait for keys.
        found, verifier = await to_thread.run_sync(self._asked, token)
        told = report(found, verifier)
        told["cleaned"] = token != text.strip()
        if self._try_routes is not None and _can_be_sent(token):
            told["routes"] = await self._try_routes(token)
        return told

    def _asked(self, token: str) -> tuple[Inspection, Verifier]:
        now = time.time()
        first = inspect(token, None, now)
        verifier = self._verifier_for(first.claims or {})
        return inspect(token, verifier, now), verifier

    def _verifier_for(self, claims: Mapping[str, Any]) -> Verifier:
        def fits(verifier: Verifier) -> bool:
            names = verifier.gateway.names.client_id
            return (verifier.clients is not None) is any(name in claims for name in names)

        return next(filter(fits, self._verifiers), self._verifiers[0])


def report(found: Inspection, verifier: Verifier) -> dict[str, Any]:
    """Return an inspection as JSON, with the claims in groups and their meaning."""
    own: dict[str, str] = {}
    claims = found.claims or {}
    if verifier.clients is not None:
        for name in verifier.gateway.names.client_id:
            entry = verifier.clients.get(str(claims.get(name)))
            own |= {} if entry is None else _meanings(entry)
    return {
        **inspection_as_json(found),
        "groups": [
            {"name": group, "claims": [told._asdict() for told in told_claims]}
            for group, told_claims in grouped(claims, own).items()
        ],
        "principal": None if found.principal is None else principal_as_json(found.principal),
    }


def _meanings(entry: Client) -> dict[str, str]:
    """Return what the claims that a client's entry names are to it."""
    found = {each.name: f"Roles of {entry.name}." for each in entry.roles}
    found |= {each.name: f"Permissions of {entry.name}." for each in entry.permissions}
    found |= {
        attribute.claim: f"The attribute {name} of {entry.name}."
        for name, attribute in entry.attributes.items()
    }
    return found


def _can_be_sent(token: str) -> bool:
    """Whether an HTTP client can put it into a header at all."""
    return bool(token) and token.isascii() and token.isprintable()


def _answering(
    answer: Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]],
) -> Callable[[Request], Awaitable[Response]]:
    """Make an endpoint of a function from JSON to JSON; what cannot be taken is told as 400."""

    async def endpoint(request: Request) -> Response:
        try:
            told = await answer(await _json_object(request))
        except _Fault as fault:
            return JSONResponse({"error": str(fault)}, 400, _HEADERS)
        return JSONResponse(told, headers=_HEADERS)

    return endpoint


async def _json_object(request: Request) -> dict[str, Any]:
    # Only a page of our own may send this type without asking first (CORS).
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise _Fault("send JSON, as application/json")
    body = await bounded_body(request, _LONGEST)
    if body is None:
        raise _Fault(f"more than {_LONGEST} bytes: this is no token")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise _Fault("this is no JSON") from None
    if not isinstance(found, dict):
        raise _Fault("send a JSON object")
    return found


async def _to_the_page(_: Request) -> Response:
    return RedirectResponse(INSPECTOR)


def _file(path: Path) -> Callable[[Request], Awaitable[Response]]:
    async def serve(_: Request) -> Response:
        return Response(path.read_bytes(), headers=_HEADERS, media_type=_TYPES[path.suffix])

    return serve
