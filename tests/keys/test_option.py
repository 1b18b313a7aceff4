"""What ``keys=`` may be, and what several sources make of each other."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware.background.waiting import Wait
from jwt_middleware.errors import ConfigurationError
from jwt_middleware.keys.discovery import Discovery
from jwt_middleware.keys.jwks import JWKSEndpoint
from jwt_middleware.keys.key_set import KeySet
from jwt_middleware.keys.option import SeveralSources, key_source
from jwt_middleware.keys.sources import PEM, JWKSDocument, KeyFile, KeySource, SharedSecret
from jwt_middleware.testing import SigningKey


def test_a_text_is_pem_a_url_or_a_path(rsa_key: SigningKey, tmp_path: Path) -> None:
    path = tmp_path / "gateway.pem"
    path.write_text(rsa_key.public_pem)

    assert type(key_source(rsa_key.public_pem)) is PEM
    assert type(key_source("\n  " + rsa_key.certificate_pem)) is PEM
    assert type(key_source(rsa_key.public_pem.encode())) is PEM
    assert type(key_source("https://gateway.example.edu/jwks")) is JWKSEndpoint
    assert type(key_source(str(path))) is KeyFile
    assert type(key_source(path)) is KeyFile


def test_a_dict_is_a_jwks(rsa_key: SigningKey) -> None:
    assert type(key_source(rsa_key.jwks())) is JWKSDocument


def test_a_source_is_taken_as_it_is(rsa_key: SigningKey) -> None:
    for source in (PEM(rsa_key.public_pem), SharedSecret(b"k" * 32)):
        assert key_source(source) is source


def test_a_list_of_one_is_that_one(rsa_key: SigningKey) -> None:
    assert type(key_source([rsa_key.public_pem])) is PEM


@pytest.mark.parametrize("value", ["", " ", "\n", b"", [], ()], ids=repr)
def test_an_empty_value_is_an_error_and_never_means_no_keys(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="empty"):
        key_source(value)


@pytest.mark.parametrize(
    "value", [5, True, pytest.param(object(), id="object"), {1, 2}, [None], [["x"], 5]], ids=str
)
def test_a_value_of_another_type_is_an_error(value: Any) -> None:
    with pytest.raises(ConfigurationError):
        key_source(value)


def test_an_error_does_not_quote_a_long_text_that_is_no_path() -> None:
    """Whoever passes a secret here by mistake must not find it in the log."""
    for text in ("zeta\nzeta", "zeta" * 300):
        with pytest.raises(ConfigurationError, match="SharedSecret") as fault:
            key_source(text)
        assert "zeta" not in str(fault.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://gateway.example.edu/jwks",
        "ftp://gateway.example.edu/jwks",
        "file:///etc/passwd",
        "https://",
        "https://../jwks",
        "https://gateway..example.edu/jwks",
        f"https://{'a' * 64}.example.edu/jwks",
        "data://x",
        "https://user:zeta@gateway.example.edu/jwks",
    ],
)
def test_ghsa_993g_76c3_p5m4_a_url_that_keys_must_not_come_from_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as fault:
        key_source(url)
    assert "zeta" not in str(fault.value)


def test_several_sources_are_one_set(rsa_key: SigningKey, other_rsa_key: SigningKey) -> None:
    source = key_source([rsa_key.public_pem, other_rsa_key.jwks()])

    assert isinstance(source, SeveralSources)
    assert len(source.snapshot() or ()) == 2
    assert source.snapshot() is source.snapshot()
    assert source.refresh() is None


class _Changing(KeySource):
    def __init__(self, name: str, pending: Wait | None = None) -> None:
        self.name = name
        self.keys: KeySet | None = None
        self.pending = pending
        self.asked_for: list[str | None] = []

    def snapshot(self) -> KeySet | None:
        return self.keys

    def refresh(self, key_id: str | None = None) -> Wait | None:
        self.asked_for.append(key_id)
        return self.pending

    def retry_after(self) -> int:
        return int(self.name)


class _Work:
    """Work that has ended, or does not while it is waited for; it keeps the seconds it got."""

    def __init__(self, ended: bool) -> None:
        self.ended = ended
        self.seconds: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.seconds.append(seconds)
        return self.ended

    async def wait_async(self, seconds: float) -> bool:
        return self.wait(seconds)


def test_sources_without_keys_yet_do_not_hide_those_with_keys(
    rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    one, other = _Changing("one"), _Changing("other")
    source = SeveralSources([one, other])
    assert source.name == "one, other"
    assert source.snapshot() is None

    other.keys = PEM(rsa_key.public_pem).snapshot()
    first = source.snapshot()
    one.keys = PEM(other_rsa_key.public_pem).snapshot()
    second = source.snapshot()

    assert first is not None
    assert second is not None
    assert (len(first), len(second)) == (1, 2)


def test_a_change_of_one_source_makes_a_new_set(rsa_key: SigningKey) -> None:
    changing = _Changing("x")
    changing.keys = PEM(rsa_key.public_pem).snapshot()
    source = SeveralSources([changing, PEM(rsa_key.public_pem)])
    before = source.snapshot()

    changing.keys = PEM(rsa_key.public_pem).snapshot()

    assert source.snapshot() is not before


@pytest.mark.parametrize(
    "answers, ended", [((True, True), True), ((True, False), False)], ids=["all", "not-all"]
)
def test_waiting_for_several_fetches_ends_when_all_have(
    answers: tuple[bool, ...], ended: bool
) -> None:
    works = [_Work(answer) for answer in answers]
    parts = [
        _Changing("1", Wait(work, 1.0 + i, already_running=False)) for i, work in enumerate(works)
    ]
    pending = SeveralSources([*parts, _Changing("2")]).refresh("new")

    assert pending is not None
    assert (pending.budget, pending.already_running) == (2.0, False)
    assert pending.work.wait(2.0) is ended
    assert asyncio.run(pending.work.wait_async(2.0)) is ended
    assert [part.asked_for for part in parts] == [["new"]] * 2
    assert all(seconds <= 2.0 for work in works for seconds in work.seconds)


def test_several_fetches_of_which_one_had_begun_before_may_miss_what_has_just_changed() -> None:
    begun, fresh = (
        Wait(_Work(True), 1.0, already_running=is_running) for is_running in (True, False)
    )
    pending = SeveralSources([_Changing("1", begun), _Changing("2", fresh)]).refresh()

    assert pending is not None
    assert pending.already_running


def test_of_several_sources_the_first_to_have_keys_again_says_when_to_come_back() -> None:
    assert SeveralSources([_Changing("7"), _Changing("3")]).retry_after() == 3


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/openid-configuration",
        "/realms/a/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/realms/a",
    ],
)
def test_the_url_of_an_issuer_s_metadata_is_that_issuer(path: str) -> None:
    assert type(key_source("https://login.example.edu" + path)) is Discovery
