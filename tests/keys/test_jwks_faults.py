"""Every fault of an endpoint: good keys keep serving, the reason is told, the fetch ends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from jwt_middleware import ANY, Client, ClientRegistry, Verifier
from jwt_middleware.authorization.clients import ClientTrust
from jwt_middleware.errors import BadSignature, KeysUnavailable, RequestError, UnknownKey
from jwt_middleware.events.kinds import KeyChanged, KeyFetchFailed, KeysFetched, KeySkipped
from jwt_middleware.keys.jwks import JWKSEndpoint
from jwt_middleware.testing import SigningKey, mint

from ..conftest import Clock
from ..key_server import (
    KeyServer,
    Script,
    document,
    drip,
    endless,
    gzip_bomb,
    hang,
    raw,
    redirect,
    status,
    truncated,
)
from .conftest import Reader, Scripted, published

Reading = Callable[..., Reader]
DEADLINE = 0.3


def _many(count: int) -> dict[str, Any]:
    return {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "x"}] * count}


WEAK = SigningKey(key_id="weak", bits=1024)
SECRET = SigningKey("HS256", key_id="secret")
EMPTY: dict[str, Any] = {"keys": []}

FAULTS: dict[str, tuple[Script, str]] = {
    "status-500": (status(500, b"zeta"), "status 500"),
    "status-503-with-retry-after": (status(503, Retry_After="7"), "status 503"),
    "status-404": (status(404, b"<html>zeta</html>"), "status 404"),
    "status-204": (status(204), "status 204"),
    "an-empty-body": (document(b""), "no strict JSON"),
    "a-sign-in-page": (document(b"<html>zeta</html>"), "no strict JSON"),
    "json-that-breaks-off": (document(b'{"keys": [{"kty": "zeta'), "no strict JSON"),
    "an-answer-that-breaks-off": (truncated(EMPTY), "breaks off"),
    "not-utf-8": (document(b'{"keys": ["\xff\xfe"]}'), "no strict JSON"),
    "too-deep": (document(b'{"keys":' + b"[" * 50_000), "no strict JSON"),
    "a-list": (document([]), "no strict JSON"),
    "duplicate-members": (document(b'{"keys":[],"keys":[]}'), "no strict JSON"),
    "no-keys": (document({}), "keys"),
    "empty-keys": (document(EMPTY), "no usable key"),
    "null-keys": (document({"keys": None}), "keys"),
    "keys-that-are-a-text": (document({"keys": "zeta"}), "keys"),
    "all-malformed": (document({"keys": [None, {}, {"kty": "RSA"}, {"kty": 5}]}), "no usable key"),
    "all-weak": (document(published(WEAK)), "no usable key"),
    "only-a-secret": (document(published(SECRET)), "no usable key"),
    "only-for-encryption": (document({"keys": [WEAK.jwk(use="enc")]}), "no usable key"),
    "100000-keys": (document(_many(100_000)), "more than 524288 bytes"),
    "an-endless-body": (endless, "more than 524288 bytes"),
    "gzip-bomb": (gzip_bomb, "compressed"),
    "redirect-to-http": (redirect("http://gateway.example.edu/jwks"), "status 302"),
    "redirect-to-a-file": (redirect("file:///etc/passwd", 307), "status 307"),
    "redirect-to-another-host": (redirect("https://evil.example.com/jwks", 301), "status 301"),
    "hang": (hang, "within"),
    "one-byte-at-a-time": (drip(published(WEAK)), "within"),
    "no-http": (raw((b"zeta zeta\r\n\r\n", 0)), "BadStatusLine"),
    "hung-up-at-once": (raw(), ""),
}
EACH_FAULT = pytest.mark.parametrize("script, reason", FAULTS.values(), ids=FAULTS)


@EACH_FAULT
def test_good_keys_survive_every_fault_and_the_reason_is_reported(
    script: Script,
    reason: str,
    key_server: KeyServer,
    reading: Reading,
    clock: Clock,
    old_key: SigningKey,
    forger: SigningKey,
) -> None:
    reader = reading(clock=clock, deadline=DEADLINE)
    key_server.script = document(published(old_key))
    reader.verify(old_key)

    key_server.script = script
    clock.now += 301
    begun = time.monotonic()
    assert reader.verify(old_key, n=1).key_id == "old"
    reader.settle()
    assert time.monotonic() - begun < DEADLINE + 3
    assert reader.verify(old_key, n=2).key_id == "old"
    with pytest.raises(UnknownKey):
        reader.verify(forger)

    [failure] = reader.told(KeyFetchFailed)
    assert reason in failure.reason
    assert "zeta" not in failure.reason
    assert failure.retry_in >= (7 if "503" in reason else 0.8)
    assert len(key_server.requests) == 2


@EACH_FAULT
def test_before_the_first_keys_every_fault_is_an_outage_and_never_an_acceptance(
    script: Script, reason: str, key_server: KeyServer, reading: Reading, old_key: SigningKey
) -> None:
    reader = reading(deadline=DEADLINE)
    key_server.script = script

    for n in range(3):
        with pytest.raises(KeysUnavailable) as refusal:
            reader.verify(old_key, n=n)
        assert refusal.value.retry_after >= 1
    assert reader.verifier.health()["ready"] is False
    # An outage is not made worse by its callers: after a failure comes a pause.
    assert len(key_server.requests) == 1


def test_a_redirect_to_itself_is_asked_once(
    key_server: KeyServer, reading: Reading, old_key: SigningKey
) -> None:
    key_server.script = redirect(key_server.url)

    with pytest.raises(KeysUnavailable):
        reading().verify(old_key)
    assert len(key_server.requests) == 1


def test_a_refused_connection_is_an_outage_that_ends_when_the_server_is_there(
    clock: Clock, old_key: SigningKey, scripted: Callable[..., Scripted]
) -> None:
    reader = scripted()
    reader.answer = ConnectionRefusedError()
    with pytest.raises(KeysUnavailable):
        reader.verify(old_key)

    reader.publish(old_key)
    clock.now += 2

    assert reader.verify(old_key).key_id == "old"


def test_one_bad_key_among_good_ones_is_skipped_with_an_event(
    key_server: KeyServer, reading: Reading, old_key: SigningKey
) -> None:
    bad = [None, WEAK.jwk(), SECRET.jwk(), {"kty": "future"}, {"kty": "RSA", "n": "!", "e": "A"}]
    key_server.script = document({"keys": [*bad, old_key.jwk()]})
    reader = reading()

    assert reader.verify(old_key).key_id == "old"
    assert len(reader.told(KeySkipped)) == len(bad)


def test_of_more_than_a_hundred_keys_a_hundred_are_kept(
    key_server: KeyServer, reading: Reading
) -> None:
    jwk = SigningKey("ES256").jwk()
    key_server.script = document({"keys": [jwk | {"kid": str(n)} for n in range(150)]})
    reader = Reader(JWKSEndpoint(key_server.url), ["ES256"])
    reader.touch()

    assert len(reader.endpoint.snapshot() or ()) == 100
    assert reader.endpoint.health()["left_out"] == 50
    assert "50 more keys" in reader.endpoint.health()["skipped"][0]["reason"]


def test_of_more_than_a_hundred_keys_those_are_kept_that_the_service_can_use(
    key_server: KeyServer, reading: Reading, old_key: SigningKey
) -> None:
    others = [SigningKey("ES256").jwk() | {"kid": str(n)} for n in range(80)]
    unusable = [{"kty": "future"}] * 80 + [WEAK.jwk()] * 40
    key_server.script = document({"keys": [*others, *unusable, old_key.jwk()]})
    reader = reading()

    assert reader.verify(old_key).key_id == "old"
    health = reader.endpoint.health()
    assert (health["key_ids"], health["left_out"]) == (["old"], 0)


def test_a_large_set_keeps_the_keys_of_a_client_with_another_algorithm(
    key_server: KeyServer, old_key: SigningKey
) -> None:
    elliptic = SigningKey("ES256", key_id="curve")
    others = [SigningKey("EdDSA").jwk() | {"kid": str(n)} for n in range(101)]
    key_server.script = document({"keys": [*others, old_key.jwk(), elliptic.jwk()]})
    trust = ClientTrust(issuer=ANY, algorithms=("ES256",))
    registry = ClientRegistry([Client("curved", trust=trust)])
    verifier = Verifier(keys=key_server.url, api="/echo", clients=registry)
    claims = {"http://wso2.org/claims/apicontext": "/echo", "client_id": "curved"}

    assert verifier.verify(mint(elliptic, claims)).client_id == "curved"
    assert verifier.health()["sources"][0]["key_ids"] == ["old", "curve"]


def test_a_secret_that_is_published_verifies_nothing(
    key_server: KeyServer, reading: Reading, old_key: SigningKey
) -> None:
    """Whatever is on that page, everybody knows it."""
    key_server.script = document({"keys": [old_key.jwk(), SECRET.jwk()]})
    reader = reading()
    reader.verify(old_key)

    with pytest.raises(RequestError):
        reader.verify(SECRET)
    assert reader.verifier.health()["sources"][0]["key_ids"] == ["old"]


def test_a_key_changed_under_the_same_kid_replaces_the_old_one_and_its_tokens(
    scripted: Callable[..., Scripted], clock: Clock, old_key: SigningKey, new_key: SigningKey
) -> None:
    reader = scripted()
    reader.publish(old_key)
    reader.verify(old_key)
    changed = SigningKey(key_id="old", private=new_key.private)

    reader.publish(changed)
    clock.now += 301
    reader.touch()

    assert reader.verify(changed).key_id == "old"
    with pytest.raises(BadSignature):
        reader.verify(old_key)
    assert [event.key_id for event in reader.told(KeyChanged)] == ["old"]


class WithRetryAfter(Exception):
    retry_after = "in a while"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("password zeta"),
        ValueError(),
        WithRetryAfter(),
        RecursionError(),
        MemoryError(),
        SystemExit(1),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_fetch_of_ones_own_raises_is_a_failure_that_is_not_quoted(
    scripted: Callable[..., Scripted], old_key: SigningKey, error: BaseException
) -> None:
    reader = scripted()
    reader.answer = error

    for n in range(3):
        with pytest.raises(KeysUnavailable):
            reader.verify(old_key, n=n)
    [failure] = reader.told(KeyFetchFailed)
    assert failure.reason == type(error).__name__
    assert reader.fetches == 1


@pytest.mark.parametrize("answer", [None, "{}", 5, [], b"zeta"], ids=repr)
def test_whatever_else_than_a_document_a_fetch_of_ones_own_returns_is_a_failure(
    scripted: Callable[..., Scripted], clock: Clock, old_key: SigningKey, answer: Any
) -> None:
    reader = scripted()
    reader.publish(old_key)
    reader.verify(old_key)

    reader.answer = answer
    clock.now += 301
    reader.touch()

    assert len(reader.told(KeyFetchFailed)) == 1
    assert len(reader.told(KeysFetched)) == 1
    assert not reader.endpoint.health()["fresh"]
    assert reader.verify(old_key, n=1).key_id == "old"


def test_an_answer_of_ones_own_fetch_is_bounded_too(
    scripted: Callable[..., Scripted], old_key: SigningKey
) -> None:
    reader = scripted()
    reader.answer = json.dumps(published(old_key)).encode() + b" " * 600_000

    with pytest.raises(KeysUnavailable):
        reader.verify(old_key)
