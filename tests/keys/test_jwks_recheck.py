"""A rotation that no key id reveals: a bad signature under a known key is reason for one fetch."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from jwt_middleware import Verifier
from jwt_middleware.errors import BadSignature, DuplicateHeader
from jwt_middleware.keys.jwks import JWKSEndpoint
from jwt_middleware.keys.per_kid import PEMPerKid
from jwt_middleware.keys.sources import KeyFile
from jwt_middleware.testing import SigningKey, mint

from ..conftest import Clock
from ..key_server import KeyServer, document, hang
from .conftest import Reader, Scripted

Make = Callable[..., Scripted]


@pytest.fixture(scope="module")
def renewed() -> SigningKey:
    """Another key under the old one's id, as a container makes one at each start."""
    return SigningKey(key_id="old")


def _refused(reader: Reader, key: SigningKey, n: int = 0) -> None:
    with pytest.raises(BadSignature):
        reader.verify(key, n=n)


@pytest.mark.parametrize("seconds", [0, 11], ids=["just after a fetch", "later"])
def test_the_request_that_reveals_a_new_key_under_the_old_id_succeeds(
    loaded: Scripted, clock: Clock, old_key: SigningKey, renewed: SigningKey, seconds: int
) -> None:
    clock.now += seconds
    loaded.publish(renewed)

    assert loaded.verify(renewed).key_id == "old"
    assert loaded.fetches == 2
    _refused(loaded, old_key, n=1)


@pytest.mark.parametrize("seconds", [0, 11], ids=["just after a fetch", "later"])
def test_a_new_key_is_found_for_tokens_without_a_kid(
    scripted: Make, clock: Clock, old_key: SigningKey, new_key: SigningKey, seconds: int
) -> None:
    """As those of Teleport and of WSO2 4.0 are."""
    reader = scripted()
    reader.publish(old_key)
    reader.touch()
    clock.now += seconds
    reader.publish(new_key)

    assert reader.verify(SigningKey(private=new_key.private)).key_id == "new"
    assert reader.fetches == 2


def test_long_caching_does_not_hide_a_rotation(
    key_server: KeyServer, clock: Clock, old_key: SigningKey, renewed: SigningKey
) -> None:
    key_server.script = document(old_key.jwks(), Cache_Control="max-age=86400")
    reader = Reader(JWKSEndpoint(key_server.url, clock=clock))
    reader.verify(old_key)
    clock.now += 3600
    key_server.script = document(renewed.jwks(), Cache_Control="max-age=86400")

    assert reader.verify(renewed).key_id == "old"


def test_a_flood_under_a_known_id_draws_on_the_bucket_and_delays_no_good_token(
    loaded: Scripted, clock: Clock, old_key: SigningKey, renewed: SigningKey
) -> None:
    held = mint(old_key, {"http://wso2.org/claims/apicontext": "/echo"})
    for number in range(100):
        clock.now += 1
        _refused(loaded, renewed, number)
        before = loaded.fetches
        loaded.verifier.verify(held)
        loaded.verify(old_key, n=number)
        assert loaded.fetches == before

    assert 2 <= loaded.fetches <= 1 + 2 + 10


def test_good_tokens_pass_while_the_fetch_of_a_forged_one_hangs(
    loaded: Scripted, clock: Clock, old_key: SigningKey, renewed: SigningKey
) -> None:
    begun, may_end = threading.Event(), threading.Event()
    fetch = loaded.endpoint._fetch
    assert fetch is not None

    def slow(url: str) -> bytes:
        begun.set()
        may_end.wait(10)
        return fetch(url)

    loaded.endpoint._fetch = slow
    clock.now += 11
    waiting = threading.Thread(target=_refused, args=(loaded, renewed))
    waiting.start()
    try:
        assert begun.wait(5)
        assert loaded.verify(old_key, n=1).key_id == "old"
        assert waiting.is_alive()
    finally:
        may_end.set()
        waiting.join(5)


def test_random_ids_and_a_known_id_draw_on_one_bucket(
    loaded: Scripted, clock: Clock, renewed: SigningKey, forger: SigningKey
) -> None:
    clock.now += 11
    for number in range(5):
        pending = loaded.endpoint.refresh(f"forged-{number}")
        if pending is not None:
            assert pending.work.wait(5)
    clock.now += 9.9
    _refused(loaded, renewed)

    assert loaded.fetches == 1 + 2


def test_during_an_outage_a_forged_token_is_refused_and_asks_no_more_than_the_back_off_allows(
    loaded: Scripted, clock: Clock, old_key: SigningKey, renewed: SigningKey
) -> None:
    loaded.answer = ConnectionError()
    for number in range(120):
        clock.now += 0.5
        _refused(loaded, renewed, number)

    assert loaded.fetches <= 1 + 6
    assert loaded.verify(old_key, n=1).key_id == "old"


def test_a_fetch_that_does_not_answer_in_time_leaves_the_known_keys_believed(
    key_server: KeyServer, clock: Clock, old_key: SigningKey, renewed: SigningKey
) -> None:
    key_server.script = document(old_key.jwks())
    reader = Reader(JWKSEndpoint(key_server.url, wait_budget=0.2, deadline=1, clock=clock))
    reader.verify(old_key)
    clock.now += 11
    key_server.script = hang

    _refused(reader, renewed)
    reader.settle()


def test_joined_lines_cause_no_fetch(loaded: Scripted, clock: Clock, old_key: SigningKey) -> None:
    clock.now += 11
    token = loaded.token(old_key)

    with pytest.raises(DuplicateHeader):
        loaded.verifier.verify(f"{token},{token}")
    assert loaded.fetches == 1


def test_the_same_keys_again_keep_the_verified_tokens(
    loaded: Scripted, clock: Clock, old_key: SigningKey, renewed: SigningKey
) -> None:
    token = loaded.token(old_key)
    principal = loaded.verifier.verify(token)
    clock.now += 11
    _refused(loaded, renewed)

    assert loaded.fetches == 2
    assert loaded.verifier.verify(token) is principal


def test_of_several_sources_the_one_with_the_new_key_is_asked(
    scripted: Make, clock: Clock, old_key: SigningKey, renewed: SigningKey, new_key: SigningKey
) -> None:
    reader = scripted()
    reader.publish(old_key)
    verifier = Verifier(keys=[new_key.jwks(), reader.endpoint], api="/echo")
    verifier.verify(reader.token(old_key))
    clock.now += 11
    reader.publish(renewed)

    assert verifier.verify(reader.token(renewed)).key_id == "old"


def test_a_replaced_file_is_read_by_the_request_that_needs_it(
    tmp_path: Path, old_key: SigningKey, renewed: SigningKey
) -> None:
    path = tmp_path / "gateway.pem"
    path.write_text(old_key.public_pem)
    source = KeyFile(path)
    verifier = Verifier(keys=source)
    verifier.verify(mint(old_key, {}))
    path.write_text(renewed.public_pem)
    source._file._next_look = 0.0  # a second has passed

    assert verifier.verify(mint(renewed, {})).key_id is None


def test_a_key_at_a_url_of_its_own_may_change_there(
    clock: Clock, old_key: SigningKey, renewed: SigningKey
) -> None:
    answers = [old_key.public_pem, renewed.public_pem]
    source = PEMPerKid(
        "https://keys.example.edu/{kid}",
        kid="old",
        fetch=lambda url: answers.pop(0).encode(),
        clock=clock,
    )
    verifier = Verifier(keys=source)
    verifier.verify(mint(old_key, {}))
    clock.now += 11

    assert verifier.verify(mint(renewed, {})).key_id == "old"
