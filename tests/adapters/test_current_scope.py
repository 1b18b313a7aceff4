"""Whose request is it? Nobody's once it has ended, and nobody's in an app that was not asked."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import anyio
import httpx2
import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.background import BackgroundTasks
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Mount, Route

from jwt_middleware import MissingToken, Principal, asgi, authenticated
from jwt_middleware.testing import SigningKey, mint, ucsd_claims
from jwt_middleware_starlette import (
    JWTMiddleware,
    current_principal,
    current_principal_or_none,
    requires,
)

from .harness import Answer, ask_asgi, call_asgi, http_scope

ANA = "ana"
BOB = "bob"
BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])


@pytest.fixture
def options(rsa_key: SigningKey) -> dict[str, Any]:
    return {"keys": rsa_key.public_pem, "api": "/echo"}


@pytest.fixture
def header(rsa_key: SigningKey) -> Callable[[str], list[tuple[str, str]]]:
    return lambda who: [("X-JWT-Assertion", mint(rsa_key, ucsd_claims() | {"sub": who}))]


def installed(app: Any, options: Any) -> Any:
    app.add_middleware(JWTMiddleware, **options)
    return app


def subject() -> str | None:
    found = current_principal_or_none()
    return None if found is None else found.subject


@requires(authenticated)
async def job() -> str | None:
    return subject()


# --- when the request has ended --------------------------------------------------------------


@BACKENDS
def test_a_task_that_a_request_begins_acts_as_its_caller_no_longer_than_the_request(
    backend: Any, options: Any, header: Any
) -> None:
    seen: list[Any] = []

    async def main() -> None:
        ended = anyio.Event()

        async def work(begun: anyio.Event) -> None:
            seen.append((subject(), await job()))
            begun.set()
            await ended.wait()
            seen.append(subject())
            with pytest.raises(MissingToken):
                current_principal()
            with pytest.raises(HTTPException) as refused:
                await job()
            seen.append(refused.value.status_code)

        async def start(request: Request) -> JSONResponse:
            begun = anyio.Event()
            tasks.start_soon(work, begun)
            await begun.wait()
            return JSONResponse(subject())

        app = installed(Starlette(routes=[Route("/start", start)]), options)
        async with anyio.create_task_group() as tasks:
            answer = await ask_asgi(app, http_scope("GET", "/start", header(ANA)))
            assert answer.json() == ANA
            ended.set()

    anyio.run(main, backend=backend)

    assert seen == [(ANA, ANA), None, 401]


@BACKENDS
def test_a_worker_that_one_caller_begins_does_not_serve_another_as_the_first(
    backend: Any, options: Any, header: Any
) -> None:
    seen: list[str | None] = []

    async def main() -> None:
        jobs, queue = anyio.create_memory_object_stream[str](10)
        started: list[bool] = []

        async def worker() -> None:
            async with queue:
                async for _ in queue:
                    seen.append(subject())

        async def enqueue(request: Request) -> JSONResponse:
            if not started:
                started.append(True)
                tasks.start_soon(worker)
            else:
                await jobs.send("a job of this caller")
                await anyio.wait_all_tasks_blocked()
            return JSONResponse(subject())

        app = installed(Starlette(routes=[Route("/", enqueue)]), options)
        async with anyio.create_task_group() as tasks:
            answers = [
                (await ask_asgi(app, http_scope("GET", "/", header(who)))).json()
                for who in (ANA, BOB)
            ]
            assert answers == [ANA, BOB]
            jobs.close()

    anyio.run(main, backend=backend)

    assert seen == [None]


def test_a_thread_with_a_copy_of_the_context_acts_for_nobody_after_the_request(
    options: Any, header: Any
) -> None:
    kept: list[contextvars.Context] = []

    def keep(request: Request) -> JSONResponse:
        kept.append(contextvars.copy_context())
        return JSONResponse(kept[0].run(subject))

    app = installed(Starlette(routes=[Route("/", keep)]), options)
    assert call_asgi(app, "GET", "/", header(ANA)).json() == ANA

    seen: list[str | None] = []
    thread = threading.Thread(target=lambda: kept[0].run(lambda: seen.append(subject())))
    thread.start()
    thread.join()
    assert seen == [None]


def test_background_tasks_and_streams_belong_to_the_request(options: Any, header: Any) -> None:
    seen: list[str | None] = []

    async def later() -> None:
        seen.append(subject())

    def later_in_a_thread() -> None:
        seen.append(subject())

    async def chunks() -> Any:
        seen.append(subject())
        yield b"x"

    async def serve(request: Request) -> StreamingResponse:
        tasks = BackgroundTasks()
        tasks.add_task(later)
        tasks.add_task(later_in_a_thread)
        return StreamingResponse(chunks(), background=tasks)

    app = installed(Starlette(routes=[Route("/", serve)]), options)
    assert call_asgi(app, "GET", "/", header(ANA)).body == b"x"
    assert seen == [ANA, ANA, ANA]


# --- an app that another one calls in this process -------------------------------------------


def _starlette(handler: Any) -> Starlette:
    return Starlette(routes=[Route("/", handler)])


async def says(request: Request) -> JSONResponse:
    return JSONResponse(subject())


def says_in_a_thread(request: Request) -> JSONResponse:
    return JSONResponse(subject())


async def must_know(request: Request) -> JSONResponse:
    return JSONResponse(current_principal().subject)


async def calls_a_guarded_function(request: Request) -> JSONResponse:
    return JSONResponse(await job())


def _fastapi() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def handler() -> Any:
        return subject()

    @app.get("/guarded")
    @requires(authenticated)
    async def guarded() -> Any:
        return subject()

    @app.get("/depends")
    async def depends(who: Annotated[Principal, Depends(current_principal)]) -> Any:
        return who.subject

    @app.get("/depends-in-a-thread")
    def in_a_thread(who: Annotated[Principal, Depends(current_principal)]) -> Any:
        return who.subject

    @app.get("/depends-or-none")
    def or_none(who: Annotated[Any, Depends(current_principal_or_none)]) -> Any:
        return None if who is None else who.subject

    return app


INNER = [
    (_starlette(says), "/", 200),
    (_starlette(says_in_a_thread), "/", 200),
    (_starlette(must_know), "/", 401),
    (_starlette(calls_a_guarded_function), "/", 401),
    (Starlette(routes=[Mount("/deep", _starlette(says))]), "/deep/", 200),
    (_fastapi(), "/", 200),
    (_fastapi(), "/guarded", 401),
    (_fastapi(), "/depends", 401),
    (_fastapi(), "/depends-in-a-thread", 401),
    (_fastapi(), "/depends-or-none", 200),
]


async def _directly(app: Any, path: str) -> Any:
    try:
        answer = await ask_asgi(app, http_scope("GET", path))
    except MissingToken:
        return 401, None  # nobody in the bare app answers for our errors
    return answer.status, answer.json() if answer.status == 200 else None


async def _by_a_client(app: Any, path: str) -> Any:
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://inner") as client:
        try:
            answer = await client.get(path)
        except MissingToken:
            return 401, None
        return answer.status_code, answer.json() if answer.status_code == 200 else None


Call = Callable[[Any, str], Awaitable[Any]]


def outer(inner: Any, path: str, call: Call, options: Any) -> Any:
    async def ask(request: Request) -> JSONResponse:
        return JSONResponse([subject(), await call(inner, path), subject()])

    return installed(_starlette(ask), options)


@pytest.mark.parametrize("call", [_directly, _by_a_client], ids=["directly", "by a client"])
@pytest.mark.parametrize("inner, path, status", INNER)
def test_an_app_without_the_middleware_sees_nobody_when_another_app_calls_it(
    inner: Any, path: str, status: int, call: Call, options: Any, header: Any
) -> None:
    answer = call_asgi(outer(inner, path, call, options), "GET", "/", header(ANA))

    assert answer.json() == [ANA, [status, None], ANA]


def test_an_app_with_another_middleware_sees_its_own_caller(options: Any, header: Any) -> None:
    inner = asgi.JWTMiddleware(_plain(says), **options)

    async def call(app: Any, path: str) -> Any:
        answer = await ask_asgi(app, http_scope("GET", path, header(BOB)))
        return answer.json()

    answer = call_asgi(outer(inner, "/", call, options), "GET", "/", header(ANA))

    assert answer.json() == [ANA, BOB, ANA]


def _plain(handler: Any) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await _starlette(handler)(scope, receive, send)

    return app


class Copies:
    """A middleware that hands its app a copy of the scope, as some do."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(dict(scope), receive, send)


@pytest.mark.parametrize("handler", [says, says_in_a_thread, must_know, calls_a_guarded_function])
def test_a_mounted_app_and_a_copied_scope_are_still_the_request(
    handler: Any, options: Any, header: Any
) -> None:
    below = _starlette(handler)
    app = Starlette(routes=[Mount("/a", below), Mount("/b", Copies(below))])
    app.add_middleware(Copies)
    installed(app, options)
    app.add_middleware(Copies)

    for path in ("/a/", "/b/"):
        answer: Answer = call_asgi(app, "GET", path, header(ANA))
        assert (answer.status, answer.json()) == (200, ANA)


def test_a_scope_among_the_arguments_that_is_none_is_passed_over(options: Any, header: Any) -> None:
    def helper(scope: str, request: int) -> str | None:
        return subject()

    async def serve(request: Request) -> JSONResponse:
        return JSONResponse(helper("orders:read", 7))

    app = installed(_starlette(serve), options)
    assert call_asgi(app, "GET", "/", header(ANA)).json() == ANA


def test_a_request_may_be_named(options: Any, header: Any) -> None:
    async def serve(request: Request) -> JSONResponse:
        named = current_principal(request).subject
        maybe = current_principal_or_none(request)
        other = current_principal_or_none(Request({"type": "http", "headers": []}))
        return JSONResponse([named, maybe and maybe.subject, other])

    app = installed(_starlette(serve), options)
    assert call_asgi(app, "GET", "/", header(ANA)).json() == [ANA, ANA, None]
