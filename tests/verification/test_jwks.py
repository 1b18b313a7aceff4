"""Keys from a URL: off the request's path, one fetch in flight, good keys never lost."""

import json
import threading
import time
from typing import Any

import pytest

from jwt_middleware import Principal, Verifier
from jwt_middleware.errors import (
    BadSignature,
    ConfigurationError,
    KeysUnavailable,
    UnknownKey,
)
from jwt_middleware.events import KeyFetchFailed, KeySkipped
from jwt_middleware.testing import SigningKey, mint, ucsd_claims
from jwt_middleware.verification import jwks
from jwt_middleware.verification.jwks import JWKSEndpoint

from .conftest import KeyServer, Make


def _settled(verifier: Verifier) -> None:
    """Wait for the fetch that is under way, if there is one."""
    running = verifier._only.keys.source._running  # type: ignore[union-attr]
    if running is not None:
        running.wait()


def test_making_a_verifier_fetches_nothing(key_server: KeyServer, verifier_of: Make) -> None:
    """The app may start before its gateway."""
    verifier_of()

    assert key_server.requests == []


def test_the_first_token_waits_for_the_first_fetch(
    key_server: KeyServer, verifier_of: Make, old_key: SigningKey
) -> None:
    key_server.document = old_key.jwks()

    principal = verifier_of().verify(mint(old_key, ucsd_claims()))

    assert principal.key_id == "old"
    assert len(key_server.requests) == 1


def test_a_known_key_never_causes_a_fetch(
    key_server: KeyServer, verifier_of: Make, old_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    key_server.document = old_key.jwks()
    verifier = verifier_of()
    for n in range(20):
        verifier.verify(mint(old_key, {"n": n}))
    forged = SigningKey(key_id="old", private=other_rsa_key.private)
    with pytest.raises(BadSignature):
        verifier.verify(mint(forged, {}))

    assert len(key_server.requests) == 1


def test_many_first_requests_share_one_fetch(
    key_server: KeyServer, verifier_of: Make, old_key: SigningKey
) -> None:
    key_server.document = old_key.jwks()
    key_server.open.clear()
    verifier, token = verifier_of(), mint(old_key, ucsd_claims())
    found: list[Principal] = []
    threads = [
        threading.Thread(target=lambda: found.append(verifier.verify(token))) for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    assert key_server.asked.wait(1)
    key_server.open.set()
    for thread in threads:
        thread.join()

    assert len(found) == 12
    assert len(key_server.requests) == 1


def test_an_unknown_kid_is_fetched_and_the_revealing_request_succeeds(
    key_server: KeyServer, verifier_of: Make, old_key: SigningKey, new_key: SigningKey
) -> None:
    """A rotation may follow the first load at once: that one draws on no budget."""
    key_server.document = old_key.jwks()
    verifier = verifier_of()
    verifier.verify(mint(old_key, {}))
    key_server.document = {"keys": [old_key.jwk(), new_key.jwk()]}

    assert verifier.verify(mint(new_key, {})).key_id == "new"
    assert len(key_server.requests) == 2


def test_a_later_rotation_is_revealed_by_its_first_request(
    key_server: KeyServer,
    verifier_of: Make,
    old_key: SigningKey,
    new_key: SigningKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key_server.document = old_key.jwks()
    verifier = verifier_of()
    verifier.verify(mint(old_key, {}))
    key_server.document = new_key.jwks()
    moment = time.monotonic
    monkeypatch.setattr(jwks.time, "monotonic", lambda: moment() + 60)

    assert verifier.verify(mint(new_key, {})).key_id == "new"
    with pytest.raises(UnknownKey):
        verifier.verify(mint(old_key, {}))


def test_cve_2026_48524_a_flood_of_forged_kids_causes_a_few_fetches_only(
    key_server: KeyServer, verifier_of: Make, old_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    key_server.document = old_key.jwks()
    verifier = verifier_of()
    verifier.verify(mint(old_key, {}))

    for n in range(50):
        forged = SigningKey(key_id=f"forged-{n}", private=other_rsa_key.private)
        with pytest.raises(UnknownKey):
            verifier.verify(mint(forged, {}))

    assert len(key_server.requests) <= 3
    verifier.verify(mint(old_key, {"again": 1}))


def test_an_unknown_thumbprint_is_an_unknown_key_after_a_fetch(
    key_server: KeyServer, verifier_of: Make, old_key: SigningKey, rsa_key: SigningKey
) -> None:
    key_server.document = {"keys": [old_key.jwk(x5t=old_key.x5t(as_hex=True))]}
    verifier = verifier_of()

    with pytest.raises(UnknownKey):
        verifier.verify(mint(rsa_key, {}))


def test_no_keys_yet_is_an_outage_and_never_an_acceptance(
    key_server: KeyServer, verifier_of: Make, old_key: SigningKey
) -> None:
    key_server.status = 503
    verifier = verifier_of()

    with pytest.raises(KeysUnavailable) as refusal:
        verifier.verify(mint(old_key, {}))
    assert refusal.value.retry_after > 0
    assert verifier.health()["ready"] is False


def test_a_key_server_that_is_down_is_not_asked_by_every_request(
    key_server: KeyServer, verifier_of: Make, old_key: SigningKey
) -> None:
    """After a failure comes a pause: an outage is not made worse by its callers."""
    key_server.status = 503
    verifier = verifier_of()
    for n in range(10):
        with pytest.raises(KeysUnavailable):
            verifier.verify(mint(old_key, {"n": n}))

    assert len(key_server.requests) == 1


def test_a_key_server_that_comes_up_later_is_asked_again(
    key_server: KeyServer, verifier_of: Make, old_key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_server.status = 503
    verifier, token = verifier_of(), mint(old_key, {})
    with pytest.raises(KeysUnavailable):
        verifier.verify(token)
    key_server.status, key_server.document = 200, old_key.jwks()
    moment = time.monotonic
    monkeypatch.setattr(jwks.time, "monotonic", lambda: moment() + 120)

    assert verifier.verify(token).key_id == "old"


BAD_ANSWERS: dict[str, tuple[int, Any]] = {
    "status-500": (500, {}),
    "redirect": (302, {}),
    "empty": (200, b""),
    "captive-portal": (200, b"<html>sign in</html>"),
    "no-keys": (200, {"keys": []}),
    "keys-null": (200, {"keys": None}),
    "list": (200, []),
    "only-unusable": (200, {"keys": [{"kty": "RSA"}, None]}),
    "only-a-secret": (200, {"keys": [{"kty": "oct", "k": "A" * 43}]}),
    "only-for-encryption": (200, {"keys": [{"kty": "EC", "use": "enc"}]}),
    "duplicate-members": (200, b'{"keys":[],"keys":[]}'),
    "not-utf-8": (200, b"\xff\xfe"),
    "too-large": (200, b" " * 600_000),
    "too-deep": (200, b'{"keys":' + b"[" * 50_000),
}


@pytest.mark.parametrize("status, document", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_a_failed_empty_or_unreadable_answer_never_replaces_good_keys(
    key_server: KeyServer,
    verifier_of: Make,
    old_key: SigningKey,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    document: Any,
) -> None:
    heard: list[Any] = []
    key_server.document = old_key.jwks()
    verifier = verifier_of(heard)
    verifier.verify(mint(old_key, {}))

    key_server.status, key_server.document = status, document
    moment = time.monotonic
    monkeypatch.setattr(jwks.time, "monotonic", lambda: moment() + 400)
    verifier.verify(mint(old_key, {"n": 1}))
    _settled(verifier)

    assert verifier.verify(mint(old_key, {"n": 2})).key_id == "old"
    assert len(key_server.requests) == 2
    failed = [event for event in heard if isinstance(event, KeyFetchFailed)]
    assert len(failed) == 1
    assert "sign in" not in failed[0].reason


def test_one_bad_entry_of_an_answer_is_skipped_and_the_good_one_works(
    key_server: KeyServer, verifier_of: Make, old_key: SigningKey
) -> None:
    heard: list[Any] = []
    weak = SigningKey(key_id="weak", bits=1024)
    key_server.document = {"keys": [None, weak.jwk(), {"kty": "oct", "k": "AAAA"}, old_key.jwk()]}

    verifier_of(heard).verify(mint(old_key, {}))

    assert len([event for event in heard if isinstance(event, KeySkipped)]) == 3


def test_a_secret_that_is_published_verifies_nothing(
    key_server: KeyServer, verifier_of: Make, old_key: SigningKey, key_for: Any
) -> None:
    key_server.document = {"keys": [old_key.jwk(), key_for("HS256").jwk(kid="s")]}
    with pytest.raises(ConfigurationError):
        Verifier(keys=key_server.url, algorithms=["HS256"])
    verifier = verifier_of()

    assert verifier.verify(mint(old_key, {})).key_id == "old"
    assert verifier.health()["sources"][0]["key_ids"] == ["old"]


def test_a_fetch_of_ones_own_brings_the_document(old_key: SigningKey) -> None:
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return json.dumps(old_key.jwks()).encode()

    url = "https://gateway.example.edu/jwks?tenant=a"
    verifier = Verifier(keys=JWKSEndpoint(url, fetch=fetch))

    assert verifier.verify(mint(old_key, {})).key_id == "old"
    assert asked == [url]


def test_whatever_a_fetch_of_ones_own_raises_is_a_failed_fetch_that_is_not_quoted(
    old_key: SigningKey,
) -> None:
    heard: list[Any] = []

    def fetch(url: str) -> bytes:
        raise RuntimeError("password zeta")

    endpoint = JWKSEndpoint("https://gateway.example.edu/jwks", fetch=fetch)
    with pytest.raises(KeysUnavailable):
        Verifier(keys=endpoint, listeners=[heard.append]).verify(mint(old_key, {}))
    assert {e.reason for e in heard if isinstance(e, KeyFetchFailed)} == {"RuntimeError"}


@pytest.mark.parametrize("name", ["fresh_for", "deadline", "wait_budget"])
@pytest.mark.parametrize("value", [0, -1, float("nan")], ids=str)
def test_every_time_of_an_endpoint_is_above_zero(name: str, value: float) -> None:
    with pytest.raises(ConfigurationError, match=name):
        JWKSEndpoint("https://gateway.example.edu/jwks", **{name: value})


def test_the_name_of_an_endpoint_holds_no_query() -> None:
    endpoint = JWKSEndpoint("https://gateway.example.edu/jwks?key=zeta")

    assert "zeta" not in f"{endpoint.name} {endpoint!r}"


def test_a_closed_verifier_starts_no_fetch_and_keeps_its_keys(
    key_server: KeyServer, verifier_of: Make, old_key: SigningKey, new_key: SigningKey
) -> None:
    key_server.document = old_key.jwks()
    verifier = verifier_of()
    verifier.verify(mint(old_key, {}))
    verifier.close()

    with pytest.raises(UnknownKey):
        verifier.verify(mint(new_key, {}))
    assert verifier.verify(mint(old_key, {"n": 1})).key_id == "old"
    assert len(key_server.requests) == 1
