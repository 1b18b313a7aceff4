"""The commands ``mint``, ``verify`` and ``inspect``, as a person at a shell uses them."""

from __future__ import annotations

import io
import json
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from jwt_middleware import Verifier
from jwt_middleware.gateways.wso2 import WSO2_DIALECT
from jwt_middleware.testing import FORMS, LocalGateway, SigningKey, mint
from jwt_middleware.tools.cli import main
from jwt_middleware.tools.demo.app import CLIENTS

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in an empty folder, with a text on standard input."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        status = main(arguments)
        out, err = capsys.readouterr()
        return status, out, err

    return command


@pytest.fixture
def token(run: Run) -> str:
    """A token of Globex's, with its key in k.pem and the certificate in k.crt."""
    _, out, _ = run("mint", "--key", "k.pem", "--make-key", "--client", "globex_ind")
    return out


def test_mint_makes_a_key_once_and_only_for_its_owner(run: Run, token: str) -> None:
    before = Path("k.pem").read_text()
    status, out, err = run("mint", "--key", "k.pem", "--make-key", "--client", "globex_ind")

    assert (status, err) == (0, "")
    assert out.count(".") == 2
    assert Path("k.pem").read_text() == before
    assert stat.S_IMODE(Path("k.pem").stat().st_mode) == 0o600


def test_verify_shows_who_calls(run: Run, token: str) -> None:
    status, out, _ = run(
        "verify", "--keys", "k.crt", "--clients", str(CLIENTS), "--json", stdin=token
    )
    told = json.loads(out)

    assert status == 0
    assert told["code"] == "accepted"
    assert told["client_id"] == "globex_ind"
    assert told["attributes"]["access_level"] == "globex_level2"


def test_verify_ends_with_1_and_the_code_on_standard_error(run: Run, token: str) -> None:
    run("mint", "--key", "other.pem", "--make-key")
    status, out, err = run("verify", "--keys", "other.crt", stdin=token)

    assert status == 1
    assert out == ""
    assert err.startswith("jwt-assertion: unknown_key: ")


def test_verify_says_what_is_expected_and_what_the_token_has(run: Run, token: str) -> None:
    named = ("verify", "--keys", "k.crt", "--gateway", "standard", "--audience", "reports")
    _, mine, _ = run("mint", "--key", "k.pem", "--form", "standard", "--claim", "aud=orders")
    status, out, err = run(*named, stdin=mine)
    told = json.loads(run(*named, "--json", stdin=mine)[1])

    assert (status, out) == (1, "")
    assert "the claim aud is 'orders'; audience=reports is required." in err
    assert told["code"] == "invalid_claim"
    assert "audience=reports is required" in told["reason"]


def test_verify_shows_a_person_what_there_is_and_dates(run: Run, token: str) -> None:
    _, mine, _ = run("mint", "--key", "k.pem", "--as", "ann", "--role", "b", "--role", "a")
    status, out, _ = run("verify", "--keys", "k.crt", stdin=mine)
    told = dict(line.split(maxsplit=1) for line in out.splitlines())

    assert status == 0
    assert (told["subject"], told["roles"]) == ("ann", "a, b")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", told["expires_at"])
    assert {"permissions", "attributes", "token_id"}.isdisjoint(told)
    assert "None" not in out


@pytest.mark.parametrize(
    "claim, told", [("roles", True), ("groups", True), (WSO2_DIALECT + "role", False)]
)
def test_a_claim_of_roles_that_nothing_reads_is_told(run: Run, claim: str, told: bool) -> None:
    named = ("--as", "ann", "--claim", f'{claim}=["manager"]')
    _, mine, _ = run("mint", "--key", "k.pem", "--make-key", *named)
    hint = f"Nothing here reads its {claim}:"

    assert (hint in run("verify", "--keys", "k.crt", stdin=mine)[2]) is told
    inspected = json.loads(run("inspect", "--keys", "k.crt", "--json", stdin=mine)[1])
    assert (hint in inspected["hint"]) is told
    assert inspected["code"] == "accepted"
    of_registry = run("verify", "--keys", "k.crt", "--clients", str(CLIENTS), stdin=mine)
    assert hint not in of_registry[2]


def test_inspect_says_which_check_fails(run: Run, token: str) -> None:
    status, out, _ = run("inspect", "--keys", "k.crt", "--at", "2099-01-01T00:00:00", stdin=token)

    assert status == 1
    assert out.startswith("token_expired: The signature is good; it expired at ")
    assert " years ago" in out
    assert 'accessLevel = "globex_level2"' in out


def test_inspect_without_keys_takes_apart_and_verifies_nothing(run: Run, token: str) -> None:
    status, out, _ = run("inspect", "--json", stdin=f"X-JWT-Assertion: {token}")
    told = json.loads(out)

    assert status == 0
    assert told["code"] is None
    assert told["claims"]["client_id"] == "globex_ind"


def test_the_options_may_come_from_a_file(run: Run, token: str) -> None:
    Path("jwt.toml").write_text('keys = "k.crt"\napi = "/other"\n')
    Path("token.txt").write_text(token)
    status, out, _ = run("inspect", "token.txt", "--config", "jwt.toml")

    assert status == 1
    assert "api=/other is required" in out


@pytest.mark.parametrize("text", ["", "\n", "a.b", "ü", "\0", "a" * 50_000, "....", "{}"])
def test_no_text_crashes_a_command(run: Run, token: str, text: str) -> None:
    for command in ("inspect", "verify"):
        status, _, err = run(command, "--keys", "k.crt", stdin=text)

        assert status == 1
        assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["verify"], "--keys gateway.pem"),
        (["verify", "--keys", "none.pem"], "there is no file"),
        (["inspect", "none.txt"], "the token in none.txt cannot be read"),
        (["inspect", "--at", "soon"], "write now, or 2026-11-17T19:22:31"),
        (["mint", "--key", "none.pem"], "--make-key makes one"),
        (["mint", "--key", "k.crt"], "not an unencrypted private key"),
        (["mint", "--key", "k.pem", "--form", "wso3"], "wso2-4.2"),
        (["mint", "--key", "k.pem", "--claim", "x"], "NAME=VALUE"),
    ],
)
def test_a_wrong_use_ends_with_2_and_a_hint(
    run: Run, token: str, arguments: list[str], hint: str
) -> None:
    status, out, err = run(*arguments)

    assert (status, out) == (2, "")
    assert hint in err


def test_mint_takes_claims_of_any_type_and_a_user(run: Run, token: str) -> None:
    _, minted, _ = run(
        *("mint", "--key", "k.pem", "--as", "ann", "--api", "/a/1", "--key-id", "k1"),
        *("--claim", "age=41", "--claim", 'roles=["x"]', "--claim", "name=Ann Other"),
    )
    _, out, _ = run("inspect", "--json", stdin=minted)
    told = json.loads(out)

    assert told["header"]["kid"] == "k1"
    assert told["claims"]["age"] == 41
    assert told["claims"]["roles"] == ["x"]
    assert told["claims"]["name"] == "Ann Other"
    assert told["claims"]["sub"] == "ann"


@pytest.mark.parametrize(
    ("arguments", "options", "roles"),
    [
        (["--role", "a", "--role", "b,c"], [], ["a", "b,c"]),
        (
            ["--client", "shop", "--role", "a", "--form", "standard"],
            ["--gateway", "standard"],
            ["a"],
        ),
        (
            ["--client", "stark_ind", "--role", "stark_guest"],
            ["--clients", str(CLIENTS)],
            ["stark_guest"],
        ),
    ],
    ids=["no client", "standard", "a client of the demo"],
)
def test_mint_writes_roles_where_they_are_read(
    run: Run, token: str, arguments: list[str], options: list[str], roles: list[str]
) -> None:
    _, minted, _ = run("mint", "--key", "k.pem", *arguments)
    status, out, err = run("verify", "--keys", "k.crt", *options, "--json", stdin=minted)

    assert (status, err) == (0, "")
    assert json.loads(out)["roles"] == roles


def test_mint_writes_permissions_where_they_are_read(run: Run, token: str) -> None:
    wanted = ["--client", "globex_ind", "--permission", "view_globex_audit"]
    _, minted, _ = run("mint", "--key", "k.pem", *wanted)
    status, out, err = run("inspect", "--json", stdin=minted)

    assert (status, err) == (0, "")
    assert "view_globex_audit" in json.loads(out)["claims"]["permissions"]


VENDORS = [name for name in FORMS if not name.startswith("wso2-") and name != "standard"]


@pytest.mark.parametrize("form", VENDORS)
def test_mint_makes_a_key_and_a_token_of_every_vendor(run: Run, form: str) -> None:
    status, minted, _ = run(
        *("mint", "--key", "v.pem", "--make-key", "--form", form, "--as", "ana"),
    )
    with LocalGateway(form, issuer="https://idp.example.com") as gateway:
        options = gateway.verifier_options
    claims = {**FORMS[form].claims}
    options |= {"keys": Path("v.crt"), "issuer": claims["iss"]}
    principal = Verifier(**options).verify(minted.strip())

    assert status == 0
    assert (principal.subject, principal.kind) == ("ana", "person")


@pytest.mark.parametrize("form", [name for name in VENDORS if FORMS[name].service is not None])
def test_mint_makes_a_token_of_a_service(run: Run, token: str, form: str) -> None:
    _, minted, _ = run(
        *("mint", "--key", "v.pem", "--make-key", "--form", form, "--service", "robot"),
    )
    claims = json.loads(run("inspect", "--json", stdin=minted)[1])["claims"]

    assert FORMS[form].gateway.names.kind(claims) == "service"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--form", "aws-alb", "--service", "robot"], "of people only"),
        (["--form", "pomerium", "--client", "shop"], "--service"),
        (["--form", "bearer", "--client", "shop", "--service", "x"], "leave out --client"),
        (["--form", "bearer", "--api", "/a"], "no API context"),
        (["--form", "google-iap", "--role", "a"], "no claim of the gateway holds them"),
    ],
)
def test_what_a_vendor_s_token_cannot_say_is_an_error(
    run: Run, token: str, arguments: list[str], hint: str
) -> None:
    status, out, err = run("mint", "--key", "k.pem", *arguments)

    assert (status, out) == (2, "")
    assert hint in err


TERMINAL = "x\x1b[2J\x1b[HThe token verifies.\x1b[8m\x9b2J\u202e\u200b\r\n\x07"


def test_no_token_writes_to_the_terminal_by_itself(run: Run, token: str) -> None:
    """A kid or a claim may hold what clears the screen and writes a verdict of its own."""
    forged = mint(
        SigningKey(),
        {"sub": TERMINAL, TERMINAL: [TERMINAL], "name": "Zoë Ångström 山田"},
        header={"kid": TERMINAL, "typ": TERMINAL},
    )
    claims = [f"{name}={json.dumps(TERMINAL)}" for name in ("sub", "client_id")]
    claims = [part for claim in [*claims, "iss=山田"] for part in ("--claim", claim)]
    _, signed, _ = run("mint", "--key", "k.pem", "--certificate", "k.crt", *claims)
    for arguments, text in [
        (["inspect"], forged),
        (["inspect", "--keys", "k.crt"], forged),
        (["inspect", "--json"], forged),
        (["verify", "--keys", "k.crt"], forged),
        (["verify", "--keys", "k.crt"], signed),
        (["verify", "--keys", "k.crt", "--json"], signed),
    ]:
        _, out, err = run(*arguments, stdin=text)
        told = (out + err).replace("\n", "")

        assert told.isprintable(), arguments
        assert not any(line.startswith("The token verifies") for line in (out + err).splitlines())
    _, out, _ = run("inspect", stdin=forged)
    assert '"Zoë Ångström 山田"' in out
    assert "\\x1b[2J" in out
    assert "山田" in run("verify", "--keys", "k.crt", stdin=signed)[1]
