"""One GET for a key document, bounded in every direction."""

import socket
import threading
import time

import pytest

from jwt_middleware.errors import ConfigurationError
from jwt_middleware.keys.http_fetch import MAX_BYTES, Document, FetchError, checked_url, get

from ..key_server import KeyServer, document, endless, gzip_bomb, hang, raw, redirect, status

DEADLINE = 0.3
OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "url",
    [
        "https://gateway.example.edu/jwks",
        "https://gateway.example.edu:8243/jwks?tenant=a",
        "http://localhost:9763/jwks",
        "http://127.0.0.1/jwks",
        "http://127.8.9.1:80/jwks",
        "http://[::1]:8080/jwks",
        "HTTPS://GATEWAY.EXAMPLE.EDU/jwks",
    ],
)
def test_https_and_http_to_loopback_may_bring_keys(url: str) -> None:
    checked_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://gateway.example.edu/jwks",
        "http://10.0.0.1/jwks",
        "http://0.0.0.0/jwks",
        "http://169.254.169.254/latest",
        "http://localhost.example.edu/jwks",
        "http://127.0.0.1.example.edu/jwks",
        "http://127.0.0.1@example.edu/jwks",
        "http://example.edu#127.0.0.1",
        "http://[::ffff:8.8.8.8]/jwks",
        "http://2130706433/jwks",
        "ftp://localhost/jwks",
        "file:///etc/keys.json",
        "data:application/json,{}",
        "javascript:x",
        "//localhost/jwks",
        "/jwks",
        "https://",
        "https:///jwks",
        "https://[::1/jwks",
        "https://gateway.example.edu:port/jwks",
        "https://gateway.example.edu:99999/jwks",
        "",
    ],
)
def test_ssrf_any_other_url_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError):
        checked_url(url)
    with pytest.raises(ConfigurationError):
        get(url, deadline=DEADLINE)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:zeta@gateway.example.edu/jwks",
        "https://zeta@gateway.example.edu/jwks",
        "https://user:zeta@gateway.example.edu:port/jwks",
        "https://user:zeta@",
        "http://user:zeta@gateway.example.edu/jwks",
    ],
)
def test_a_url_with_a_password_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(ConfigurationError) as fault:
        checked_url(url)
    assert "zeta" not in str(fault.value)


def test_the_body_of_a_200_answer_is_returned(key_server: KeyServer) -> None:
    key_server.script = status(200, b"the body")

    assert get(key_server.url + "?tenant=a", deadline=2) == Document(b"the body")
    (request,) = key_server.requests
    assert request["path"] == "/jwks?tenant=a"
    assert "Authorization" not in request
    assert "Cookie" not in request


def test_an_etag_that_is_sent_back_makes_an_unchanged_answer_a_good_one(
    key_server: KeyServer,
) -> None:
    key_server.script = document(b"the body")
    first = get(key_server.url, deadline=2)
    again = get(key_server.url, deadline=2, etag=first.etag)

    assert again == Document(None, first.etag)
    assert key_server.requests[1]["If-None-Match"] == first.etag


@pytest.mark.parametrize(
    ("headers", "max_age"),
    [
        ({}, None),
        ({"Cache_Control": "public, max-age=60"}, 60),
        ({"Cache_Control": "MAX-AGE=60, must-revalidate"}, 60),
        ({"Cache_Control": 'max-age="60"'}, 60),
        ({"Cache_Control": "max-age=60", "Age": "50"}, 10),
        ({"Cache_Control": "max-age=60", "Age": "soon"}, 60),
        ({"Cache_Control": "max-age=60, no-cache"}, 0),
        ({"Cache_Control": "no-store"}, 0),
        ({"Cache_Control": "s-maxage=60"}, None),
        ({"Cache_Control": "max-age=-1"}, None),
        ({"Cache_Control": "max-age=99999999999999999999"}, 9_999_999_999),
        ({"Cache_Control": "max-age"}, None),
        ({"Expires": "0"}, None),
    ],
    ids=str,
)
def test_cache_control_says_how_long_an_answer_is_fresh(
    key_server: KeyServer, headers: dict[str, str], max_age: float | None
) -> None:
    key_server.script = document({}, **headers)

    assert get(key_server.url, deadline=2).max_age == max_age


@pytest.mark.parametrize("code", [201, 204, 206, 301, 302, 303, 304, 307, 308, 400, 404, 500, 503])
def test_any_other_status_than_200_is_a_failure(key_server: KeyServer, code: int) -> None:
    key_server.script = status(code)

    with pytest.raises(FetchError, match=str(code)):
        get(key_server.url, deadline=2)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("-7", None),
        ("1e9", None),
        ("\u0667", None),
        ("21 Oct 2026", None),
    ],
    ids=ascii,
)
def test_a_failure_says_after_how_many_seconds_to_come_back(
    key_server: KeyServer, value: str, seconds: float | None
) -> None:
    sent = value.encode().decode("latin-1")
    key_server.script = status(503, Retry_After=sent)

    with pytest.raises(FetchError) as failure:
        get(key_server.url, deadline=2)
    assert failure.value.retry_after == seconds


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(key_server: KeyServer, code: int) -> None:
    key_server.script = redirect(key_server.url + "/elsewhere", code)

    with pytest.raises(FetchError):
        get(key_server.url, deadline=2)
    assert len(key_server.requests) == 1


def test_an_answer_is_bounded_to_the_byte(key_server: KeyServer) -> None:
    key_server.script = status(200, b"x" * MAX_BYTES)
    assert len(get(key_server.url, deadline=2).body or b"") == MAX_BYTES == 512 * 1024

    key_server.script = status(200, b"x" * (MAX_BYTES + 1))
    with pytest.raises(FetchError, match=str(MAX_BYTES)):
        get(key_server.url, deadline=2)


def test_an_endless_answer_ends(key_server: KeyServer) -> None:
    key_server.script = endless

    with pytest.raises(FetchError, match=str(MAX_BYTES)):
        get(key_server.url, deadline=2)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP", "gzip, identity"])
def test_gzip_bomb_a_compressed_answer_is_refused_unread(
    key_server: KeyServer, encoding: str
) -> None:
    key_server.script = status(200, b"{}", Content_Encoding=encoding)

    with pytest.raises(FetchError, match="compressed"):
        get(key_server.url, deadline=2)


def test_gzip_bomb_a_real_one_is_refused(key_server: KeyServer) -> None:
    key_server.script = gzip_bomb

    with pytest.raises(FetchError, match="compressed"):
        get(key_server.url, deadline=2)


def test_a_server_that_says_nothing_is_left_at_the_deadline(key_server: KeyServer) -> None:
    key_server.script = hang
    begun = time.monotonic()

    with pytest.raises(FetchError, match="within"):
        get(key_server.url, deadline=DEADLINE)
    assert time.monotonic() - begun < DEADLINE + 3


DRIP = [(b"x", 0.04)] * 250
SLOW: dict[str, list[tuple[bytes, float]]] = {
    "status-line": [(b"HTTP/1.1 200 ", 0.04), *DRIP],
    "headers": [(OK + b"X-A: ", 0.04), *DRIP],
    "interim-answers": [(b"HTTP/1.1 100 Continue\r\n\r\n", 0.04)] * 250,
    "body": [(OK + b"Content-Length: 100\r\n\r\n", 0.04), *DRIP],
    "body-without-length": [(OK + b"\r\n", 0.04), *DRIP],
    "chunk-size": [(CHUNKED + b"5;", 0.04), *DRIP],
    "trailer": [(CHUNKED + b"2\r\n{}\r\n0\r\nX-A: ", 0.04), *DRIP],
    "silence-after-a-first-byte": [(OK + b"Content-Length: 9\r\n\r\n", 0.2), (b"x", 30)],
}


@pytest.mark.parametrize("script", SLOW.values(), ids=SLOW)
def test_slow_drip_one_deadline_holds_from_connect_to_the_last_byte(
    key_server: KeyServer, script: list[tuple[bytes, float]]
) -> None:
    key_server.script = raw(*script)
    begun = time.monotonic()

    with pytest.raises(FetchError, match="within"):
        get(key_server.url, deadline=DEADLINE)
    assert time.monotonic() - begun < DEADLINE + 3


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="closed-at-once"),
        pytest.param(b"\x16\x03\x01\x00", id="tls"),
        pytest.param(b"zeta zeta zeta\r\n\r\n", id="no-http"),
        pytest.param(b"HTTP/1.1 2zeta OK\r\n\r\n", id="no-status"),
        pytest.param(OK + b"Content-Length: 50\r\n\r\n{}", id="breaks-off"),
        pytest.param(CHUNKED + b"5\r\nab", id="breaks-off-in-a-chunk"),
        pytest.param(CHUNKED + b"zeta\r\n", id="no-chunk-size"),
        pytest.param(OK + b"X: 1\r\n" * 200 + b"\r\n{}", id="too-many-headers"),
        pytest.param(OK + b"X: " + b"x" * 70_000 + b"\r\n\r\n", id="too-long-a-header"),
    ],
)
def test_an_answer_that_is_no_whole_http_is_a_failure_that_does_not_quote_it(
    key_server: KeyServer, answer: bytes
) -> None:
    key_server.script = raw((answer, 0))

    with pytest.raises(FetchError) as failure:
        get(key_server.url, deadline=1)
    assert "zeta" not in str(failure.value)


@pytest.mark.parametrize("line", [b"404 Not Found", b"200 OK"], ids=["refused", "too-large"])
def test_a_failed_fetch_closes_its_connection_at_once(line: bytes) -> None:
    """And not when the exception, which holds the frames, happens to be collected."""
    closed: list[bool] = []

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.settimeout(0.5)
            connection.recv(65_536)
            body = b"x" * (MAX_BYTES + 1)
            try:
                connection.sendall(b"HTTP/1.1 " + line + b"\r\nConnection: close\r\n\r\n" + body)
                closed.append(connection.recv(1) == b"")
            except TimeoutError:
                closed.append(False)
            except OSError:
                closed.append(True)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=serve)
        server.start()
        with pytest.raises(FetchError) as failure:
            get(f"http://127.0.0.1:{listening.getsockname()[1]}/jwks", deadline=2)
        server.join()

    assert failure.value is not None
    assert closed == [True]


def test_a_refused_connection_is_a_failure() -> None:
    with KeyServer() as gone:
        url = gone.url

    with pytest.raises(FetchError, match="ConnectionRefusedError"):
        get(url, deadline=1)


def test_tls_is_verified_so_a_plain_server_is_a_failure(key_server: KeyServer) -> None:
    with pytest.raises(FetchError):
        get(key_server.url.replace("http:", "https:"), deadline=1)


def test_a_fetch_starts_no_thread(key_server: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[str] = []
    start = threading.Thread.start

    def counted(thread: threading.Thread) -> None:
        if "process_request" not in thread.name:  # the server's own
            began.append(thread.name)
        start(thread)

    key_server.script = status(200, b"{}")
    monkeypatch.setattr(threading.Thread, "start", counted)
    get(key_server.url, deadline=30)

    assert began == []
