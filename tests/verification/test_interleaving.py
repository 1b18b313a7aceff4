"""Verifiers whose threads halt anywhere, while keys, denials, clients and the cache change."""

from __future__ import annotations

import time
from typing import Any

from jwt_middleware import Client, ClientRegistry, Verifier
from jwt_middleware.errors import RequestError, TokenRevoked
from jwt_middleware.keys.jwk import read_jwks
from jwt_middleware.keys.key_set import KeySet
from jwt_middleware.principal import Principal
from jwt_middleware.revocation import Denial
from jwt_middleware.testing import SigningKey, mint
from jwt_middleware.verification import cache as caching
from jwt_middleware.verification import issuer as issuing
from jwt_middleware.verification.cache import TokenCache, VerifiedToken

from ..conftest import Clock
from ..interleaving import Pair, at_once, halted_anywhere
from ..revocation.test_check_changes import Edited, Rotating

KEYS = [SigningKey("ES256", key_id=f"k{number}") for number in range(2)]


def entry(name: str) -> VerifiedToken:
    anybody: Any = None
    claims = {f"claim-{name}": f"value-{name}"}
    return VerifiedToken(
        name.encode(), claims, 0, 0, anybody, KeySet(()), anybody, Principal(claims)
    )


def test_a_table_that_two_threads_fill_stays_within_its_bounds() -> None:
    def make() -> Pair:
        cache = TokenCache(2)
        cache.keep(entry("a"))
        cache.keep(entry("b"))
        c, d = entry("c"), entry("d")

        def must_hold(*_: None) -> None:
            assert len(cache) == 2
            assert {cache.find(b"c"), cache.find(b"d")} == {c, d}

        return lambda: cache.keep(c), lambda: cache.keep(d), must_hold

    halted_anywhere(make, caching)


def test_a_table_that_is_cleared_meanwhile_can_be_filled() -> None:
    def make() -> Pair:
        cache = TokenCache(1)
        cache.keep(entry("a"))

        def must_hold(*_: None) -> None:
            assert len(cache) <= 1

        return lambda: cache.keep(entry("b")), cache.clear, must_hold

    halted_anywhere(make, caching)


def test_the_headers_that_are_remembered_stay_within_their_bound(clock: Clock) -> None:
    def make() -> Pair:
        verifier = Verifier(keys=KEYS[0].jwks(), algorithms="ES256", clock=clock, api="/a")
        issuer = verifier.issuers[0]
        candidates: Any = object()
        for number in range(issuing._MOST_HEADERS - 1):
            issuer.remembered[b"%d" % number] = candidates
        raw = [
            mint(
                KEYS[0], {"http://wso2.org/claims/apicontext": "/a"}, now=clock.now, header={"n": n}
            )
            for n in range(2)
        ]

        def must_hold(*_: Principal) -> None:
            assert len(issuer.remembered) <= issuing._MOST_HEADERS

        return lambda: verifier.verify(raw[0]), lambda: verifier.verify(raw[1]), must_hold

    halted_anywhere(make, issuing)


def test_under_all_that_may_change_at_once_no_denied_token_passes(clock: Clock) -> None:
    """Keys rotate, clients and denials come and go, and the cache has less room than tokens."""
    source = Rotating()
    source.keys = read_jwks({"keys": [key.jwk() for key in KEYS]})
    kiosk = Client("kiosk")
    registry: ClientRegistry = Edited([kiosk, Client("other")])
    verifier = Verifier(
        keys=source,
        algorithms="ES256",
        client_claim="client_id",
        clients=registry,
        revocations="process-memory",
        cache_size=4,
        clock=clock,
    )
    revocations = verifier.revocations
    assert revocations is not None
    mine = [
        mint(
            KEYS[number % 2],
            {"iss": "https://a", "sub": "ana", "client_id": "kiosk", "jti": str(number)},
            now=clock.now,
        )
        for number in range(8)
    ]
    ends = time.monotonic() + 2
    counts = dict.fromkeys(("accepted", "refused", "denied"), 0)

    def verifies() -> dict[str, int]:
        mine_alone = {"accepted": 0, "refused": 0}
        while time.monotonic() < ends:
            for raw in mine:
                try:
                    verifier.verify(raw)
                    mine_alone["accepted"] += 1
                except RequestError:
                    mine_alone["refused"] += 1
                assert len(verifier._cache) <= 5  # the oldest goes when the newest is in
        return mine_alone

    def denies() -> dict[str, int]:
        denied = 0
        while time.monotonic() < ends:
            for number, raw in enumerate(mine[:2]):
                denial = Denial(token_id=str(number))
                revocations.deny(denial)
                for _ in range(3):
                    try:
                        verifier.verify(raw)
                    except TokenRevoked:
                        denied += 1
                    except RequestError:
                        pass  # its key, or its client, is not there
                    else:
                        raise AssertionError("a denied token was accepted")
                revocations.allow(denial)
        return {"denied": denied}

    def rotates() -> dict[str, int]:
        number = 0
        while time.monotonic() < ends:
            number += 1
            some = KEYS if number % 3 else KEYS[number % 2 :][:1]
            source.keys = read_jwks({"keys": [key.jwk() for key in some]})
            time.sleep(0.001)
        return {}

    def edits() -> dict[str, int]:
        number = 0
        while time.monotonic() < ends:
            number += 1
            registry.edit(Client("kiosk", enabled=number % 4 > 0))  # type: ignore[attr-defined]
            time.sleep(0.001)
        return {}

    for each in at_once(verifies, verifies, verifies, denies, rotates, edits):
        for name, count in each.items():
            counts[name] += count

    assert len(verifier._cache) <= 4
    assert min(counts.values()) > 0, counts
