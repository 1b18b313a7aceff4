"""Websockets pass through the gateway both ways, signed, and end as either side ends them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from .conftest import Site


def socket_url(site: Site, path: str) -> str:
    return "ws" + site.url.removeprefix("http") + path


def test_messages_pass_both_ways_and_the_handshake_is_signed(open_site: Site) -> None:
    with connect(
        socket_url(open_site, "/a%2Fb?x=1"),
        subprotocols=["one", "two"],  # type: ignore[list-item]
        additional_headers={"X-JWT-Assertion": "forged", "Cookie": "a=1"},
        proxy=None,
    ) as socket:
        socket.send("text")
        socket.send(b"bytes\x00")
        assert (socket.recv(5), socket.recv(5)) == ("text", b"bytes\x00")
        assert socket.subprotocol == "two"
        socket.send("x" * 300_000)
        assert len(socket.recv(5)) == 300_000

    assert open_site.upstream.asked[0]["raw_path"] == b"/a%2Fb"
    headers = open_site.upstream.asked[0]["headers"]
    values = [value for name, value in headers if name == b"x-jwt-assertion"]
    assert len(values) == 1
    assert open_site.verifier.verify(values[0]).client_id == "acme_corp"
    assert (b"cookie", b"a=1") in headers


def test_the_close_of_either_side_reaches_the_other(open_site: Site) -> None:
    with connect(socket_url(open_site, "/"), proxy=None) as socket:
        socket.send("close")
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(5)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4004, "as asked")

    with connect(socket_url(open_site, "/"), proxy=None) as socket:
        socket.close(4321)
    assert wait_for(open_site, "closed") == 4321


def wait_for(site: Site, name: str) -> Any:
    deadline = time.monotonic() + 5
    while not (found := [each[name] for each in site.upstream.asked if name in each]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found[-1]


def test_a_refusal_of_the_app_passes_as_it_is(open_site: Site) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(socket_url(open_site, "/refused"), proxy=None)

    answer = refused.value.response
    assert (answer.status_code, answer.headers["X-Why"], bytes(answer.body or b"")) == (
        403,
        "closed",
        b"not you",
    )


def test_without_an_access_token_no_socket_opens(closed: Site) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(socket_url(closed, "/"), proxy=None)

    assert refused.value.response.status_code == 401
    assert b"900902" in (refused.value.response.body or b"")
    assert closed.upstream.asked == []
