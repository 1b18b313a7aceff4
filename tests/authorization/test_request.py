"""One view of a request, whether a scope, an environ or a test made it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from jwt_middleware.authorization.request import EnvironView, RequestView, ScopeView, is_plain

from ..adapters.harness import call_asgi, http_scope, wsgi_environ


def _given(method: str, path: str, headers: Any = (), query: str = "") -> RequestView:
    return RequestView(method, path, headers=headers, query_string=query)


def _by_scope(method: str, path: str, headers: Any = (), query: str = "") -> RequestView:
    return ScopeView(http_scope(method, path, headers, query=query))


def _by_environ(method: str, path: str, headers: Any = (), query: str = "") -> RequestView:
    return EnvironView(wsgi_environ(method, path, headers, query=query))


VIEWS = pytest.mark.parametrize(
    "view", [_given, _by_scope, _by_environ], ids=["given", "scope", "environ"]
)
View = Callable[..., RequestView]


@VIEWS
def test_method_and_path_are_those_of_the_request(view: View) -> None:
    request = view("PATCH", "/häuser/1")

    assert (request.method, request.path) == ("PATCH", "/häuser/1")


@VIEWS
def test_query_values_keep_order_blanks_and_encodings(view: View) -> None:
    request = view("GET", "/", query="a=1&b=&a=2&%61=3&c=%C3%A4&d=x+y")

    assert request.query_values("a") == ["1", "2", "3"]
    assert request.query_values("b") == [""]
    assert request.query_values("c") == ["ä"]
    assert request.query_values("d") == ["x y"]
    assert request.query_values("A") == []


@VIEWS
def test_nothing_is_known_of_a_query_of_thousands_of_fields(view: View) -> None:
    request = view("GET", "/", query="&".join(["a=1"] * 2000))

    with pytest.raises(ValueError, match="fields"):
        request.query_values("a")


@VIEWS
def test_header_values_are_found_in_any_case(view: View) -> None:
    request = view("GET", "/", [("X-Tenant", "acme"), ("X-Empty", "")])

    assert request.header_values("x-tenant") == ["acme"]
    assert request.header_values("X-TENANT") == ["acme"]
    assert request.header_values("X-Empty") == [""]
    assert request.header_values("X-Other") == []


@VIEWS
def test_a_repeated_header_has_two_values(view: View) -> None:
    request = view("GET", "/", [("X-Tenant", "acme"), ("X-Tenant", "globex")])

    assert request.header_values("X-Tenant") == ["acme", "globex"]


@VIEWS
def test_path_parameters_are_empty_before_the_app_has_routed(view: View) -> None:
    assert dict(view("GET", "/").path_params) == {}


@VIEWS
def test_the_repr_shows_nothing_of_the_caller(view: View) -> None:
    secret = "eyJhbGciOiJSUzI1NiJ9"
    shown = repr(view("GET", f"/{secret}", [("X-JWT-Assertion", secret)], query=f"a={secret}"))

    assert secret not in shown


def test_path_parameters_come_from_the_scope_or_the_adapter() -> None:
    scope = http_scope("GET", "/orders/7") | {"path_params": {"number": 7}}

    assert ScopeView(scope).path_params == {"number": 7}
    assert EnvironView({}, path_params={"number": 7}).path_params == {"number": 7}
    assert RequestView(path_params={"number": 7}).path_params == {"number": 7}


def test_a_websocket_opens_with_get() -> None:
    assert ScopeView(http_scope("GET", "/ws", kind="websocket")).method == "GET"


@pytest.mark.parametrize(
    "path, root, seen",
    [
        ("/api/who", "/api", "/who"),
        ("/api", "/api", ""),
        ("/api/", "/api", "/"),
        ("/who", "/api", "/who"),
        ("/apiwho", "/api", "/apiwho"),
        ("/api//who", "/api", "//who"),
        ("/api/api/who", "/api", "/api/who"),
        ("/who", "", "/who"),
        ("//who", "", "//who"),
    ],
)
def test_the_mounts_root_is_no_part_of_the_path(path: str, root: str, seen: str) -> None:
    assert ScopeView(http_scope("GET", path) | {"root_path": root}).path == seen


@pytest.mark.parametrize("root", ["", "/", "/api", "/api/"])
@pytest.mark.parametrize("path", ["/who", "/api/who", "/api//who", "/apiwho", "//who", "/api/api/"])
def test_the_path_is_the_one_that_starlette_routes_by(path: str, root: str) -> None:
    """Or it is one that matches no list: then the header is asked for."""

    async def tell(request: Request) -> PlainTextResponse:
        return PlainTextResponse("/" + request.path_params["rest"])

    app = Starlette(routes=[Route("/{rest:path}", tell)])
    routed = call_asgi(app, "GET", path, scope_changes={"root_path": root}).body.decode()
    seen = ScopeView(http_scope("GET", path) | {"root_path": root}).path

    assert seen == routed or not is_plain(seen)


def test_an_environs_path_may_be_given_by_the_framework() -> None:
    assert EnvironView({"PATH_INFO": "/raw"}, path="/seen").path == "/seen"


def test_bytes_of_an_environs_path_that_are_no_utf8_are_replaced() -> None:
    assert EnvironView({"PATH_INFO": "/h\xe4user"}).path == "/h\ufffduser"
