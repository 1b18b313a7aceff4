"""The inspector: a page that shows what a token is, whether it verifies and, if not, why.

The server decodes and verifies; the page only shows, and nothing is sent elsewhere.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from ...errors import ConfigurationError
from ...gateways import Gateway
from ...principal import text_at, written
from ...testing import Accounts, ClientAccount, LocalGateway
from ...verification.verifier import Verifier
from ..explain.claims import grouped
from ..explain.token import find_token, inspect, principal_as_json
from ..gateway.requests import bounded_body
from .echo import ECHO_CONTEXT
from .samples import FAULTS, Sample, forms_of, sample

INSPECTOR = "/_inspector"
_FILES = Path(__file__).with_name("page")
_TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript"}
_LONGEST = 262_144
_PLAIN = re.compile(r"[A-Za-z0-9+/=_.-]+")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

TryRoutes = Callable[[str], Awaitable[list[dict[str, Any]]]]


class _BadRequest(Exception):
    """The text says what is wrong with the request."""


class Inspector:
    """The page, and what it requests.

    Args:
        accounts: callers to pick from, and the public client for signing in.
        local: the gateway, which signs samples; its form is what is chosen at first.
        verifiers: verify what is pasted. Of several, one with a registry verifies a token that
            names a client, and one without verifies the others.
        try_routes: calls the app's routes with a token, and returns what each answered.

    """

    def __init__(
        self,
        accounts: Accounts,
        local: LocalGateway,
        verifiers: Sequence[Verifier],
        *,
        try_routes: TryRoutes | None = None,
    ) -> None:
        self._accounts = accounts
        self._local = local
        self._verifiers = verifiers
        self._forms = forms_of(local)
        self._form = next(name for name, form in self._forms.items() if form is local.form)
        self._try_routes = try_routes

    def routes(self) -> list[Route]:
        """Return the page's routes, all below ``/_inspector``."""
        routes = [
            Route(f"{INSPECTOR}/choices", self._choices, methods=["GET"]),
            Route(f"{INSPECTOR}/sample", _answering(self._sample), methods=["POST"]),
            Route(f"{INSPECTOR}/inspect", _answering(self._inspect), methods=["POST"]),
            Route(f"{INSPECTOR}/", redirect_to_page, methods=["GET"]),
        ]
        for path in sorted(_FILES.iterdir()):
            place = INSPECTOR if path.suffix == ".html" else f"{INSPECTOR}/{path.name}"
            routes.append(Route(place, partial(_file, path), methods=["GET"]))
        return routes

    async def _choices(self, _: Request) -> Response:
        accounts = self._accounts.clients.values()
        public = [
            account.client_id
            for account in accounts
            if account.secret is None
            and any(uri.endswith(INSPECTOR) for uri in account.redirect_uris)
        ]
        choices = {
            "clients": [
                {"id": account.client_id, "name": self._name_of(account)} for account in accounts
            ],
            "users": list(self._accounts.users),
            "forms": [
                {"id": name, "preset": form.gateway.name} for name, form in self._forms.items()
            ],
            "form": self._form,
            "faults": [{"id": name, "name": text} for name, (text, _) in FAULTS.items()],
            "sign_in": {"client": public[0] if public else None, "echo": ECHO_CONTEXT},
        }
        return JSONResponse(choices, headers=_HEADERS)

    def _name_of(self, account: ClientAccount) -> str:
        entry = self._accounts.entry(account.client_id)
        return account.application or account.client_id if entry is None else entry.name

    async def _sample(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        usual = Sample(form=self._form)._asdict()
        wanted = {name: asked.get(name) or default for name, default in usual.items()}
        if not all(value is None or isinstance(value, str) for value in wanted.values()):
            raise _BadRequest("client, user, form and fault must be texts")
        try:
            token = sample(Sample(**wanted), self._accounts, self._local, ECHO_CONTEXT)
        except (ConfigurationError, ValueError) as error:
            raise _BadRequest(str(error)) from None
        return {"token": token}

    async def _inspect(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        text = asked.get("token")
        if not isinstance(text, str):
            raise _BadRequest("token must be a text")
        token = find_token(text)
        report = await to_thread.run_sync(self._report, token)  # a verifier may wait for keys
        report["cleaned"] = token != text.strip()
        # Some pasted texts cannot stand in a header.
        if self._try_routes is not None and token and token.isascii() and token.isprintable():
            report["routes"] = await self._try_routes(token)
        return report

    def _report(self, token: str) -> dict[str, Any]:
        now = time.time()
        verifier = self._verifier_for(inspect(token, None, now).all_claims)
        inspection = inspect(token, verifier, now)
        principal, claims = inspection.principal, inspection.all_claims
        groups = grouped(claims, _own_meanings(claims, verifier), inspection.gateway)
        return {
            **inspection.as_json(),
            "curl": _curl_option(token, inspection.gateway or verifier.gateway),
            "groups": [
                {"name": group, "claims": [claim._asdict() for claim in explained]}
                for group, explained in groups.items()
            ],
            "principal": None if principal is None else principal_as_json(principal),
        }

    def _verifier_for(self, claims: Mapping[str, Any]) -> Verifier:
        for verifier in self._verifiers:
            names = verifier.gateway.names
            # Some forms name a client where nobody says which one calls; no registry has it.
            nobody = (None, names.first(names.client_id, self._local.form.claims))
            names_client = names.first(names.client_id, claims) not in nobody
            if (verifier.clients is not None) is names_client:
                return verifier
        return self._verifiers[0]


async def redirect_to_page(_: Request) -> Response:
    """Redirect to the page."""
    return RedirectResponse(INSPECTOR)


def _curl_option(token: str, gateway: Gateway) -> str | None:
    """Return the option of ``curl`` that sends a token; None where a shell would misread it."""
    if not _PLAIN.fullmatch(token):
        return None
    scheme = f"{gateway.scheme} " if gateway.writes_scheme else ""
    return f"-H '{gateway.headers[0]}: {scheme}{token}'"


def _own_meanings(claims: Mapping[str, Any], verifier: Verifier) -> dict[str, str]:
    """Return the meanings of the claims that the entry of the token's client names."""
    meanings: dict[str, str] = {}
    for client_id in (text_at(claims, name) for name in verifier.gateway.names.client_id):
        entry = None if verifier.clients is None else verifier.clients.get(str(client_id))
        if entry is not None:
            meanings |= {written(name): f"Roles of {entry.name}." for name, _ in entry.roles}
            meanings |= {
                written(name): f"Permissions of {entry.name}." for name, _ in entry.permissions
            }
            meanings |= {
                written(attribute.claim): f"The attribute {name} of {entry.name}."
                for name, attribute in entry.attributes.items()
            }
    return meanings


def _answering(
    answer: Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]],
) -> Callable[[Request], Awaitable[Response]]:
    """Make a function from JSON to JSON an endpoint, which says in a 400 what is wrong."""

    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await answer(await _json_object(request)), headers=_HEADERS)
        except _BadRequest as fault:
            return JSONResponse({"error": str(fault)}, 400, _HEADERS)

    return endpoint


async def _json_object(request: Request) -> dict[str, Any]:
    # A page from elsewhere may not send this type without a preflight (CORS).
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise _BadRequest("send JSON, as application/json")
    body = await bounded_body(request, _LONGEST)
    if body is None:
        raise _BadRequest(f"more than {_LONGEST} bytes: this is not a token")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise _BadRequest("this is not JSON") from None
    if not isinstance(value, dict):
        raise _BadRequest("send a JSON object")
    return value


def _file(path: Path, _: Request) -> Response:
    return Response(path.read_bytes(), headers=_HEADERS, media_type=_TYPES[path.suffix])
