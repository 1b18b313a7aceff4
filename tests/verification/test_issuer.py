"""One issuer: when a token waits for its keys, what it then gets, and what else it must fulfil."""

import asyncio
import datetime
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from jwt_middleware import KeySource, Verifier
from jwt_middleware.background.waiting import Wait, drive
from jwt_middleware.errors import (
    InvalidClaim,
    KeysUnavailable,
    UnacceptableAlgorithm,
    UnknownKey,
)
from jwt_middleware.keys.jwk import read_jwks
from jwt_middleware.keys.key_set import KeySet
from jwt_middleware.testing import SigningKey, mint
from jwt_middleware.verification.cache import VerifiedToken
from jwt_middleware.verification.compact import split
from jwt_middleware.verification.issuer import IssuerVerifier

from ..conftest import Clock

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
        self,
        *snapshots: KeySet | None,
        awaited: Awaited | None = None,
        already_running: bool = False,
    ) -> None:
        self.script = list(snapshots)
        self.awaited = awaited
        self.already_running = already_running
        self.refreshes = 0

    def snapshot(self) -> KeySet | None:
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def refresh(self, key_id: str | None = None) -> Wait | None:
        self.refreshes += 1
        return None if self.awaited is None else Wait(self.awaited, 2, self.already_running)


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

    _refused(Source(OLD_KEYS, awaited=awaited, already_running=True), NEW, UnknownKey)
    assert awaited.waits == 4


def test_where_there_is_nothing_to_wait_for_the_keys_known_now_are_believed() -> None:
    _refused(Source(OLD_KEYS), NEW, UnknownKey)
    _refused(Source(None), NEW, KeysUnavailable)


def test_an_outage_is_told_from_an_answer_that_takes_too_long() -> None:
    unknown = Source(OLD_KEYS, awaited=Awaited(False))
    for source, reason in ((Source(None), "no keys from"), (unknown, "no answer in time from")):
        with pytest.raises(KeysUnavailable) as refusal:
            Verifier(keys=source).verify(mint(NEW, {}))
        assert refusal.value.reason == f"{reason} scripted"


def test_keys_that_have_not_changed_are_looked_at_once() -> None:
    source = Source(OLD_KEYS)
    _refused(source, NEW, UnknownKey)
    assert source.refreshes == 2  # by both ways, once each


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


@pytest.mark.parametrize(
    "header, wanted",
    [
        ({"kid": "new"}, "new"),
        ({"kid": None, "x5t": "c2hhMQ"}, "c2hhMQ"),
        ({"kid": None, "x5t": "c2hhMQ", "x5t#S256": "c2hhMjU2"}, "c2hhMjU2"),
        ({"kid": "new", "x5t": "c2hhMQ"}, "new"),
        ({"kid": None, "x5t": None}, None),
    ],
)
def test_the_source_is_told_what_the_token_calls_its_key(
    header: dict[str, Any], wanted: str | None
) -> None:
    source = Source(None)
    asked: list[str | None] = []
    source.refresh = asked.append  # type: ignore[assignment,method-assign]
    with pytest.raises(KeysUnavailable):
        Verifier(keys=source).verify(mint(NEW, {}, header=header))

    assert set(asked) == {wanted}


def test_the_refusal_of_an_unknown_key_names_it() -> None:
    with pytest.raises(UnknownKey) as refusal:
        Verifier(keys=Source(OLD_KEYS)).verify(mint(NEW, {}))

    assert refusal.value.key_id == "new"


def test_a_source_that_makes_a_new_key_set_at_every_look_is_not_asked_for_ever() -> None:
    source = Source(*(read_jwks(OLD.jwks()) for _ in range(9)))
    with pytest.raises((KeysUnavailable, UnknownKey)):
        Verifier(keys=source).verify(mint(NEW, {}))

    assert source.refreshes == 2


def test_a_token_whose_key_is_unknown_says_what_to_wait_for() -> None:
    awaited = Awaited(True)
    issuer = _issuer(keys=Source(OLD_KEYS, awaited=awaited, already_running=True))
    steps = issuer.candidates(split(mint(NEW, {}).encode())[0], b"")

    assert next(steps) == Wait(awaited, 2, True)


# --- what a token must fulfil ----------------------------------------------------------------


def _issuer(**options: Any) -> IssuerVerifier:
    return Verifier(**options).issuers[0]


def _verified(issuer: IssuerVerifier, token: str) -> VerifiedToken:
    segments = split(token.encode())
    return issuer.verify(token.encode(), segments, drive(issuer.candidates(segments[0], b"")))


def _certified(key: SigningKey, clock: Clock) -> bytes:
    begins = datetime.datetime.fromtimestamp(clock.now, datetime.UTC)
    return key.certify(begins, days=1).public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    "checked, later, ends_with_certificate",
    [(True, 90_000, True), (True, 60, False), (False, 90_000, False)],
)
def test_a_life_ends_with_the_certificate_where_dates_are_checked_and_it_ends_first(
    checked: bool, later: float, ends_with_certificate: bool, clock: Clock
) -> None:
    issuer = _issuer(keys=_certified(OLD, clock), check_certificate_dates=checked, clock=clock)
    token = mint(OLD, {}, now=clock.now, lifetime=later, header={"kid": None, "x5t": None})
    entry = _verified(issuer, token)

    assert entry.expires_at == clock.now + later
    # A token has the leeway, and a certificate has none.
    assert entry.refused_from == clock.now + (86_400 if ends_with_certificate else later + 30)


def test_a_key_without_a_certificate_ends_no_life(clock: Clock) -> None:
    issuer = _issuer(keys=OLD.public_pem, check_certificate_dates=True, clock=clock)
    token = mint(OLD, {}, now=clock.now, lifetime=60, header={"kid": None, "x5t": None})
    entry = _verified(issuer, token)

    assert (entry.expires_at, entry.refused_from) == (clock.now + 60, clock.now + 90)


@pytest.mark.parametrize("checked", [True, False])
def test_a_key_out_of_its_dates_has_signed_nothing_where_dates_are_checked(
    checked: bool, clock: Clock
) -> None:
    issuer = _issuer(keys=_certified(OLD, clock), check_certificate_dates=checked, clock=clock)
    segments = split(mint(OLD, {}, header={"kid": None, "x5t": None}).encode())

    assert len(issuer.signers(segments, clock.now + 60)) == 1
    assert len(issuer.signers(segments, clock.now + 90_000)) == (0 if checked else 1)


def test_only_keys_that_a_token_may_name_can_have_signed_it() -> None:
    issuer = _issuer(keys=Source(OLD_KEYS))
    good = split(mint(OLD, {}).encode())
    signers = issuer.signers(good, 0.0)

    assert [key.key_id for key, _ in signers] == ["old"]
    assert issuer.signed(good, signers)
    assert not issuer.signed(split(mint(NEW, {}).encode()), signers)
    assert issuer.signers(split(mint(NEW, {}).encode()), 0.0) == ()
    assert issuer.signers(split(mint(OLD, {}, header={"alg": "PS256"}).encode()), 0.0) == ()
    assert issuer.signers((b"x", b"", b"", b""), 0.0) == ()
    assert _issuer(keys=Source(None)).signers(good, 0.0) == ()
    assert not issuer.signed((*good[:2], b"=", good[3]), signers)


@pytest.mark.parametrize(
    "typ, reason",
    [
        (None, "missing"),
        (5, "type"),
        ("at+jwt", "mismatch"),
        ("JWT", None),
        ("application/jwt", None),
    ],
)
def test_typ_is_checked_before_any_key_is_asked_for(typ: Any, reason: str | None) -> None:
    source = Source(OLD_KEYS)
    issuer = _issuer(keys=source, typ="jwt")
    segments = split(mint(OLD if reason is None else NEW, {}, header={"typ": typ}).encode())
    if reason is None:
        assert len(drive(issuer.candidates(segments[0], b"")).checks) == 1
        return
    with pytest.raises(InvalidClaim) as refusal:
        drive(issuer.candidates(segments[0], b""))

    assert (refusal.value.claim, refusal.value.reason) == ("typ", reason)
    assert source.refreshes == 0


@pytest.mark.parametrize("name, named", [("PS256", True), ("none", False), ("x" * 99, False)])
def test_an_algorithm_that_is_not_allowed_is_named_only_where_it_is_one_of_ours(
    name: str, named: bool
) -> None:
    with pytest.raises(UnacceptableAlgorithm) as refusal:
        Verifier(keys=Source(OLD_KEYS)).verify(mint(OLD, {}, header={"alg": name}))

    assert (name in refusal.value.reason) is named
