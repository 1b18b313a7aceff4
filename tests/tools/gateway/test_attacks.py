"""The gateway signs for whoever reaches it: what others try through a browser, or by raw bytes."""

from __future__ import annotations

import socket
import threading
import time
from urllib.parse import urlsplit

import httpx2
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from .conftest import Site
from .test_forwarding import raw

UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.mark.parametrize("extra", [b"", UPGRADE], ids=["http", "websocket"])
def test_a_request_target_with_userinfo_leads_to_no_other_host(
    open_site: Site, extra: bytes
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.settimeout(0.5)
        port = stranger.getsockname()[1]
        answer = raw(
            open_site.url,
            b"GET @127.0.0.1:%d/x HTTP/1.1\r\nHost: localhost\r\n" % port
            + (extra or b"Connection: close\r\n")
            + b"\r\n",
        )
        with pytest.raises(TimeoutError):
            stranger.accept()

    assert answer.split()[1] in (b"400", b"404")
    assert open_site.upstream.asked == []


@pytest.mark.parametrize("extra", [b"Connection: close\r\n", UPGRADE], ids=["http", "websocket"])
@pytest.mark.parametrize("target", [b"http://evil.example/", b"1/x", b"/a#b", b"*", b"?x"])
def test_an_odd_request_target_is_400_and_goes_nowhere(
    open_site: Site, target: bytes, extra: bytes
) -> None:
    answer = raw(
        open_site.url, b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n" + extra + b"\r\n"
    )

    assert answer.split()[1] == b"400"
    assert open_site.upstream.asked == []


LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
FROM_ELSEWHERE = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1.evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    *({**LINK, "Sec-Fetch-Dest": into} for into in ("iframe", "frame", "object", "embed", "")),
    {**LINK, "Sec-Fetch-Mode": "no-cors"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
]


@pytest.mark.parametrize("headers", FROM_ELSEWHERE)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_page_from_elsewhere_is_not_signed_for(
    open_site: Site, client: httpx2.Client, method: str, headers: dict[str, str]
) -> None:
    answer = client.request(method, open_site.url + "/x", headers=headers)

    assert answer.status_code == 403
    assert "/token" in answer.text
    assert open_site.upstream.asked == []


def test_a_websocket_of_a_page_from_elsewhere_is_not_opened(open_site: Site) -> None:
    url = "ws" + open_site.url.removeprefix("http")
    with pytest.raises(InvalidStatus) as refused:
        connect(url, origin="https://evil.example", proxy=None)  # type: ignore[arg-type]

    assert refused.value.response.status_code == 403
    assert open_site.upstream.asked == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost:5173"},
        {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
        LINK,
        *(
            {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
            for site in ("same-origin", "same-site")
        ),
        {},
    ],
)
def test_pages_of_this_machine_and_links_are_served(
    open_site: Site, client: httpx2.Client, headers: dict[str, str]
) -> None:
    assert client.get(open_site.url + "/x", headers=headers).status_code == 200


def test_a_preflight_reaches_the_app_which_says_who_may_ask(
    open_site: Site, client: httpx2.Client
) -> None:
    headers = {"Origin": "https://spa.example", "Access-Control-Request-Method": "PUT"}

    assert client.options(open_site.url + "/x", headers=headers).status_code == 200


def test_with_an_access_token_the_page_does_not_matter(closed: Site, client: httpx2.Client) -> None:
    headers = {"Origin": "https://spa.example", "Authorization": f"Bearer {closed.token()}"}

    assert client.get(closed.url + "/x", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/token?x"),
        ("POST", "/token?client_id=acme_corp&client_secret=acme-secret"),
        ("GET", "/authorize?a=%3C&b=<"),
        ("GET", "/authorize?client_id=campus_tester&redirect_uri=http://[::1/"),
        ("POST", "/authorize?client_id=campus_tester&redirect_uri=http://[::1/"),
        ("GET", "/authorize"),
    ],
)
def test_no_odd_oauth_request_is_an_error_of_the_server(
    closed: Site, client: httpx2.Client, method: str, path: str
) -> None:
    start = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
    answer = raw(closed.url, start.encode() + b"Connection: close\r\n\r\n")

    assert answer.split()[1] == b"400"


@pytest.mark.parametrize(
    "names", ["Content-Length Transfer-Encoding", "transfer-encoding CONTENT-LENGTH"]
)
@pytest.mark.parametrize("target", ["/x", "/jwks-not", "//x"])
def test_a_body_with_two_lengths_is_400_and_goes_nowhere(
    open_site: Site, names: str, target: str
) -> None:
    values = {"content-length": "5", "transfer-encoding": "chunked"}
    lines = "".join(f"{name}: {values[name.lower()]}\r\n" for name in names.split())
    head = f"POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n"
    answer = raw(open_site.url, head.encode() + b"0\r\n\r\n")

    assert answer.split()[1] == b"400"
    assert open_site.upstream.asked == []


@pytest.mark.parametrize("body", [b"", b"x" * 100_000])
def test_who_hangs_up_before_the_answer_ends_the_request_upstream(
    open_site: Site, body: bytes
) -> None:
    parts = urlsplit(open_site.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        length = b"Content-Length: %d\r\n" % len(body) if body else b""
        connection.sendall(b"POST /never HTTP/1.1\r\nHost: localhost\r\n" + length + b"\r\n" + body)
        wait(lambda: bool(open_site.upstream.asked))
    wait(open_site.upstream.ended.is_set)


def wait(holds: object) -> None:
    ends = time.monotonic() + 10
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < ends
        threading.Event().wait(0.01)
