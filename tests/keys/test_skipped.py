"""Why keys are not used: the reasons reach whoever has to correct it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import Verifier
from jwt_middleware.errors import ConfigurationError, KeysUnavailable
from jwt_middleware.events.kinds import KeyFetchFailed
from jwt_middleware.middleware.middleware import Middleware
from jwt_middleware.testing import SigningKey, mint

from ..key_server import KeyServer, document
from ..kit import Events
from .conftest import Scripted

Make = Callable[..., Scripted]
WEAK = SigningKey(key_id="weak", bits=1024)

REASONS: dict[str, tuple[Any, str]] = {
    "weak": ([WEAK.jwk()], "key weak: RSA key of 1024 bits"),
    "encryption": ([WEAK.jwk(use="enc")], "key weak: its use is not sig"),
    "secret": ([SigningKey("HS256", key_id="s").jwk()], "key s: a shared secret in a published"),
    "future": ([{"kty": "AKP", "kid": "f"}], "key f: its kty is none of RSA, EC, OKP and oct"),
    "null": ([None], "key without a kid: not a JSON object"),
    "certificate-only": (
        [{"kty": "RSA", "kid": "c", "x5c": ["AA"]}],
        "key c: its n is not a string: it is missing",
    ),
    "none": ([], "it is empty"),
    "two": ([None, {"kty": "AKP", "kid": "f"}], "not a JSON object; key f: its kty"),
    "alike": ([{"kty": "AKP", "kid": k} for k in "abc"], "key a and 2 more: its kty"),
    "forged-line": ([{"kty": "AKP", "kid": "a\r\nb" + "x" * 99}], "key a\\r\\nbxxx"),
}


@pytest.mark.parametrize(("keys", "reason"), REASONS.values(), ids=REASONS)
def test_an_answer_without_a_usable_key_says_why(keys: Any, reason: str) -> None:
    with KeyServer(document({"keys": keys})) as server:
        events = Events()
        verifier = Verifier(keys=server.url, listeners=[events])
        with pytest.raises(KeysUnavailable):
            verifier.verify(mint(WEAK, {}))

    [source] = verifier.health()["sources"]
    assert reason in source["last_error"]
    assert source["last_error"].startswith("no usable key in the answer: ")
    assert events.of(KeyFetchFailed)[0].reason == source["last_error"]
    assert len(source["skipped"]) == len(keys)
    assert source["last_error"].isprintable()


def test_reasons_are_bounded(scripted: Make) -> None:
    reader = scripted()
    reader.answer = {
        "keys": [{"kty": "RSA", "kid": str(n), "n": n, "e": "x" * n} for n in range(60)]
        + [{"kty": "RSA", "n": "AQ", "e": "AQAB", "use": str(n)} for n in range(30)]
    }
    reader.touch()

    health = reader.endpoint.health()
    assert len(health["skipped"]) == 20
    assert len(health["last_error"]) < 500


def test_a_skipped_entry_beside_good_ones_is_in_the_health(
    scripted: Make, old_key: SigningKey
) -> None:
    reader = scripted()
    reader.answer = {"keys": [old_key.jwk(), WEAK.jwk(), {"kty": "AKP", "kid": "f"}]}
    reader.verify(old_key)

    [source] = reader.verifier.health()["sources"]
    assert source["last_error"] is None
    assert {each["key_id"] for each in source["skipped"]} == {"weak", "f"}
    reader.publish(old_key)
    reader.endpoint._work()
    assert reader.verifier.health()["sources"][0]["skipped"] == []


def test_a_file_s_skipped_entries_are_in_the_health(tmp_path: Path, old_key: SigningKey) -> None:
    path = tmp_path / "keys.pem"
    path.write_text(old_key.public_pem + WEAK.public_pem)
    [source] = Verifier(keys=str(path)).health()["sources"]

    [skipped] = source["skipped"]
    assert "1024 bits" in skipped["reason"]


def test_a_start_without_keys_names_the_reason() -> None:
    with KeyServer(document({"keys": [WEAK.jwk()]})) as server:
        middleware = Middleware({"keys": server.url, "fail_fast": True})
        with pytest.raises(ConfigurationError, match="key weak: RSA key of 1024 bits"):
            middleware.prefetch()
