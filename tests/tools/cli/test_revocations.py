"""``jwt-assertion revoke`` and ``revocations``: what is denied, taken back and listed."""

from __future__ import annotations

import io
import json
import math
import re
import time
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import Revocations, Verifier
from jwt_middleware.revocation import Denial
from jwt_middleware.revocation.denials import KEEP_FOR
from jwt_middleware.revocation.sqlite import SQLiteStore
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from .conftest import STORE, URL, Run, kept

pytestmark = pytest.mark.usefixtures("begun_store")


@pytest.mark.parametrize(
    "arguments, name",
    [
        (("--jti", "t-1"), {"token_id": "t-1"}),
        (("--subject", "jroe"), {"subject": "jroe"}),
        (("--client", "kiosk"), {"client_id": "kiosk"}),
        (("--key-id", "k"), {"key_id": "k"}),
        (("--issuer", "https://a"), {"issuer": "https://a"}),
        (
            ("--subject", "jroe", "--issuer", "https://a"),
            {"subject": "jroe", "issuer": "https://a"},
        ),
    ],
)
def test_each_name_is_denied_listed_and_taken_back(
    arguments: tuple[str, ...], name: dict[str, Any], command: Run, folder: Path
) -> None:
    said = command("revoke", *STORE, *arguments, "--note", "left")
    assert said.status == 0
    assert said.out.startswith("denied: ")
    [denial] = kept(folder)
    assert {**name, "issued_before": None, "note": "left"}.items() <= vars(denial).items()
    assert denial.until == pytest.approx(time.time() + KEEP_FOR, abs=60)
    listed = command("revocations", *STORE)
    assert listed.status == 0
    assert "1 denial in force" in listed.out
    assert all(value in listed.out for value in (*name.values(), "left"))
    assert command("revoke", *STORE, *arguments, "--take-back").out.startswith("taken back: ")

    assert kept(folder) == []
    again = command("revoke", *STORE, *arguments, "--take-back")
    assert (again.status, "was not denied" in again.err) == (1, True)


def test_times_are_iso_in_utc_or_now(command: Run, folder: Path) -> None:
    command("revoke", *STORE, "--subject", "a", "--issued-before", "now", "--until", "2099-01-01")
    command("revoke", *STORE, "--subject", "b", "--until", "2099-01-01T02:00:00+02:00")
    found = {each.subject: each for each in kept(folder)}

    assert found["a"].issued_before == pytest.approx(time.time(), abs=60)
    assert found["a"].until == found["b"].until == 4_070_908_800
    listed = command("revocations", *STORE).out
    assert "subject b, until 2099-01-01 00:00:00 UTC" in listed


def test_it_says_when_a_denial_ends(command: Run, folder: Path) -> None:
    (folder / "options.toml").write_text(
        'keys = "gateway.pem"\n[revocations]\nurl = "sqlite:///store.db"\nkeep_for = 7200\n'
    )
    late = ("--subject", "late", "--until", "2099-01-01")

    assert re.search(r"subject a, until \d{4}-", command("revoke", *STORE, "--subject", "a").out)
    assert "until 2099-01-01 00:00:00 UTC" in command("revoke", *STORE, *late).out
    said = command("revoke", *STORE, "--subject", "b", "--forever")
    assert said.out == "denied: subject b, for ever\n"
    command("revoke", "--config", "options.toml", "--subject", "c")

    ends = {each.subject: each.until for each in kept(folder)}
    assert ends["a"] == pytest.approx(time.time() + KEEP_FOR, abs=60)
    assert ends["c"] == pytest.approx(time.time() + 7200, abs=60)
    assert (ends["late"], ends["b"]) == (4_070_908_800, math.inf)
    assert "subject b, for ever" in command("revocations", *STORE).out


def test_the_list_says_when_and_by_whom(
    command: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "ann")
    command("revoke", *STORE, "--subject", "a")
    denied = json.loads(
        command("revoke", *STORE, "--subject", "b", "--by", "night\nshift", "--json").out
    )["denied"]
    listed = command("revocations", *STORE)
    told = json.loads(command("revocations", *STORE, "--json").out)["denials"]

    assert re.search(
        r"subject a, .*, denied \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC by ann\n", listed.out
    )
    assert re.search(r"subject b, .*, denied .* UTC by night\\nshift\n", listed.out)
    assert denied["by"] == "night\nshift"
    assert denied["created"] == pytest.approx(time.time(), abs=60)
    assert {each["by"] for each in told} == {"ann", "night\nshift"}
    assert command("revoke", *STORE, "--subject", "a", "--take-back", "--by", "x").status == 2
    assert command("revoke", *STORE, "--subject", "a", "--by", "x" * 2_000).status == 2


def test_for_ever_is_null_to_a_program(command: Run, folder: Path) -> None:
    """JSON has no infinity."""
    denied = command("revoke", *STORE, "--jti", "t-1", "--forever", "--json").out

    assert json.loads(denied)["denied"]["until"] is None
    assert "Infinity" not in denied
    assert json.loads(command("revocations", *STORE, "--json").out)["denials"][0]["until"] is None


def test_both_answer_programs(command: Run, folder: Path) -> None:
    denied = json.loads(command("revoke", *STORE, "--jti", "t-1", "--json").out)
    listed = json.loads(command("revocations", *STORE, "--json").out)
    back = json.loads(command("revoke", *STORE, "--jti", "t-1", "--take-back", "--json").out)

    assert denied["denied"]["token_id"] == "t-1"
    assert listed == {"store": f"sqlite:///{folder}/store.db", "denials": [denied["denied"]]}
    assert back["taken_back"] is True


@pytest.mark.parametrize(
    "written",
    [
        'revocations = "sqlite:///store.db"',
        '[revocations]\nurl = "sqlite:///store.db"\nfail = "open"',
    ],
)
def test_the_file_of_options_names_the_store(written: str, command: Run, folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "options.toml").write_text('keys = "gateway.pem"\n' + written)
    revoke = ("revoke", "--config", "deep/options.toml", "--jti", "t-1")
    assert command(*revoke).status == 2

    assert command(*revoke, "--create").status == 0
    assert len(kept(folder / "deep")) == 1


def test_the_environment_names_it_as_well(
    command: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_MIDDLEWARE_REVOCATIONS", URL)

    assert command("revoke", "--jti", "t-1").status == 0
    assert len(kept(folder)) == 1


def test_a_mistyped_path_is_not_taken_for_the_store(command: Run, folder: Path) -> None:
    (folder / "store.db").unlink()
    mistyped = command("revoke", *STORE, "--jti", "t-1")
    assert (mistyped.status, mistyped.out) == (2, "")
    assert "store.db: there is no such file, so it denies nothing; " in mistyped.err
    assert "add --create" in mistyped.err
    assert not (folder / "store.db").exists()

    for arguments in (("--create",), (), ("--create",)):
        assert command("revoke", *STORE, "--jti", "t-1", *arguments).status == 0
    assert len(kept(folder)) == 1


@pytest.mark.parametrize("arguments", [("revocations",), ("revoke", "--jti", "t", "--take-back")])
def test_who_only_looks_or_takes_back_makes_no_store(
    arguments: tuple[str, ...], command: Run, folder: Path
) -> None:
    """A listing of a mistyped path would lay a store there, and one of a lost store begin it."""
    (folder / "store.db").unlink()
    said = command(*arguments, *STORE)
    assert (said.status, said.out) == (2, "")
    assert "store.db: there is no such file" in said.err
    assert not (folder / "store.db").exists()
    (folder / "store.db").touch()  # as one that lost its content
    said = command(*arguments, *STORE)

    assert (said.status, said.out) == (3, "")
    assert "was emptied or replaced" in said.err
    assert (folder / "store.db").read_bytes() == b""
    assert command("revoke", *STORE, "--jti", "t").status == 0
    assert command(*arguments, *STORE).status == 0


@pytest.mark.parametrize(
    "arguments, told",
    [
        (("revoke", *STORE), "name what to deny: a token on standard input, --jti"),
        (("revoke", *STORE, "--note", "x"), "name what to deny: a token on standard input, --jti"),
        (("revoke", *STORE, "--issued-before", "now"), "says when; name what to deny"),
        (("revoke", *STORE, "gateway.pem"), "this is no token that could be denied"),
        (("revoke", *STORE, "none.txt"), "the token in none.txt cannot be read"),
        (("revoke", *STORE, "none.txt", "--jti", "t-1"), "not allowed with argument"),
        (("revoke", "--jti", "t-1"), "which store?"),
        (("revocations",), "which store?"),
        (("revoke", "--jti", "t-1", "--store", "process-memory"), "no command reaches"),
        (("revoke", "--jti", "t-1", "--store", "postgresql://u:hidden@h/0"), "the store's URL"),
        (("revoke", *STORE, "--jti", "t-1", "--until", "soon"), "--until: 'soon' is not a time"),
        (("revoke", *STORE, "--jti", "t-1", "--until", "1960-01-01"), "until: a time"),
        (("revoke", *STORE, "--jti", ""), "token_id: a text"),
        (
            ("revoke", *STORE, "--jti", "t-1", "--config", "x.toml"),
            "not allowed with argument --store",
        ),
        (("revoke", "--jti", "t-1", "--config", "x.toml"), "x.toml cannot be read"),
        (("revoke", *STORE, "--jti", "t", "--take-back", "--until", "now"), "without times"),
        (("revoke", *STORE, "--jti", "t", "--take-back", "--forever"), "without times"),
        (
            ("revoke", *STORE, "--jti", "t", "--until", "now", "--forever"),
            "not allowed with argument --until",
        ),
        (
            ("revoke", "--create", "--store", "sqlite:///no/such/folder.db", "--jti", "t-1"),
            "unable to open",
        ),
    ],
)
def test_a_mistake_is_reported_with_status_2(
    arguments: tuple[str, ...],
    told: str,
    command: Run,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    said = command(*arguments)

    assert (said.status, said.out) == (2, "")
    assert told in said.err
    assert "hidden" not in said.err


def test_two_names_are_one_too_many(command: Run, folder: Path) -> None:
    said = command("revoke", *STORE, "--jti", "t-1", "--subject", "a")

    assert said.status == 2
    assert "not allowed with" in said.err


@pytest.mark.parametrize(
    "arguments", [("revoke", "--jti", "t-1"), ("revocations",)], ids=lambda a: a[0]
)
def test_a_store_that_is_out_is_reported_with_status_3(
    arguments: tuple[str, ...], command: Run, folder: Path
) -> None:
    said = command(*arguments, "--store", "redis://:hidden@127.0.0.1:9/0")

    assert (said.status, said.out) == (3, "")
    assert "redis://127.0.0.1:9/0: " in said.err
    assert "hidden" not in said.err


def test_what_is_denied_cannot_forge_a_line(command: Run, folder: Path) -> None:
    command("revoke", *STORE, "--subject", "a\nsubject b", "--note", "x\x1b[2J")
    listed = command("revocations", *STORE).out

    assert len(listed.splitlines()) == 2
    assert "\x1b" not in listed


# What the other commands make of it.


def test_check_reports_what_is_denied_and_what_an_outage_means(command: Run, folder: Path) -> None:
    path = folder / "options.toml"
    command("revoke", *STORE, "--subject", "jroe")
    path.write_text('keys = "gateway.pem"\nrevocations = "sqlite:///store.db"\n')
    plain = command("check", path).out
    path.write_text(
        'keys = "gateway.pem"\n[revocations]\nurl = "redis://127.0.0.1:9/0"\none_time = true\n'
    )
    out = command("check", path).out

    assert f"Tokens that sqlite:///{folder}/store.db denies are refused (1 denial in" in plain
    assert "While that store is out, every token is refused (503)." in plain
    assert "Each token counts once" not in plain
    assert "redis://127.0.0.1:9/0 denies are refused (the store is out now)." in out
    assert "Each token counts once; every request asks the store." in out


def test_who_looks_at_a_token_does_not_use_it(
    command: Run, folder: Path, rsa_key: SigningKey
) -> None:
    token = mint(rsa_key, ucsd_claims())
    (folder / "token.txt").write_text(token)
    (folder / "options.toml").write_text(
        'keys = "gateway.pem"\n[revocations]\nurl = "sqlite:///store.db"\none_time = true\n'
    )
    look = ("token.txt", "--config", "options.toml")
    for name in ("verify", "inspect", "verify"):
        assert command(name, *look).status == 0
    revocations = Revocations(URL, one_time=True)
    service = Verifier(keys=folder / "gateway.pem", revocations=revocations)
    service.verify(token)
    service.close()

    said = command("inspect", *look)
    assert (said.status, said.out.startswith("token_reused: The signature is good;")) == (1, True)
    assert "token_reused" in command("verify", *look).err


def test_it_reads_no_list_to_make_one_denial(command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def listed(_: SQLiteStore) -> tuple[Denial, ...]:
        raise AssertionError("the whole list was read")

    monkeypatch.setattr(SQLiteStore, "denials", listed)
    said = command("revoke", *STORE, "--subject", "ana", "--by", "ops", "--json")

    assert said.status == 0, said.err
    denied = json.loads(said.out)["denied"]
    assert (denied["subject"], denied["by"]) == ("ana", "ops")
    assert denied["created"] == pytest.approx(time.time(), abs=60)
