"""A class of routes that handles connections its own way gives nobody what a guard refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import BaseRoute, Match, Route

from jwt_middleware import has_role
from jwt_middleware_starlette import JWTMiddleware, requires
from jwt_middleware_starlette.fastapi import guard

from .conftest import Caller
from .rule_apps import AsgiApp

BOSS = has_role("Internal/boss")


def keeping_route(kind: Any) -> Any:
    """A class of routes that keeps the first good answer, and gives it to everybody."""

    class Keeping(kind):
        kept: ClassVar[list[Any]] = []

        async def handle(self, scope: Any, receive: Any, send: Any) -> None:
            messages: list[Any] = self.kept[:]

            async def keep(message: Any) -> None:
                messages.append(message)

            if not messages:
                await super().handle(scope, receive, keep)
                if messages[0]["status"] == 200:
                    self.kept += messages
            for message in messages:
                await send(dict(message))

    return Keeping


@requires(BOSS)
async def served(request: Request) -> JSONResponse:
    return JSONResponse("served")


class Endpoint(HTTPEndpoint):
    @requires(BOSS)
    async def get(self, request: Request) -> JSONResponse:
        return JSONResponse("served")


def of_fastapi(*, include: bool, depends: bool) -> FastAPI:
    app = FastAPI()
    router = APIRouter(route_class=keeping_route(APIRoute)) if include else app.router
    router.route_class = keeping_route(APIRoute)
    if depends:
        router.add_api_route("/x", lambda: "served", dependencies=[Depends(guard(BOSS))])
    else:
        router.add_api_route("/x", served)
    if include:
        app.include_router(router)
    return app


KEEPING: dict[str, Callable[[], Any]] = {
    "a function": lambda: Starlette(routes=[keeping_route(Route)("/x", served)]),
    "a class": lambda: Starlette(routes=[keeping_route(Route)("/x", Endpoint)]),
    "FastAPI": lambda: of_fastapi(include=False, depends=False),
    "an included router": lambda: of_fastapi(include=True, depends=False),
    "a dependency": lambda: of_fastapi(include=False, depends=True),
    "a dependency of an included route": lambda: of_fastapi(include=True, depends=True),
}


@pytest.mark.parametrize("build", KEEPING.values(), ids=KEEPING)
def test_a_class_of_routes_that_answers_itself_is_asked_after_the_guards(
    build: Callable[[], Any], options: Any, caller: Caller
) -> None:
    app = build()
    app.add_middleware(JWTMiddleware, **options)
    clerk, boss = caller(role="Internal/clerk"), caller(role="Internal/boss")

    site = AsgiApp(app)
    assert [site.get("/x", each).status for each in (clerk, boss, clerk, ())] == [
        403,
        200,
        403,
        401,
    ]


class Own:
    """A route that is none of Starlette's, as Responder has it: it has no ``app``."""

    path = "/x"

    def __init__(self, endpoint: Any) -> None:
        self.endpoint = endpoint

    def matches(self, scope: Any) -> Any:
        return Match.FULL, {}

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        answer = await self.endpoint(Request(scope))
        await answer(scope, receive, send)


class OwnOfTheirs(Own, BaseRoute):
    """The same, as Starlette documents a route of one's own."""


@pytest.mark.parametrize("kind", [Own, OwnOfTheirs])
def test_a_route_of_ones_own_without_an_app_is_served(
    kind: Any, options: Any, caller: Caller
) -> None:
    @requires(BOSS)
    async def view(request: Request) -> PlainTextResponse:
        return PlainTextResponse("served")

    app = Starlette()
    app.router.routes.append(kind(view))
    app.add_middleware(JWTMiddleware, **options)

    who = (caller(role="Internal/clerk"), caller(role="Internal/boss"), ())
    assert [AsgiApp(app).get("/x", each).status for each in who] == [403, 200, 401]
