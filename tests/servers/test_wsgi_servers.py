"""The WSGI adapters under real servers, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware.testing import SigningKey

from .running import Server, run_to_its_end, running

SITES = [
    pytest.param((name, "flask_site:app"), id=f"flask on {name}")
    for name in ("gunicorn", "waitress", "werkzeug")
] + [pytest.param(("gunicorn", "django_site:wsgi"), id="django on gunicorn")]


@pytest.fixture(scope="module", params=SITES)
def server(
    request: Any, tmp_path_factory: pytest.TempPathFactory, rsa_key: SigningKey
) -> Iterator[Server]:
    name, app = request.param
    with running(name, app, tmp_path_factory.mktemp("server"), rsa_key) as found:
        yield found


def test_a_good_token_is_served(server: Server) -> None:
    answer = server.get("/who", f"X-JWT-Assertion: {server.token(enduser='ana')}")

    assert (answer.status, answer.told) == (200, "ana")


def test_no_token_is_401_with_a_bare_challenge(server: Server) -> None:
    answer = server.get("/who")

    assert (answer.status, answer.told["code"]) == (401, "missing_token")
    assert answer.headers["www-authenticate"] == 'Bearer realm="api"'


def test_a_guard_answers_403(server: Server) -> None:
    answer = server.get("/denied", f"X-JWT-Assertion: {server.token()}")

    assert (answer.status, answer.told["code"]) == (403, "insufficient_permission")


@pytest.mark.parametrize("second", ["same", "other", "empty"])
def test_a_doubled_header_is_401(second: str, server: Server) -> None:
    """Every one of these servers joins the lines by a comma, which no token holds."""
    token = server.token()
    other = {"same": token, "other": server.token(enduser="eve"), "empty": ""}[second]

    answer = server.get("/who", f"X-JWT-Assertion: {token}", f"X-JWT-Assertion: {other}")

    assert (answer.status, answer.told["code"]) == (401, "duplicate_header")


def test_an_underscore_twin_is_nobody(server: Server) -> None:
    answer = server.get("/who", f"X_JWT_Assertion: {server.token()}")

    assert (answer.status, answer.told["code"]) == (401, "missing_token")


def test_an_underscore_twin_beside_the_header_changes_nothing(server: Server) -> None:
    good, twin = server.token(enduser="ana"), server.token(enduser="eve")

    answer = server.get("/who", f"X_JWT_Assertion: {twin}", f"X-JWT-Assertion: {good}")

    assert (answer.status, answer.told) == (200, "ana")


def test_an_oversized_header_is_refused_by_us_or_by_the_server(server: Server) -> None:
    try:
        answer = server.get("/who", "X-JWT-Assertion: " + "x" * 20_000)
    except ConnectionError:  # hung up on
        pass
    else:
        ours = answer.headers.get("content-type") == "application/problem+json"
        assert answer.status in ((401,) if ours else (400, 413, 431))
    assert server.get("/who", f"X-JWT-Assertion: {server.token()}").status == 200


def test_no_token_is_written_to_the_servers_output(server: Server) -> None:
    token = server.token()
    server.get("/who", f"X-JWT-Assertion: {token}x")

    written = server.log.read_text("utf-8", "replace")

    assert [piece for piece in token.split(".") if piece in written] == []


@pytest.mark.parametrize("app", ["flask_site:app", "django_site:wsgi"])
def test_a_wrong_option_ends_gunicorn(app: str, tmp_path: Path, rsa_key: SigningKey) -> None:
    status, said = run_to_its_end("gunicorn", app, tmp_path, rsa_key, leeway="soon")

    assert status != 0
    assert "JWT_MIDDLEWARE_LEEWAY" in said
