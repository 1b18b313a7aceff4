"""The assertion of a request is sent on to the hosts that are named, and nowhere else."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import httpx2
import pytest

from jwt_middleware import (
    ConfigurationError,
    MissingToken,
    Original,
    Principal,
    RequestView,
    authenticated,
)
from jwt_middleware.middleware import (
    MIDDLEWARE_KEY,
    Forwarding,
    Incoming,
    Middleware,
    incoming_of,
)
from jwt_middleware.principal import PRINCIPAL_KEY
from jwt_middleware.testing import SigningKey

from ..loopback import CLIENTS, Client, Target, target

HEADER = "X-JWT-Assertion"
ORIGINAL = "X-JWT-Assertion-Original"
TOKEN = "eyJhb.eyJzdWI.c2lnbmF0dXJl"
ORDERS = "https://orders.example.edu/"
EVIL = "https://evil.example/"

EVERY_CLIENT = pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)


@pytest.fixture
def middleware(rsa_key: SigningKey) -> Middleware:
    """One that reads the default header: clients then know which one it is."""
    return Middleware({"keys": rsa_key.public_pem, "api": "/echo"})


def forwarding(*hosts: str, header: str | None = None, value: str = TOKEN) -> Forwarding:
    return Forwarding(lambda _: Incoming(HEADER, value), hosts or ["orders.example.edu"], header)


def nobody(_: str | None) -> Incoming:
    raise MissingToken("there is no request")


# --- the assertion that came in --------------------------------------------------------------


ANA = Principal({"sub": "ana"})


def carrier(middleware: Middleware | None, principal: Any = ANA) -> dict[str, Any]:
    return {MIDDLEWARE_KEY: middleware, PRINCIPAL_KEY: principal}


def view(*lines: tuple[str, str]) -> RequestView:
    return RequestView(headers=lines)


@pytest.mark.parametrize("line", [TOKEN, f" \t{TOKEN}\t "], ids=repr)
def test_the_assertion_is_the_one_line_that_the_middleware_read(
    line: str, middleware: Middleware
) -> None:
    request = view((HEADER, line), ("X-Other", "x"))

    assert incoming_of(carrier(middleware), request) == Incoming(HEADER, TOKEN)


def test_a_header_that_was_not_verified_is_no_assertion(middleware: Middleware) -> None:
    for without in (carrier(None), carrier(middleware, None), {}):
        with pytest.raises(MissingToken, match="no principal"):
            incoming_of(without, view((HEADER, TOKEN)))


@pytest.mark.parametrize("lines", [[], [TOKEN, TOKEN]], ids=["none", "two"])
def test_a_header_that_was_changed_since_is_no_assertion(
    lines: list[str], middleware: Middleware
) -> None:
    with pytest.raises(MissingToken, match="no longer"):
        incoming_of(carrier(middleware), view(*((HEADER, line) for line in lines)))


def test_of_several_headers_the_one_that_came_goes_on(rsa_key: SigningKey) -> None:
    middleware = Middleware({"keys": rsa_key.public_pem, "header": [HEADER, "X-Tenant"]})

    request = view(("x-tenant", TOKEN))
    assert incoming_of(carrier(middleware), request) == Incoming("X-Tenant", TOKEN)


def test_a_gateways_scheme_is_no_part_of_the_token(rsa_key: SigningKey) -> None:
    middleware = Middleware({"keys": rsa_key.public_pem, "gateway": "bearer", "audience": "api"})

    incoming = incoming_of(carrier(middleware), view(("Authorization", f"bearer {TOKEN}")))
    assert (incoming.value, incoming.token) == (f"bearer {TOKEN}", TOKEN)


def test_the_first_caller_goes_on_under_the_header_of_originals(rsa_key: SigningKey) -> None:
    option = Original(header=ORIGINAL, forwarders=authenticated, audience="api")
    middleware = Middleware({"keys": rsa_key.public_pem, "original": option})
    first = Principal({"sub": "ben"})
    request = view((HEADER, TOKEN), (ORIGINAL, "of.the.first"))
    with_first = carrier(middleware, Principal({"sub": "ana"}).with_original(first))
    without = carrier(middleware, Principal({"sub": "ana"}))

    bearer = Middleware(
        {"keys": rsa_key.public_pem, "gateway": "bearer", "audience": "api", "original": option}
    )
    of_bearer = carrier(bearer, with_first[PRINCIPAL_KEY])
    in_a_row = view(("Authorization", f"Bearer {TOKEN}"), (ORIGINAL, "of.the.first"))
    assert incoming_of(of_bearer, in_a_row, ORIGINAL) == Incoming(ORIGINAL, "of.the.first")
    for name in (ORIGINAL, ORIGINAL.lower()):
        assert incoming_of(with_first, request, name).token == "of.the.first"
        assert incoming_of(without, view((HEADER, TOKEN)), name).token == TOKEN
    assert incoming_of(with_first, request).token == TOKEN
    assert incoming_of(with_first, request, "X-Other").token == TOKEN


def test_a_value_with_a_scheme_goes_on_as_it_came_and_under_another_name_as_the_bare_token() -> (
    None
):
    incoming = Incoming("Authorization", f"bearer  {TOKEN}", "bearer")

    assert incoming.token == TOKEN
    assert incoming.value_under("authorization") == f"bearer  {TOKEN}"
    assert incoming.value_under(ORIGINAL) == TOKEN


# --- headers of a URL ------------------------------------------------------------------------


def test_an_allowed_url_gets_the_header_that_the_request_came_in_with() -> None:
    assert forwarding().headers(ORDERS) == {HEADER: TOKEN}
    assert forwarding().headers(httpx.URL(ORDERS)) == {HEADER: TOKEN}


def test_the_header_may_have_another_name() -> None:
    assert forwarding(header=ORIGINAL).headers(ORDERS) == {ORIGINAL: TOKEN}


def test_any_other_url_gets_nothing_and_the_request_is_not_even_looked_at() -> None:
    forward = Forwarding(nobody, ["orders.example.edu"])

    for url in (EVIL, "http://orders.example.edu/", "/orders", ""):
        assert forward.headers(url) == {}


def test_an_allowed_url_is_not_called_in_nobodys_name() -> None:
    with pytest.raises(MissingToken, match="there is no request"):
        Forwarding(nobody, ["orders.example.edu"]).headers(ORDERS)


@pytest.mark.parametrize(
    "wrong, text",
    [
        ({"hosts": "orders.example.edu"}, "hosts: a list of hosts"),
        ({"hosts": []}, "hosts: empty"),
        ({"hosts": ["*.example.edu"]}, "no wildcard"),
        ({"hosts": ["orders.example.edu"], "header": ""}, "header: "),
        ({"hosts": ["orders.example.edu"], "header": "X JWT"}, "header: "),
        ({"hosts": ["orders.example.edu"], "header": "X-JWT\r\nX-Y"}, "header: "),
        ({"hosts": ["orders.example.edu"], "header": b"X-JWT"}, "header: "),
    ],
)
def test_a_wrong_option_fails_at_once(wrong: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        Forwarding(nobody, **wrong)


def test_nothing_of_the_token_is_printed() -> None:
    forward = forwarding(header=ORIGINAL)
    forward.headers(ORDERS)
    hook_returns = forward(httpx.Request("GET", ORDERS))

    assert repr(forward) == (
        f"forward_assertion(hosts=['orders.example.edu'], header='{ORIGINAL}')"
    )
    assert repr(forwarding("localhost")) == "forward_assertion(hosts=['localhost'])"
    for thing in (forward, Incoming(HEADER, TOKEN), hook_returns):
        shown = f"{thing!r} {thing!s} {getattr(thing, '__dict__', '')}"
        assert not any(part in shown for part in TOKEN.split("."))


def test_the_error_of_a_missing_token_goes_through_pickle_without_a_value() -> None:
    with pytest.raises(MissingToken) as caught:
        incoming_of(carrier(None), lambda _: [TOKEN])

    assert TOKEN.encode() not in pickle.dumps(caught.value)


# --- the event hook, on one hop --------------------------------------------------------------


def hop(forward: Forwarding, url: str, *lines: tuple[str, str]) -> list[tuple[str, str]]:
    request = httpx.Request("GET", url, headers=[("Accept", "*/*"), *lines])
    forward(request)
    return [(name, value) for name, value in request.headers.multi_items() if name != "host"]


KEPT = ("accept", "*/*")


@pytest.mark.usefixtures("middleware")
def test_a_hop_to_an_allowed_host_carries_the_assertion_and_no_other_one() -> None:
    sent = (HEADER.lower(), TOKEN)

    assert hop(forwarding(), ORDERS) == [KEPT, sent]
    assert hop(forwarding(), ORDERS, (HEADER, "a"), (HEADER.upper(), "b")) == [KEPT, sent]


@pytest.mark.usefixtures("middleware")
@pytest.mark.parametrize(
    "url",
    [
        EVIL,
        "http://orders.example.edu/",
        "https://orders.example.edu:8443/",
        "https://user@orders.example.edu/",
        "https://orders.example.edu./",
        "https://\u00f6rders.example.edu/",
        "https://[2001:db8::1]/",
    ],
)
def test_a_hop_to_any_other_host_loses_the_header_whoever_has_set_it(url: str) -> None:
    lines = ((HEADER, TOKEN), (HEADER.lower(), "of the app"))

    assert hop(forwarding(), url, *lines) == [KEPT]
    assert hop(Forwarding(nobody, ["orders.example.edu"]), url, *lines) == [KEPT]


@pytest.mark.usefixtures("middleware")
def test_a_header_under_another_name_is_removed_under_that_name() -> None:
    forward = forwarding(header=ORIGINAL)
    own = (HEADER.lower(), "of the app")

    assert hop(forward, ORDERS, (ORIGINAL, "x"), own) == [KEPT, own, (ORIGINAL.lower(), TOKEN)]
    assert hop(forward, EVIL, (ORIGINAL, "x"), own) == [KEPT, own]


def test_the_header_of_every_middleware_of_the_process_is_removed(rsa_key: SigningKey) -> None:
    for header in ("X-First", "X-Second"):
        Middleware({"keys": rsa_key.public_pem, "api": "/echo", "header": header})

    assert hop(Forwarding(nobody, ["localhost"]), EVIL, ("x-first", "a"), ("X-Second", "b")) == [
        KEPT
    ]


def test_an_international_name_is_allowed_by_what_the_client_asks_dns_for() -> None:
    forward = forwarding("xn--mnchen-3ya.example")

    assert (HEADER.lower(), TOKEN) in hop(forward, "https://M\u00fcnchen.example/")
    assert hop(forward, "https://munchen.example/") == [KEPT]


def test_what_the_hook_returns_can_be_awaited_and_is_done() -> None:
    steps = forwarding()(httpx.Request("GET", ORDERS)).__await__()

    assert list(steps) == []


# --- the event hook, in clients that follow redirects ------------------------------------------


@pytest.fixture
def orders() -> Iterator[Target]:
    with target() as running:
        yield running


@pytest.fixture
def stranger() -> Iterator[Target]:
    with target() as running:
        yield running


def redirecting(base: str, to: str, status: int = 302) -> str:
    return f"{base}/redirect?{urlencode({'status': status, 'to': to})}"


@EVERY_CLIENT
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.usefixtures("middleware")
def test_a_redirect_to_another_host_does_not_take_the_assertion_along(
    status: int, method: str, client: Client, orders: Target, stranger: Target
) -> None:
    back = redirecting(stranger.url_of_localhost, f"{orders.url}/back", status)

    answer = client.ask(forwarding("127.0.0.1"), method, redirecting(orders.url, back, status))

    assert str(answer.url) == f"{orders.url}/back"
    assert orders.all(HEADER) == [[TOKEN], [TOKEN]]
    assert stranger.all(HEADER) == [[]]
    assert TOKEN not in repr(stranger.received)


@EVERY_CLIENT
@pytest.mark.usefixtures("middleware")
def test_a_redirect_to_another_port_does_not_take_it_along(
    client: Client, orders: Target, stranger: Target
) -> None:
    client.ask(forwarding(orders.host), "GET", redirecting(orders.url, stranger.url))

    assert (orders.all(HEADER), stranger.all(HEADER)) == ([[TOKEN]], [[]])


@EVERY_CLIENT
@pytest.mark.usefixtures("middleware")
def test_the_same_service_by_another_name_or_with_user_information_is_another_host(
    client: Client, orders: Target
) -> None:
    for to in (orders.url_of_localhost, f"http://user:password@{orders.host}/"):
        client.ask(forwarding("127.0.0.1"), "GET", redirecting(orders.url, to))

    assert orders.all(HEADER) == [[TOKEN], [], [TOKEN], []]


@EVERY_CLIENT
@pytest.mark.usefixtures("middleware")
def test_a_client_with_a_base_url_and_headers_of_its_own_keeps_the_rule(
    client: Client, orders: Target, stranger: Target
) -> None:
    path = redirecting("", stranger.url_of_localhost)
    options = {"base_url": orders.url, "headers": {HEADER: "of the client"}}

    client.ask(forwarding("127.0.0.1"), "GET", path, **options)
    client.ask(forwarding("127.0.0.1"), "GET", path, {HEADER: "by hand"}, **options)

    assert (orders.all(HEADER), stranger.all(HEADER)) == ([[TOKEN]] * 2, [[]] * 2)


@EVERY_CLIENT
def test_an_original_assertion_does_not_travel_along_either(
    client: Client, orders: Target, stranger: Target
) -> None:
    forward = forwarding("127.0.0.1", header=ORIGINAL)

    client.ask(forward, "GET", redirecting(orders.url, stranger.url_of_localhost))

    assert (orders.all(ORIGINAL), stranger.all(ORIGINAL)) == ([[TOKEN]], [[]])


@EVERY_CLIENT
def test_what_was_set_by_hand_travels_along_where_no_hook_removes_it(
    client: Client, orders: Target, stranger: Target
) -> None:
    url = redirecting(orders.url, stranger.url_of_localhost)
    headers = forwarding("127.0.0.1").headers(url)

    client.ask(None, "GET", url, headers)
    assert stranger.all(HEADER) == [[TOKEN]], "the README warns of this for no reason"

    client.ask(None, "GET", url, headers, follow_redirects=False)
    assert len(stranger.received) == 1


@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.usefixtures("middleware")
def test_a_redirect_that_the_app_follows_by_itself_keeps_the_rule(
    library: Any, orders: Target, stranger: Target
) -> None:
    hooks: dict[str, list[Any]] = {"request": [forwarding("127.0.0.1")]}
    with library.Client(event_hooks=hooks, trust_env=False) as client:
        answer = client.get(redirecting(orders.url, stranger.url_of_localhost))
        client.send(answer.next_request)

    assert (orders.all(HEADER), stranger.all(HEADER)) == ([[TOKEN]], [[]])


@EVERY_CLIENT
@pytest.mark.usefixtures("middleware")
def test_a_client_that_authenticates_in_several_steps_keeps_the_rule(
    client: Client, orders: Target, stranger: Target
) -> None:
    class TokenOfAnotherHost(client.library.Auth):  # type: ignore[misc,name-defined]
        def auth_flow(self, request: Any) -> Any:
            yield client.library.Request("POST", stranger.url, headers={HEADER: "by hand"})
            yield request

    client.ask(forwarding(orders.host), "GET", orders.url, auth=TokenOfAnotherHost())

    assert (orders.all(HEADER), stranger.all(HEADER)) == ([[TOKEN]], [[]])


@EVERY_CLIENT
@pytest.mark.usefixtures("middleware")
def test_a_redirect_from_https_to_http_does_not_take_it_along(client: Client) -> None:
    received: list[tuple[str, str | None]] = []

    def answer(request: Any) -> Any:
        received.append((str(request.url), request.headers.get(HEADER)))
        to = {"Location": "http://orders.example.edu/plain"} if len(received) == 1 else {}
        return client.library.Response(302 if to else 200, headers=to)

    client.ask(forwarding(), "GET", ORDERS, transport=client.answering(answer))

    assert received == [(ORDERS, TOKEN), ("http://orders.example.edu/plain", None)]


@EVERY_CLIENT
def test_without_an_assertion_an_allowed_host_is_not_called(client: Client, orders: Target) -> None:
    with pytest.raises(MissingToken):
        client.ask(Forwarding(nobody, ["127.0.0.1"]), "GET", orders.url)

    assert orders.received == []
