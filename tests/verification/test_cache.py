"""The table of verified tokens: never shared, bounded, and nothing stays true on a hit unasked."""

import threading
from typing import Any

import pytest

from jwt_middleware import Verifier
from jwt_middleware.errors import RequestError, TokenExpired, UnknownKey
from jwt_middleware.keys import encoding
from jwt_middleware.keys.key_set import KeySet
from jwt_middleware.keys.sources import PEM, KeySource
from jwt_middleware.principal import Principal
from jwt_middleware.testing import SigningKey, mint, ucsd_claims
from jwt_middleware.verification.cache import TAIL, TokenCache, VerifiedToken

from ..conftest import Clock
from ..kit import Events

KEYS = KeySet(())


def entry(token: bytes, **claims: Any) -> VerifiedToken:
    anybody: Any = None
    return VerifiedToken(token, claims, 0, 0, anybody, KEYS, anybody, Principal(claims))


def found(cache: TokenCache, token: bytes) -> VerifiedToken | None:
    """The entry of exactly this token."""
    entry = cache.find(token[-TAIL:])
    return entry if entry is not None and entry.token == token else None


def kept(cache: TokenCache, **claims: Any) -> dict[str, Any]:
    """The claims as they are kept."""
    new = entry(b"token", **claims)
    cache.keep(new)
    return new.claims


def test_a_token_is_found_by_exactly_its_bytes() -> None:
    cache = TokenCache(4)
    mine = entry(b"header.payload.signature")
    cache.keep(mine)

    assert found(cache, b"header.payload.signature") is mine
    assert found(cache, b"") is None


@pytest.mark.parametrize("size", [1, 47, 48, 49, 200])
def test_two_tokens_that_differ_in_one_byte_never_share_an_entry(size: int) -> None:
    """Also where the difference is beyond the bytes by which an entry is found."""
    cache = TokenCache(10_000)
    token = bytes(i % 251 for i in range(size))
    cache.keep(entry(token))

    for place in range(size):
        other = bytearray(token)
        other[place] ^= 1
        assert found(cache, bytes(other)) is None
    assert found(cache, token[1:]) is None
    assert found(cache, b"x" + token) is None
    assert found(cache, token + b"x") is None


def test_tokens_with_one_tail_replace_and_never_answer_for_each_other() -> None:
    cache = TokenCache(4)
    one, other = entry(b"a" * 100 + b"s" * 48), entry(b"b" * 100 + b"s" * 48)
    cache.keep(one)
    cache.keep(other)

    assert found(cache, one.token) is None
    assert found(cache, other.token) is other
    assert len(cache) == 1


def test_the_table_is_bounded_and_the_oldest_entry_makes_room() -> None:
    cache = TokenCache(3)
    entries = [entry(b"token%d" % i) for i in range(10)]
    for each in entries:
        cache.keep(each)

    assert len(cache) == 3
    assert [found(cache, each.token) is each for each in entries] == [False] * 7 + [True] * 3


def test_putting_one_token_again_takes_no_more_room() -> None:
    cache = TokenCache(2)
    cache.keep(entry(b"a"))
    for _ in range(10):
        cache.keep(entry(b"b"))

    assert len(cache) == 2
    assert found(cache, b"a") is not None


def test_the_names_of_claims_are_shared_without_the_speed_extra(
    rsa_key: SigningKey, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = Verifier(keys=rsa_key.public_pem, clock=clock)
    monkeypatch.setattr(encoding, "_loads", None)
    claims = [verifier.verify(mint(rsa_key, {"n": n}, now=clock.now)).claims for n in range(2)]
    names = [{name: id(name) for name in each} for each in claims]

    assert names[0] == names[1]


def test_a_cleared_table_has_no_entry_and_the_room_of_a_new_one() -> None:
    cache = TokenCache(2)
    for token in (b"a", b"b"):
        cache.keep(entry(token))
    cache.clear()
    assert (len(cache), found(cache, b"a")) == (0, None)
    for token in (b"b", b"c"):
        cache.keep(entry(token))

    assert [found(cache, token) is not None for token in (b"b", b"c")] == [True, True]


def test_a_table_of_no_size_keeps_nothing() -> None:
    cache = TokenCache(0)
    cache.keep(entry(b"a"))

    assert len(cache) == 0
    assert found(cache, b"a") is None


@pytest.mark.parametrize("others, is_shared", [(8_191, True), (8_192, False)])
def test_the_texts_that_tokens_share_are_forgotten_where_they_are_more_than_8192(
    others: int, is_shared: bool
) -> None:
    cache = TokenCache(16)
    first = "first"
    kept(cache, a=first)
    for number in range(others):
        kept(cache, a=f"value {number}")
    copy = "".join(["fir", "st"])

    assert (kept(cache, a=copy)["a"] is first) is is_shared


@pytest.mark.parametrize("length, is_shared", [(64, True), (65, False)])
def test_only_short_texts_are_kept_for_other_tokens(length: int, is_shared: bool) -> None:
    cache = TokenCache(16)
    first, copy = "x" * length, "".join(["x"] * length)
    kept(cache, a=first)

    assert first is not copy
    assert (kept(cache, a=copy)["a"] is first) is is_shared


def test_kept_claims_are_the_same_claims() -> None:
    claims = {"a": "x", "b": 1, "c": True, "d": ["x"], "e": {"f": "x"}, "g": None, "h": "y" * 99}

    for size in (0, 16):
        assert kept(TokenCache(size), **claims) == claims


def test_a_table_of_no_size_keeps_no_texts_either() -> None:
    cache = TokenCache(0)
    first, copy = "xy", "".join(["x", "y"])
    kept(cache, a=first)

    assert kept(cache, a=copy)["a"] is copy


def test_many_threads_never_see_an_entry_of_another_token() -> None:
    cache = TokenCache(8)
    wrong: list[bytes] = []

    def work(start: int) -> None:
        for i in range(2_000):
            token = b"%d" % ((start + i) % 32)
            known = found(cache, token)
            if known is not None and known.claims["t"] != token:
                wrong.append(token)
            cache.keep(entry(token, t=token))

    threads = [threading.Thread(target=work, args=(n * 7,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert len(cache) <= 8


def observed(keys: Any, clock: Clock, **options: Any) -> tuple[Verifier, Events]:
    events = Events()
    return Verifier(keys=keys, clock=clock, listeners=[events], **options), events


def test_a_repeated_token_is_verified_once(rsa_key: SigningKey, clock: Clock) -> None:
    verifier, events = observed(rsa_key.public_pem, clock)
    token = mint(rsa_key, ucsd_claims(), now=clock.now)

    first, again = verifier.verify(token), verifier.verify(f"\t{token} ".encode())

    assert first is again
    assert events.cached == [False, True]


def test_only_verified_tokens_enter(
    rsa_key: SigningKey, other_rsa_key: SigningKey, clock: Clock
) -> None:
    verifier = Verifier(keys=rsa_key.public_pem, clock=clock)
    for token in ("x", mint(other_rsa_key, {}), mint(rsa_key, {}, now=clock.now, lifetime=-60)):
        with pytest.raises(RequestError):
            verifier.verify(token)

    assert len(verifier._cache) == 0


def test_the_expiry_is_asked_again_on_a_hit_to_the_second(
    rsa_key: SigningKey, clock: Clock
) -> None:
    verifier, events = observed(rsa_key.public_pem, clock, leeway=30)
    token = mint(rsa_key, ucsd_claims(), now=clock.now, lifetime=60)
    verifier.verify(token)

    clock.now += 60 + 29
    verifier.verify(token)
    assert events.cached == [False, True]
    clock.now += 1
    with pytest.raises(TokenExpired):
        verifier.verify(token)


def test_max_age_is_asked_again_on_a_hit_to_the_second(rsa_key: SigningKey, clock: Clock) -> None:
    verifier = Verifier(keys=rsa_key.public_pem, clock=clock, max_age=60, leeway=0)
    token = mint(rsa_key, ucsd_claims() | {"iat": clock.now}, now=clock.now)
    verifier.verify(token)

    clock.now += 60
    verifier.verify(token)
    clock.now += 1
    with pytest.raises(TokenExpired):
        verifier.verify(token)


def test_a_token_is_refused_on_a_hit_as_soon_as_its_certificate_is_out_of_its_dates(
    rsa_key: SigningKey, clock: Clock
) -> None:
    """The leeway is for the clocks of tokens: without a hit it does not lengthen a certificate."""
    import datetime

    from cryptography.hazmat.primitives.serialization import Encoding

    begins = datetime.datetime.fromtimestamp(clock.now, datetime.UTC)
    pem = rsa_key.certify(begins, days=1).public_bytes(Encoding.PEM)
    verifier = Verifier(keys=pem, clock=clock, check_certificate_dates=True, leeway=30)
    token = mint(rsa_key, {}, now=clock.now, lifetime=90_000, header={"x5t": None})
    clock.now += 86_400
    verifier.verify(token)

    clock.now += 1
    with pytest.raises(UnknownKey):
        verifier.verify(token)


class Changing(KeySource):
    """A source whose keys a test replaces."""

    name = "changing"

    def __init__(self, pem: str) -> None:
        self.pem = PEM(pem)

    def snapshot(self) -> KeySet:
        return self.pem.snapshot()


def test_a_change_of_the_keys_makes_a_hit_a_miss(
    rsa_key: SigningKey, other_rsa_key: SigningKey, clock: Clock
) -> None:
    source = Changing(rsa_key.public_pem)
    verifier, events = observed(source, clock)
    token = mint(rsa_key, ucsd_claims(), now=clock.now)
    verifier.verify(token)

    source.pem = PEM(rsa_key.public_pem)
    verifier.verify(token)
    assert events.cached == [False, False]

    source.pem = PEM(other_rsa_key.public_pem)
    with pytest.raises(RequestError):
        verifier.verify(token)


def test_entries_never_cross_verifiers(
    rsa_key: SigningKey, other_rsa_key: SigningKey, clock: Clock
) -> None:
    token = mint(rsa_key, ucsd_claims(), now=clock.now)
    one = Verifier(keys=rsa_key.public_pem, clock=clock)
    other = Verifier(keys=other_rsa_key.public_pem, clock=clock)
    one.verify(token)

    with pytest.raises(RequestError):
        other.verify(token)


@pytest.mark.parametrize("size", [0, 1])
def test_the_option_bounds_the_table(rsa_key: SigningKey, clock: Clock, size: int) -> None:
    verifier, events = observed(rsa_key.public_pem, clock, cache_size=size)
    tokens = [mint(rsa_key, {"n": n}, now=clock.now) for n in range(2)]
    for token in (tokens[0], tokens[0], tokens[1], tokens[0]):
        verifier.verify(token)

    assert events.cached == [False, bool(size), False, False]
