"""One request, one check: whatever a token waits for, nothing is done twice."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import pytest

from jwt_middleware import Client, ClientRegistry, Principal, Revocations, Verifier
from jwt_middleware.authorization.clients import ClientTrust
from jwt_middleware.background.waiting import Wait
from jwt_middleware.errors import (
    BadSignature,
    ClientDisabled,
    ClientMismatch,
    ConfigurationError,
    InvalidClaim,
    MalformedToken,
    TokenExpired,
    TokenReused,
)
from jwt_middleware.keys.jwk import read_jwks
from jwt_middleware.keys.key import Key
from jwt_middleware.keys.key_set import KeySet
from jwt_middleware.testing import SigningKey, mint

from ..conftest import Clock
from ..revocation.test_check_changes import Edited
from .test_issuer import NEW, NEW_KEYS, OLD, OLD_KEYS, Awaited, Source

Verify = Callable[[Verifier, str], Principal]


def jwks(*keys: SigningKey) -> KeySet:
    """Keys that no verifier has prepared yet."""
    return read_jwks({"keys": [key.jwk() for key in keys]})


@pytest.fixture(params=["in a thread", "in a task"])
def verify(request: pytest.FixtureRequest) -> Verify:
    def in_thread(verifier: Verifier, token: str) -> Principal:
        return verifier.verify(token)

    def in_task(verifier: Verifier, token: str) -> Principal:
        return asyncio.run(verifier.verify_async(token))

    return in_thread if request.param == "in a thread" else in_task


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The keys by which signatures are checked, in order."""
    checked: list[str | None] = []
    prepare = Key.check_for

    def counting(self: Key, algorithm: Any) -> Any:
        check = prepare(self, algorithm)

        def count(signature: bytes, data: bytes) -> None:
            checked.append(self.key_id)
            check(signature, data)

        return count

    monkeypatch.setattr(Key, "check_for", counting)
    return checked


def asked(verifier: Verifier) -> list[bytes]:
    """The tokens' ends by which the cache is asked from now on."""
    ends: list[bytes] = []
    find = verifier._find

    def counting(tail: bytes) -> Any:
        ends.append(tail)
        return find(tail)

    verifier._find = counting  # type: ignore[method-assign]
    return ends


@pytest.mark.parametrize("cache_size", [0, 16])
def test_a_token_that_may_be_used_once_is_verified_once(
    cache_size: int, checks: list[str | None], verify: Verify
) -> None:
    store = Revocations("process-memory", one_time=True)
    verifier = Verifier(keys=OLD.public_pem, revocations=store, cache_size=cache_size)
    ends = asked(verifier)
    token = mint(OLD, {"jti": "1"})

    verify(verifier, token)
    assert (len(checks), len(ends)) == (1, 1)
    with pytest.raises(TokenReused):
        verify(verifier, token)
    assert (len(checks), len(ends)) == (1 if cache_size else 2, 2)


def test_a_token_that_waits_for_its_key_is_verified_once_and_only_by_it(
    checks: list[str | None], verify: Verify
) -> None:
    source = Source(jwks(OLD))
    source.awaited = Awaited(True, lambda: source.script.__setitem__(0, jwks(OLD, NEW)))
    verifier = Verifier(keys=source)
    ends = asked(verifier)

    assert verify(verifier, mint(NEW, {})).key_id == "new"
    assert (checks, len(ends)) == (["new"], 1)


def test_a_token_that_waits_for_its_key_and_for_its_use_is_verified_once(
    checks: list[str | None], verify: Verify
) -> None:
    source = Source(None)
    source.awaited = Awaited(True, lambda: source.script.__setitem__(0, jwks(NEW)))
    verifier = Verifier(keys=source, revocations=Revocations("process-memory", one_time=True))
    ends = asked(verifier)

    assert verify(verifier, mint(NEW, {"jti": "1"})).key_id == "new"
    assert (checks, len(ends)) == (["new"], 1)


class Rechecked(Source):
    """A source that is asked again after a bad signature."""

    def recheck(self, key_id: str | None = None) -> Wait | None:
        return self.refresh(key_id)


@pytest.mark.parametrize("is_new", [True, False], ids=["new-key", "same-key"])
def test_a_bad_signature_is_checked_once_for_each_key_and_reading(
    is_new: bool, checks: list[str | None], verify: Verify
) -> None:
    renewed = SigningKey(key_id="old")
    source = Rechecked(jwks(OLD))
    source.awaited = Awaited(True, lambda: None)
    if is_new:
        source.awaited.bring = lambda: source.script.__setitem__(0, jwks(renewed))
    verifier = Verifier(keys=source)
    ends = asked(verifier)

    if is_new:
        assert verify(verifier, mint(renewed, {})).key_id == "old"
    else:
        with pytest.raises(BadSignature):
            verify(verifier, mint(renewed, {}))
    assert checks == (["old", "old"] if is_new else ["old"])
    assert (len(ends), source.refreshes, source.awaited.waits) == (1, 1, 1)


def test_newer_keys_that_do_not_help_either_are_the_last(
    checks: list[str | None], verify: Verify
) -> None:
    renewed, forged = SigningKey(key_id="old"), SigningKey(key_id="old")
    source = Rechecked(jwks(OLD))
    source.awaited = Awaited(True, lambda: source.script.__setitem__(0, jwks(renewed)))
    verifier = Verifier(keys=source)

    with pytest.raises(BadSignature):
        verify(verifier, mint(forged, {}))
    assert (checks, source.refreshes) == (["old", "old"], 1)


def test_a_client_that_is_switched_off_while_its_token_waits_is_refused(
    verify: Verify, clock: Clock
) -> None:
    registry = Edited([Client("acme")])
    source = Source(OLD_KEYS)

    def bring() -> None:
        source.script[0] = NEW_KEYS
        registry.edit(Client("acme", enabled=False))

    source.awaited = Awaited(True, bring)
    verifier = Verifier(keys=source, clients=registry, clock=clock)
    with pytest.raises(ClientDisabled):
        verify(verifier, mint(NEW, {"client_id": "acme"}, now=clock.now))


def test_a_client_that_is_bound_while_its_token_waits_is_held_to_its_own_keys(
    verify: Verify, clock: Clock, checks: list[str | None]
) -> None:
    registry = Edited([Client("acme")])
    source = Source(OLD_KEYS)

    def bring() -> None:
        source.script[0] = NEW_KEYS
        registry.edit(Client("acme", trust=ClientTrust(keys=OLD.public_pem)))

    source.awaited = Awaited(True, bring)
    verifier = Verifier(keys=source, clients=registry, clock=clock)
    with pytest.raises(ClientMismatch):
        verify(verifier, mint(NEW, {"client_id": "acme"}, now=clock.now))


def test_what_is_begun_and_never_driven_has_no_effect() -> None:
    store = Revocations("process-memory", one_time=True)
    verifier = Verifier(keys=OLD.public_pem, revocations=store)
    token = mint(OLD, {"jti": "1"})
    for _ in range(2):
        steps: Any = verifier.begin(token)
        assert isinstance(next(steps), Wait)
        steps.close()

    assert verifier.verify(token).token_id == "1"


# --- what is refused names its reason -----------------------------------------------------------


def test_a_payload_that_is_no_object_is_named_although_its_signature_holds() -> None:
    head = mint(OLD, {}).partition(".")[0]
    signed = f"{head}.{base64.urlsafe_b64encode(b'[1]').decode().rstrip('=')}"
    signature = base64.urlsafe_b64encode(OLD.sign(signed.encode())).decode().rstrip("=")

    with pytest.raises(MalformedToken, match=r"^the payload segment is not a strict JSON object$"):
        Verifier(keys=OLD.public_pem).verify(f"{signed}.{signature}")


def test_a_claim_that_a_bound_client_must_have_is_missing_and_no_mismatch(clock: Clock) -> None:
    acme = Client("acme", required=("iss",), trust=ClientTrust(keys=OLD.public_pem))
    verifier = Verifier(keys=NEW.public_pem, clients=ClientRegistry([acme]), clock=clock)
    token = mint(OLD, {"client_id": "acme"}, now=clock.now)

    with pytest.raises(InvalidClaim) as refusal:
        verifier.verify(token)
    assert (refusal.value.claim, refusal.value.reason) == ("iss", "missing")


@pytest.mark.parametrize("issuers", [5, "https://a", [], [5], {"https://a": "keys"}])
def test_issuers_are_a_list_of_issuers(issuers: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^issuers: "):
        Verifier(issuers=issuers)


def test_a_max_age_may_be_a_part_of_a_second(clock: Clock) -> None:
    verifier = Verifier(keys=OLD.public_pem, max_age=0.5, leeway=0, clock=clock)
    token = mint(OLD, {"iat": clock.now}, now=clock.now)
    clock.now += 0.5
    verifier.verify(token)
    clock.now += 0.25

    with pytest.raises(TokenExpired):
        verifier.verify(token)


def test_a_verifier_without_keys_is_not_ready_although_its_deny_list_is() -> None:
    verifier = Verifier(keys=Source(None), revocations="process-memory")

    assert verifier.health()["ready"] is False
