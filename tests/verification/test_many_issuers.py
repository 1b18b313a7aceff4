"""Many issuers cost what those cost that are in use: keys are fetched when tokens name them."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from jwt_middleware import ANY, Client, ClientRegistry, Issuer, JWKSEndpoint, Verifier
from jwt_middleware.asgi import JWTMiddleware
from jwt_middleware.authorization.clients import ClientTrust
from jwt_middleware.errors import ConfigurationError, KeysUnavailable, RequestError
from jwt_middleware.testing import SigningKey, mint

from ..kit import Events


class Site:
    """So many issuers, whose keys are fetched from here."""

    def __init__(self, number: int, **options: Any) -> None:
        self.key = SigningKey("ES256", key_id="theirs")
        self.names = [f"https://{n}.example.edu" for n in range(number)]
        self.fetched: list[str] = []
        self.failing: set[str] = set()
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.most_at_once = self.at_once = 0
        self.lock = threading.Lock()
        self.issuers = [
            Issuer(
                name,
                keys=JWKSEndpoint(f"{name}/jwks", fetch=self.fetch, wait_budget=1),
                algorithms="ES256",
                audience=ANY,
            )
            for name in self.names
        ]
        self.options: dict[str, Any] = {"gateway": "standard", "issuers": self.issuers, **options}

    def fetch(self, url: str) -> bytes:
        name = url.removesuffix("/jwks")
        with self.lock:
            self.fetched.append(name)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.may_answer.wait(10)
            if name in self.failing:
                raise OSError
            return json.dumps(self.key.jwks()).encode()
        finally:
            with self.lock:
                self.at_once -= 1

    def token(self, number: int, key: SigningKey | None = None, **claims: Any) -> str:
        claims = {"iss": self.names[number], **claims}
        return mint(key or self.key, claims, form="standard")


def eventually(holds: Callable[[], bool]) -> bool:
    ends = time.monotonic() + 5
    while not holds() and time.monotonic() < ends:
        time.sleep(0.005)
    return holds()


async def _served(app: Any) -> str:
    """Start an app by its lifespan, and stop it; return how it started."""
    messages: asyncio.Queue[Any] = asyncio.Queue()
    said: asyncio.Queue[Any] = asyncio.Queue()
    messages.put_nowait({"type": "lifespan.startup"})
    task = asyncio.create_task(app({"type": "lifespan", "state": {}}, messages.get, said.put))
    answer = await said.get()
    messages.put_nowait({"type": "lifespan.shutdown"})
    with suppress(ConfigurationError):
        await task
    return str(answer["type"])


async def _app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})


def test_each_of_several_issuers_is_fetched_when_a_token_first_names_it() -> None:
    site = Site(50)
    verifier = Verifier(**site.options)
    app = JWTMiddleware(_app, verifier=verifier)

    assert asyncio.run(_served(app)) == "lifespan.startup.complete"
    assert site.fetched == []
    for _ in range(3):
        assert verifier.verify(site.token(7)).issuer == site.names[7]
    assert site.fetched == [site.names[7]]


def test_the_only_issuer_is_fetched_at_the_start() -> None:
    site = Site(1)
    app = JWTMiddleware(_app, **site.options)

    assert asyncio.run(_served(app)) == "lifespan.startup.complete"
    assert site.fetched == site.names


def test_fail_fast_fetches_every_issuer_a_few_at_a_time() -> None:
    site = Site(40, fail_fast=True)
    site.failing = {site.names[11]}
    answer = asyncio.run(_served(JWTMiddleware(_app, **site.options)))

    assert answer == "lifespan.startup.failed"
    assert sorted(site.fetched) == sorted(site.names)
    assert 1 <= site.most_at_once <= 4

    site.failing.clear()
    good = Site(40, fail_fast=True)
    assert asyncio.run(_served(JWTMiddleware(_app, **good.options))) == "lifespan.startup.complete"


def test_no_more_than_four_fetches_run_at_a_time_and_known_keys_wait_for_none(
    threads_started: list[threading.Thread],
) -> None:
    site = Site(300)
    verifier = Verifier(**site.options)
    verifier.verify(site.token(0))
    site.may_answer.clear()
    for number in range(1, 300):
        steps: Any = verifier.begin(site.token(number))
        next(steps)  # it waits for the fetch
    known: Any = verifier.begin(site.token(0, sub="another"))
    with pytest.raises(StopIteration) as verified:
        next(known)  # it waits for nothing

    assert verified.value.value.subject == "another"
    assert eventually(lambda: site.most_at_once == 4)
    assert len([each for each in threads_started if each.is_alive()]) <= 4
    site.may_answer.set()
    assert eventually(lambda: len(site.fetched) == 300)
    assert site.most_at_once == 4


def test_issuers_that_hang_again_leave_room_for_those_that_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = Site(10)
    site.failing = set(site.names[1:])
    verifier = Verifier(**site.options)
    for number in range(1, 10):
        with pytest.raises(KeysUnavailable):
            verifier.verify(site.token(number))
    for each in site.issuers[1:]:
        monkeypatch.setattr(each.keys._schedule, "_not_before", 0.0)  # their pauses are over
    site.may_answer.clear()
    waiting: list[Any] = [verifier.begin(site.token(number)) for number in range(1, 10)]
    for steps in waiting:
        next(steps)
    assert eventually(lambda: site.at_once == 2)
    site.may_answer.set()

    assert verifier.verify(site.token(0)).issuer == site.names[0]


def test_a_refused_token_fetches_no_keys_of_issuers_that_nobody_has_used() -> None:
    site = Site(20)
    registry = ClientRegistry([Client("c", trust=ClientTrust(issuer=site.names[0]))])
    verifier = Verifier(**site.options, clients=registry)
    stranger = SigningKey("ES256", key_id="theirs")
    for number in (0, 1):
        with pytest.raises(RequestError):
            verifier.verify(site.token(number, stranger, client_id="c"))

    assert set(site.fetched) == {site.names[0]}


# --- readiness ---------------------------------------------------------------------------------


def test_a_service_is_ready_when_the_issuers_that_tokens_name_have_keys() -> None:
    site = Site(5)
    site.failing = {site.names[2]}
    verifier = Verifier(**site.options)
    verifier.verify(site.token(1))
    assert verifier.health()["ready"] is True
    with pytest.raises(KeysUnavailable):
        verifier.verify(site.token(2))

    assert verifier.health()["ready"] is False
    assert set(site.fetched) == {site.names[1], site.names[2]}


def test_before_the_first_token_a_service_is_ready_when_any_issuer_answers() -> None:
    site = Site(5)
    site.failing = set(site.names[:2])
    verifier = Verifier(**site.options)

    assert verifier.health()["ready"] is False
    assert eventually(lambda: verifier.health()["ready"])
    assert site.names[2] in site.fetched
    fetched = len(site.fetched)
    for _ in range(3):
        assert verifier.health()["ready"] is True
    assert len(site.fetched) == fetched
    verifier.verify(site.token(4))
    assert verifier.health()["ready"] is True


def test_a_service_that_reaches_no_issuer_is_not_ready() -> None:
    site = Site(3)
    site.failing = set(site.names)
    verifier = Verifier(**site.options)
    for _ in range(10):
        assert verifier.health()["ready"] is False
        time.sleep(0.01)

    assert set(site.fetched) == set(site.names)


def test_an_issuer_whose_keys_are_at_hand_is_always_in_use() -> None:
    site = Site(2)
    local = Issuer("https://local", keys=site.key.public_pem, algorithms="ES256")
    verifier = Verifier(gateway="standard", issuers=[local, *site.issuers])

    assert verifier.health()["ready"] is True
    assert site.fetched == []


# --- the cost of those that are not used -------------------------------------------------------


def test_a_thousand_issuers_start_no_thread_and_make_one_context(
    monkeypatch: pytest.MonkeyPatch, events: Events, threads_started: list[threading.Thread]
) -> None:
    import ssl

    from jwt_middleware.keys import http_fetch

    made: list[Any] = []
    create = ssl.create_default_context
    monkeypatch.setattr(
        ssl, "create_default_context", lambda **options: made.append(1) or create(**options)
    )
    monkeypatch.setattr(http_fetch, "_contexts", {})
    Verifier(
        gateway="standard",
        listeners=[events],
        issuers=[Issuer(f"https://{n}.x.edu", keys=f"https://{n}.x.edu/jwks") for n in range(1000)],
    )

    assert len(made) == 1
    assert threads_started == []


def test_prefetch_asked_for_by_name_fetches_all() -> None:
    site = Site(6)
    verifier = Verifier(**site.options)

    assert verifier.prefetch() is True
    assert sorted(site.fetched) == site.names
    site.failing = {site.names[0]}
    with pytest.raises(ConfigurationError):
        Verifier(**site.options, keys="x")
