"""Sign-on before any ASGI app and any WSGI app, with a session of the app's own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import trio

from jwt_middleware import ConfigurationError
from jwt_middleware.sign_on import PATH, Account, Integration, Profile
from jwt_middleware.sign_on.asgi import SignOn as ASGISignOn
from jwt_middleware.sign_on.sql import SQLDirectory
from jwt_middleware.sign_on.wsgi import SignOn as WSGISignOn

from ..adapters.harness import Answer, ask_asgi, call_asgi, call_wsgi, http_scope
from ..conftest import Clock
from .kit import KEY, NOW, TRANSLATED, token, translated

SEEN: list[Any] = []


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    SEEN.append(scope)
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"the app"})


def wsgi_app(environ: Any, start_response: Any) -> list[bytes]:
    SEEN.append(environ)
    start_response("200 OK", [])
    return [b"the app"]


def sign_in(account: Account, profile: Profile, carrier: Any) -> list[tuple[str, str]]:
    SEEN.append(carrier)
    return [("Set-Cookie", f"user={account.user_id}"), ("Set-Cookie", "b=c")]


KINDS = {"asgi": (ASGISignOn, asgi_app, call_asgi), "wsgi": (WSGISignOn, wsgi_app, call_wsgi)}


class Door:
    def __init__(self, kind: str, folder: Path) -> None:
        SEEN.clear()
        self.make, self.inner, self.call = KINDS[kind]
        self.directory = SQLDirectory(f"sqlite:///{folder / 'accounts.sqlite'}")
        self.options = {
            "integrations": [Integration("acme", secret=KEY.secret, hosts=["backend.example.edu"])],
            "directory": self.directory,
            "store": "process-memory",
            "clock": Clock(NOW),
            "sign_in": sign_in,
        }
        self.app = self.make(self.inner, **self.options)

    def arrive(self, raw: str, go: str = "/courses", path: str = PATH, **changes: Any) -> Answer:
        query = urlencode({"token": raw, "go": go})
        return self.call(self.app, changes.pop("method", "GET"), path, query=query, **changes)


@pytest.fixture(params=KINDS)
def door(request: pytest.FixtureRequest, tmp_path: Path) -> Door:
    return Door(request.param, tmp_path)


def test_a_person_is_signed_in_with_the_apps_own_headers(door: Door) -> None:
    answer = door.arrive(token())

    user = door.directory.find("acme", "ana@example.edu")
    assert user is not None
    assert (answer.status, answer.header("Location")) == (303, "/courses")
    assert answer.all("Set-Cookie") == [f"user={user.id}", "b=c"]


def test_every_other_path_is_the_apps(door: Door) -> None:
    for path in ("/", "/courses", PATH + "/", PATH + "/x"):
        assert door.arrive(token(), path=path).body == b"the app"


def test_without_an_app_it_answers_every_path(door: Door) -> None:
    door.app = door.make(**door.options)

    assert door.arrive(token(), path="/anywhere").status == 303


def test_the_token_is_gone_from_the_request_for_whoever_looks_later(door: Door) -> None:
    raw = token()
    door.arrive(raw)

    [carrier] = SEEN
    assert raw not in repr(list(carrier.items()))


def test_servers_that_keep_the_address_elsewhere_forget_it_too(tmp_path: Path) -> None:
    door, raw = Door("wsgi", tmp_path), token()
    address = f"{PATH}?token={raw}"
    door.arrive(raw, environ_changes={"RAW_URI": address, "REQUEST_URI": address})

    [environ] = SEEN
    assert (environ["RAW_URI"], environ["REQUEST_URI"]) == (PATH, PATH)


def test_the_host_decides_and_only_one_host_is_believed(door: Door) -> None:
    answer = door.arrive(token(), headers=[("Host", "other.example.edu")])

    assert answer.status == 401


def test_head_and_post_use_no_token(door: Door) -> None:
    raw = token()
    for method in ("HEAD", "POST"):
        answer = door.arrive(raw, method=method)
        assert (answer.status, answer.header("Allow"), answer.body) == (405, "GET", b"")

    assert door.arrive(raw).status == 303


def test_a_link_that_is_fetched_ahead_is_not_used(door: Door) -> None:
    raw = token()
    for name in ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"):
        assert door.arrive(raw, headers=[(name, "Prefetch")]).status == 503

    assert door.arrive(raw, headers=[("Sec-Purpose", "")]).status == 303


def test_a_refusal_is_a_page(door: Door) -> None:
    answer = door.arrive("x", headers=[("Accept", "text/html")])

    assert answer.status == 401
    assert b"<h1>Sign-in failed</h1>" in answer.body


def test_a_site_translates_the_page(door: Door) -> None:
    door.app = door.make(door.inner, **door.options, refuse=translated)
    answer = door.arrive("x", headers=[("Accept-Language", "de")])

    assert (answer.status, answer.body) == (401, TRANSLATED)
    assert answer.header("Cache-Control") == "no-store"


@pytest.mark.parametrize("wrong", [None, 5, "login"])
def test_a_plain_app_says_how_its_session_begins(door: Door, wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="sign_in"):
        door.make(door.inner, **{**door.options, "sign_in": wrong})


def test_go_may_not_be_the_callback_below_a_mount(tmp_path: Path) -> None:
    door = Door("wsgi", tmp_path)
    root = {"SCRIPT_NAME": "/site"}

    first = door.arrive(token(jti="1"), go="/site" + PATH, environ_changes=root)
    second = door.arrive(token(jti="2"), go="/site/courses", environ_changes=root)

    assert (first.header("Location"), second.header("Location")) == ("/", "/site/courses")


def test_lifespan_and_websockets_are_the_apps(tmp_path: Path) -> None:
    door = Door("asgi", tmp_path)

    for kind in ("lifespan", "websocket"):
        asyncio.run(door.app({"type": kind, "path": PATH}, None, None))
    assert [scope["type"] for scope in SEEN] == ["lifespan", "websocket"]


def test_a_slow_directory_does_not_block_the_event_loop(tmp_path: Path) -> None:
    door = Door("asgi", tmp_path)
    order: list[str] = []

    async def arrive_and_tick() -> Answer:
        released = asyncio.Event()
        loop = asyncio.get_running_loop()

        class Waiting:
            def sync(self, profile: Profile) -> Account:
                # It returns only after the loop has run something else.
                asyncio.run_coroutine_threadsafe(released.wait(), loop).result(10)
                order.append("synced")
                return Account("1", False)

        app = ASGISignOn(**{**door.options, "directory": Waiting()})
        scope = http_scope("GET", PATH, query=urlencode({"token": token()}))
        task = asyncio.create_task(ask_asgi(app, scope))
        await asyncio.sleep(0)
        order.append("ticked")
        released.set()
        return await task

    assert asyncio.run(arrive_and_tick()).status == 303
    assert order == ["ticked", "synced"]


def test_it_serves_on_trio(tmp_path: Path) -> None:
    door, sent = Door("asgi", tmp_path), []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = http_scope("GET", PATH, query=urlencode({"token": token()}))
    trio.run(door.app, scope, None, send)

    assert sent[0]["status"] == 303
