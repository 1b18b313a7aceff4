"""Small apps that the middleware guards in one line each, as a reader's own would be.

The campus knows its callers by UCSD's claims, the partners are the six clients of ``clients.toml``,
and the Echo API shows what it received.
"""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from jwt_middleware_starlette import JWTMiddleware, current_principal, requires

from ...authorization.predicates import client, has_role, policy
from ...gateways import UCSD
from ...verification.verifier import Verifier
from .echo import echo_app

CLIENTS = Path(__file__).parents[2] / "testing" / "clients.toml"
STAFF_ROLE = "Internal/everyone"


async def me(_: Request) -> JSONResponse:
    """Tell the caller who the gateway says they are."""
    caller = current_principal().view(UCSD)
    return JSONResponse(
        {
            "user_id": caller.user_id,
            "name": f"{caller.given_name} {caller.last_name}",
            "departments": list(caller.department_codes or ()),
            "application": caller.application_name,
        }
    )


@requires(has_role(STAFF_ROLE))
async def reports(_: Request) -> JSONResponse:
    """Serve only callers with the role."""
    return JSONResponse({"reports": ["enrolment", "payroll"]})


@requires(policy("catalogue.read"))
async def catalogue(_: Request) -> JSONResponse:
    """Serve whom a client's own entry lets read the catalogue."""
    return JSONResponse({"products": ["anvil", "stapler"]})


@requires(client("acme_corp") & policy("catalogue.manage"))
async def products(_: Request) -> JSONResponse:
    """Serve Acme's administrators."""
    return JSONResponse({"products": "changed"})


@requires(client("globex_ind") & policy("audit.read"))
async def audit(_: Request) -> JSONResponse:
    """Serve Globex's employees of the second level and above."""
    return JSONResponse({"entries": 3})


@requires(client("initech") & policy("projects.manage"))
async def projects(_: Request) -> JSONResponse:
    """Serve Initech's project managers."""
    return JSONResponse({"project": "created"})


@requires(client("umbrella_corp") & policy("research.read"))
async def research(request: Request) -> JSONResponse:
    """Serve Umbrella's researchers, each their own project only."""
    return JSONResponse({"project": request.path_params["project_id"]})


@requires(client("stark_ind") & has_role("stark_homeowner"))
async def devices(_: Request) -> JSONResponse:
    """Serve Stark's homeowners, whose role is in a claim of another name."""
    return JSONResponse({"lights": "on"})


@requires(client("cyberdyne") & policy("models.train"))
async def models(_: Request) -> JSONResponse:
    """Serve Cyberdyne's engineers."""
    return JSONResponse({"training": "begun"})


def build(campus: Verifier, partners: Verifier) -> Starlette:
    """Return the whole demo; ``partners`` has the registry of clients."""
    partner_routes = [
        Route("/catalogue", catalogue),
        Route("/products", products),
        Route("/audit", audit),
        Route("/projects", projects),
        Route("/research/{project_id}", research),
        Route("/devices", devices),
        Route("/models", models),
    ]
    campus_routes = [Route("/me", me), Route("/reports", reports)]
    return Starlette(
        routes=[
            Mount("/partners", _guarded(partners, partner_routes)),
            Mount("/campus", _guarded(campus, campus_routes)),
            Mount("/", echo_app(campus)),
        ]
    )


def _guarded(verifier: Verifier, routes: list[Route]) -> Starlette:
    return Starlette(routes=routes, middleware=[Middleware(JWTMiddleware, verifier=verifier)])
