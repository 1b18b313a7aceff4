"""What an operator runs into: where a token comes from, and how a failure is reported."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from .conftest import Run


@pytest.mark.parametrize("arguments", [("inspect",), ("verify",), ("revoke", "--store", "x")])
def test_a_token_in_the_command_itself_is_refused_and_not_repeated(
    arguments: tuple[str, ...], command: Run, folder: Path, rsa_key: SigningKey
) -> None:
    token = mint(rsa_key, ucsd_claims())
    said = command(
        *arguments, token, *(("--keys", "gateway.pem") if "--store" not in arguments else ())
    )

    assert (said.status, said.out) == (2, "")
    assert "give it by standard input" in said.err
    assert token[:20] not in said.err


@pytest.mark.parametrize("before", ["Bearer ", "X-JWT-Assertion: ", "X-JWT-Assertion:"])
def test_nor_is_a_header_that_holds_one(
    before: str, command: Run, folder: Path, rsa_key: SigningKey
) -> None:
    token = mint(rsa_key, ucsd_claims())
    said = command("inspect", before + token, "--keys", "gateway.pem")

    assert (said.status, said.out) == (2, "")
    assert "give it by standard input" in said.err
    assert token[:20] not in said.err


def test_a_file_with_a_name_like_a_token_is_read(
    command: Run, folder: Path, rsa_key: SigningKey
) -> None:
    (folder / "eyes.tar.gz").write_text(mint(rsa_key, ucsd_claims()))

    assert command("inspect", "eyes.tar.gz", "--keys", "gateway.pem").status == 0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_at_a_terminal_the_token_is_asked_for(
    command: Run, folder: Path, rsa_key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(mint(rsa_key, ucsd_claims())))
    said = command("inspect", "--keys", "gateway.pem", "--api", "/echo/1.0.0")

    assert said.status == 0
    assert "paste the token" in said.err


def test_a_token_that_the_terminal_cut_is_named_so(
    command: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("e" * 4095 + "\n"))
    said = command("inspect")

    assert said.status == 2
    assert "the terminal cut the token at 4,095 characters" in said.err


@pytest.mark.parametrize("opaque", ["dead-beef-0123-4567", "2YotnFZFEjr1zCsicMWpAA=="])
def test_an_opaque_access_token_is_recognised(opaque: str, command: Run, folder: Path) -> None:
    (folder / "t.txt").write_text(opaque)
    said = command("inspect", "--keys", "gateway.pem", "t.txt")

    assert said.status == 1
    assert "It looks like an access token" in said.out


@pytest.mark.parametrize(
    "text, mend", [("2YotnFZFEjr1zCsicMWpAA==", "access token"), ("eyJhbGciOi", "ends early")]
)
def test_what_is_no_token_is_recognised_without_keys_too(
    text: str, mend: str, command: Run, folder: Path
) -> None:
    (folder / "t.txt").write_text(text)

    assert mend in command("inspect", "t.txt").out
    assert mend in json.loads(command("inspect", "--json", "t.txt").out)["hint"]


def test_with_json_a_failure_is_json_too(command: Run, folder: Path) -> None:
    for arguments in (("check", "nothing.toml"), ("verify", "--keys", "none.pem", "t.txt")):
        said = command(*arguments, "--json")
        assert said.status == 2
        failure = json.loads(said.out)
        assert failure["code"] == "configuration_error"
        assert failure["reason"] in said.err


def test_a_missing_file_of_options_is_named_as_it_was_given(command: Run, folder: Path) -> None:
    assert "jwt-assertion: nothing.toml cannot be read" in command("check", "nothing.toml").err


def test_a_key_without_its_certificate_file_has_the_same_thumbprints_each_time(
    rsa_key: SigningKey,
) -> None:
    keys = [SigningKey.from_pem(rsa_key.private_pem) for _ in range(2)]

    assert keys[0].x5t(as_hex=False) == keys[1].x5t(as_hex=False)
    assert keys[0].certificate_pem == keys[1].certificate_pem
