"""Revoked and used tokens at a verifier: the next request knows, verified before or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jwt_middleware import (
    Client,
    ClientRegistry,
    Revocations,
    TokenRevoked,
    Verifier,
)
from jwt_middleware.events.kinds import Decided, DenialsLoaded
from jwt_middleware.keys.sources import PEM
from jwt_middleware.revocation import Denial
from jwt_middleware.revocation.store import MemoryStore
from jwt_middleware.revocation.watch import DenialWatch
from jwt_middleware.testing import SigningKey, mint
from jwt_middleware.verification.issuer import IssuerVerifier

from ..conftest import Clock, recalled

KEY = SigningKey("ES256", key_id="k")
CLAIMS = {"iss": "https://a", "sub": "jroe", "client_id": "kiosk", "jti": "t-1"}


def verifier_of(clock: Clock, revocations: Any = "process-memory", **more: Any) -> Verifier:
    options: dict[str, Any] = {
        "keys": KEY.jwks(),
        "algorithms": "ES256",
        "client_claim": "client_id",
        "clock": clock,
        "revocations": revocations,
    }
    return Verifier(**options | more)


def token(clock: Clock, **claims: Any) -> str:
    mine = CLAIMS | {"iat": clock.now} | claims
    return mint(KEY, {name: v for name, v in mine.items() if v is not None}, now=clock.now)


def deny(verifier: Verifier, **names: Any) -> None:
    assert verifier.revocations is not None
    verifier.revocations.deny(Denial(**names))


def refused(verifier: Verifier, raw: str) -> None:
    with pytest.raises(TokenRevoked):
        verifier.verify(raw)


def unchecked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the signatures that are checked from now on."""
    checks: list[int] = []
    verify = IssuerVerifier.verify

    def counting(self: IssuerVerifier, *arguments: Any) -> Any:
        checks.append(1)
        return verify(self, *arguments)

    monkeypatch.setattr(IssuerVerifier, "verify", counting)
    return checks


@pytest.fixture(params=[True, False], ids=["cached", "new"])
def warm(request: pytest.FixtureRequest) -> Callable[[Verifier, str], None]:
    """Verify a token before, or do not."""

    def verify(verifier: Verifier, raw: str) -> None:
        if request.param:
            verifier.verify(raw)

    return verify


Warm = Callable[[Verifier, str], None]


@pytest.mark.parametrize("chosen_by", ["kid", "kid of a JWKS that has none", "kid and x5t"])
def test_a_key_without_a_kid_is_denied_by_the_kid_that_its_tokens_name(
    chosen_by: str, clock: Clock, warm: Warm
) -> None:
    """A PEM has no kid, and the key that leaked would otherwise go on signing."""
    keys: Any = PEM(KEY.certificate_pem)
    if "JWKS" in chosen_by:
        keys = {"keys": [{k: v for k, v in each.items() if k != "kid"} for each in _jwks()]}
    more = {"x5t": KEY.x5t(as_hex=True)} if "x5t" in chosen_by else {}
    raw = mint(KEY, CLAIMS, now=clock.now, header={"kid": "k", **more})
    of_another = mint(KEY, CLAIMS, now=clock.now, header={"kid": "k-2", **more})
    of_none = mint(KEY, CLAIMS, now=clock.now, header={"kid": None, **more})
    verifier = verifier_of(clock, keys=keys)
    assert verifier_of(clock, keys=keys).verify(raw).key_id is None
    warm(verifier, raw)
    deny(verifier, key_id="k")

    refused(verifier, raw)
    verifier.verify(of_another)
    verifier.verify(of_none)


def _jwks() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = KEY.jwks()["keys"]
    return found


@pytest.mark.parametrize(
    "name",
    [
        {"token_id": "t-1"},
        {"subject": "jroe"},
        {"client_id": "kiosk"},
        {"key_id": "k"},
        {"issuer": "https://a"},
        {"subject": "jroe", "issuer": "https://a"},
    ],
    ids="-".join,
)
def test_a_denial_takes_effect_on_the_next_request(
    name: dict[str, str], warm: Warm, clock: Clock
) -> None:
    verifier = verifier_of(clock)
    raw = token(clock)
    other = token(clock, iss="https://b", sub="b", client_id="b", jti="b")
    warm(verifier, raw)
    deny(verifier, **name)

    refused(verifier, raw)
    refused(verifier, raw)
    if "key_id" not in name:
        assert verifier.verify(other).subject == "b"
    assert verifier.revocations is not None
    assert verifier.revocations.allow(Denial(**name))
    assert verifier.verify(raw).subject == "jroe"


@pytest.mark.parametrize("cache_size", [0, 16])
def test_it_holds_with_and_without_a_cache(cache_size: int, clock: Clock) -> None:
    verifier = verifier_of(clock, cache_size=cache_size)
    raw = token(clock)
    verifier.verify(raw)
    deny(verifier, subject="jroe")

    refused(verifier, raw)
    refused(verifier, f" {raw} ")


def test_tokens_issued_before_a_time_are_distinguished_from_newer_ones(
    warm: Warm, clock: Clock
) -> None:
    verifier = verifier_of(clock)
    old, none = token(clock), token(clock, iat=None, jti="t-0")
    # WSO2 writes milliseconds: read as seconds, every token would be new for ever.
    old_ms = token(clock, iat=int(clock.now * 1000), jti="t-ms")
    clock.now += 10
    new, new_ms = token(clock, jti="t-2"), token(clock, iat=int(clock.now * 1000), jti="t-3")
    for raw in (old, none, old_ms, new, new_ms):
        warm(verifier, raw)
    deny(verifier, subject="jroe", issued_before=clock.now)

    for raw in (old, none, old_ms):
        refused(verifier, raw)
    for raw in (new, new_ms):
        assert verifier.verify(raw).subject == "jroe"


def test_a_denial_that_ends_lets_the_token_in_again(warm: Warm, clock: Clock) -> None:
    verifier = verifier_of(clock)
    raw = token(clock)
    warm(verifier, raw)
    deny(verifier, subject="jroe", until=clock.now + 60)
    refused(verifier, raw)
    clock.now += 60

    assert verifier.verify(raw).subject == "jroe"


def test_a_changed_list_checks_no_signature_again(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Any] = []
    verifier = verifier_of(clock, listeners=[events.append])
    raw = token(clock)
    verifier.verify(raw)
    checks = unchecked(monkeypatch)
    deny(verifier, subject="somebody else")
    first = verifier.verify(raw)
    hit = recalled(verifier, raw)
    deny(verifier, subject="jroe")
    refused(verifier, raw)

    assert hit is first
    assert checks == []
    allowed = [each for each in events if isinstance(each, Decided) and each.allowed]
    assert [each.cached for each in allowed] == [False, True, True]


def test_beside_a_registry_both_must_stand(clock: Clock) -> None:
    registry = ClientRegistry([Client("kiosk")])
    verifier = verifier_of(clock, clients=registry)
    raw = token(clock)
    first = verifier.verify(raw)
    assert recalled(verifier, raw) is first
    deny(verifier, subject="somebody else")
    assert recalled(verifier, raw) is None
    assert verifier.verify(raw) is first
    assert recalled(verifier, raw) is first
    deny(verifier, client_id="kiosk")

    refused(verifier, raw)


def test_the_event_says_whose_token_it_is_and_the_error_names_the_rule_only(clock: Clock) -> None:
    events: list[Any] = []
    verifier = verifier_of(clock, listeners=[events.append])
    raw = token(clock)
    verifier.verify(raw)
    deny(verifier, subject="jroe", issued_before=clock.now + 9, note="left the company")
    refused(verifier, raw)
    told = [each for each in events if isinstance(each, Decided) and each.code]

    assert [(e.code, e.subject, e.client_id, e.token_id, e.key_id) for e in told] == [
        ("token_revoked", "jroe", "kiosk", "t-1", "k")
    ]
    assert told[0].reason == "the subject is denied, for tokens issued before a time"
    assert [each.denials for each in events if isinstance(each, DenialsLoaded)] == [0, 1]
    assert sum(isinstance(each, Decided) and each.allowed for each in events) == 1


@pytest.mark.parametrize(
    "names, reason",
    [
        ({"subject": "jroe"}, "the subject is denied"),
        ({"client_id": "kiosk"}, "the client id is denied"),
        ({"token_id": "t-1"}, "the token id is denied"),
    ],
)
def test_the_reason_names_the_rule_in_words(
    names: dict[str, str], reason: str, clock: Clock
) -> None:
    verifier = verifier_of(clock)
    deny(verifier, **names)
    with pytest.raises(TokenRevoked) as refusal:
        verifier.verify(token(clock))

    assert refusal.value.reason == reason


@pytest.mark.parametrize("given", ["process-memory", MemoryStore()], ids=["url", "store"])
def test_a_closed_check_looks_no_more_and_closes_only_a_store_of_its_own(
    given: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[object] = []
    for kind in (DenialWatch, MemoryStore):
        monkeypatch.setattr(kind, "close", lambda self, kind=kind: closed.append(kind))
    verifier_of(clock, Revocations(given)).close()

    assert closed == ([DenialWatch, MemoryStore] if isinstance(given, str) else [DenialWatch])
