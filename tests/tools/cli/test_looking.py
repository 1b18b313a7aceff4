"""Commands that look: they write nothing, and say what cannot be had now."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from jwt_middleware.revocation import Denial, open_store
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from ...key_server import KeyServer, document, status
from .conftest import Run

OPTIONS = 'keys = "gateway.pem"\nrevocations = "sqlite:///store.db"\n'
APP = """
from flask import Flask
from jwt_middleware import JSONLines
from jwt_middleware_flask import JWTMiddleware
app, trail = Flask(__name__), JSONLines("audit.jsonl")
JWTMiddleware(app, keys={keys!r}, revocations="sqlite:///store.db", listeners=[trail])
"""
LOOKS = [
    ("check", "options.toml"),
    ("check", "flask_app:app"),
    ("routes", "flask_app:app"),
    ("inspect", "--config", "options.toml", "token.txt"),
    ("inspect", "--app", "flask_app:app", "token.txt"),
    ("verify", "--config", "options.toml", "token.txt"),
]


@pytest.fixture
def site(folder: Path, rsa_key: SigningKey) -> Path:
    (folder / "options.toml").write_text(OPTIONS)
    (folder / "flask_app.py").write_text(APP.format(keys="gateway.pem"))
    (folder / "token.txt").write_text(mint(rsa_key, ucsd_claims()))
    (folder / "audit.jsonl").write_text("of the service\n")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}


@pytest.mark.parametrize("look", LOOKS, ids=" ".join)
def test_who_looks_makes_no_store_and_no_line_of_the_audit_trail(
    look: tuple[str, ...], site: Path, command: Run
) -> None:
    before = contents(site)
    said = command(*look)

    assert said.status == 0, said
    assert contents(site) == before
    assert look[0] == "routes" or "there is no such file yet" in said.out + said.err


@pytest.mark.parametrize("look", LOOKS, ids=" ".join)
def test_who_looks_reads_a_store_and_leaves_it_as_it_is(
    look: tuple[str, ...], site: Path, command: Run
) -> None:
    store = open_store("sqlite:///store.db")
    store.deny(Denial(subject="jroe@carbon.super"))
    store.close()
    before = contents(site)
    said = command(*look)

    assert contents(site) == before
    if look[0] == "check":
        assert "(1 denial in force)" in said.out
    elif look[0] != "routes":
        assert (said.status, "token_revoked" in said.out + said.err) == (1, True)


def test_who_looks_sees_what_a_running_service_has_just_written(site: Path, command: Run) -> None:
    store = open_store("sqlite:///store.db")
    store.deny(Denial(subject="jroe@carbon.super"))
    assert "(1 denial in force)" in command("check", "options.toml").out
    store.deny(Denial(subject="ann"))
    assert "(2 denials in force)" in command("check", "options.toml").out
    store.close()


def test_a_file_of_another_program_is_not_made_a_store(site: Path, command: Run) -> None:
    connection = sqlite3.connect("store.db")
    connection.execute("CREATE TABLE orders (id INTEGER)")
    connection.close()
    before = contents(site)
    said = command("check", "options.toml")

    assert (said.status, "OUT     The store of revocations cannot be read" in said.out) == (3, True)
    assert contents(site) == before


@pytest.mark.parametrize("what", ["options.toml", "flask_app:app"])
def test_check_says_why_there_are_no_keys(what: str, site: Path, command: Run) -> None:
    with KeyServer(status(500)) as server:
        (site / "options.toml").write_text(f'keys = "{server.url}"\n')
        (site / "flask_app.py").write_text(APP.format(keys=server.url))
        said = command("check", what)
        told = json.loads(command("check", "options.toml", "--json").out)

    assert said.status == 3
    assert f"OUT     There are no keys of {server.url}" in said.out
    assert "The last fetch failed: status 500, 200 was expected." in said.out
    assert "status 500" in told["outages"][0]


def test_check_fetches_the_keys_that_it_counts(site: Path, command: Run) -> None:
    with KeyServer(document(SigningKey(key_id="k").jwks())) as server:
        (site / "options.toml").write_text(f'keys = "{server.url}"\n')
        said = command("check", "options.toml")

    assert (said.status, "(1 known)" in said.out) == (0, True)
    assert "OUT" not in said.out
