"""``jwt-assertion revoke < token.txt``: one token by itself, whose it is, and when it has ended."""

from __future__ import annotations

import io
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import Verifier
from jwt_middleware.errors import TokenRevoked
from jwt_middleware.revocation.denials import KEEP_FOR
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from .conftest import STORE, URL, Run, kept

pytestmark = pytest.mark.usefixtures("begun_store")


@pytest.mark.parametrize("claims", [{}, {"jti": "t-1"}])
@pytest.mark.parametrize("written", ["{}", "X-JWT-Assertion: {}\r\n"])
def test_a_token_on_standard_input_is_denied_by_itself(
    claims: dict[str, Any],
    written: str,
    command: Run,
    folder: Path,
    rsa_key: SigningKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leaked = mint(rsa_key, ucsd_claims() | claims)
    other = mint(rsa_key, ucsd_claims() | claims | {"n": 1})
    verifier = Verifier(keys="gateway.pem", api="/echo/1.0.0", revocations=URL)
    assert verifier.revocations is not None
    verifier.verify(leaked)

    monkeypatch.setattr("sys.stdin", io.StringIO(written.format(leaked)))
    said = command("revoke", *STORE, "--note", "leaked")
    assert said.out.startswith("denied: one token, by its digest ")
    assert "--subject X" in said.err
    with pytest.raises(TokenRevoked, match="digest is denied"):
        verifier.verify(leaked)
    verifier.verify(other)
    assert "leaked" in command("revocations", *STORE).out

    (folder / "t.txt").write_text(leaked)
    back = command("revoke", *STORE, "t.txt", "--take-back").out
    assert back.startswith("taken back: one token, by its digest ")
    verifier.verify(leaked)
    verifier.close()


def test_a_denied_token_stays_denied_until_it_has_ended(
    command: Run, folder: Path, rsa_key: SigningKey
) -> None:
    for lifetime, ends in ((600, KEEP_FOR), (10 * KEEP_FOR, 10 * KEEP_FOR + 3600)):
        (folder / "t.txt").write_text(mint(rsa_key, ucsd_claims(), lifetime=lifetime))
        denied = json.loads(command("revoke", *STORE, "t.txt", "--json").out)["denied"]
        assert denied["until"] == pytest.approx(time.time() + ends, abs=60)
    named = json.loads(command("revoke", *STORE, "t.txt", "--forever", "--json").out)["denied"]
    assert named["until"] is None


def test_a_list_says_whose_token_a_digest_is(
    command: Run, folder: Path, rsa_key: SigningKey
) -> None:
    claims = ucsd_claims() | {"jti": "t-1\n", "client_id": "kiosk"}
    (folder / "t.txt").write_text(mint(rsa_key, claims))
    command("revoke", *STORE, "t.txt")
    listed = command("revocations", *STORE).out

    assert re.search(r"one token, by its digest [0-9a-f]{64}, until ", listed)
    assert "(by its own account subject jroe@carbon.super, client kiosk, jti t-1\\n)" in listed, (
        listed
    )
    command("revoke", *STORE, "t.txt", "--note", "leaked")
    assert kept(folder)[0].note == "leaked"


@pytest.mark.parametrize("form", ["wso2-4.2", "standard"])  # milliseconds, seconds
@pytest.mark.parametrize("more", [(), ("--forever",)])
def test_a_token_that_has_ended_needs_no_denial(
    more: tuple[str, ...], form: str, command: Run, folder: Path, rsa_key: SigningKey
) -> None:
    (folder / "t.txt").write_text(mint(rsa_key, {"sub": "a"}, form=form, lifetime=-7_200))
    said = command("revoke", *STORE, "t.txt", *more)
    told = json.loads(command("revoke", *STORE, "t.txt", *more, "--json").out)

    assert said.status == 0
    assert said.out.startswith("nothing to deny: the token has ended already, at ")
    assert said.out.endswith(", 2 hours ago\n")
    assert (told["denied"], told["reason"] + "\n") == (None, said.out)
    assert kept(folder) == []


def test_a_token_that_a_long_leeway_may_still_let_in_is_denied(
    command: Run, folder: Path, rsa_key: SigningKey
) -> None:
    (folder / "t.txt").write_text(mint(rsa_key, {"sub": "a"}, lifetime=-600))
    said = command("revoke", *STORE, "t.txt")

    assert said.out.startswith("denied: ")
    assert "it has expired, 10 minutes ago" in said.err
    assert len(kept(folder)) == 1


@pytest.mark.parametrize(
    "claims, told", [({"iat": 1}, "--issued-before now"), ({}, "these tokens have no iat")]
)
def test_what_would_deny_the_callers_next_token_is_said_rightly(
    claims: dict[str, Any],
    told: str,
    command: Run,
    rsa_key: SigningKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = mint(rsa_key, ucsd_claims() | claims)
    monkeypatch.setattr("sys.stdin", io.StringIO(token))

    assert told in command("revoke", *STORE).err
