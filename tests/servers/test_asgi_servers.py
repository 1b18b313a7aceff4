"""The ASGI adapters under real servers, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware.testing import SigningKey

from .running import Server, ask, run_to_its_end, running

CAN_DENY = {"uvicorn", "hypercorn"}  # they offer the extension websocket.http.response
SITES = [
    pytest.param((name, f"asgi_site:{app}_app"), id=f"{app} on {name}")
    for app in ("starlette", "fastapi")
    for name in ("uvicorn", "hypercorn", "daphne")
]
DJANGO = [
    pytest.param((name, "django_site:asgi"), id=f"django on {name}")
    for name in ("uvicorn", "daphne")
]


@pytest.fixture(scope="module")
def server(
    request: Any, tmp_path_factory: pytest.TempPathFactory, rsa_key: SigningKey
) -> Iterator[Server]:
    name, app = request.param
    with running(name, app, tmp_path_factory.mktemp("server"), rsa_key) as found:
        yield found


ON_ALL = pytest.mark.parametrize("server", SITES + DJANGO, indirect=True, scope="module")
ON_SITES_WITH_SOCKETS = pytest.mark.parametrize("server", SITES, indirect=True, scope="module")


@ON_ALL
def test_a_good_token_is_served(server: Server) -> None:
    answer = server.get("/who", f"X-JWT-Assertion: {server.token(enduser='ana')}")

    assert (answer.status, answer.told) == (200, "ana")


@ON_ALL
def test_no_token_is_401_with_a_bare_challenge(server: Server) -> None:
    answer = server.get("/who")

    assert (answer.status, answer.told["code"]) == (401, "missing_token")
    assert answer.headers["www-authenticate"] == 'Bearer realm="api"'


@ON_ALL
def test_a_guard_answers_403(server: Server) -> None:
    answer = server.get("/denied", f"X-JWT-Assertion: {server.token()}")

    assert (answer.status, answer.told["code"]) == (403, "insufficient_permission")


@ON_ALL
@pytest.mark.parametrize("second", ["same", "other"])
def test_a_doubled_header_is_401(second: str, server: Server) -> None:
    token = server.token()
    other = token if second == "same" else server.token(enduser="eve")

    answer = server.get("/who", f"X-JWT-Assertion: {token}", f"x-jwt-assertion: {other}")

    assert (answer.status, answer.told["code"]) == (401, "duplicate_header")


@ON_ALL
def test_an_underscore_twin_is_nobody(server: Server) -> None:
    answer = server.get("/who", f"X_JWT_Assertion: {server.token()}")

    assert (answer.status, answer.told["code"]) == (401, "missing_token")


@ON_ALL
def test_an_underscore_twin_beside_the_header_changes_nothing(server: Server) -> None:
    good, twin = server.token(enduser="ana"), server.token(enduser="eve")

    for lines in ((f"X-JWT-Assertion: {good}", f"X_JWT_Assertion: {twin}"),
                  (f"X_JWT_Assertion: {twin}", f"X-JWT-Assertion: {good}")):  # fmt: skip
        assert server.get("/who", *lines).told == "ana"


@ON_ALL
def test_an_oversized_header_is_refused_by_us_or_by_the_server(server: Server) -> None:
    try:
        answer = server.get("/who", "X-JWT-Assertion: " + "x" * 20_000)
    except ConnectionError:  # hung up on
        pass
    else:
        ours = answer.headers.get("content-type") == "application/problem+json"
        assert answer.status in ((401,) if ours else (400, 413, 431))
    assert server.get("/who", f"X-JWT-Assertion: {server.token()}").status == 200


@ON_ALL
def test_one_connection_serves_many_callers_each_as_who_he_is(server: Server) -> None:
    names = ["ana", "ben", "ana", "cleo"]
    with closing(server.connect()) as connection:
        told = [
            ask(connection, "/who", f"X-JWT-Assertion: {server.token(enduser=name)}").told
            for name in names
        ]
        refused = ask(connection, "/who")

    assert told == names
    assert refused.status == 401


@ON_SITES_WITH_SOCKETS
def test_a_websocket_is_accepted_for_a_proven_caller_only(server: Server) -> None:
    token = f"X-JWT-Assertion: {server.token()}"

    assert server.open_websocket("/ws", token).status == 101
    for lines in ((), ("X-JWT-Assertion: x.y.z",), (token, token)):
        refused = server.open_websocket("/ws", *lines)
        assert refused.status == (401 if server.name in CAN_DENY else 403)


@ON_ALL
def test_no_token_is_written_to_the_servers_output(server: Server) -> None:
    token = server.token()
    server.get("/who", f"X-JWT-Assertion: {token}x")

    written = server.log.read_text("utf-8", "replace")

    assert [piece for piece in token.split(".") if piece in written] == []


@pytest.mark.parametrize("app", ["starlette", "fastapi"])
def test_a_wrong_option_ends_uvicorn(app: str, tmp_path: Path, rsa_key: SigningKey) -> None:
    status, said = run_to_its_end(
        "uvicorn", f"asgi_site:{app}_app", tmp_path, rsa_key, leeway="soon"
    )

    assert status != 0
    assert "JWT_MIDDLEWARE_LEEWAY" in said
