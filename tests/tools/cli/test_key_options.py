"""Keys of the commands: authorities, passwords, slow endpoints, and why there are none."""

from __future__ import annotations

import datetime
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from jwt_middleware.testing import SigningKey, mint
from jwt_middleware.tools.cli import main

from ...key_server import Exchange, KeyServer, document, redirect
from ...keys.test_jwks_tls import Site
from ...keys.test_key_tables import PASSWORD, keystore

KEY = SigningKey("ES256", key_id="good")
WEAK = SigningKey(key_id="weak", bits=1024)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command; returns its exit status and all that it printed."""

    def run(*arguments: object, stdin: str = "") -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        status = main([str(each) for each in arguments])
        return status, "".join(capsys.readouterr())

    return run


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, "localhost")


@pytest.fixture
def tls_server(site: Site) -> Iterator[KeyServer]:
    with KeyServer(document(KEY.jwks()), context=site.context) as server:
        yield server


def test_the_keys_of_a_private_authority_are_shown_with_ca_file(
    run: Any, site: Site, tls_server: KeyServer
) -> None:
    status, said = run("keys", tls_server.url, "--ca-file", site.ca_file)
    assert (status, "key 1: EC P-256" in said) == (0, True)

    status, said = run("keys", tls_server.url)
    assert status == 3
    assert (
        "no authority that is trusted here; name the PEM file of its authority by ca_file=" in said
    )


@pytest.mark.parametrize("command", ["inspect", "verify"])
def test_a_token_is_verified_by_the_keys_of_a_private_authority(
    run: Any, site: Site, tls_server: KeyServer, command: str
) -> None:
    token = mint(KEY, {}, form="standard")
    given = [command, "--keys", tls_server.url, "--gateway", "standard"]
    status, said = run(*given, "--ca-file", site.ca_file, stdin=token)
    assert status == 0, said

    status, said = run(*given, stdin=token)
    assert status == 3, "no verdict on the token"
    assert token not in said
    assert "the last fetch failed: its certificate is of no authority" in said
    assert run(*given, "--ca-file", site.ca_file, stdin=token + "x")[0] == 1


def test_inspect_says_why_there_are_no_keys(run: Any, tls_server: KeyServer) -> None:
    token = mint(KEY, {}, form="standard")
    _, said = run("inspect", "--keys", tls_server.url, "--gateway", "standard", stdin=token)

    assert "the last fetch failed: its certificate is of no authority" in said
    assert "Start the key endpoint" not in said


@pytest.mark.parametrize("command", ["keys", "verify"])
def test_a_keystore_is_opened_with_password_file(
    run: Any, tmp_path: Path, rsa_key: SigningKey, command: str
) -> None:
    store, password = keystore(tmp_path / "store.p12", rsa_key), tmp_path / "password"
    password.write_text(PASSWORD + "\n")
    source = [store] if command == "keys" else ["--keys", store]
    token = mint(rsa_key, {})
    status, said = run(command, *source, "--password-file", password, stdin=token)

    assert status == 0, said
    assert PASSWORD not in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "https://a/jwks", "--password-file", "p"),
        ("keys", "https://a/jwks", "--allow-http", "--password-file", "p"),
        ("keys", "a.pem", "--ca-file", "p"),
        ("keys", "a.pem", "--allow-http", "--password-file", "p"),
        ("keys", "a.pem", "--ca-file", "p", "--password-file", "p"),
        ("verify", "--ca-file", "p"),
    ],
    ids=str,
)
def test_options_that_do_not_go_with_the_source_are_status_2(
    run: Any, arguments: tuple[str, ...]
) -> None:
    status, said = run(*arguments, stdin="token")

    assert status == 2
    assert said.count("\n") == 1
    assert "--ca-file" in said or "--password-file" in said


@pytest.mark.parametrize("command", ["keys", "verify"])
def test_http_to_a_private_address_is_allowed_by_an_option(
    run: Any, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with KeyServer(document(KEY.jwks())) as server:
        monkeypatch.setattr(  # the cluster's name of this machine
            "socket.getaddrinfo",
            lambda *_, **__: [(2, 1, 6, "", ("127.0.0.1", int(server.origin.rpartition(":")[2])))],
        )
        url = "http://keys.cluster.internal/jwks"
        given = [command, url] if command == "keys" else [command, "--keys", url]
        given += [] if command == "keys" else ["--gateway", "standard"]
        token = mint(KEY, {}, form="standard")
        refused, allowed = (run(*given, *more, stdin=token) for more in ([], ["--allow-http"]))

    assert (refused[0], "allow_http" in refused[1]) == (2, True)
    assert allowed[0] == 0, allowed


@pytest.mark.parametrize(
    "source",
    [
        "localhost:1234/jwks",
        "localhost/jwks",
        "127.0.0.1:8080/keys.json",
        "[::1]:8080",
        "gateway:8243",
        "gateway.example.edu/jwks",
        "gateway.example.edu/keys.json",
    ],
)
def test_a_url_without_its_scheme_is_recognised(run: Any, source: str) -> None:
    status, said = run("keys", source)

    assert status == 2
    assert "write http:// or https:// before it" in said


@pytest.mark.parametrize("source", ["keys/none.pem", "./gateway.d/none.pem", "zeta-secret", "a:b"])
def test_a_path_is_not_taken_for_a_url(run: Any, source: str) -> None:
    assert "before it" not in run("keys", source)[1]


def test_a_slow_endpoint_is_waited_for_as_long_as_a_fetch_may_take(run: Any) -> None:
    def slow(exchange: Exchange) -> None:
        exchange.server.owner.ended.wait(2.3)  # a request would wait for two seconds
        document(KEY.jwks())(exchange)

    with KeyServer(slow) as server:
        status, said = run("keys", server.url)

    assert status == 0, said
    assert "key 1: EC P-256" in said


FAULTS: dict[str, tuple[Any, str]] = {
    "weak": (document(WEAK.jwks()), "no usable key in the answer|refused: RSA key of 1024 bits"),
    "unread": (document({"keys": [{"kty": "AKP", "kid": "f"}]}), "key f: its kty is none of"),
    "html": (document(b"<html>zeta"), r"HTML or XML; a login page\?"),
    "redirect": (redirect("https://b.example.edu/x?zeta"), "not followed; it leads to https://b"),
}


@pytest.mark.parametrize(("script", "reason"), FAULTS.values(), ids=FAULTS)
def test_why_an_endpoint_has_no_usable_key_is_shown(run: Any, script: Any, reason: str) -> None:
    with KeyServer(script) as server:
        status, said = run("keys", server.url)
        _, told = run("keys", server.url, "--json")

    assert status == (1 if json.loads(told)["details"] else 3)
    assert re.search(reason, said)
    assert json.loads(told)["source"] == server.url
    assert "zeta" not in said + told


DATES: dict[str, tuple[int, int, str]] = {
    "over": (-100, 65, "it ended 35 days ago"),
    "not begun": (10, 90, "it begins in 9 days"),
    "ending": (-100, 110, "DANGER       its certificate ends in 9 days"),
}


@pytest.mark.parametrize(("begins", "days", "said_of_it"), DATES.values(), ids=DATES)
def test_a_certificate_s_dates_are_told_from_today(
    run: Any, tmp_path: Path, begins: int, days: int, said_of_it: str
) -> None:
    now = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    certificate = KEY.certify(now + datetime.timedelta(days=begins), days)
    path = tmp_path / "gateway.pem"
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    status, said = run("keys", path)

    assert (status, said_of_it in said) == (1, True), said
    status, said = run("keys", path, "--warn-days", 5)
    assert ("its certificate ends in" in said) is False
    assert status == (0 if "ends in" in said_of_it else 1)
    assert json.loads(run("keys", path, "--json")[1])["certificates_due"] == 1


def test_a_keystore_without_its_password_names_the_option(
    run: Any, tmp_path: Path, rsa_key: SigningKey
) -> None:
    status, said = run("keys", keystore(tmp_path / "store.p12", rsa_key))

    assert status == 2
    assert "--password-file" in said
