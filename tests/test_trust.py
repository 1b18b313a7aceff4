"""One issuer's keys while they change: when a token waits for them, and what it then gets."""

import asyncio
from collections.abc import Callable

import pytest

from jwt_middleware import KeySource, Verifier
from jwt_middleware.errors import KeysUnavailable, UnknownKey
from jwt_middleware.testing import SigningKey, mint
from jwt_middleware.verification.jwk import read_jwks
from jwt_middleware.verification.key_sets import KeySet
from jwt_middleware.verification.key_sources import Pending

OLD, NEW = SigningKey(key_id="old"), SigningKey(key_id="new")
OLD_KEYS, NEW_KEYS = read_jwks(OLD.jwks()), read_jwks({"keys": [OLD.jwk(), NEW.jwk()]})


class Awaited:
    """A fetch that brings what it is told to, when it is waited for."""

    def __init__(self, ended: bool, bring: Callable[[], None] = lambda: None) -> None:
        self.ended = ended
        self.bring = bring
        self.waits = 0

    def wait(self, seconds: float) -> bool:
        self.waits += 1
        self.bring()
        return self.ended

    async def wait_async(self, seconds: float) -> bool:
        return self.wait(seconds)


class Source(KeySource):
    """A source that plays a script: one snapshot for each look, the last one for ever."""

    name = "scripted"
    published = True

    def __init__(
        self, *snapshots: KeySet | None, awaited: Awaited | None = None, joined: bool = False
    ) -> None:
        self.script = list(snapshots)
        self.awaited = awaited
        self.joined = joined
        self.refreshes = 0

    def snapshot(self) -> KeySet | None:
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def refresh(self, key_id: str | None = None) -> Pending | None:
        self.refreshes += 1
        return None if self.awaited is None else Pending(self.awaited, 2, self.joined)


def _verify(source: Source, key: SigningKey) -> str | None:
    """By both ways: they must not differ."""
    script = list(source.script)
    found = Verifier(keys=source).verify(mint(key, {})).key_id
    source.script = script
    token = mint(key, {})
    assert asyncio.run(Verifier(keys=source).verify_async(token)).key_id == found
    return found


def _refused(source: Source, key: SigningKey, error: type[Exception]) -> None:
    script = list(source.script)
    with pytest.raises(error):
        Verifier(keys=source).verify(mint(key, {}))
    source.script = script
    with pytest.raises(error):
        asyncio.run(Verifier(keys=source).verify_async(mint(key, {})))


def test_a_known_key_asks_for_no_refresh() -> None:
    source = Source(OLD_KEYS)

    assert _verify(source, OLD) == "old"
    assert source.refreshes == 0


@pytest.mark.parametrize("before", [None, OLD_KEYS], ids=["no-keys-yet", "unknown-key"])
def test_a_key_that_comes_with_the_awaited_fetch_is_used(before: KeySet | None) -> None:
    source = Source(before)
    source.awaited = Awaited(True, lambda: source.script.__setitem__(0, NEW_KEYS))

    assert _verify(source, NEW) == "new"


@pytest.mark.parametrize("before", [None, OLD_KEYS], ids=["no-keys-yet", "unknown-key"])
def test_a_key_that_came_between_two_looks_is_used(before: KeySet | None) -> None:
    """Another request's fetch has just ended: there is nothing to wait for, and all to look at."""
    assert _verify(Source(before, NEW_KEYS), NEW) == "new"


@pytest.mark.parametrize(
    "before, ended, error",
    [
        pytest.param(None, True, KeysUnavailable, id="no-keys-after-the-fetch"),
        pytest.param(None, False, KeysUnavailable, id="no-keys-and-no-answer"),
        pytest.param(OLD_KEYS, True, UnknownKey, id="unknown-key-after-the-fetch"),
        pytest.param(OLD_KEYS, False, KeysUnavailable, id="unknown-key-and-no-answer"),
    ],
)
def test_a_request_waits_once_and_never_again(
    before: KeySet | None, ended: bool, error: type[Exception]
) -> None:
    awaited = Awaited(ended)

    _refused(Source(before, awaited=awaited), NEW, error)
    assert awaited.waits == 2  # by both ways, once each


def test_a_fetch_that_had_begun_before_is_followed_by_one_more() -> None:
    """It may have been answered before the key was published."""
    awaited = Awaited(True)

    _refused(Source(OLD_KEYS, awaited=awaited, joined=True), NEW, UnknownKey)
    assert awaited.waits == 4


def test_where_there_is_nothing_to_wait_for_the_keys_known_now_are_believed() -> None:
    _refused(Source(OLD_KEYS), NEW, UnknownKey)
    _refused(Source(None), NEW, KeysUnavailable)


def test_an_outage_says_when_to_come_back_and_names_no_secret() -> None:
    with pytest.raises(KeysUnavailable) as refusal:
        Verifier(keys=Source(None)).verify(mint(OLD, {}))

    assert refusal.value.retry_after > 0
    assert "scripted" in refusal.value.reason


def test_the_source_is_told_which_key_is_wanted_even_where_there_were_none() -> None:
    """So that it starts no second fetch for a key that a first one has just brought."""
    source = Source(None)
    wanted: list[str | None] = []
    source.refresh = wanted.append  # type: ignore[assignment,method-assign]
    with pytest.raises(KeysUnavailable):
        Verifier(keys=source).verify(mint(OLD, {}))

    assert set(wanted) == {"old"}
