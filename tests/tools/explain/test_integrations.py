"""What ``jwt-assertion check`` says of a file of integrations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jwt_middleware.tools.cli import main

from ...sign_on.kit import KEY, OTHER_KEY

FILE = """
[integrations.acme]
hosts = ["app.example.edu"]
issuer = "https://acme.example.com"
secret_file = "acme.secret"
max_age = 7200
accounts = "by_email"

[integrations.beta]
secret_file = "{beta}.secret"

[integrations.gone]
hosts = ["gone.example.edu"]
secret_file = "is no more"
enabled = false
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "acme.secret").write_text(KEY.secret.hex())
    (tmp_path / "beta.secret").write_text(OTHER_KEY.secret.hex())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_integration_and_each_danger_is_shown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "i.toml").write_text(FILE.format(beta="acme"))

    assert main(["check", "i.toml"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "i.toml: 3 integrations.",
        (
            "acme: hosts app.example.edu; issuer https://acme.example.com; HS256, HS384, HS512 by "
            "secret in acme.secret; a token lives 7200 s from iat; users known by their email "
            "address"
        ),
        (
            "beta: any other host; HS256, HS384, HS512 by secret in acme.secret; a token lives "
            "300 s from iat, or until exp without iat; users of its own"
        ),
        "gone: switched off",
        "  DANGER  acme may sign in as the user of any address (accounts = 'by_email')",
        "  DANGER  acme: a link lives 7200 s, in histories and mailboxes too",
        "  DANGER  acme and beta have a key in common: each can sign as the other",
    ]


def test_one_integration_is_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "i.toml").write_text("[integrations.acme]\nsecret_file = 'acme.secret'\n")

    assert main(["check", "i.toml"]) == 0
    assert capsys.readouterr().out.startswith("i.toml: 1 integration.\n")


def test_a_program_gets_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "i.toml").write_text(FILE.format(beta="beta"))

    assert main(["check", "--json", "i.toml"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["meaning"]) == 4
    assert len(told["dangers"]) == 2
    for secret in (KEY.secret.hex(), OTHER_KEY.secret.hex()):
        assert secret not in json.dumps(told)


def test_a_file_that_is_wrong_ends_with_status_2(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "i.toml").write_text(FILE.format(beta="nowhere"))

    assert main(["check", "i.toml"]) == 2
    assert "integrations.beta" in capsys.readouterr().err
