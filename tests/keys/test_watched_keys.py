"""Key files are watched: a replacement serves without a restart, a broken one changes nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from jwt_middleware import Verifier
from jwt_middleware.errors import BadSignature, RequestError, UnknownKey
from jwt_middleware.events.kinds import KeyFetchFailed, KeysLoaded
from jwt_middleware.keys.sources import KeyFile, KeySource, SharedSecret, WatchedKeys
from jwt_middleware.testing import SigningKey, mint

from ..kit import Events
from .conftest import published


def keystore(key: SigningKey) -> bytes:
    encryption = serialization.BestAvailableEncryption(b"password")
    return pkcs12.serialize_key_and_certificates(
        b"gateway", key.private, key.certificate, None, encryption
    )


FORMS: dict[str, Callable[[SigningKey], bytes]] = {
    "pem": lambda key: key.public_pem.encode(),
    "certificate": lambda key: key.certificate_pem.encode(),
    "pkcs12": keystore,
    "jwks": lambda key: json.dumps(published(key)).encode(),
}


class Watching:
    """A verifier of one file, and what it told."""

    def __init__(self, source: KeySource, **options: Any) -> None:
        assert isinstance(source, WatchedKeys)
        self.source = source
        self.events = Events()
        self.verifier = Verifier(keys=source, listeners=[self.events], **options)

    def a_second_passes(self) -> None:
        self.source._file._next_look = -math.inf

    def look(self) -> None:
        """Let a second pass, and wait for the look that the next request starts."""
        self.a_second_passes()
        pending = self.source.refresh()
        assert pending is not None
        assert pending.work.wait(5)

    def accepts(self, key: SigningKey, **claims: Any) -> bool:
        try:
            self.verifier.verify(mint(key, claims))
        except RequestError:
            return False
        return True

    def told(self, kind: type) -> list[Any]:
        return self.events.of(kind)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gateway"


def in_place(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def by_rename(path: Path, content: bytes) -> None:
    other = path.with_suffix(".new")
    other.write_bytes(content)
    other.replace(path)


@pytest.mark.parametrize("replace", [in_place, by_rename], ids=lambda f: f.__name__)
@pytest.mark.parametrize("form", FORMS)
def test_a_replaced_file_serves_its_new_key_and_no_longer_the_old_one(
    path: Path, form: str, replace: Any, old_key: SigningKey, new_key: SigningKey
) -> None:
    path.write_bytes(FORMS[form](old_key))
    watching = Watching(KeyFile(path, password="password"))
    assert watching.accepts(old_key)

    replace(path, FORMS[form](new_key))
    watching.look()

    assert watching.accepts(new_key)
    assert not watching.accepts(old_key)
    assert [event.keys for event in watching.told(KeysLoaded)] == [1, 1]


def test_the_symlink_swap_of_a_mounted_secret_serves_the_new_key(
    tmp_path: Path, old_key: SigningKey, new_key: SigningKey
) -> None:
    for folder, key in (("..1", old_key), ("..2", new_key)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "key.pem").write_text(key.public_pem)
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "key.pem").symlink_to("..data/key.pem")
    watching = Watching(KeyFile(tmp_path / "key.pem"))

    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").replace(tmp_path / "..data")
    watching.look()

    assert watching.accepts(new_key)
    assert not watching.accepts(old_key)


def test_a_cached_token_of_a_key_that_left_the_file_is_refused_at_the_next_request(
    path: Path, old_key: SigningKey, new_key: SigningKey
) -> None:
    path.write_bytes(FORMS["jwks"](old_key))
    watching = Watching(KeyFile(path))
    token = mint(old_key, {})
    watching.verifier.verify(token)

    path.write_bytes(FORMS["jwks"](new_key))
    watching.look()

    with pytest.raises(UnknownKey):
        watching.verifier.verify(token)


def test_a_new_kid_is_looked_for_in_the_file_at_once(
    path: Path, old_key: SigningKey, new_key: SigningKey
) -> None:
    """The request that reveals a rotation succeeds."""
    path.write_bytes(FORMS["jwks"](old_key))
    watching = Watching(KeyFile(path))
    path.write_bytes(json.dumps(published(old_key, new_key)).encode())
    watching.a_second_passes()

    assert watching.verifier.verify(mint(new_key, {})).key_id == "new"


BROKEN: dict[str, bytes | None] = {
    "empty": b"",
    "half-written": b"-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkq",
    "no-key": b"zeta",
    "no-keys": b'{"keys": []}',
    "json-that-breaks-off": b'{"keys": [{"kty"',
    "a-java-keystore": b"\xfe\xed\xfe\xed\x00\x00\x00\x02",
    "gone": None,
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("form", ["pem", "jwks"])
def test_a_broken_replacement_keeps_the_good_keys_and_says_so_once(
    path: Path, form: str, content: bytes | None, old_key: SigningKey, new_key: SigningKey
) -> None:
    path.write_bytes(FORMS[form](old_key))
    watching = Watching(KeyFile(path))
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    for _ in range(3):
        watching.look()

    assert watching.accepts(old_key)
    assert not watching.accepts(new_key)
    [failure] = watching.told(KeyFetchFailed)
    assert failure.source == str(path)
    assert "the old keys stay in use" in failure.reason
    assert "zeta" not in failure.reason

    path.write_bytes(FORMS[form](new_key))
    watching.look()
    assert watching.accepts(new_key)


def test_a_replacement_that_the_rules_refuse_is_a_broken_one(
    path: Path, old_key: SigningKey
) -> None:
    weak = SigningKey(bits=1024)
    path.write_bytes(FORMS["pem"](old_key))
    watching = Watching(KeyFile(path))
    path.write_bytes(FORMS["pem"](weak))
    watching.look()

    assert watching.accepts(old_key)
    assert not watching.accepts(weak)
    reason = watching.told(KeyFetchFailed)[0].reason
    assert "rules of this service allow: key without a kid: RSA key of 1024 bits" in reason


def test_an_untouched_file_keeps_its_keys_and_its_verified_tokens(
    path: Path, old_key: SigningKey
) -> None:
    path.write_bytes(FORMS["pem"](old_key))
    watching = Watching(KeyFile(path))
    before = watching.source.snapshot()
    for _ in range(3):
        watching.look()

    assert watching.source.snapshot() is before


def test_the_file_of_a_secret_is_watched_too(path: Path) -> None:
    old, new = (SigningKey("HS256", private=letter * 32) for letter in (b"a", b"b"))
    path.write_bytes(old.secret)
    watching = Watching(SharedSecret.from_file(path), algorithms=["HS256"])
    path.write_bytes(new.secret + b"\n")
    watching.look()

    assert watching.accepts(new)
    with pytest.raises(BadSignature):
        watching.verifier.verify(mint(old, {}))


def test_rs_hs_confusion_a_secret_s_file_that_becomes_a_public_key_is_a_broken_one(
    path: Path, old_key: SigningKey
) -> None:
    """Whoever knows that key, which is everybody, could sign with it."""
    secret = SigningKey("HS256", private=b"a" * 32)
    path.write_bytes(secret.secret)
    watching = Watching(SharedSecret.from_file(path), algorithms=["HS256"])
    path.write_text(old_key.public_pem)
    watching.look()

    assert watching.accepts(secret)
    assert not watching.accepts(SigningKey("HS256", private=old_key.public_pem.encode()))


def test_rs_hs_confusion_a_public_key_s_file_that_becomes_a_secret_serves_no_secret(
    path: Path, old_key: SigningKey
) -> None:
    secret = SigningKey("HS256", key_id="old", private=b"a" * 32)
    path.write_bytes(FORMS["jwks"](old_key))
    watching = Watching(KeyFile(path))
    path.write_text(json.dumps({"keys": [secret.jwk()]}))
    watching.look()

    assert not watching.accepts(secret)
