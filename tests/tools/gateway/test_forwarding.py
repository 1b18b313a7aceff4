"""A request behind the gateway is the one before it, but for the two headers that are its own."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2
import pytest

from jwt_middleware.testing import LocalGateway, sample_accounts
from jwt_middleware.tools.gateway import Caller, DevelopmentGateway, serving
from jwt_middleware.tools.gateway.requests import forwarded

from .conftest import CONTEXT, Site


def raw(url: str, request: bytes) -> bytes:
    """Send bytes as they are; return all that comes until the end."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(request)
        found = b""
        while chunk := connection.recv(65_536):
            found += chunk
    return found


@pytest.mark.parametrize(
    "target",
    [
        b"/plain",
        b"/a%2Fb/%2e%2e/c",
        b"/a/../b/./c",
        b"//double//slash",
        b"/semi;x=1/colon:2",
        b"/caf%C3%A9",
        b"/q?a=1&a=2&empty=&plus=+&pct=%26",
        b"/q?",
        b"/x?y=/../z",
    ],
)
def test_path_and_query_pass_byte_by_byte(open_site: Site, target: bytes) -> None:
    raw(
        open_site.url,
        b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    )

    seen = open_site.upstream.asked[-1]
    path, _, query = target.partition(b"?")
    assert (seen["raw_path"], seen["query"]) == (path, query)


@pytest.mark.parametrize(
    "name",
    ["X-JWT-Assertion", "x-jwt-assertion", "X_JWT_Assertion", "x_jwt-ASSERTION", "Authorization"],
)
def test_a_header_of_the_gateways_own_never_passes(open_site: Site, name: str) -> None:
    forged = f"{name}: forged\r\n" if name != "Authorization" else ""
    token = f"Authorization: Bearer {open_site.token()}\r\n"
    raw(
        open_site.url,
        f"GET / HTTP/1.1\r\nHost: localhost\r\n{forged}{token}Connection: close\r\n\r\n".encode(),
    )

    names = [key.decode().replace("_", "-") for key, _ in open_site.upstream.asked[-1]["headers"]]
    assert names.count("x-jwt-assertion") == 1
    assert "authorization" not in names
    assert open_site.verifier.verify(open_site.received()[0]).client_id == "acme_corp"


def test_a_connection_header_cannot_take_the_assertion_away(open_site: Site) -> None:
    raw(
        open_site.url,
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Own: 1\r\n"
        b"Connection: close, X-JWT-Assertion, X-Own\r\n\r\n",
    )

    assert len(open_site.received()) == 1
    assert open_site.received(b"x-own") == []


def test_other_headers_pass_in_order_and_as_often_as_they_came() -> None:
    lines = [(b"B", b"1"), (b"a", b"2"), (b"b", b"3"), (b"TE", b"trailers"), (b"Keep-Alive", b"5")]

    assert forwarded(lines) == [(b"B", b"1"), (b"a", b"2"), (b"b", b"3")]


def test_the_host_that_was_asked_for_is_reported(open_site: Site, client: httpx2.Client) -> None:
    client.get(open_site.url + "/x")

    assert open_site.received(b"host") == [urlsplit(open_site.url).netloc.encode()]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_passes_with_its_body(
    open_site: Site, client: httpx2.Client, method: str
) -> None:
    answer = client.request(method, open_site.url + "/x", content=b"some body")

    assert (answer.status_code, answer.text) == (200, "fine")
    seen = open_site.upstream.asked[-1]
    assert (seen["method"], seen["body"]) == (method, b"some body")


def test_a_request_without_a_body_stays_without(open_site: Site, client: httpx2.Client) -> None:
    client.get(open_site.url + "/x")

    names = {key for key, _ in open_site.upstream.asked[-1]["headers"]}
    assert not names & {b"content-length", b"transfer-encoding"}


def test_the_answer_passes_with_status_cookies_and_odd_bytes(open_site: Site) -> None:
    connection = http.client.HTTPConnection(urlsplit(open_site.url).netloc, timeout=10)
    connection.request("GET", "/cookies")
    answer = connection.getresponse()

    assert (answer.status, answer.read()) == (418, b"tea")
    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert answer.headers["X-Odd"] == "caf\xe9"
    assert answer.headers["X-Hop"] is None
    connection.close()


def test_compressed_content_is_not_touched(open_site: Site) -> None:
    answer = raw(
        open_site.url, b"GET /gzip HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )

    assert answer.endswith(b"not really gzip")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "unchanged", 304), ("HEAD", "x", 200)]
)
def test_answers_without_a_body_pass(
    open_site: Site, client: httpx2.Client, method: str, path: str, status: int
) -> None:
    answer = client.request(method, f"{open_site.url}/{path}")

    assert (answer.status_code, answer.content) == (status, b"")


def test_a_body_is_sent_on_while_it_comes(open_site: Site, client: httpx2.Client) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(50):
            yield b"x" * 100_000

    answer = client.post(open_site.url + "/x", content=pieces())

    assert answer.status_code == 200
    seen = open_site.upstream.asked[-1]
    assert len(seen["body"]) == 5_000_000
    assert seen["chunks"] > 2


def test_an_answer_is_sent_on_while_it_comes_and_ends_when_nobody_reads(
    open_site: Site, client: httpx2.Client
) -> None:
    with client.stream("GET", open_site.url + "/stream") as answer:
        first = next(answer.iter_bytes())

    assert first.startswith(b"piece")
    deadline = time.monotonic() + 5
    while not open_site.upstream.ended.is_set():
        assert time.monotonic() < deadline, "the app behind was not told that nobody reads"
        time.sleep(0.01)


def test_an_app_that_is_not_there_is_502_with_the_remedy(client: httpx2.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    gateway = DevelopmentGateway(
        {CONTEXT: f"http://127.0.0.1:{port}"},
        sample_accounts(),
        LocalGateway(),
        everyone=Caller(None, None),
    )
    with serving(gateway.app) as url:
        answer = client.get(url)

    assert answer.status_code == 502
    assert f"http://127.0.0.1:{port}" in answer.text
    assert "--upstream" in answer.text
