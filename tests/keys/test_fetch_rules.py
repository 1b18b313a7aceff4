"""How keys are fetched: what is sent, which addresses are tried, and over what."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest

from jwt_middleware import JWKSEndpoint, PEMPerKid, Verifier
from jwt_middleware.errors import ConfigurationError
from jwt_middleware.keys.discovery import Discovery
from jwt_middleware.keys.http_fetch import Document, FetchError, checked_headers, get
from jwt_middleware.keys.key_urls import checked_url, is_allowed_address
from jwt_middleware.keys.option import key_source
from jwt_middleware.testing import SigningKey, mint

from ..key_server import KeyServer, document
from .conftest import published

SECRET = "zeta-of-the-firewall"


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes every name resolve to these addresses and ports."""

    def to(*places: tuple[str, int]) -> None:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in places]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    return to


@pytest.fixture
def swallowing() -> Iterator[tuple[str, int]]:
    """An address at which no connection is ever made: the queue of its listener is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        place = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(place)
        yield place
        for each in waiting:
            each.close()


def port_of(server: KeyServer) -> int:
    return int(server.origin.rpartition(":")[2])


# --- what is sent -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["jwks", "metadata", "per kid"])
def test_every_fetch_names_the_package_and_takes_any_type(
    key_server: KeyServer, old_key: SigningKey, kind: str
) -> None:
    key_server.script = document(published(old_key))
    keys: Any = key_server.url
    if kind == "metadata":
        metadata = {"issuer": key_server.origin, "jwks_uri": key_server.url}
        answers = {"/jwks": document(published(old_key))}
        key_server.script = lambda e: answers.get(e.path, document(metadata))(e)
        keys = Discovery(key_server.origin)
    if kind == "per kid":
        key_server.script = document(old_key.public_pem.encode())
        keys = PEMPerKid(key_server.origin + "/{kid}", kid="old")
    claims = {"iss": key_server.origin}
    Verifier(keys=keys, gateway="standard").verify(mint(old_key, claims, form="standard"))

    assert key_server.requests
    for request in key_server.requests:
        assert request["User-Agent"] == "jwt-assertion-middleware/" + version(
            "jwt-assertion-middleware"
        )
        assert request["Accept"] == ("application/jwk-set+json, application/json;q=0.9, */*;q=0.1")


def test_headers_of_ones_own_are_sent_beside_or_in_place_of_the_usual_ones(
    key_server: KeyServer, old_key: SigningKey
) -> None:
    key_server.script = document(published(old_key))
    own = {"X-Api-Key": SECRET, "user-agent": "orders/1"}
    source = JWKSEndpoint(key_server.url, headers=own)
    Verifier(keys=source).verify(mint(old_key, {}))

    [request] = key_server.requests
    assert request["X-Api-Key"] == SECRET
    assert [v for k, v in request.items() if k.lower() == "user-agent"] == ["orders/1"]
    assert SECRET not in repr(source) + repr(vars(source).get("name")) + str(source.health())


def test_the_headers_of_a_metadata_s_origin_do_not_go_to_another(
    key_server: KeyServer, old_key: SigningKey
) -> None:
    with KeyServer(document(published(old_key))) as other:
        key_server.script = document({"issuer": key_server.origin, "jwks_uri": other.url})
        source = Discovery(
            key_server.origin, jwks_origin=other.origin, headers={"X-Api-Key": SECRET}
        )
        claims = {"iss": key_server.origin}
        Verifier(keys=source, gateway="standard").verify(mint(old_key, claims, form="standard"))

        assert key_server.requests[0]["X-Api-Key"] == SECRET
        assert "X-Api-Key" not in other.requests[0]


@pytest.mark.parametrize(
    "headers",
    [
        [("X", SECRET)],
        SECRET,
        {"X-Key": ""},
        {"X-Key": 5},
        {"X-Key": SECRET + "\r\nX-Other: 1"},
        {"X-Key": SECRET + "\n"},
        {"X-Key": " " + SECRET},
        {"X-Key": SECRET + "\x00"},
        {"X-Key": SECRET + "é"},
        {SECRET + ": x": "y"},
        {SECRET + "\r\n": "y"},
        {"": SECRET},
        {5: SECRET},
        {"Host": SECRET},
        {"transfer-encoding": SECRET},
        {"If-None-Match": SECRET},
    ],
    ids=repr,
)
def test_a_header_that_is_none_is_refused_and_not_quoted(headers: Any) -> None:
    with pytest.raises(ConfigurationError, match="headers") as fault:
        JWKSEndpoint("https://gateway.example.edu/jwks", headers=headers)

    assert SECRET not in str(fault.value)


def test_no_headers_of_ones_own_is_the_default() -> None:
    assert checked_headers(None) == checked_headers({}) == {}


# --- which addresses are tried ------------------------------------------------------------------


def test_the_second_address_is_tried_although_the_first_swallows_packets(
    key_server: KeyServer, old_key: SigningKey, resolve: Any, swallowing: tuple[str, int]
) -> None:
    key_server.script = document(published(old_key))
    resolve(swallowing, ("127.0.0.1", port_of(key_server)))
    begun = time.monotonic()

    assert get("http://localhost/jwks", deadline=1.5).body
    assert time.monotonic() - begun < 1
    source = JWKSEndpoint("http://localhost/jwks", deadline=1.5)
    assert Verifier(keys=source).verify(mint(old_key, {})).key_id == "old"


def test_addresses_that_all_swallow_packets_end_with_the_deadline(
    resolve: Any, swallowing: tuple[str, int]
) -> None:
    resolve(swallowing, swallowing, swallowing)
    begun = time.monotonic()

    with pytest.raises(FetchError, match=r"within 0\.6 s"):
        get("http://localhost/jwks", deadline=0.6)
    assert time.monotonic() - begun < 1.5


def test_a_refused_first_address_leaves_the_second_one_all_the_time(
    key_server: KeyServer, resolve: Any
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        unused = free.getsockname()
    key_server.script = document(b"{}")
    resolve(unused, ("127.0.0.1", port_of(key_server)))

    assert isinstance(get("http://localhost/jwks", deadline=2), Document)


# --- over what ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://gateway.localhost:8080/jwks",
        "http://[::ffff:127.0.0.1]/jwks",
        "http://[::ffff:7f00:1]:80/jwks",
    ],
)
def test_other_names_of_this_machine_are_loopback(url: str) -> None:
    checked_url(url)


@pytest.mark.parametrize("address", ["93.184.216.34", "10.0.0.1"])
def test_a_local_name_that_resolves_to_another_machine_brings_no_keys(
    resolve: Any, address: str
) -> None:
    resolve((address, 80))

    with pytest.raises(FetchError, match="http is for loopback only"):
        get("http://gateway.localhost/jwks", deadline=1)


@pytest.mark.parametrize(
    "url",
    [
        "http://keycloak:8080/realms/a/certs",
        "http://keys.prod.svc.cluster.local/jwks",
        "http://10.1.2.3/jwks",
        "http://172.31.0.9/jwks",
        "http://192.168.0.2/jwks",
        "http://100.64.3.4/jwks",
        "http://[fd00::1]/jwks",
        "http://localhost/jwks",
    ],
)
def test_allow_http_is_for_private_addresses_and_names(url: str) -> None:
    with pytest.raises(ConfigurationError) as fault:
        JWKSEndpoint(url) if "localhost" not in url else checked_url("http://keycloak/")

    assert "allow_http=True" in str(fault.value)
    assert JWKSEndpoint(url, allow_http=True).allow_http
    assert Discovery(url.rpartition("/")[0], allow_http=True).allow_http


@pytest.mark.parametrize(
    "url",
    ["http://93.184.216.34/jwks", "http://169.254.169.254/latest", "http://[2001:4860::8]/jwks"],
)
def test_allow_http_is_not_for_public_or_link_local_addresses(url: str) -> None:
    with pytest.raises(ConfigurationError, match="private addresses only"):
        JWKSEndpoint(url, allow_http=True)


@pytest.mark.parametrize("address", ["93.184.216.34", "169.254.169.254", "0.0.0.0"])
def test_dns_rebinding_the_address_that_is_connected_to_decides(resolve: Any, address: str) -> None:
    resolve((address, 80))

    with pytest.raises(FetchError, match="http is for private addresses only"):
        get("http://keycloak/jwks", deadline=1, allow_http=True)


def test_with_allow_http_keys_of_a_private_name_are_fetched(
    key_server: KeyServer, old_key: SigningKey, resolve: Any
) -> None:
    key_server.script = document(published(old_key))
    resolve(("93.184.216.34", 1), ("127.0.0.1", port_of(key_server)))
    verifier = Verifier(keys=JWKSEndpoint("http://keycloak/jwks", allow_http=True))

    assert verifier.verify(mint(old_key, {})).key_id == "old"


def test_over_tls_every_address_is_allowed() -> None:
    assert is_allowed_address("93.184.216.34", is_tls=True, allow_http=False)
    assert not is_allowed_address("no address", is_tls=False, allow_http=True)


@pytest.mark.parametrize("url", ["http://keycloak:8080/jwks", "http://example.com/jwks"])
def test_a_fetch_of_ones_own_may_use_any_url(url: str, old_key: SigningKey) -> None:
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return json.dumps(published(old_key)).encode()

    verifier = Verifier(keys=JWKSEndpoint(url, fetch=fetch))
    assert verifier.verify(mint(old_key, {})).key_id == "old"
    assert asked == [url]
    pem = PEMPerKid(url + "/{kid}", kid="old", fetch=lambda _: old_key.public_pem.encode())
    assert Verifier(keys=pem).verify(mint(old_key, {})).key_id == "old"


@pytest.mark.parametrize("url", ["file:///etc/keys/gateway.pem", "file://localhost/x.pem"])
def test_a_file_s_url_is_refused_with_the_way_to_write_it(url: str) -> None:
    for make in (key_source, JWKSEndpoint):
        with pytest.raises(ConfigurationError, match="named by its path"):
            make(url)


def test_what_weakens_the_way_of_the_keys_is_reported_at_start_up() -> None:
    from jwt_middleware.middleware.settings import Settings, weakenings_of

    keys = [
        JWKSEndpoint("http://keycloak/jwks", allow_http=True),
        Discovery("https://accounts.google.com", jwks_origin="https://www.googleapis.com"),
    ]
    found = weakenings_of(Settings.read({"keys": keys, "gateway": "standard"}, {}))

    assert "keys.allow_http=True (for http://keycloak/jwks)" in found
    assert "keys.jwks_origin=https://www.googleapis.com" in found
