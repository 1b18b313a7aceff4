"""Django: whoever outlives a request, with a copy of its context, acts for nobody."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import pytest

from . import django_site  # noqa: F401 - configures Django before the adapter is imported

# isort: split
from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, JsonResponse
from django.test import override_settings
from django.urls import path

from jwt_middleware import MissingToken, authenticated
from jwt_middleware.testing import SigningKey, mint, ucsd_claims
from jwt_middleware_django import current_principal, current_principal_or_none, requires

from .harness import ask_asgi, call_asgi, call_wsgi, http_scope

JWT = "X-JWT-Assertion"
KEPT: list[contextvars.Context] = []
SEEN: list[str | None] = []
TASKS: list[asyncio.Task[None]] = []


def subject() -> str | None:
    found = current_principal_or_none()
    return None if found is None else found.subject


@requires(authenticated)
def job() -> str | None:
    return subject()


def look() -> None:
    SEEN.append(subject())
    with pytest.raises(MissingToken):
        current_principal()
    with pytest.raises(MissingToken):
        job()


def keep(request: HttpRequest) -> JsonResponse:
    KEPT.append(contextvars.copy_context())
    return JsonResponse([subject(), job()], safe=False)


async def begin(request: HttpRequest) -> JsonResponse:
    ended: asyncio.Event = request.META["tests.ended"]

    async def work() -> None:
        SEEN.append(subject())
        SEEN.append(await sync_to_async(subject)())
        await ended.wait()
        look()
        await sync_to_async(look)()

    TASKS.append(asyncio.create_task(work()))
    while len(SEEN) < 2:
        await asyncio.sleep(0)
    return JsonResponse(subject(), safe=False)


urlpatterns = [path("keep", keep), path("begin", begin)]


@pytest.fixture(autouse=True)
def _site(rsa_key: SigningKey) -> Any:
    for each in (KEPT, SEEN, TASKS):
        each.clear()
    with override_settings(
        JWT_MIDDLEWARE={"keys": rsa_key.public_pem, "api": "/echo"},
        MIDDLEWARE=[f"{__name__}.Ended", "jwt_middleware_django.JWTMiddleware"],
        ROOT_URLCONF=__name__,
    ):
        yield


class Ended:
    """Puts the test's event where the view finds it."""

    async_capable = sync_capable = True
    event: asyncio.Event | None = None

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        request.META["tests.ended"] = Ended.event
        return self.get_response(request)


@pytest.fixture
def header(rsa_key: SigningKey) -> list[tuple[str, str]]:
    return [(JWT, mint(rsa_key, ucsd_claims() | {"sub": "ana"}))]


@pytest.mark.parametrize("server", ["wsgi", "asgi"])
def test_a_thread_with_a_copy_of_the_context_acts_for_nobody_after_the_request(
    server: str, header: Any
) -> None:
    if server == "wsgi":
        answer = call_wsgi(WSGIHandler(), "GET", "/keep", header)
    else:
        answer = call_asgi(ASGIHandler(), "GET", "/keep", header)
    assert answer.json() == ["ana", "ana"]

    thread = threading.Thread(target=lambda: KEPT[0].run(look))
    thread.start()
    thread.join()
    assert SEEN == [None]


def test_a_task_that_a_request_begins_acts_as_its_caller_no_longer_than_the_request(
    header: Any,
) -> None:
    async def main() -> None:
        Ended.event = asyncio.Event()
        answer = await ask_asgi(ASGIHandler(), http_scope("GET", "/begin", header))
        assert answer.json() == "ana"
        Ended.event.set()
        await TASKS[0]

    asyncio.run(main())

    assert SEEN == ["ana", "ana", None, None]
