"""Every adapter sends on the assertion of its own current request, and of nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlencode

import httpx
import httpx2
import pytest

from . import django_site  # noqa: F401 - configures Django before the adapter is imported

# isort: split
import flask
from django.http import HttpRequest, JsonResponse
from django.test import AsyncClient, override_settings
from django.test import Client as DjangoClient
from django.urls import path
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

import jwt_middleware_django
import jwt_middleware_flask
import jwt_middleware_starlette
from jwt_middleware import ConfigurationError, MissingToken
from jwt_middleware.middleware import Forwarding
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from ..loopback import Target, target

HEADER = "X-JWT-Assertion"
ORIGINAL = "X-JWT-Assertion-Original"
ADAPTERS = {
    "starlette": jwt_middleware_starlette,
    "flask": jwt_middleware_flask,
    "django": jwt_middleware_django,
}
FORWARDS = {name: adapter.forward_assertion(["127.0.0.1"]) for name, adapter in ADAPTERS.items()}


@pytest.fixture
def orders() -> Iterator[Target]:
    with target() as running:
        yield running


@pytest.fixture
def stranger() -> Iterator[Target]:
    with target() as running:
        yield running


@pytest.fixture
def options(rsa_key: SigningKey) -> dict[str, Any]:
    return {
        "keys": rsa_key.public_pem,
        "api": "/echo",
        "exempt": ("/exempt",),
        "optional": ("/optional", "/mounted/optional"),
    }


@pytest.fixture
def token_of(rsa_key: SigningKey) -> Callable[[str], str]:
    return cache(lambda who: mint(rsa_key, ucsd_claims() | {"sub": who}))


# --- the same at every adapter ---------------------------------------------------------------


def work(forward: Forwarding, url: str) -> dict[str, str]:
    """Call a URL with the hook, and return what ``headers`` says of it."""
    with httpx2.Client(
        event_hooks={"request": [forward]}, follow_redirects=True, trust_env=False
    ) as client:
        client.get(url)
    return forward.headers(url)


async def work_async(forward: Forwarding, url: str) -> dict[str, str]:
    async with httpx.AsyncClient(
        event_hooks={"request": [forward]}, follow_redirects=True, trust_env=False
    ) as client:
        await client.get(url)
    return forward.headers(url)


PATHS = ("/call", "/exempt", "/optional")


def starlette_app(options: Any) -> Any:
    async def view(request: Request) -> JSONResponse:
        return JSONResponse(await work_async(FORWARDS["starlette"], request.query_params["url"]))

    def sync_view(request: Request) -> JSONResponse:
        return JSONResponse(work(FORWARDS["starlette"], request.query_params["url"]))

    routes = [Route(each, view) for each in PATHS] + [Route("/thread", sync_view)]
    app = Starlette(routes=[*routes, Mount("/mounted", Starlette(routes=routes))])
    app.add_middleware(jwt_middleware_starlette.JWTMiddleware, **options)
    return app


def fastapi_app(options: Any) -> Any:
    app = FastAPI()
    app.add_middleware(jwt_middleware_starlette.JWTMiddleware, **options)

    async def view(url: str) -> dict[str, str]:
        return await work_async(FORWARDS["starlette"], url)

    def sync_view(url: str) -> dict[str, str]:
        return work(FORWARDS["starlette"], url)

    for each in PATHS:
        app.get(each)(view)
    app.get("/thread")(sync_view)
    return app


def flask_app(options: Any) -> Any:
    app = flask.Flask("tests")
    jwt_middleware_flask.JWTMiddleware(app, **options)

    def view() -> dict[str, str]:
        return work(FORWARDS["flask"], flask.request.args["url"])

    async def async_view() -> dict[str, str]:
        return await work_async(FORWARDS["flask"], flask.request.args["url"])

    for each in PATHS:
        app.add_url_rule(each, each, view)
    app.add_url_rule("/async", "async", async_view)
    return app


def django_view(request: HttpRequest) -> JsonResponse:
    return JsonResponse(work(FORWARDS["django"], request.GET["url"]))


async def django_async_view(request: HttpRequest) -> JsonResponse:
    return JsonResponse(await work_async(FORWARDS["django"], request.GET["url"]))


urlpatterns = [
    *(path(each[1:], django_view) for each in PATHS),
    path("async", django_async_view),
]


def django_site_of(options: Any) -> Any:
    return override_settings(
        JWT_MIDDLEWARE=options,
        MIDDLEWARE=["jwt_middleware_django.JWTMiddleware"],
        ROOT_URLCONF=__name__,
    )


class Result(NamedTuple):
    status: int
    content: Any


def ask_starlette(app: Any, url: str, headers: dict[str, str]) -> Result:
    with TestClient(app) as client:
        answer = client.get(url, headers=headers)
    return Result(answer.status_code, answer.json())


def ask_flask(app: Any, url: str, headers: dict[str, str]) -> Result:
    answer = app.test_client().get(url, headers=headers)
    return Result(answer.status_code, answer.get_json(force=True))


def ask_django(site: Any, url: str, headers: dict[str, str]) -> Result:
    with site:
        answer = DjangoClient().get(url, headers=headers)
    return Result(answer.status_code, flask.json.loads(answer.content))


def ask_django_async(site: Any, url: str, headers: dict[str, str]) -> Result:
    with site:
        answer = asyncio.run(AsyncClient().get(url, headers=headers))
    return Result(answer.status_code, flask.json.loads(answer.content))


class Door(NamedTuple):
    """One way into an adapter, asked by its framework's own client."""

    build: Callable[[Any], Any]
    client: Callable[[Any, str, dict[str, str]], Result]
    paths: tuple[str, ...]

    def ask(self, options: Any, path: str, url: str, token: str | None = None) -> Result:
        headers = {} if token is None else {HEADER: token}
        return self.client(self.build(options), f"{path}?{urlencode({'url': url})}", headers)


DOORS = {
    "starlette": Door(starlette_app, ask_starlette, ("/call", "/thread", "/mounted/call")),
    "fastapi": Door(fastapi_app, ask_starlette, ("/call", "/thread")),
    "flask": Door(flask_app, ask_flask, ("/call", "/async")),
    "django": Door(django_site_of, ask_django, ("/call", "/async")),
    "django async": Door(django_site_of, ask_django_async, ("/call", "/async")),
}
EVERY_DOOR = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)


@pytest.mark.parametrize(
    "door, view",
    [
        pytest.param(door, view, id=f"{n} {view}")
        for n, door in DOORS.items()
        for view in door.paths
    ],
)
def test_a_view_sends_the_assertion_of_its_request_on(
    door: Door, view: str, options: Any, token_of: Any, orders: Target
) -> None:
    for who in ("ana", "bob"):
        token = token_of(who)
        assert door.ask(options, view, orders.url, token) == (200, {HEADER: token})

    assert orders.all(HEADER) == [[token_of("ana")], [token_of("bob")]]


@EVERY_DOOR
def test_a_redirect_elsewhere_does_not_take_it_along(
    door: Door, options: Any, token_of: Any, orders: Target, stranger: Target
) -> None:
    query = urlencode({"status": 307, "to": stranger.url_of_localhost})

    for view in door.paths:
        assert door.ask(options, view, f"{orders.url}/?{query}", token_of("ana")).status == 200

    assert orders.all(HEADER) == [[token_of("ana")]] * len(door.paths)
    assert stranger.all(HEADER) == [[]] * len(door.paths)


@EVERY_DOOR
def test_another_host_gets_no_header(
    door: Door, options: Any, token_of: Any, orders: Target
) -> None:
    assert door.ask(options, "/call", orders.url_of_localhost, token_of("ana")) == (200, {})

    assert orders.all(HEADER) == [[]]


@EVERY_DOOR
def test_the_header_of_an_exempt_path_never_travels(
    door: Door, options: Any, token_of: Any, orders: Target
) -> None:
    for token in (token_of("ana"), "forged", None):
        answer = door.ask(options, "/exempt", orders.url, token)
        assert (answer.status, answer.content["code"]) == (401, "missing_token")

    assert orders.received == []


@EVERY_DOOR
def test_an_anonymous_request_calls_nobody_in_nobodys_name(
    door: Door, options: Any, token_of: Any, orders: Target
) -> None:
    answer = door.ask(options, "/optional", orders.url)
    assert (answer.status, answer.content["code"]) == (401, "missing_token")
    assert orders.received == []

    assert door.ask(options, "/optional", orders.url, token_of("ana")).status == 200
    assert orders.all(HEADER) == [[token_of("ana")]]


def test_a_mounted_app_answers_an_anonymous_request_alike(options: Any, orders: Target) -> None:
    """It has exception handlers of its own, which would make a 500 of an error they do not know."""
    answer = DOORS["starlette"].ask(options, "/mounted/optional", orders.url)

    assert (answer.status, answer.content["code"]) == (401, "missing_token")
    assert orders.received == []


@EVERY_DOOR
def test_the_header_that_the_middleware_reads_is_the_one_that_is_sent_on(
    door: Door, options: Any, token_of: Any, orders: Target
) -> None:
    token = token_of("ana")
    app = door.build(options | {"header": "X-Campus-Assertion"})
    sent = {"X-Campus-Assertion": token, HEADER: token_of("another")}

    answer = door.client(app, f"/call?{urlencode({'url': orders.url})}", sent)

    assert answer == (200, {"X-Campus-Assertion": token})
    assert (orders.all("X-Campus-Assertion"), orders.all(HEADER)) == ([[token]], [[]])


@pytest.mark.parametrize("name", ADAPTERS)
def test_outside_a_request_nothing_is_sent(name: str, orders: Target) -> None:
    assert FORWARDS[name].headers(orders.url_of_localhost) == {}
    with pytest.raises(MissingToken, match="there is no request"):
        work(FORWARDS[name], orders.url)

    assert orders.received == []


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)
def test_the_name_of_the_header_can_be_chosen_and_wrong_hosts_fail_at_once(adapter: Any) -> None:
    forward = adapter.forward_assertion(["localhost"], header=ORIGINAL)

    assert repr(forward) == f"forward_assertion(hosts=['localhost'], header='{ORIGINAL}')"
    with pytest.raises(ConfigurationError, match="no wildcard"):
        adapter.forward_assertion(hosts=["*.example.edu"])
