"""Small apps, each guarded by the middleware in one line.

The campus knows its callers by UCSD's claims, the partners are the six clients of ``clients.toml``,
and the Echo API shows what it received.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from jwt_middleware_starlette import JWTMiddleware, current_principal, requires

from ...authorization.predicate import Predicate
from ...authorization.predicates import client, has_role, policy
from ...gateways.wso2 import UCSD
from ...verification.verifier import Verifier
from .echo import echo_app

CLIENTS = Path(__file__).parents[2] / "testing" / "clients.toml"
STAFF_ROLE = "Internal/everyone"


async def me(_: Request) -> JSONResponse:
    """Show the caller who the gateway says they are."""
    caller = current_principal().view(UCSD)
    return JSONResponse(
        {
            "user_id": caller.user_id,
            "name": f"{caller.given_name} {caller.last_name}",
            "departments": list(caller.department_codes or ()),
            "application": caller.application_name,
        }
    )


def build(campus: Verifier, partners: Verifier) -> Starlette:
    """Return the whole demo; ``partners`` has the registry of clients."""
    staff_only = _route("/reports", has_role(STAFF_ROLE), reports=["enrolment", "payroll"])
    for_partners = [
        _route("/catalogue", policy("catalogue.read"), products=["anvil", "stapler"]),
        _route("/products", client("acme_corp") & policy("catalogue.manage"), products="changed"),
        _route("/audit", client("globex_ind") & policy("audit.read"), entries=3),
        _route("/projects", client("initech") & policy("projects.manage"), project="created"),
        # Umbrella's researchers read the project that their token names, and no other.
        _route("/research/{project_id}", client("umbrella_corp") & policy("research.read")),
        _route("/devices", client("stark_ind") & has_role("stark_homeowner"), lights="on"),
        _route("/models", client("cyberdyne") & policy("models.train"), training="begun"),
    ]
    return Starlette(
        routes=[
            Mount("/partners", _guarded(partners, for_partners)),
            Mount("/campus", _guarded(campus, [Route("/me", me), staff_only])),
            Mount("/", echo_app(campus)),
        ]
    )


def _route(path: str, guard: Predicate, **answer: Any) -> Route:
    async def endpoint(request: Request) -> JSONResponse:
        return JSONResponse(answer | request.path_params)

    endpoint.__name__ = path.split("/")[1]
    guarded: Callable[[Request], Any] = requires(guard)(endpoint)
    return Route(path, guarded)


def _guarded(verifier: Verifier, routes: list[Route]) -> Starlette:
    return Starlette(routes=routes, middleware=[Middleware(JWTMiddleware, verifier=verifier)])
