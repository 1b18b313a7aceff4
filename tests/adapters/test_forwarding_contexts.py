"""Whose assertion is sent on by threads, tasks and shared clients, and when nobody's is."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from urllib.parse import urlencode

import anyio
import httpx2
import pytest

from . import django_site  # noqa: F401 - configures Django before the adapter is imported

# isort: split
import flask
from django.core.cache import caches
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, JsonResponse
from django.test import override_settings
from django.urls import path
from django.views.decorators.cache import cache_page
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

import jwt_middleware_django
import jwt_middleware_flask
import jwt_middleware_starlette
from jwt_middleware import MissingToken
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from ..loopback import Target, target
from .harness import ask_asgi, call_asgi, call_wsgi, http_scope

HEADER = "X-JWT-Assertion"
URL = "http://127.0.0.1:1/"
BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])

of_starlette = jwt_middleware_starlette.forward_assertion(["127.0.0.1"])
of_flask = jwt_middleware_flask.forward_assertion(["127.0.0.1"])
of_django = jwt_middleware_django.forward_assertion(["127.0.0.1"])


@pytest.fixture
def orders() -> Iterator[Target]:
    with target() as running:
        yield running


@pytest.fixture
def options(rsa_key: SigningKey) -> dict[str, Any]:
    return {"keys": rsa_key.public_pem, "api": "/echo"}


@pytest.fixture
def header(rsa_key: SigningKey) -> Callable[[str], list[tuple[str, str]]]:
    return cache(lambda who: [(HEADER, mint(rsa_key, ucsd_claims() | {"sub": who}))])


def token(forward: Any) -> str | None:
    """What is sent on now; None if there is nobody to act for."""
    try:
        sent: str = forward.headers(URL)[HEADER]
    except MissingToken:
        return None
    return sent


# --- Starlette -------------------------------------------------------------------------------


def starlette(view: Any, options: Any) -> Starlette:
    app = Starlette(routes=[Route("/", view)])
    app.add_middleware(jwt_middleware_starlette.JWTMiddleware, **options)
    return app


@BACKENDS
def test_a_task_acts_for_its_request_no_longer_than_the_request(
    backend: Any, options: Any, header: Any
) -> None:
    seen: list[str | None] = []

    async def main() -> None:
        ended = anyio.Event()

        async def work(begun: anyio.Event) -> None:
            seen.append(token(of_starlette))
            begun.set()
            await ended.wait()
            seen.append(token(of_starlette))

        async def start(request: Request) -> JSONResponse:
            begun = anyio.Event()
            tasks.start_soon(work, begun)
            await begun.wait()
            return JSONResponse(None)

        async with anyio.create_task_group() as tasks:
            await ask_asgi(starlette(start, options), http_scope("GET", "/", header("ana")))
            ended.set()

    anyio.run(main, backend=backend)

    assert seen == [header("ana")[0][1], None]


def test_a_hop_after_the_request_has_ended_carries_nothing(
    options: Any, header: Any, orders: Target
) -> None:
    """A task is on its way through redirects when the request ends."""

    async def main() -> None:
        ended = asyncio.Event()
        tasks: list[asyncio.Task[Any]] = []

        async def wait(response: Any) -> None:
            await ended.wait()

        async def call() -> None:
            hooks: dict[str, list[Any]] = {"request": [of_starlette], "response": [wait]}
            query = urlencode({"status": 302, "to": f"{orders.url_of_localhost}/elsewhere"})
            async with httpx2.AsyncClient(
                event_hooks=hooks, follow_redirects=True, trust_env=False
            ) as client:
                await client.get(f"{orders.url}/?{query}")

        async def start(request: Request) -> JSONResponse:
            tasks.append(asyncio.create_task(call()))
            while not orders.received:
                await asyncio.sleep(0.01)
            return JSONResponse(None)

        await ask_asgi(starlette(start, options), http_scope("GET", "/", header("ana")))
        ended.set()
        await tasks[0]

    asyncio.run(main())

    assert orders.all(HEADER) == [[header("ana")[0][1]], []]


def test_callers_of_one_shared_client_are_not_mixed_up(
    options: Any, header: Any, orders: Target
) -> None:
    names = [f"caller-{number}" for number in range(8)]

    async def main() -> None:
        barrier = asyncio.Event()
        waiting: list[str] = []

        async def call(request: Request) -> JSONResponse:
            name = request.headers["X-Name"]
            waiting.append(name)
            if len(waiting) == len(names):
                barrier.set()
            await barrier.wait()
            answer = await client.get(f"{orders.url}/{name}")
            return JSONResponse(answer.status_code)

        app = starlette(call, options)
        hooks: dict[str, list[Any]] = {"request": [of_starlette]}
        async with httpx2.AsyncClient(event_hooks=hooks, trust_env=False) as client:
            scopes = [http_scope("GET", "/", [*header(name), ("X-Name", name)]) for name in names]
            await asyncio.gather(*(ask_asgi(app, scope) for scope in scopes))

    asyncio.run(main())

    sent = {request.path[1:]: request.all(HEADER) for request in orders.received}
    assert sent == {name: [header(name)[0][1]] for name in names}


def test_a_stream_and_a_background_task_of_the_response_still_act_for_its_caller(
    options: Any, header: Any
) -> None:
    seen: list[str | None] = []

    async def stream() -> Any:
        seen.append(token(of_starlette))
        yield b"{}"

    def view(request: Request) -> StreamingResponse:
        background = BackgroundTask(lambda: seen.append(token(of_starlette)))
        return StreamingResponse(stream(), background=background)

    assert call_asgi(starlette(view, options), "GET", "/", header("ana")).status == 200
    assert seen == [header("ana")[0][1]] * 2


def test_an_app_that_is_called_in_the_same_process_does_not_act_for_the_callers_caller(
    options: Any, header: Any
) -> None:
    """The inner app has no middleware of ours, but runs in the outer request's context."""
    seen: list[str | None] = []

    async def inner(request: Request) -> JSONResponse:
        seen.append(token(of_starlette))
        return JSONResponse(None)

    transport = httpx2.ASGITransport(Starlette(routes=[Route("/", inner)]))

    async def outer(request: Request) -> JSONResponse:
        async with httpx2.AsyncClient(transport=transport, base_url="http://inner") as client:
            answer = await client.get("/")
        seen.append(token(of_starlette))
        return JSONResponse(answer.status_code)

    assert call_asgi(starlette(outer, options), "GET", "/", header("ana")).json() == 200
    assert seen == [None, header("ana")[0][1]]


def test_a_header_that_was_doubled_or_removed_since_is_not_sent_on(
    options: Any, header: Any
) -> None:
    seen: list[str | None] = []

    def view(request: Request) -> JSONResponse:
        name = HEADER.lower().encode()
        request.scope["headers"].append((name, b"another"))
        seen.append(token(of_starlette))
        request.scope["headers"][:] = []
        seen.append(token(of_starlette))
        return JSONResponse(None)

    call_asgi(starlette(view, options), "GET", "/", header("ana"))

    assert seen == [None, None]


# --- Flask -----------------------------------------------------------------------------------


def test_a_thread_acts_for_a_flask_request_only_with_a_copy_of_its_context(
    options: Any, header: Any
) -> None:
    app = flask.Flask("tests")
    jwt_middleware_flask.JWTMiddleware(app, **options)
    seen: list[str | None] = []

    def run(work: Any) -> None:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    def look() -> None:
        seen.append(token(of_flask))

    @app.get("/")
    def view() -> str:
        run(look)
        run(flask.copy_current_request_context(look))
        return ""

    assert call_wsgi(app, "GET", "/", header("ana")).status == 200
    assert seen == [None, header("ana")[0][1]]


# --- Django ----------------------------------------------------------------------------------

KEPT: list[contextvars.Context] = []


def keep(request: HttpRequest) -> JsonResponse:
    KEPT.append(contextvars.copy_context())
    return JsonResponse(KEPT[-1].run(token, of_django), safe=False)


@cache_page(60)
def cached(request: HttpRequest) -> JsonResponse:
    return JsonResponse(token(of_django), safe=False)


urlpatterns = [path("keep", keep), path("cached", cached)]


@pytest.fixture
def _site(options: Any) -> Iterator[None]:
    KEPT.clear()
    with override_settings(
        JWT_MIDDLEWARE=options,
        MIDDLEWARE=["jwt_middleware_django.JWTMiddleware"],
        ROOT_URLCONF=__name__,
    ):
        caches["default"].clear()
        yield


@pytest.mark.usefixtures("_site")
@pytest.mark.parametrize("server", ["wsgi", "asgi"])
def test_a_context_that_outlives_a_django_request_acts_for_nobody(server: str, header: Any) -> None:
    if server == "wsgi":
        answer = call_wsgi(WSGIHandler(), "GET", "/keep", header("ana"))
    else:
        answer = call_asgi(ASGIHandler(), "GET", "/keep", header("ana"))

    assert answer.json() == header("ana")[0][1]
    assert KEPT[0].run(token, of_django) is None


@pytest.mark.usefixtures("_site")
def test_djangos_cache_keeps_no_page_that_was_made_with_a_callers_assertion(header: Any) -> None:
    for who in ("ana", "bob"):
        answer = call_wsgi(WSGIHandler(), "GET", "/cached", header(who))
        assert answer.json() == header(who)[0][1]
