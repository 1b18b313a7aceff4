"""Keys at start-up, at every door: fetched before the first request, or waited for without harm."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

import jwt_middleware.asgi
from jwt_middleware import ConfigurationError, Issuer, JWKSEndpoint, Verifier
from jwt_middleware.principal import PRINCIPAL_KEY
from jwt_middleware.testing import SigningKey

from ..conftest import Clock
from ..key_server import KeyServer, document, hang, status
from .apps import DOORS, Door, fastapi, plain_asgi, starlette
from .conftest import Caller
from .harness import Answer, Lifespan, ask_asgi, call_asgi, http_scope, start_and_stop

Options = dict[str, Any]


def asgi_with_lifespan(options: Mapping[str, Any]) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
            return
        found = scope.get(PRINCIPAL_KEY)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(found and found.subject).encode()})

    return jwt_middleware.asgi.JWTMiddleware(app, **options)


BY_LIFESPAN = [
    pytest.param(build, id=name)
    for name, build in (
        ("asgi", asgi_with_lifespan),
        ("starlette", starlette),
        ("fastapi", fastapi),
    )
]
BY_CONSTRUCTOR = [
    pytest.param(door, id=door.name)
    for door in DOORS
    if door.name not in ("asgi", "starlette", "fastapi")
]
EVERY_DOOR = [pytest.param(door, id=door.name) for door in DOORS]
on_lifespan = pytest.mark.parametrize("build", BY_LIFESPAN)
on_constructor = pytest.mark.parametrize("door", BY_CONSTRUCTOR)


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    with KeyServer() as server:
        yield server


def options_of(server: KeyServer, **options: Any) -> Options:
    endpoint = JWKSEndpoint(server.url, deadline=1, wait_budget=0.2)
    return {"keys": endpoint, "api": "/echo"} | options


def serve(server: KeyServer, key: SigningKey) -> None:
    server.script = document({"keys": [key.jwk()]})


@on_lifespan
def test_the_lifespan_fetches_keys_before_the_first_request(
    build: Any, key_server: KeyServer, rsa_key: SigningKey, caller: Caller
) -> None:
    serve(key_server, rsa_key)
    app = build(options_of(key_server))

    async def run() -> tuple[int, Answer]:
        async with Lifespan(app) as life:
            assert life.started
            before = len(key_server.requests)
            return before, await ask_asgi(app, http_scope("GET", "/who", caller()))

    before, answer = asyncio.run(run())
    assert (before, answer.status, len(key_server.requests)) == (1, 200, 1)


@on_lifespan
@pytest.mark.parametrize("fault", ["refused", "status 500", "hang"])
def test_fail_fast_fails_the_lifespan_and_reports_source_and_reason(
    build: Any, fault: str, key_server: KeyServer
) -> None:
    key_server.script = hang if fault == "hang" else status(500)
    options = options_of(key_server, fail_fast=True)
    if fault == "refused":
        with KeyServer() as gone:
            options = options_of(gone, fail_fast=True)
    [message] = start_and_stop(build(options))[:1]

    assert message["type"] == "lifespan.startup.failed"
    assert options["keys"].name in message["message"]
    reason = {"refused": "ConnectionRefusedError", "hang": "no answer in time"}.get(fault, fault)
    assert reason in message["message"]


@on_constructor
def test_fail_fast_fails_in_the_constructor_where_no_lifespan_comes(
    door: Door, key_server: KeyServer
) -> None:
    with pytest.raises(ConfigurationError, match=r"fail_fast: no keys .*/jwks \(status 503"):
        door.build(options_of(key_server, fail_fast=True))


@on_constructor
def test_fail_fast_starts_where_the_keys_are_there(
    door: Door, key_server: KeyServer, rsa_key: SigningKey, caller: Caller
) -> None:
    serve(key_server, rsa_key)
    app = door.build(options_of(key_server, fail_fast=True))
    assert len(key_server.requests) == 1

    assert door.ask(app, "GET", "/who", caller()).status == 200
    assert len(key_server.requests) == 1


@on_constructor
def test_without_fail_fast_building_an_app_fetches_nothing(
    door: Door, key_server: KeyServer
) -> None:
    door.build(options_of(key_server))

    assert key_server.requests == []


@pytest.mark.parametrize("door", EVERY_DOOR)
def test_an_app_may_start_before_its_gateway_and_serves_when_that_is_there(
    door: Door, key_server: KeyServer, rsa_key: SigningKey, caller: Caller
) -> None:
    clock = Clock(1_000)
    keys = JWKSEndpoint(key_server.url, clock=clock)
    app = door.build(options_of(key_server, keys=keys))
    early = door.ask(app, "GET", "/who", caller())

    assert (early.status, early.json()["code"]) == (503, "keys_unavailable")
    assert int(early.header("Retry-After") or 0) >= 1
    serve(key_server, rsa_key)
    clock.now += 2

    assert door.ask(app, "GET", "/who", caller()).status == 200


@on_lifespan
def test_without_fail_fast_a_dead_gateway_does_not_keep_the_app_from_starting(
    build: Any, key_server: KeyServer
) -> None:
    sent = start_and_stop(build(options_of(key_server)))

    assert sent[0]["type"] == "lifespan.startup.complete"


@on_lifespan
def test_a_hanging_gateway_delays_the_start_by_the_wait_budget_at_most(
    build: Any, key_server: KeyServer
) -> None:
    key_server.script = hang
    patient = JWKSEndpoint(key_server.url, deadline=30, wait_budget=0.2)
    app = build(options_of(key_server, keys=patient))
    begun = time.monotonic()
    sent = start_and_stop(app)

    assert sent[0]["type"] == "lifespan.startup.complete"
    assert time.monotonic() - begun < 3


def test_an_app_without_a_lifespan_gets_its_keys_with_its_first_request(
    key_server: KeyServer, rsa_key: SigningKey, caller: Caller
) -> None:
    serve(key_server, rsa_key)

    assert call_asgi(plain_asgi(options_of(key_server)), "GET", "/who", caller()).status == 200


def test_keys_in_a_file_are_there_at_start_up_in_any_case(rsa_key: SigningKey) -> None:
    sent = start_and_stop(
        asgi_with_lifespan({"keys": rsa_key.certificate_pem, "api": "/echo", "fail_fast": True})
    )

    assert sent[0]["type"] == "lifespan.startup.complete"


@pytest.mark.parametrize("value", ["yes", 1, None, "true"], ids=repr)
def test_fail_fast_is_true_or_false(key_server: KeyServer, value: Any) -> None:
    with pytest.raises(ConfigurationError, match="fail_fast"):
        asgi_with_lifespan(options_of(key_server, fail_fast=value))


def test_a_readiness_probe_sees_the_keys_come(key_server: KeyServer, rsa_key: SigningKey) -> None:
    verifier = Verifier(keys=JWKSEndpoint(key_server.url), api="/echo")
    key_server.script = hang
    before = verifier.health()
    assert (before["ready"], before["sources"][0]["keys"]) == (False, 0)
    verifier.close()

    serve(key_server, rsa_key)
    ready = Verifier(keys=JWKSEndpoint(key_server.url), api="/echo")
    assert ready.prefetch()
    assert ready.health()["ready"]
    assert ready.health()["sources"][0]["fresh"]


def test_a_verifier_is_ready_when_every_issuer_s_keys_are_there(
    key_server: KeyServer, rsa_key: SigningKey
) -> None:
    def issuers() -> list[Issuer]:
        return [
            Issuer("https://a", keys=rsa_key.public_pem),
            Issuer("https://b", keys=JWKSEndpoint(key_server.url, deadline=1)),
        ]

    assert not Verifier(issuers=issuers(), api="/echo").prefetch()
    serve(key_server, rsa_key)
    assert asyncio.run(Verifier(issuers=issuers(), api="/echo").prefetch_async())
