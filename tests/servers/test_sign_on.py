"""Sign-on through real workers: one token, one sign-in, and no token in any log."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from jwt_middleware.sign_on import PATH
from jwt_middleware.sign_on.sql import SQLDirectory
from jwt_middleware.testing import SigningKey

from ..sign_on.kit import signed
from .running import Answer, Server, running

SERVERS = {
    "gunicorn": ("gunicorn, 4 workers", "sign_on_site:flask_app"),
    "uvicorn": ("uvicorn, 4 workers", "sign_on_site:starlette_app"),
}
KEY = SigningKey("HS256")
KEY.private = KEY.secret.hex().encode()
INTEGRATION = "[integrations.acme]\nsecret_file = 'acme.secret'\n"
ARRIVALS = 100


def token(**claims: Any) -> str:
    return signed({"iat": int(time.time()), "email": "ana@example.edu", **claims}, KEY)


def address(raw: str, go: str = "/me") -> str:
    return f"{PATH}?{urlencode({'token': raw, 'go': go})}"


@pytest.fixture(params=SERVERS, scope="module")
def server(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    rsa_key: SigningKey,
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("site")
    write(folder, INTEGRATION)
    (folder / "acme.secret").write_bytes(KEY.secret)
    name, app = SERVERS[request.param]
    with running(name, app, folder, rsa_key) as found:
        await_workers(found)
        yield found


def write(folder: Path, integrations: str) -> None:
    """Replace the file whole, by rename."""
    (folder / "integrations.new").write_text(integrations)
    (folder / "integrations.new").replace(folder / "integrations.toml")


def accounts(server: Server) -> SQLDirectory:
    return SQLDirectory(f"sqlite:///{server.log.parent / 'accounts.sqlite'}")


def await_workers(server: Server) -> None:
    """Wait until each of the four answers."""
    seen: set[int] = set()
    deadline = time.monotonic() + 30
    while len(seen) < 4:
        assert time.monotonic() < deadline, seen
        with ThreadPoolExecutor(8) as pool:
            answers = pool.map(lambda _: server.get("/me"), range(16))
        seen.update(answer.told["process"] for answer in answers)


def at_once(server: Server, addresses: list[str]) -> list[Answer]:
    """Send these requests at the same moment, each on a connection of its own."""
    start = threading.Barrier(len(addresses))

    def send(target: str) -> Answer:
        connection = server.connect()
        connection.connect()
        start.wait(20)
        connection.request("GET", target)
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        answer = Answer(response.status, headers, response.read())
        connection.close()
        return answer

    with ThreadPoolExecutor(len(addresses)) as pool:
        return list(pool.map(send, addresses))


def test_of_100_arrivals_of_one_token_exactly_one_signs_in(server: Server) -> None:
    answers = at_once(server, [address(token(groups=["a"]))] * ARRIVALS)

    signed_in = [answer for answer in answers if "set-cookie" in answer.headers]
    assert sorted(answer.status for answer in answers) == [303] + [401] * (ARRIVALS - 1)
    assert len(signed_in) == 1
    cookie = signed_in[0].headers["set-cookie"].partition(";")[0]
    user = accounts(server).find("acme", "ana@example.edu")
    assert user is not None
    assert server.get("/me", f"Cookie: {cookie}").told["user_id"] == user.id


def test_people_who_arrive_at_once_are_all_signed_in(server: Server) -> None:
    """One person among them twice, by two tokens; the lists are one token's, whole."""
    emails = [f"p{number // 2}@example.edu" for number in range(20)]
    addresses = [
        address(token(email=email, jti=str(number), groups=[number, f"g{number}"]))
        for number, email in enumerate(emails)
    ]
    answers = at_once(server, addresses)

    assert [answer.status for answer in answers] == [303] * 20
    directory = accounts(server)
    for email in emails:
        user = directory.find("acme", email)
        assert user is not None
        number, name = user.groups
        assert name == f"g{number}"


def test_an_integration_that_is_removed_is_refused_by_every_worker_at_once(
    server: Server,
) -> None:
    addresses = [address(token(jti=f"of the removed {number}")) for number in range(33)]
    assert server.get(addresses.pop()).status == 303
    try:
        write(server.log.parent, "[integrations]\n")
        answers = at_once(server, addresses)
    finally:
        write(server.log.parent, INTEGRATION)

    assert [answer.status for answer in answers] == [401] * 32


def test_no_log_of_the_server_or_of_ours_holds_a_token(server: Server) -> None:
    good, used, bad = token(jti="good"), token(jti="used"), token(email="nobody")
    for raw in (good, used, used, bad):
        server.get(address(raw))
    server.get("/me?mark=the-end")
    deadline = time.monotonic() + 10
    while "the-end" not in server.told:
        assert time.monotonic() < deadline
        time.sleep(0.02)

    assert PATH in server.told
    for raw in (good, used, bad):
        assert raw not in server.told
        assert raw.split(".")[1] not in server.told
