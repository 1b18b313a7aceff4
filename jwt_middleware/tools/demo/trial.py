"""Every route of the demo asked with one token over HTTP: each answer, with its reason."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
from cachetools import LRUCache
from starlette.applications import Starlette

from jwt_middleware_starlette.inventory import inventory

from ...authorization.routes import Route
from ...events.kinds import Event, Refused

HEADER = "X-JWT-Assertion"


class Refusals:
    """A listener that keeps the operator's reasons; an answer's ``reference`` leads to its own."""

    def __init__(self) -> None:
        self._reasons: LRUCache[str, str] = LRUCache(1_000)

    def __call__(self, event: Event, /) -> None:
        if isinstance(event, Refused):
            reason = event.reason
            if event.decision is not None:
                reason = event.decision.explain().partition(": ")[2]
            self._reasons[event.reference] = reason

    def why(self, answer: dict[str, Any]) -> str:
        """Return why this answer is a refusal."""
        return self._reasons.get(str(answer.get("reference")), "")


class Trial:
    """Asks the routes of ``app``, which is served at ``address`` (``http://host:port``)."""

    def __init__(self, app: Starlette, address: str, refusals: Refusals) -> None:
        self._routes = [route for route in inventory(app) if ":path}" not in route.path]
        self._address = address
        self._refusals = refusals

    async def __call__(self, token: str) -> list[dict[str, Any]]:
        """Return each route with its guard, the answer's status and code, and why."""
        async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
            return await asyncio.gather(*(self._ask(client, r, token) for r in self._routes))

    async def _ask(self, client: httpx2.AsyncClient, route: Route, token: str) -> dict[str, Any]:
        path = route.path.replace("{project_id}", "P-7")
        row: dict[str, Any] = {"method": "GET", "path": path, "guard": route.guard or "a principal"}
        try:
            response = await client.get(self._address + path, headers={HEADER: token})
        except httpx2.TransportError:
            why = "the server ended the connection: it takes no header of this length"
            return row | {"status": 0, "code": "no answer", "why": why}
        row |= {"status": response.status_code, "code": "", "why": "let in"}
        if response.status_code < 400:
            return row
        try:
            answer = response.json()
        except ValueError:  # the server's own answer: it takes no header of this length, say
            answer = {}
        why = self._refusals.why(answer) or response.reason_phrase
        return row | {"code": answer.get("code", ""), "why": why}
