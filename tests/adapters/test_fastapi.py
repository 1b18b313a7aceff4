"""FastAPI's own ways: dependencies, scopes, OpenAPI, overrides, exception handlers."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Security
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.applications import Starlette
from starlette.exceptions import HTTPException as StarletteHTTPException

from jwt_middleware import Principal, authenticated, has_role, path_param
from jwt_middleware import claim as claim_named
from jwt_middleware.testing import SigningKey, mint
from jwt_middleware_starlette import JWTMiddleware, current_principal, requires
from jwt_middleware_starlette.fastapi import GUARD_RESPONSES, guard

from .conftest import Caller
from .harness import Answer, call_asgi

Options = dict[str, Any]
EVERYONE = has_role("Internal/everyone")
NOBODY = has_role("nobody")
OWN_PROJECT = claim_named("http://wso2.org/claims/pid") == path_param("project_id")


async def reader(who: Annotated[Principal, Security(guard(), scopes=["read"])]) -> Principal:
    return who


def protected(options: Options, **more: Any) -> FastAPI:
    app = FastAPI(**more)
    app.add_middleware(JWTMiddleware, **options)
    return app


def get(app: Any, path: str, headers: Any = ()) -> Answer:
    return call_asgi(app, "GET", path, headers, lifespan=True)


def test_the_guard_returns_the_principal_to_the_handler(options: Options, caller: Caller) -> None:
    app = protected(options)

    @app.get("/me")
    async def me(who: Annotated[Principal, Depends(guard(EVERYONE))]) -> Any:
        return {"subject": who.subject, "type": type(who).__name__}

    assert get(app, "/me", caller()).json() == {
        "subject": "jroe@carbon.super",
        "type": "Principal",
    }


@pytest.mark.parametrize(
    "predicate, status", [(authenticated, 200), (EVERYONE, 200), (NOBODY, 403)]
)
def test_the_guard_of_a_router_guards_all_its_routes(
    predicate: Any, status: int, options: Options, caller: Caller
) -> None:
    app, router = protected(options), APIRouter(dependencies=[Depends(guard(predicate))])
    router.add_api_route("/a", lambda: "a")
    app.include_router(router, prefix="/v1")

    assert get(app, "/v1/a", caller()).status == status
    assert get(app, "/v1/a").status == 401


def test_the_guard_reads_path_parameters(options: Options, caller: Caller) -> None:
    app = protected(options)
    app.get("/projects/{project_id}", dependencies=[Depends(guard(OWN_PROJECT))])(lambda: "mine")

    assert get(app, "/projects/P1", caller(pid="P1")).status == 200
    assert get(app, "/projects/P2", caller(pid="P1")).status == 403


@pytest.mark.parametrize(
    "granted, status", [("orders:read", 200), ("orders:read more", 200), ("more", 403), ("", 403)]
)
def test_security_scopes_are_permissions(granted: str, status: int, rsa_key: SigningKey) -> None:
    app = protected({"keys": rsa_key.public_pem, "gateway": "standard"})

    @app.get("/orders")
    async def orders(who: Annotated[Principal, Security(guard(), scopes=["orders:read"])]) -> Any:
        return sorted(who.permissions)

    token = mint(rsa_key, {"sub": "ana", "scope": granted}, form="standard")
    answer = get(app, "/orders", [("X-JWT-Assertion", token)])

    assert answer.status == status


def test_scopes_come_on_top_of_the_predicate_and_of_outer_scopes(rsa_key: SigningKey) -> None:
    app = protected({"keys": rsa_key.public_pem, "gateway": "standard"})

    @app.get("/orders", dependencies=[Security(guard(has_role("clerk")), scopes=["write"])])
    async def orders(who: Annotated[Principal, Security(reader, scopes=["audit"])]) -> Any:
        return "served"

    def status(scope: str, roles: list[str]) -> int:
        claims = {"sub": "ana", "scope": scope, "roles": roles}
        token = mint(rsa_key, claims, form="standard")
        return get(app, "/orders", [("X-JWT-Assertion", token)]).status

    assert status("read write audit", ["clerk"]) == 200
    assert status("read write audit", []) == 403
    assert status("read write", ["clerk"]) == 403
    assert status("write audit", ["clerk"]) == 403


def test_openapi_shows_the_header_as_an_api_key_and_the_refusals(options: Options) -> None:
    app = protected(options)

    @app.get("/me", responses=GUARD_RESPONSES)
    async def me(who: Annotated[Principal, Depends(guard(EVERYONE))]) -> Any:
        return who.subject

    document = app.openapi()
    operation = document["paths"]["/me"]["get"]

    [(name, scheme)] = document["components"]["securitySchemes"].items()
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "X-JWT-Assertion")
    assert operation["security"] == [{name: []}]
    for status in ("401", "403", "503"):
        content = operation["responses"][status]["content"]
        assert content == {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }
    assert "parameters" not in operation


def test_openapi_has_the_body_of_a_refusal_once_as_it_is_sent(options: Options) -> None:
    app = protected(options | {"exempt": ["/openapi.json"]})
    for path in ("/a", "/b"):
        app.get(path, dependencies=[Depends(guard())], responses=GUARD_RESPONSES)(lambda: "me")

    refused = get(app, "/a").json()
    [(name, schema)] = get(app, "/openapi.json").json()["components"]["schemas"].items()

    assert name == "Problem"
    assert list(schema["properties"]) == [*schema["required"], "reference"] == list(refused)
    assert GUARD_RESPONSES[401]["content"] == {}


@pytest.mark.parametrize(
    "more, names",
    [
        ({}, ["X-JWT-Assertion"]),
        ({"header": "X-Gateway"}, ["X-Gateway"]),
        ({"header": ["X-New", "X-Old"]}, ["X-New", "X-Old"]),
        ({"header": ["X-JWT-Assertion", "X-Old"]}, ["X-JWT-Assertion"]),
    ],
)
def test_the_served_document_names_the_header_of_the_middleware(
    more: Options, names: list[str], options: Options
) -> None:
    app = protected(options | more | {"exempt": ["/openapi.json"]})
    app.get("/me", dependencies=[Depends(guard())])(lambda: "me")
    app.get("/own", dependencies=[Depends(guard(header="X-Own"))])(lambda: "own")
    app.get("/free")(lambda: "free")

    for _ in range(2):  # FastAPI keeps the document
        document = get(app, "/openapi.json").json()
        schemes = document["components"]["securitySchemes"]
        assert sorted(schemes) == sorted([*names, "X-Own"])
        assert [schemes[name]["name"] for name in names] == names
        paths = document["paths"]
        assert paths["/me"]["get"]["security"] == [{name: []} for name in names]
        assert paths["/own"]["get"]["security"] == [{"X-Own": []}]
        assert "security" not in paths["/free"]["get"]


def test_an_app_that_is_mounted_in_itself_and_twice_elsewhere_is_documented(
    options: Options,
) -> None:
    app, inner = protected(options | {"header": "X-Own"}), FastAPI()
    inner.get("/me", dependencies=[Depends(guard())])(lambda: "me")
    app.mount("/one", inner)
    app.mount("/two", inner)
    inner.mount("/self", inner)

    assert get(app, "/one/me").status == 401
    assert list(inner.openapi()["components"]["securitySchemes"]) == ["X-Own"]


def test_the_document_of_a_mounted_app_names_the_header_that_is_read_there(
    options: Options,
) -> None:
    app = protected(options | {"header": "X-Outer", "exempt": ["/api/openapi.json"]})
    inner, own, around = FastAPI(), FastAPI(), Starlette()
    for each in (inner, own):
        each.get("/me", dependencies=[Depends(guard())])(lambda: "me")
    own.add_middleware(JWTMiddleware, **options, header="X-Own", exempt=["/openapi.json"])
    around.mount("/own", own)
    app.mount("/api", inner)
    app.mount("/around", around)

    [outer] = get(app, "/api/openapi.json").json()["components"]["securitySchemes"]
    own_document = get(own, "/openapi.json").json()

    assert outer == "X-Outer"
    assert list(own_document["components"]["securitySchemes"]) == ["X-Own"]


def test_the_served_document_names_a_bearer_token_of_the_middleware(options: Options) -> None:
    bearer = {"keys": options["keys"], "gateway": "bearer", "audience": "api"}
    app = protected(bearer | {"exempt": ["/openapi.json"]})

    @app.get("/me")
    async def me(who: Annotated[Principal, Security(guard(), scopes=["read"])]) -> str:
        return "me"

    document = get(app, "/openapi.json").json()

    [(name, scheme)] = document["components"]["securitySchemes"].items()
    assert (name, scheme["type"], scheme["scheme"]) == ("Authorization", "http", "bearer")
    assert document["paths"]["/me"]["get"]["security"] == [{"Authorization": ["read"]}]


def test_openapi_names_another_header(options: Options) -> None:
    app = protected(options | {"header": "X-Gateway"})
    app.get("/me", dependencies=[Depends(guard(header="X-Gateway"))])(lambda: "me")

    [scheme] = app.openapi()["components"]["securitySchemes"].values()

    assert scheme["name"] == "X-Gateway"


@pytest.mark.parametrize("header", ["Authorization", "authorization"])
def test_openapi_shows_a_bearer_token_where_the_header_is_authorization(
    header: str, options: Options, rsa_key: SigningKey
) -> None:
    app = protected({"keys": options["keys"], "gateway": "bearer", "audience": "api"})
    app.get("/me", dependencies=[Depends(guard(header=header))])(lambda: "me")
    token = mint(rsa_key, {"aud": "api", "sub": "ana"}, form="standard")

    document = app.openapi()
    [(name, scheme)] = document["components"]["securitySchemes"].items()

    assert (scheme["type"], scheme["scheme"], scheme["bearerFormat"]) == ("http", "bearer", "JWT")
    assert document["paths"]["/me"]["get"]["security"] == [{name: []}]
    assert get(app, "/me").status == 401
    assert get(app, "/me", [("Authorization", f"Bearer {token}")]).json() == "me"


def test_two_headers_of_one_app_are_two_schemes(options: Options) -> None:
    app = protected(options)
    app.get("/a", dependencies=[Depends(guard(header="X-A"))])(lambda: "a")
    app.get("/b", dependencies=[Depends(guard(header="X-B"))])(lambda: "b")

    schemes = app.openapi()["components"]["securitySchemes"].values()

    assert {scheme["name"] for scheme in schemes} == {"X-A", "X-B"}


def test_an_equal_guard_overrides_the_dependency_in_tests(options: Options) -> None:
    app = protected(options | {"optional": True})
    fake = Principal({"sub": "of the test"})

    @app.get("/me")
    async def me(who: Annotated[Principal, Depends(guard(EVERYONE))]) -> Any:
        return who.claims["sub"]

    app.dependency_overrides[guard(has_role("Internal/everyone"))] = lambda: fake
    assert get(app, "/me").json() == "of the test"

    app.dependency_overrides = {guard(NOBODY): lambda: fake}
    assert get(app, "/me").status == 401


def test_guards_are_equal_by_predicate_and_header() -> None:
    assert guard(EVERYONE) == guard(has_role("Internal/everyone"))
    assert hash(guard(EVERYONE)) == hash(guard(has_role("Internal/everyone")))
    assert guard(EVERYONE) != guard(NOBODY)
    assert guard(EVERYONE) != guard(EVERYONE, header="X-Other")


@pytest.mark.parametrize("wrong", [lambda principal: True, "staff", None, True])
def test_a_guard_of_anything_but_a_predicate_fails_when_it_is_declared(wrong: Any) -> None:
    with pytest.raises(TypeError, match="predicate"):
        guard(wrong)


def test_requires_below_the_route_keeps_the_handlers_parameters(
    options: Options, caller: Caller
) -> None:
    """This module postpones its annotations, so FastAPI must find them through the wrapper."""
    app = protected(options)

    @app.get("/items/{number}")
    @requires(EVERYONE)
    async def item(number: int, who: Annotated[Principal, Depends(current_principal)]) -> Any:
        return [number, who.subject]

    @app.get("/sync/{number}")
    @requires(NOBODY)
    def item_sync(number: int, request: Request) -> Any:
        return number

    assert get(app, "/items/7", caller()).json() == [7, "jroe@carbon.super"]
    assert get(app, "/items/seven", caller()).status == 422
    assert get(app, "/sync/7", caller()).status == 403
    assert app.openapi()["paths"]["/items/{number}"]["get"]["parameters"][0]["name"] == "number"


def denying(options: Options) -> FastAPI:
    app = protected(options)
    app.get("/guard", dependencies=[Depends(guard(NOBODY))])(lambda: "served")

    @app.get("/requires")
    @requires(NOBODY)
    async def denied() -> str:
        return "served"

    return app


PATHS = pytest.mark.parametrize("path", ["/guard", "/requires"])


@PATHS
def test_the_apps_handler_of_a_status_is_reached(
    path: str, options: Options, caller: Caller
) -> None:
    app = denying(options)

    @app.exception_handler(403)
    async def own(request: Request, error: Any) -> PlainTextResponse:
        return PlainTextResponse(f"own {error.status_code} {error.detail}", 403)

    assert get(app, path, caller()).body == b"own 403 insufficient_permission"


@PATHS
def test_the_apps_handler_of_http_exceptions_is_reached(
    path: str, options: Options, caller: Caller
) -> None:
    """As FastAPI's manual has it: the handler of Starlette's ``HTTPException`` hears them all."""
    app = denying(options)

    @app.exception_handler(StarletteHTTPException)
    async def own(request: Request, error: StarletteHTTPException) -> JSONResponse:
        return JSONResponse({"own": error.status_code}, error.status_code, headers=error.headers)

    answer = get(app, path, caller())

    assert answer.json() == {"own": 403}
    assert answer.header("WWW-Authenticate") is not None


@PATHS
def test_fastapis_default_handlers_do_not_reshape_the_body(
    path: str, options: Options, caller: Caller
) -> None:
    answer = get(denying(options), path, caller())

    assert answer.header("Content-Type") == "application/problem+json"
    assert answer.json()["code"] == "insufficient_permission"


def test_the_documentation_needs_a_token_unless_it_is_exempt(
    options: Options, caller: Caller
) -> None:
    closed, opened = protected(options), protected(options | {"exempt": ("/openapi.json",)})

    assert get(closed, "/openapi.json").status == 401
    assert get(opened, "/openapi.json").status == 200
    assert get(opened, "/docs").status == 401
