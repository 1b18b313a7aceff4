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
    assert status == 1
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
        ("keys", "a.pem", "--ca-file", "p"),
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

    assert status == 1
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

    assert (status, said_of_it in said) == (0, True), said
    _, said = run("keys", path, "--warn-days", 5)
    assert ("its certificate ends in" in said) is False


def test_a_keystore_without_its_password_names_the_option(
    run: Any, tmp_path: Path, rsa_key: SigningKey
) -> None:
    status, said = run("keys", keystore(tmp_path / "store.p12", rsa_key))

    assert status == 2
    assert "--password-file" in said
