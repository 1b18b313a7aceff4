"""Integrations in TOML: every fault is named at once, by its key path, and no value is echoed."""

from __future__ import annotations

from pathlib import Path

import pytest

from jwt_middleware import ConfigurationError
from jwt_middleware.sign_on import Integration, SecretPlace
from jwt_middleware.sign_on.integrations_toml import read_integrations

FOLDER = Path("etc") / "app"
FILE = FOLDER / "integrations.toml"


def read(text: str) -> tuple[Integration, ...]:
    return read_integrations(text.encode(), FILE)


def acme(lines: str) -> Integration:
    [found] = read(f"[integrations.acme]\n{lines}")
    return found


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    head, *told = str(caught.value).split("\n  ")
    assert head == f"{FILE}: {'1 fault' if len(told) == 1 else f'{len(told)} faults'}"
    return told


def test_every_key_of_an_entry_is_read() -> None:
    found = acme(
        """
        hosts = ["app.example.edu", "learn.example.com"]
        issuer = "https://acme.example.com"
        secrets = [{ file = "new.secret", kid = "2026-11" }, { env = "ACME_SECRET" }]
        algorithms = ["HS512"]
        audience = "learn"
        max_age = 60
        accounts = "by_email"
        enabled = false
        """
    )

    assert found == Integration(
        "acme",
        hosts=("app.example.edu", "learn.example.com"),
        issuer="https://acme.example.com",
        secret=[
            SecretPlace(file=FOLDER / "new.secret", key_id="2026-11"),
            SecretPlace(variable="ACME_SECRET"),
        ],
        algorithms=["HS512"],
        audience="learn",
        max_age=60,
        accounts="by_email",
        enabled=False,
    )


def test_one_secret_has_a_short_form() -> None:
    assert acme("secret_file = 'a.secret'").secret == [SecretPlace(file=FOLDER / "a.secret")]
    assert acme("secret_env = 'A_SECRET'").secret == [SecretPlace(variable="A_SECRET")]


def test_relative_keys_start_at_the_files_folder_and_urls_do_not() -> None:
    assert acme("keys = 'acme.pem'").keys == [FOLDER / "acme.pem"]
    assert acme("keys = ['https://a.example/jwks']").keys == ["https://a.example/jwks"]


def test_the_last_one_may_have_been_removed_but_a_file_that_was_cut_off_is_none() -> None:
    assert read("[integrations]\n") == ()
    [told] = faults("")
    assert told.startswith("integrations: missing: write a table [integrations.ID] for each, or")


WRONG: list[tuple[str, str]] = [
    ("", "secret: missing: name secret_file, secret_env, secrets or keys"),
    ("secret = 'hunter2'", "secret: no secret stands here: use secret_file or secret_env"),
    ("secret_file = ''", "secret_file: one text that is not empty"),
    ("secret_env = 5", "secret_env: one text that is not empty"),
    ("secrets = 'a'", "secrets: a list of tables, such as [{ file = 'acme.secret' }]"),
    ("secrets = []", "secrets: one, or 2 while one takes the other's place"),
    (
        "secrets = [{ file = 'a' }, { file = 'b' }, { file = 'c' }]",
        "secrets: one, or 2 while one takes the other's place",
    ),
    ("secrets = [{ kid = 'a' }]", "secrets[0]: either a file, or env"),
    ("secrets = [{ file = 'a', env = 'B' }]", "secrets[0]: either a file, or env"),
    ("secrets = [{ path = 'a', file = 'b' }]", "secrets[0].path: there is no such key"),
    ("secret_file = 'a'\nkeys = 'b'", "keys: keys beside a secret"),
    ("secret_file = 'a'\nkeys = 5", "keys: a list of texts, or one"),
    ("secret_file = 'a'\nhosts = 'x'", "hosts: a list of host names"),
    ("secret_file = 'a'\nmax_age = '5'", "max_age: a finite number, not a str"),
    ("secret_file = 'a'\nenabled = 'no'", "enabled: true or false"),
    ("secret_file = 'a'\nmaxage = 5", "maxage: there is no such key; did you mean 'max_age'?"),
]


@pytest.mark.parametrize("lines, told", WRONG)
def test_a_fault_is_reported_alone_with_its_key_path(lines: str, told: str) -> None:
    [found] = faults(f"[integrations.acme]\n{lines}")

    assert found.startswith(f"integrations.acme.{told}")
    assert "hunter2" not in found


def test_every_fault_is_reported_at_once() -> None:
    told = faults(
        """
        integration = 5
        [integrations.a]
        secret_file = "a"
        secret_env = "B"
        max_age = 0
        [integrations."b c"]
        secret_file = "a"
        [integrations]
        d = 5
        """.replace("[integrations]\n        d = 5", "[integrations.d]\nhosts = [5]")
    )

    assert [line.partition(": ")[0] for line in told] == [
        "integration",
        "integrations.a",
        "integrations.a.max_age",
        'integrations."b c"',
        "integrations.d.hosts[0]",
        "integrations.d.secret",
    ]


def test_two_that_a_token_could_not_tell_apart_are_a_fault() -> None:
    [told] = faults("[integrations.a]\nsecret_file = 'a'\n[integrations.b]\nsecret_file = 'b'\n")

    assert told == "integrations: a, b (no hosts): each needs an issuer, which tells them apart"


def test_no_toml_is_reported_with_its_place_and_without_the_text() -> None:
    with pytest.raises(ConfigurationError, match="not valid TOML") as caught:
        read("[integrations.a]\nsecret = hunter2\n")

    assert "hunter2" not in str(caught.value)
