"""Why a fetch brought no keys: a sentence that names the way out, and quotes no body."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import JWKSEndpoint, Verifier
from jwt_middleware.errors import KeysUnavailable
from jwt_middleware.keys import http_fetch
from jwt_middleware.keys.http_fetch import FetchError, get, tls_context
from jwt_middleware.testing import SigningKey, mint

from ..key_server import KeyServer, document, redirect, status
from .test_jwks_tls import Site


def port_of(server: KeyServer) -> int:
    return int(server.origin.rpartition(":")[2])


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("https://b.example.edu/jwks?key=zeta", "https://b.example.edu/jwks"),
        ("/moved", "http://127.0.0.1:{port}/moved"),
        ("https://user:zeta@b.example.edu:8443/jwks", "https://b.example.edu:8443/jwks"),
    ],
)
def test_a_redirect_is_not_followed_and_the_reason_says_where_it_leads(
    key_server: KeyServer, location: str, place: str
) -> None:
    key_server.script = redirect(location)
    with pytest.raises(FetchError, match="redirects are not followed") as fault:
        get(key_server.url, deadline=2)

    assert str(fault.value).endswith("it leads to " + place.format(port=port_of(key_server)))
    assert "zeta" not in str(fault.value)


def test_a_redirect_to_no_url_is_a_failure_too(key_server: KeyServer) -> None:
    key_server.script = status(302, Location="https://[::1/")
    with pytest.raises(FetchError, match="somewhere that is no URL"):
        get(key_server.url, deadline=2)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "it is empty"),
        (b"<!DOCTYPE html>zeta", "HTML or XML; a login page"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ('{"keys": []}'.encode("utf-16"), "UTF-16"),
        ('{"keys": []}'.encode("utf-16-le"), "UTF-16"),
        (b"-----BEGIN CERTIFICATE-----", "it is PEM"),
        (b"[]", "it is a list"),
        (b'{"keys": [], "keys": []}', "duplicate member name"),
        (b'{"keys": [],\n zeta}', "line 2, column 2"),
        (b'{"a": "\xe9"}', "byte 7 is no UTF-8"),
        (b'{"a": "\\ud800"}', "lone surrogate"),
    ],
    ids=str,
)
def test_a_document_that_is_no_json_says_what_it_is(
    key_server: KeyServer, old_key: SigningKey, body: bytes, reason: str
) -> None:
    key_server.script = document(body)
    endpoint = JWKSEndpoint(key_server.url)
    with pytest.raises(KeysUnavailable):
        Verifier(keys=endpoint).verify(mint(old_key, {}))

    told = endpoint.health()["last_error"]
    assert re.match("an answer that is no strict JSON object: .*" + reason, told)
    assert "zeta" not in told


def test_a_port_without_tls_is_named_as_such(key_server: KeyServer) -> None:
    with pytest.raises(FetchError, match="speaks no TLS"):
        get(key_server.url.replace("http:", "https:"), deadline=2)


def test_a_port_with_tls_is_named_as_such(tmp_path: Path) -> None:
    context = Site(tmp_path, "localhost").context
    with (
        KeyServer(context=context) as server,
        pytest.raises(FetchError, match="if the port speaks TLS, write https://"),
    ):
        get(server.url.replace("https:", "http:"), deadline=2)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "the server hung up without an answer; if the port speaks TLS, write https://"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "the answer is no HTTP; if the port speaks TLS"),
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "status 400.*write https://"),
    ],
    ids=["OpenSSL", "an alert", "nginx"],
)
def test_the_ways_in_which_tls_answers_plain_http_lead_to_https(answer: bytes, reason: str) -> None:
    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=serve)
        server.start()
        with pytest.raises(FetchError, match=reason):
            get(f"http://127.0.0.1:{listening.getsockname()[1]}/jwks", deadline=2)
        server.join()


def test_a_name_that_does_not_resolve_is_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(FetchError, match="the host's name cannot be resolved"):
        get("https://gateway.example.edu/jwks", deadline=2)


def test_a_named_authority_need_not_have_what_python_3_13_asks_of_public_ones(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, rsa_key: SigningKey
) -> None:
    create = ssl.create_default_context

    def strict(**options: Any) -> ssl.SSLContext:
        context = create(**options)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", strict)
    monkeypatch.setattr(http_fetch, "_contexts", {})
    path = tmp_path / "authority.pem"
    path.write_text(rsa_key.certificate_pem)

    named, system = tls_context(str(path)), tls_context(None)
    assert not named.verify_flags & ssl.VERIFY_X509_STRICT
    assert system.verify_flags & ssl.VERIFY_X509_STRICT
    for context in (named, system):
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
