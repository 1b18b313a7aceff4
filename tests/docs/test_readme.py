"""The README is short, its tables are true, and its links lead somewhere."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest

from jwt_middleware import Verifier
from jwt_middleware.gateways import PRESETS
from jwt_middleware.testing import SigningKey

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
ROWS = re.findall(r"^\| ([^|`]+) \| `([^`]+=[^`]+)` \|$", README, re.MULTILINE)
LINKS = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", README)


def test_it_has_at_most_150_lines() -> None:
    assert len(README.splitlines()) <= 150


def test_its_lines_are_short_but_for_tables_and_commands() -> None:
    long = [
        line
        for line in README.splitlines()
        if len(line) > 100 and not line.startswith(("|", "python3 -m venv")) and "](" not in line
    ]
    assert long == []


def test_every_gateway_has_its_line_in_the_table() -> None:
    named = {eval(f"dict({options})").get("gateway", "wso2") for _, options in ROWS}

    assert named == set(PRESETS) - {"wso2-1.4", "wso2-3.1"}


@pytest.mark.parametrize("title, options", ROWS, ids=[title for title, _ in ROWS])
def test_a_gateways_line_is_all_that_a_verifier_needs(
    title: str,
    options: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rsa_key: SigningKey,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gateway.pem").write_text(rsa_key.certificate_pem)
    with contextlib.closing(Verifier(**eval(f"dict({options})"))) as verifier:
        assert verifier.headers


def test_the_line_of_the_first_screen_is_one_of_the_table() -> None:
    first = re.search(r"^app\.add_middleware\(JWTMiddleware, (.*)\)$", README, re.MULTILINE)
    assert first is not None

    assert first[1] in [line for _, line in ROWS]


def test_the_first_two_commands_are_one_line_each() -> None:
    commands = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)

    assert len(commands) == 2
    for command in commands:
        assert command.count("\n") == 1
        assert command.startswith("python3 -m venv")


@pytest.mark.parametrize("link", sorted(set(LINKS)))
def test_a_link_leads_to_a_file(link: str) -> None:
    assert (ROOT / link).is_file()


def test_it_does_not_say_to_install_the_package_that_is_somebody_elses() -> None:
    assert "pip install jwt-middleware" not in README
