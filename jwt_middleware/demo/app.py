"""A small app that the middleware guards in one line, as a reader's own would be."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from jwt_middleware_starlette import JWTMiddleware, current_principal, requires

from ..authorization import has_role
from ..gateways import UCSD
from ..verifier import Verifier

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


def build(verifier: Verifier) -> Starlette:
    """Return the app."""
    return Starlette(
        routes=[Route("/me", me), Route("/reports", reports)],
        middleware=[Middleware(JWTMiddleware, verifier=verifier)],
    )
