"""Every route of the demo, asked with one token over HTTP: what it answers, and why."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
from cachetools import LRUCache
from starlette.applications import Starlette

from jwt_middleware_starlette.inspection import inventory

from ...authorization.routes import Route
from ...events.kinds import Decided, Event

HEADER = "X-JWT-Assertion"
_EXAMPLES = {"{project_id}": "P-7"}
_KEPT = 1_000


class Refusals:
    """A listener that remembers why: the answer's ``reference`` leads to the operator's words."""

    def __init__(self) -> None:
        self._why: LRUCache[str, str] = LRUCache(_KEPT)

    def __call__(self, event: Event, /) -> None:
        """Keep why a request is refused."""
        if isinstance(event, Decided) and event.reference is not None:
            why = event.reason or ""
            if event.decision is not None:
                why = event.decision.explain().partition(": ")[2]
            self._why[event.reference] = why

    def why(self, answer: dict[str, Any]) -> str:
        """Return why this answer is a refusal."""
        return self._why.get(str(answer.get("reference")), "")


class Trial:
    """Asks the routes of an app that is served.

    Args:
        app: its routes and their guards are read off it.
        address: where it is served, ``http://host:port``.
        refusals: hears the app's verifiers.

    """

    def __init__(self, app: Starlette, address: str, refusals: Refusals) -> None:
        self._routes = [route for route in inventory(app) if ":path}" not in route.path]
        self._address = address
        self._refusals = refusals

    async def __call__(self, token: str) -> list[dict[str, Any]]:
        """Return each route with its guard, the answer's status and code, and why."""
        async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
            asked = (self._ask(client, route, token) for route in self._routes)
            return await asyncio.gather(*asked)

    async def _ask(self, client: httpx2.AsyncClient, route: Route, token: str) -> dict[str, Any]:
        path = route.path
        for name, example in _EXAMPLES.items():
            path = path.replace(name, example)
        told = {"method": "GET", "path": path, "guard": route.guard or "a principal"}
        try:
            response = await client.get(self._address + path, headers={HEADER: token})
        except httpx2.TransportError:
            why = "the server ended the connection: it takes no header of this length"
            return told | {"status": 0, "code": "no answer", "why": why}
        refused = response.status_code >= 400
        try:
            answer = response.json()
        except ValueError:  # the server's own answer: the header is too long for it, say
            answer = {"code": "", "reference": None}
        return told | {
            "status": response.status_code,
            "code": answer.get("code", "") if refused else "",
            "why": self._refusals.why(answer) or response.reason_phrase if refused else "let in",
        }
