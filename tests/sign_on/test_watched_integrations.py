"""Integrations in a file that is watched, or kept elsewhere: a change counts at once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import (
    BadSignature,
    ConfigurationError,
    JWKSEndpoint,
)
from jwt_middleware.errors import (
    IntegrationDisabled,
    UnknownIntegration,
)
from jwt_middleware.events.sign_on_kinds import IntegrationsKept, IntegrationsLoaded
from jwt_middleware.sign_on import Integration
from jwt_middleware.testing import SigningKey

from ..key_server import Exchange, KeyServer, document
from ..kit import Events
from .kit import KEY, OTHER_KEY, acme, prove, token, verifier_of

ISSUER = "https://acme.example.com"


# --- a file that is watched ------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "acme.secret").write_bytes(KEY.secret.hex().encode())
    found = tmp_path / "integrations.toml"
    found.write_text("[integrations.acme]\nsecret_file = 'acme.secret'\n")
    return found


@pytest.fixture
def file_key() -> SigningKey:
    key = SigningKey("HS256")
    key.private = KEY.secret.hex().encode()
    return key


def test_removing_one_counts_on_the_next_request(file: Path, file_key: SigningKey) -> None:
    events = Events()
    asked = verifier_of(file, events)
    assert prove(asked, token(file_key)).integration.id == "acme"

    file.write_text("[integrations]\n")

    with pytest.raises(UnknownIntegration):
        prove(asked, token(file_key))
    assert events[-1] == IntegrationsLoaded(str(file), 0)


def test_switching_one_off_and_on_counts_on_the_next_request(
    file: Path, file_key: SigningKey
) -> None:
    asked = verifier_of(file)
    text = file.read_text()

    file.write_text(text + "enabled = false\n")
    with pytest.raises(IntegrationDisabled):
        prove(asked, token(file_key))
    file.write_text(text + "enabled = true\n")
    assert prove(asked, token(file_key))


BROKEN = {
    "empty": "",
    "cut off": "[integrations.ac",
    "without the table": "[integration.acme]\nsecret_file = 'acme.secret'\n",
    "not UTF-8": "[integrations]\n# \udcff",
    "gone": None,
}


def write(file: Path, text: str | None) -> None:
    """Put this text in the place of the file; None removes it."""
    if text is None:
        file.unlink()
    else:
        file.write_bytes(text.encode("utf-8", "surrogateescape"))


def read_by(events: Events) -> list[type]:
    """What was told of readings of the file."""
    kinds = (IntegrationsLoaded, IntegrationsKept)
    return [type(event) for event in events if isinstance(event, kinds)]


WRONG = {
    "whose secret is missing": "secret_file = 'gone.secret'",
    "with an unknown key": "secret_file = 'acme.secret'\nhost = 'app.example.edu'",
    "without a secret": "",
    "with a wrong host": "secret_file = 'acme.secret'\nhosts = ['https://app.example.edu']",
    "that is off and wrong": "secret_file = 'acme.secret'\nenabled = false\nhost = 'x'",
}
OTHERS = {
    "whose secret is missing": "[integrations.b]\nsecret_file = 'gone'\nhosts = ['b.example']\n",
    "with an unknown key": "[integrations.b]\nsecret_file = 'acme.secret'\nhost = 'b.example'\n",
    "that is no table": "[integrations]\nb = 5\n",
    "like another one": "".join(
        f"[integrations.{name}]\nsecret_file = 'acme.secret'\nhosts = ['b.example']\n"
        for name in ("b", "c")
    ),
}
FAULTY: dict[str, str | None] = {
    **BROKEN,
    **{f"an entry {name}": f"[integrations.acme]\n{lines}\n" for name, lines in WRONG.items()},
    **{f"another entry {name}": text for name, text in OTHERS.items()},
}


@pytest.mark.parametrize("faulty", FAULTY.values(), ids=FAULTY)
def test_a_faulty_file_keeps_the_last_good_reading_and_is_reported_once(
    file: Path, file_key: SigningKey, faulty: str | None
) -> None:
    events = Events()
    asked = verifier_of(file, events)
    good = file.read_text()

    write(file, faulty)
    for _ in range(2):
        assert prove(asked, token(file_key)).integration.id == "acme"
    assert read_by(events) == [IntegrationsLoaded, IntegrationsKept]
    write(file, good)

    assert prove(asked, token(file_key)).integration.id == "acme"
    assert events[-1] == IntegrationsLoaded(str(file), 1)


@pytest.mark.parametrize("faulty", FAULTY.values(), ids=FAULTY)
def test_nothing_starts_with_a_faulty_file(file: Path, faulty: str | None) -> None:
    write(file, faulty)

    with pytest.raises(ConfigurationError, match=r"integrations|not valid TOML"):
        verifier_of(file)


@pytest.mark.parametrize("faulty", FAULTY.values(), ids=FAULTY)
@pytest.mark.parametrize("ended", ["", "enabled = false\n"], ids=["removed", "switched off"])
def test_whom_this_process_has_seen_removed_does_not_come_back_with_a_faulty_file(
    file: Path, file_key: SigningKey, ended: str, faulty: str | None
) -> None:
    asked = verifier_of(file)
    assert prove(asked, token(file_key)).integration.id == "acme"
    file.write_text(file.read_text() + ended if ended else "[integrations]\n")
    with pytest.raises((IntegrationDisabled, UnknownIntegration)):
        prove(asked, token(file_key))

    write(file, faulty)

    for _ in range(2):
        with pytest.raises((IntegrationDisabled, UnknownIntegration)):
            prove(asked, token(file_key))


def test_a_faulty_file_is_noticed_although_nobody_signs_on(file: Path) -> None:
    events = Events()
    asked = verifier_of(file, events)

    file.write_text("[integrations.ac")

    ends = time.monotonic() + 10
    while IntegrationsKept not in read_by(events) and time.monotonic() < ends:
        time.sleep(0.02)
    assert read_by(events) == [IntegrationsLoaded, IntegrationsKept]
    assert set(asked.current().issuers) == {"acme"}


def test_an_integration_that_is_removed_while_its_keys_are_fetched_signs_nobody_in(
    tmp_path: Path, key_for: Any
) -> None:
    key = key_for("ES256")
    file = tmp_path / "integrations.toml"

    def removing(exchange: Exchange) -> None:
        file.write_text("[integrations]\n")
        document(key.jwks())(exchange)

    with KeyServer(removing) as server:
        file.write_text(f"[integrations.acme]\nkeys = '{server.url}'\n")
        asked = verifier_of(file)
        with pytest.raises(UnknownIntegration, match="acme was removed"):
            prove(asked, token(key))


def test_a_file_counts_as_soon_as_the_secret_that_it_names_is_there(
    file: Path, file_key: SigningKey
) -> None:
    events = Events()
    asked = verifier_of(file, events)
    both = "[integrations.b]\nsecret_file = 'b.secret'\nhosts = ['b.example']\n"
    file.write_text(file.read_text() + both)
    assert prove(asked, token(file_key), "b.example").integration.id == "acme"

    (file.parent / "b.secret").write_bytes(file_key.secret)

    assert prove(asked, token(file_key), "b.example").integration.id == "b"
    assert events[-1] == IntegrationsLoaded(str(file), 2)


def test_what_has_not_changed_goes_on(file: Path) -> None:
    asked = verifier_of(file)
    before = asked.current().issuers["acme"]
    (file.parent / "b.secret").write_bytes(OTHER_KEY.secret.hex().encode())

    file.write_text(
        file.read_text() + "[integrations.b]\nsecret_file = 'b.secret'\nhosts = ['b.example']\n"
    )

    assert set(asked.current().issuers) == {"acme", "b"}
    assert asked.current().issuers["acme"] is before


def test_a_rotated_secret_is_used_within_seconds(file: Path) -> None:
    asked = verifier_of(file)
    key = SigningKey("HS256")
    key.private = OTHER_KEY.secret.hex().encode()
    with pytest.raises(BadSignature):
        prove(asked, token(key))

    (file.parent / "acme.secret").write_bytes(key.secret + b"\n")

    deadline = time.monotonic() + 10
    while True:
        try:
            prove(asked, token(key))
            return
        except BadSignature:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_secret_may_come_from_the_environment(
    file: Path, file_key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("[integrations.acme]\nsecret_env = 'ACME_SECRET'\n")
    with pytest.raises(ConfigurationError, match="ACME_SECRET"):
        verifier_of(file)
    monkeypatch.setenv("ACME_SECRET", file_key.secret.decode())

    assert prove(file, token(file_key)).integration.id == "acme"


@pytest.mark.parametrize("source", [Path("nowhere.toml"), "a\0b", "", 5, [5]])
def test_a_source_that_is_none_fails_at_start_up(source: Any) -> None:
    with pytest.raises(ConfigurationError, match="integrations"):
        verifier_of(source)


# --- a function, for those who keep them in a database ---------------------------------------


def test_a_function_is_asked_at_each_sign_on() -> None:
    kept = [acme()]
    asked = verifier_of(lambda: list(kept))
    assert prove(asked, token())
    before = asked.current().issuers["acme"]
    assert asked.current().issuers["acme"] is before

    kept.clear()

    with pytest.raises(UnknownIntegration):
        prove(asked, token())


def test_a_function_may_make_its_key_sources_anew_at_each_sign_on(key_for: Any) -> None:
    key = key_for("ES256")
    with KeyServer(document(key.jwks())) as server:
        asked = verifier_of(lambda: [Integration("acme", keys=JWKSEndpoint(server.url))])

        assert prove(asked, token(key)).integration.id == "acme"


def test_what_a_thread_has_read_is_what_it_judges_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the slower thread's older reading would let in whom this one has just seen removed."""
    kept = [acme()]
    asked = verifier_of(lambda: list(kept))

    def while_another_thread_reads() -> None:
        kept.append(acme())
        assert set(asked.current().issuers) == {"acme"}

    keys = asked.current().issuers["acme"].keys
    monkeypatch.setattr(keys, "close", while_another_thread_reads)
    kept.clear()

    assert asked.current().integrations == ()
