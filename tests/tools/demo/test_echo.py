"""The Echo API returns all that it received, to proven callers, on loopback."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from jwt_middleware import ConfigurationError, Verifier
from jwt_middleware.keys.sources import PEM
from jwt_middleware.testing import SigningKey, mint, ucsd_claims
from jwt_middleware.tools.demo.echo import ECHO_CONTEXT, LARGEST_BODY, check_loopback, echo_app


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey()


@pytest.fixture
def client(key: SigningKey) -> TestClient:
    return TestClient(echo_app(Verifier(keys=PEM(key.certificate_pem), api=ECHO_CONTEXT)))


@pytest.fixture
def headers(key: SigningKey) -> dict[str, str]:
    return {"X-JWT-Assertion": mint(key, ucsd_claims())}


def test_it_returns_the_request_the_principal_and_the_assertion(
    client: TestClient, headers: dict[str, str]
) -> None:
    answer = client.post(
        f"{ECHO_CONTEXT}/some/path?a=1&a=2&b=x",
        headers={**headers, "X-Own": "mine"},
        content="körper".encode(),
    )
    told = answer.json()

    assert answer.headers["X-JWT-Assertion"] == headers["X-JWT-Assertion"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert (told["method"], told["path"]) == ("POST", "/echo/1.0.0/some/path")
    assert told["query"] == {"a": ["1", "2"], "b": "x"}
    assert told["headers"]["x-own"] == "mine"
    assert told["body"] == "körper"
    assert told["principal"]["subject"] == "jroe@carbon.super"
    assert told["principal"]["claims"]["http://wso2.org/claims/eid"] == "100200"
    assert "do not return it" in told["notice"]


def test_a_body_that_is_no_text_comes_back_in_base64(
    client: TestClient, headers: dict[str, str]
) -> None:
    answer = client.put(ECHO_CONTEXT, headers=headers, content=b"\xff\x00")

    assert answer.json()["body_base64"] == "/wA="


def test_a_body_that_is_too_long_is_413(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.post(ECHO_CONTEXT, headers=headers, content=b"x" * (LARGEST_BODY + 1))

    assert answer.status_code == 413
    assert str(LARGEST_BODY) in answer.text


@pytest.mark.parametrize("value", [None, "", "a.b.c", "x"])
def test_it_shows_nothing_to_a_caller_that_is_not_proven(
    client: TestClient, value: str | None
) -> None:
    answer = client.get(ECHO_CONTEXT, headers={} if value is None else {"X-JWT-Assertion": value})

    assert answer.status_code == 401
    assert "X-JWT-Assertion" not in answer.headers


def test_a_token_for_another_api_is_refused(client: TestClient, key: SigningKey) -> None:
    token = mint(key, ucsd_claims(apicontext="/other/1.0.0"))

    assert client.get(ECHO_CONTEXT, headers={"X-JWT-Assertion": token}).status_code == 401


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_is_served(host: str) -> None:
    check_loopback(host, beyond_loopback=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "2001:db8::1", "example.edu", ""])
def test_another_host_is_refused_at_start_unless_it_is_meant(host: str) -> None:
    with pytest.raises(ConfigurationError, match="--show-tokens-beyond-loopback"):
        check_loopback(host, beyond_loopback=False)
    check_loopback(host, beyond_loopback=True)


async def ask(app: Any, server: str, token: str) -> tuple[int, bytes]:
    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": ECHO_CONTEXT,
        "raw_path": ECHO_CONTEXT.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"x-jwt-assertion", token.encode())],
        "server": (server, 80),
    }

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent[1:])


@pytest.mark.anyio
@pytest.mark.parametrize("server", ["192.0.2.7", "2001:db8::1"])
async def test_started_by_any_server_it_answers_nobody_on_another_address(
    key: SigningKey, headers: dict[str, str], server: str
) -> None:
    verifier = Verifier(keys=PEM(key.certificate_pem))
    token = headers["X-JWT-Assertion"]
    status, body = await ask(echo_app(verifier), server, token)
    meant, _ = await ask(echo_app(verifier, beyond_loopback=True), server, token)

    assert not ipaddress.ip_address(server).is_loopback
    assert status == 503
    assert "loopback only" in json.loads(body)["error"]
    assert token.encode() not in body
    assert meant == 200
