"""Every route of a FastAPI app is found, with the guards among its dependencies."""

from __future__ import annotations

from inspect import Parameter, Signature
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Security
from starlette.requests import Request
from starlette.websockets import WebSocket

from jwt_middleware import Principal, has_role
from jwt_middleware.testing import mint
from jwt_middleware_starlette import (
    JWTMiddleware,
    current_principal,
    current_principal_or_none,
    public,
    requires,
)
from jwt_middleware_starlette.fastapi import guard
from jwt_middleware_starlette.inventory import inventory

from .client_cases import sent
from .harness import call_asgi

A, B = has_role("a"), has_role("b")
NEEDS_A, NEEDS_B = Depends(guard(A)), Depends(guard(B))
IS_A = "requires(has_role('a'))"
IS_B = "requires(has_role('b'))"
IS_ANYBODY = "requires(authenticated)"
GUARDED_A = ("guarded", IS_A)
BARE = ("unguarded", "")


def bare_app(**more: Any) -> FastAPI:
    return FastAPI(openapi_url=None, **more)


def view() -> Any:
    def serve() -> str:
        return "served"

    return serve


def asks_a(principal: Annotated[Principal, NEEDS_A]) -> Principal:
    """A dependency that has a guard among its own."""
    return principal


def asks_indirectly(principal: Annotated[Principal, Depends(asks_a)]) -> Principal:
    """A dependency one further off."""
    return principal


def table(app: FastAPI) -> dict[str, tuple[str, str]]:
    """What is found of an app: kind and guard, by path."""
    found = inventory(app)
    assert len({each.path for each in found}) == len(found)
    return {each.path: (each.kind, each.guard) for each in found}


def check_enforced(app: FastAPI, rsa_key: Any) -> None:
    """What the table says is what the app does: nobody with no role passes a guard."""
    app.add_middleware(JWTMiddleware, keys=rsa_key.certificate_pem, api="/echo", optional=True)
    for path, (kind, told) in table(app).items():
        served = call_asgi(app, "GET", path).status == 200
        assert served == (kind != "guarded"), path
        if served and kind == "guarded":
            assert told == IS_ANYBODY
        answer = call_asgi(app, "GET", path, sent(rsa_key, {}))
        assert (answer.status == 200) == (kind != "guarded" or told == IS_ANYBODY), path


def on_a_route(app: FastAPI) -> None:
    app.add_api_route("/x", view(), dependencies=[NEEDS_A])


def on_a_parameter(app: FastAPI) -> None:
    @app.get("/x")
    def serve(principal: Annotated[Principal, NEEDS_A]) -> str:
        return "served"


def by_requires(app: FastAPI) -> None:
    app.get("/x")(requires(A)(view()))


def on_the_router(app: FastAPI) -> None:
    router = APIRouter(dependencies=[NEEDS_A])
    router.add_api_route("/x", view())
    app.include_router(router)


def on_the_inclusion(app: FastAPI) -> None:
    router = APIRouter()
    router.add_api_route("/x", view())
    app.include_router(router, dependencies=[NEEDS_A])


def on_an_inclusion_above(app: FastAPI) -> None:
    inner, middle, outer = APIRouter(), APIRouter(), APIRouter()
    inner.add_api_route("/x", view())
    middle.include_router(inner)
    outer.include_router(middle, dependencies=[NEEDS_A])
    app.include_router(outer)


def on_a_router_above(app: FastAPI) -> None:
    inner, outer = APIRouter(), APIRouter(dependencies=[NEEDS_A])
    inner.add_api_route("/x", view())
    outer.include_router(inner)
    app.include_router(outer)


def in_a_sub_dependency(app: FastAPI) -> None:
    app.add_api_route("/x", view(), dependencies=[Depends(asks_indirectly)])


def in_a_class(app: FastAPI) -> None:
    class Page:
        def __init__(self, principal: Annotated[Principal, NEEDS_A]) -> None:
            self.principal = principal

    app.add_api_route("/x", view(), dependencies=[Depends(Page)])


def in_a_sub_dependency_of_the_router(app: FastAPI) -> None:
    router = APIRouter(dependencies=[Depends(asks_a)])
    router.add_api_route("/x", view())
    app.include_router(router)


def in_a_sub_dependency_of_the_inclusion(app: FastAPI) -> None:
    router = APIRouter()
    router.add_api_route("/x", view())
    app.include_router(router, dependencies=[Depends(asks_a)])


def in_a_class_of_views(app: FastAPI) -> None:
    """As fastapi-utils does it: the endpoint gets its signature when it is a route already."""
    router = APIRouter()

    class Page:
        def __init__(self, principal: Annotated[Principal, NEEDS_A]) -> None:
            self.principal = principal

        @router.get("/x")
        def serve(self) -> str:
            return "served"

    this = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD, default=Depends(Page))
    Page.serve.__signature__ = Signature([this])  # type: ignore[attr-defined]
    app.include_router(router)


@pytest.mark.parametrize(
    "build",
    [
        on_a_route,
        on_a_parameter,
        by_requires,
        on_the_router,
        on_the_inclusion,
        on_an_inclusion_above,
        on_a_router_above,
        in_a_sub_dependency,
        in_a_class,
        in_a_class_of_views,
        in_a_sub_dependency_of_the_router,
        in_a_sub_dependency_of_the_inclusion,
    ],
    ids=lambda build: build.__name__,
)
def test_a_guard_is_found_and_holds_wherever_it_stands(build: Any, rsa_key: Any) -> None:
    app = bare_app()
    build(app)

    assert table(app) == {"/x": GUARDED_A}
    check_enforced(app, rsa_key)


def test_a_guard_of_the_whole_app_is_found_on_every_route(rsa_key: Any) -> None:
    app = bare_app(dependencies=[NEEDS_A])
    app.add_api_route("/own", view())
    router = APIRouter()
    router.add_api_route("/included", view())
    app.include_router(router)

    assert table(app) == {"/own": GUARDED_A, "/included": GUARDED_A}
    check_enforced(app, rsa_key)


def test_a_router_included_twice_is_guarded_only_where_its_inclusion_is(rsa_key: Any) -> None:
    app, router = bare_app(), APIRouter()
    router.add_api_route("/x", view())
    router.add_api_route("/mine", view(), dependencies=[NEEDS_B])
    app.include_router(router, prefix="/closed", dependencies=[NEEDS_A])
    app.include_router(router, prefix="/open")

    assert table(app) == {
        "/closed/x": GUARDED_A,
        "/closed/mine": ("guarded", f"{IS_A} and {IS_B}"),
        "/open/x": BARE,
        "/open/mine": ("guarded", IS_B),
    }
    check_enforced(app, rsa_key)


def scoped_on_the_route(app: FastAPI) -> None:
    app.add_api_route("/x", view(), dependencies=[SCOPED])


def scoped_as_a_parameter(app: FastAPI) -> None:
    def serve(principal: Annotated[Principal, SCOPED]) -> str:
        return "served"

    app.add_api_route("/x", serve)


def scoped_above_its_guard(app: FastAPI) -> None:
    def asks(principal: Annotated[Principal, Depends(guard())]) -> Principal:
        return principal

    app.add_api_route("/x", view(), dependencies=[Security(asks, scopes=["p"])])


def scoped_on_the_router(app: FastAPI) -> None:
    router = APIRouter(dependencies=[SCOPED])
    router.add_api_route("/x", view())
    app.include_router(router)


def scoped_on_the_inclusion(app: FastAPI) -> None:
    router = APIRouter()
    router.add_api_route("/x", view())
    app.include_router(router, dependencies=[SCOPED])


SCOPED = Security(guard(), scopes=["p"])


@pytest.mark.parametrize(
    "build",
    [
        scoped_on_the_route,
        scoped_as_a_parameter,
        scoped_above_its_guard,
        scoped_on_the_router,
        scoped_on_the_inclusion,
    ],
    ids=lambda build: build.__name__,
)
def test_the_scopes_of_security_are_listed_as_the_permissions_that_they_ask_for(
    build: Any, rsa_key: Any
) -> None:
    app = bare_app()
    build(app)

    asked = f"{IS_ANYBODY} and requires(has_permission('p'))"
    assert table(app) == {"/x": ("guarded", asked)}
    app.add_middleware(
        JWTMiddleware, keys=rsa_key.certificate_pem, gateway="standard", audience="api"
    )
    for permissions, status in ((["p"], 200), (["q"], 403)):
        token = mint(
            rsa_key, {"sub": "ana", "aud": "api", "permissions": permissions}, form="standard"
        )
        assert call_asgi(app, "GET", "/x", [("X-JWT-Assertion", token)]).status == status


def test_prefixes_of_routers_and_inclusions_stand_in_the_path() -> None:
    app, outer, inner = bare_app(), APIRouter(prefix="/outer"), APIRouter(prefix="/inner")
    inner.add_api_route("/{x}", view(), methods=["PUT"])
    outer.include_router(inner, prefix="/between")
    app.include_router(outer, prefix="/v1")

    [found] = inventory(app)

    assert (found.path, found.methods) == ("/v1/outer/between/inner/{x}", ("PUT",))


def test_the_current_principal_as_a_dependency_is_a_guard(rsa_key: Any) -> None:
    app = bare_app()
    app.add_api_route("/must", view(), dependencies=[Depends(current_principal)])
    app.add_api_route("/may", view(), dependencies=[Depends(current_principal_or_none)])

    assert table(app) == {"/must": ("guarded", IS_ANYBODY), "/may": BARE}
    check_enforced(app, rsa_key)


def test_a_dependency_that_is_no_guard_guards_nothing() -> None:
    def audit(request: Request) -> None:
        """Write a line."""

    app = bare_app(dependencies=[Depends(audit)])
    app.add_api_route("/x", view(), dependencies=[Depends(audit)])

    assert table(app) == {"/x": BARE}


def test_a_public_route_under_a_guarded_router_stays_guarded() -> None:
    router = APIRouter(dependencies=[NEEDS_A])
    router.add_api_route("/x", public(view()))
    app = bare_app()
    app.include_router(router)
    app.add_api_route("/y", public(view()))

    assert table(app) == {"/x": GUARDED_A, "/y": ("public", "")}


def test_websockets_are_found_with_their_guards() -> None:
    async def serve(websocket: WebSocket) -> None:
        await websocket.accept()

    async def asks(websocket: WebSocket, principal: Annotated[Principal, NEEDS_A]) -> None:
        await websocket.accept()

    app, router = bare_app(), APIRouter()
    app.add_api_websocket_route("/bare", serve)
    app.add_api_websocket_route("/guarded", asks)
    router.add_api_websocket_route("/included", serve)
    app.include_router(router, dependencies=[NEEDS_B])

    assert table(app) == {
        "/bare": BARE,
        "/guarded": GUARDED_A,
        "/included": ("guarded", IS_B),
    }
    assert {each.methods for each in inventory(app)} == {("WEBSOCKET",)}


def test_a_guard_of_the_app_does_not_reach_an_app_that_is_mounted(rsa_key: Any) -> None:
    app, inner = bare_app(dependencies=[NEEDS_A]), bare_app()
    inner.add_api_route("/x", view())
    inner.add_api_route("/y", view(), dependencies=[NEEDS_B])
    app.mount("/inner", inner)

    assert table(app) == {"/inner/x": BARE, "/inner/y": ("guarded", IS_B)}
    check_enforced(app, rsa_key)


def test_a_guarded_view_of_an_app_that_an_included_router_mounts_is_served(rsa_key: Any) -> None:
    def cached(function: Any) -> Any:
        return lambda: function()

    inner, router, app = bare_app(), APIRouter(), bare_app()
    inner.add_api_route("/x", cached(requires(A)(view())))
    router.mount("/inner", inner)
    app.include_router(router, prefix="/v1")

    # Older FastAPI leaves out what an included router mounts.
    assert table(app) in ({"/v1/inner/x": GUARDED_A}, {})
    check_enforced(app, rsa_key)


@pytest.mark.skipif(not hasattr(FastAPI, "frontend"), reason="FastAPI serves no frontend yet")
def test_frontends_are_found_with_the_guards_of_their_routers(tmp_path: Any, rsa_key: Any) -> None:
    (tmp_path / "index.html").write_text("served")
    app, closed, outer = bare_app(), APIRouter(dependencies=[NEEDS_A]), APIRouter()
    app.frontend("/", directory=tmp_path)
    closed.frontend("/closed", directory=tmp_path)
    outer.include_router(closed, prefix="/v1")
    app.include_router(outer, dependencies=[NEEDS_B])
    app.add_api_route("/x", view())

    assert [(each.path, each.kind, each.guard, each.methods) for each in inventory(app)] == [
        ("/x", "unguarded", "", ("GET",)),
        ("/v1/closed/*", "guarded", f"{IS_B} and {IS_A}", ("GET", "HEAD")),
        ("/*", "framework", "", ("GET", "HEAD")),
    ]
    app.add_middleware(JWTMiddleware, keys=rsa_key.certificate_pem, api="/echo", optional=True)
    assert call_asgi(app, "GET", "/").status == 200
    assert call_asgi(app, "GET", "/v1/closed/").status == 401


def test_the_documentation_is_the_frameworks_own() -> None:
    app = FastAPI()
    app.add_api_route("/x", view())

    found = table(app)

    assert found.pop("/x") == BARE
    assert set(found) == {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"}
    assert set(found.values()) == {("framework", "")}


def test_shadow_mode_is_listed() -> None:
    app = bare_app()
    app.add_api_route("/x", view(), dependencies=[Depends(guard(A, enforce=False))])

    assert table(app) == {"/x": ("guarded", "requires(has_role('a'), enforce=False)")}


def test_one_guard_that_several_dependencies_share_is_listed_once() -> None:
    def one(principal: Annotated[Principal, NEEDS_A]) -> None:
        """Ask for it too."""

    app = bare_app()
    app.add_api_route("/x", view(), dependencies=[NEEDS_A, Depends(one)])

    assert table(app) == {"/x": GUARDED_A}
