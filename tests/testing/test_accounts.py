"""Accounts are data: a file is read whole, and every fault of it is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from jwt_middleware import ConfigurationError
from jwt_middleware.testing import Accounts, ClientAccount, User, sample_accounts
from jwt_middleware.tools.demo.app import CLIENTS


def read(folder: Path, text: str) -> Accounts:
    path = folder / "accounts.toml"
    path.write_text(text)
    return Accounts.read(path)


def test_the_sample_has_the_six_clients_and_a_public_one() -> None:
    accounts = sample_accounts()

    assert accounts.registry is not None
    assert set(accounts.clients) - {each.client_id for each in accounts.registry.clients} == {
        "campus_tester"
    }
    assert accounts.clients["campus_tester"].secret is None
    assert all(accounts.clients[each.client_id].secret for each in accounts.registry.clients)


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    accounts = read(
        tmp_path,
        """
        [clients.shop]
        secret = "s3cret"
        roles = ["seller"]
        claims = { plan = "gold" }
        wso2 = { tier = "Gold" }
        [users.ana]
        password = "pw"
        roles = ["admin"]
        """,
    )

    assert accounts.registry is None
    assert accounts.clients["shop"] == ClientAccount(
        "shop",
        "s3cret",
        roles=("seller",),
        claims={"http://wso2.org/claims/tier": "Gold", "plan": "gold"},
    )
    assert accounts.users["ana"] == User("ana", "pw", "ana", ("admin",))


def test_the_registry_is_found_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "clients.toml").write_text(CLIENTS.read_text())
    accounts = read(tmp_path, 'registry = "clients.toml"\n[clients.acme_corp]\nsecret = "x"')

    assert accounts.registry is not None
    assert len(list(accounts.registry.clients)) == 6


def test_every_fault_is_reported_at_once_and_no_secret(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as told:
        read(
            tmp_path,
            """
            regsitry = "x"
            [clients]
            flat = 5
            [clients.shop]
            secrt = "hidden-1"
            secret = 41234123
            roles = ["a", 5]
            application = ""
            [users.ana]
            passwort = "hidden-2"
            """,
        )

    text = str(told.value)
    for part in (
        "regsitry: there is no such key; did you mean 'registry'?",
        "clients.flat: a table [clients.flat]",
        "clients.shop.secrt: there is no such key; did you mean 'secret'?",
        "clients.shop.secret: one text that is not empty",
        "clients.shop.roles: a list of texts",
        "clients.shop.application: one text that is not empty",
        "users.ana.passwort: there is no such key; did you mean 'password'?",
        "users.ana.password: missing",
    ):
        assert part in text, text
    assert "hidden" not in text
    assert "41234123" not in text


@pytest.mark.parametrize("text", ["", "x = [", "[users.ana]\npassword='x'", "clients = 5"])
def test_a_file_without_clients_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml: No such file"):
        Accounts.read("nowhere.toml")


def test_no_repr_shows_a_secret() -> None:
    shown = repr(sample_accounts())

    assert "acme_corp" in shown
    assert "secret" not in shown
    assert "password" not in shown
