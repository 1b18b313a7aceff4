"""Every route of a Starlette app is found, with what guards it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from jwt_middleware import authenticated, has_role
from jwt_middleware_starlette import JWTMiddleware, public, requires
from jwt_middleware_starlette.inventory import installed_gate, inventory

A, B = has_role("a"), has_role("b")
GUARDED_A = ("guarded", "requires(has_role('a'))")
BARE = ("unguarded", "")
PUBLIC = ("public", "")
OWN = ("framework", "")


def table(*routes: Any, **more: Any) -> dict[tuple[str, str], tuple[str, str]]:
    """What is found of an app: kind and guard, by methods and path."""
    return table_of(Starlette(routes=list(routes), **more))


def table_of(app: Any) -> dict[tuple[str, str], tuple[str, str]]:
    found = inventory(app)
    told = {(",".join(each.methods), each.path): (each.kind, each.guard) for each in found}
    assert len(told) == len(found)
    return told


def bare(request: Request) -> JSONResponse:
    return JSONResponse("served")


def view() -> Any:
    """A function that no other test has marked."""

    def serve(request: Request) -> JSONResponse:
        return JSONResponse("served")

    return serve


@requires(A)
async def guarded(request: Request) -> JSONResponse:
    return JSONResponse("served")


@public
async def opened(request: Request) -> JSONResponse:
    return JSONResponse("served")


async def foreign(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI app of no framework."""


@requires(A)
async def guarded_foreign(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI app of no framework, guarded as a whole."""


# --- functions -------------------------------------------------------------------------------


def test_a_function_is_listed_with_its_methods_its_guard_and_its_name() -> None:
    [found] = inventory(Starlette(routes=[Route("/x/{id:int}", guarded, methods=["POST"])]))

    assert (found.path, found.methods, found.kind) == ("/x/{id:int}", ("POST",), "guarded")
    assert found.handler == f"{__name__}.guarded"
    assert found.guard == "requires(has_role('a'))"


def test_unguarded_public_and_guarded_functions_are_distinguished() -> None:
    assert table(Route("/bare", bare), Route("/guarded", guarded), Route("/public", opened)) == {
        ("GET,HEAD", "/bare"): BARE,
        ("GET,HEAD", "/guarded"): GUARDED_A,
        ("GET,HEAD", "/public"): PUBLIC,
    }


def test_one_function_at_two_routes_is_listed_with_the_guard_of_each() -> None:
    shared = view()

    found = table(Route("/a", requires(A)(shared)), Route("/b", requires(B)(shared)))

    assert found["GET,HEAD", "/a"] == GUARDED_A
    assert found["GET,HEAD", "/b"] == ("guarded", "requires(has_role('b'))")


def test_several_guards_and_shadow_mode_are_all_listed() -> None:
    both = requires(A)(requires(B, enforce=False)(view()))

    assert table(Route("/x", both))["GET,HEAD", "/x"] == (
        "guarded",
        "requires(has_role('a')) and requires(has_role('b'), enforce=False)",
    )


def test_a_partial_of_a_guarded_function_is_guarded_and_of_a_bare_one_is_not() -> None:
    found = table(Route("/g", partial(guarded)), Route("/b", partial(bare)))

    assert found["GET,HEAD", "/g"] == GUARDED_A
    assert found["GET,HEAD", "/b"] == BARE


# --- classes ---------------------------------------------------------------------------------


class Endpoint(HTTPEndpoint):
    @requires(A)
    async def get(self, request: Request) -> JSONResponse:
        return JSONResponse("served")

    async def post(self, request: Request) -> JSONResponse:
        return JSONResponse("served")

    @public
    def delete(self, request: Request) -> JSONResponse:
        return JSONResponse("served")


class Dispatching(HTTPEndpoint):
    async def dispatch(self) -> None:
        await JSONResponse("served")(self.scope, self.receive, self.send)


class Awaited:
    """An ASGI app of the two-step kind: an object that is awaited."""

    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        self.parts = (scope, receive, send)

    def __await__(self) -> Any:
        return JSONResponse("served")(*self.parts).__await__()


def test_an_endpoint_class_is_listed_method_by_method() -> None:
    assert table(Route("/x", Endpoint)) == {
        ("GET", "/x"): GUARDED_A,
        ("POST", "/x"): BARE,
        ("DELETE", "/x"): PUBLIC,
    }


@pytest.mark.parametrize("endpoint", [Dispatching, Awaited])
def test_a_class_that_has_no_methods_of_http_is_listed_all_the_same(endpoint: Any) -> None:
    """It serves every method in a way of its own."""
    assert list(table(Route("/x", endpoint)).values()) == [BARE]


class Socket(WebSocketEndpoint):
    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        """Take what came."""


class GuardedSocket(Socket):
    @requires(A)
    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()


@requires(A)
async def guarded_socket(websocket: WebSocket) -> None:
    await websocket.accept()


def test_websockets_are_listed_functions_and_classes() -> None:
    found = table(
        WebSocketRoute("/bare", socket),
        WebSocketRoute("/guarded", guarded_socket),
        WebSocketRoute("/class", Socket),
        WebSocketRoute("/guarded-class", GuardedSocket),
    )

    assert found == {
        ("WEBSOCKET", "/bare"): BARE,
        ("WEBSOCKET", "/guarded"): GUARDED_A,
        ("WEBSOCKET", "/class"): BARE,
        ("WEBSOCKET", "/guarded-class"): GUARDED_A,
    }


# --- mounts ----------------------------------------------------------------------------------


def test_mounts_routers_hosts_and_apps_are_looked_into() -> None:
    inner = Starlette(routes=[Route("/x", bare)])
    found = table(
        Mount("/routes", routes=[Route("/x", guarded), Mount("/deep", routes=[Route("/y", bare)])]),
        Mount("/router", app=Router([Route("/x", bare)])),
        Mount("/app", app=inner),
        Host("api.example.edu", app=Router([Route("/host", bare)])),
    )

    assert found == {
        ("GET,HEAD", "/routes/x"): GUARDED_A,
        ("GET,HEAD", "/routes/deep/y"): BARE,
        ("GET,HEAD", "/router/x"): BARE,
        ("GET,HEAD", "/app/x"): BARE,
        ("GET,HEAD", "/host"): BARE,
    }


def test_middleware_hides_no_routes() -> None:
    zipped = [Middleware(GZipMiddleware, minimum_size=10)]
    inner = Starlette(routes=[Route("/x", bare)], middleware=zipped)
    found = table(
        Mount("/app", app=GZipMiddleware(inner)),
        Mount("/mount", routes=[Route("/x", guarded)], middleware=zipped),
        Route("/route", guarded, middleware=zipped),
    )

    assert found == {
        ("GET,HEAD", "/app/x"): BARE,
        ("GET,HEAD", "/mount/x"): GUARDED_A,
        ("GET,HEAD", "/route"): GUARDED_A,
    }


def test_a_mounted_foreign_app_is_one_route_for_all_that_is_below_it() -> None:
    [found] = inventory(Starlette(routes=[Mount("/legacy", app=foreign)]))

    assert (found.path, found.methods, found.kind) == ("/legacy/*", (), "unguarded")
    assert found.handler == f"{__name__}.foreign"


def test_a_mounted_foreign_app_may_be_guarded_as_a_whole() -> None:
    assert table(Mount("/legacy", app=guarded_foreign)) == {("", "/legacy/*"): GUARDED_A}


@pytest.mark.parametrize(
    "mount",
    [
        Mount("/legacy", app=GZipMiddleware(foreign)),
        Mount("/legacy", app=foreign, middleware=[Middleware(GZipMiddleware)]),
    ],
    ids=["wrapped", "by the mount"],
)
def test_a_foreign_app_behind_the_frameworks_middleware_is_not_the_frameworks(mount: Any) -> None:
    assert table(mount) == {("", "/legacy/*"): BARE}


def test_static_files_are_the_frameworks_own(tmp_path: Path) -> None:
    assert table(Mount("/static", app=StaticFiles(directory=tmp_path))) == {("", "/static/*"): OWN}


def test_a_loop_of_mounts_ends() -> None:
    app = Starlette(routes=[Route("/x", bare)])
    app.mount("/again", app)

    assert ("GET,HEAD", "/x") in table_of(app)


# --- the middleware that is installed --------------------------------------------------------


def test_the_gate_is_that_of_the_apps_middleware(rsa_key: Any) -> None:
    app = Starlette(routes=[Route("/x", requires(authenticated)(view()))])
    assert installed_gate(app) is None

    app.add_middleware(
        JWTMiddleware, keys=rsa_key.certificate_pem, header="X-Other", set_user=False
    )
    middleware = installed_gate(app)

    assert middleware is not None
    assert middleware.headers.names == ("X-Other",)


def test_every_method_that_starlette_serves_is_looked_at() -> None:
    """Today it serves QUERY too, by a method of that name, which a helper may have."""
    served = [name for name in NAMES if Everything({"type": "http"}, None, None).serves(name)]

    class Payroll(HTTPEndpoint):
        @requires(A)
        async def get(self, request: Request) -> JSONResponse:
            return JSONResponse("served")

    for name in served:
        if name not in ("GET", "HEAD"):
            setattr(Payroll, name.lower(), view())
    told = table(Route("/x", Payroll))

    assert {method for method, _ in told} == set(served) - {"HEAD"}
    assert [kind for (method, _), (kind, _) in told.items() if method == "GET"] == ["guarded"]
    assert {kind for (method, _), (kind, _) in told.items() if method != "GET"} == {"unguarded"}


NAMES = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "TRACE", "REPORT")


class Everything(HTTPEndpoint):
    def __getattr__(self, _: str) -> bool:
        return True

    def serves(self, method: str) -> bool:
        return method in self._allowed_methods


def test_a_closure_that_a_framework_routes_to_is_known_by_its_function() -> None:
    def route_by_a_closure(handler: Any) -> Any:
        async def endpoint(request: Request) -> Any:
            return handler(request)

        return endpoint

    told = table(
        Route("/a", route_by_a_closure(requires(A)(view()))),
        Route("/b", route_by_a_closure(view())),
        Route("/c", partial(requires(A)(view()))),
    )

    assert told == {
        ("GET,HEAD", "/a"): GUARDED_A,
        ("GET,HEAD", "/b"): BARE,
        ("GET,HEAD", "/c"): GUARDED_A,
    }
