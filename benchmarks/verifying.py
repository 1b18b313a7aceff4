"""Misses, hits, refusals and key sets: what verifying costs, beside the bare signature check."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from jwt_middleware import RequestError, Verifier
from jwt_middleware.testing import SigningKey, mint

from .material import (
    ALGORITHMS,
    HAS_SPEED,
    LIFETIME,
    TRUE_FORM,
    large_claims,
    material,
    raw_verify,
    verifier,
    with_speed,
    without_speed,
)
from .measuring import Case, Effort, Section
from .peers import PEERS, Reading, reading

MANY = 5_000
SET_SIZES = (1, 10, 100, 1_000)
RAW = "raw cryptography verify"


def misses() -> Iterator[Section]:
    """Yield a section for each algorithm and token: parsed and verified anew at each call."""
    for algorithm in ALGORITHMS:
        for size in ("wso2", "small"):
            yield _miss(algorithm, size)


def _miss(algorithm: str, size: str) -> Section:
    kind = material(algorithm, size)
    raw_token = kind.token.encode()
    fresh = verifier(kind, cache_size=0)
    cases = [Case(RAW, raw_verify(kind, kind.token))]
    if HAS_SPEED:
        cases.append(Case("this, with speed", lambda: fresh.verify(raw_token), "", with_speed))
    cases.append(Case("this, without speed", lambda: fresh.verify(raw_token), "", without_speed))
    if HAS_SPEED and size == "wso2":
        url_safe = kind.url_safe.encode()
        cases.append(
            Case("this, with speed, url-safe", lambda: fresh.verify(url_safe), "", with_speed)
        )
    for peer in PEERS:
        if peer.version is None:
            continue
        if peer.name == "PyJWT + PyJWKClient" and algorithm == "HS256":
            continue  # it takes no secrets
        found = reading(peer, kind)
        cases.append(Case(f"{peer.name} {peer.version}", _timed(found), found.note, with_speed))
    return Section(f"miss, {algorithm}, {size} ({len(raw_token):,} B)", RAW, cases)


def _timed(found: Reading) -> Callable[[], object]:
    decode, token = found.decode, found.token
    return lambda: decode(token)


def hits(effort: Effort) -> Iterator[Section]:
    """Yield tokens that were verified before: one again and again, and thousands in turn."""
    kind = material("RS256", "wso2")
    known = verifier(kind, cache_size=MANY + 10)
    raw_token = kind.token.encode()
    known.verify(raw_token)
    many = [
        mint(kind.key, large_claims() | {"n": number}, form=TRUE_FORM, lifetime=LIFETIME).encode()
        for number in range(MANY if effort.rounds > 3 else 200)
    ]
    for each in many:
        known.verify(each)
    text = kind.token
    cycle = iter(_forever([*many]))
    view = memoryview(raw_token)
    yield Section(
        "hit, RS256, wso2",
        RAW,
        [
            Case(RAW, raw_verify(kind, kind.token)),
            # A server gives new bytes each time, so the copy is a part of it.
            Case("this, hot, bytes", lambda: known.verify(bytes(view))),
            Case("this, hot, str", lambda: known.verify(text)),
            Case(f"this, {len(many):,} tokens in turn", lambda: known.verify(bytes(next(cycle)))),
            Case("the copy alone", lambda: bytes(view)),
        ],
    )


def _forever(views: list[bytes]) -> Iterator[memoryview]:
    found = [memoryview(each) for each in views]
    while True:
        yield from found


def refusals() -> Iterator[Section]:
    """Yield what refusing costs, each by its cause."""
    kind = material("RS256", "wso2")
    ours = verifier(kind, cache_size=0)
    token = kind.token
    ours.verify(token)
    other = SigningKey("RS256", key_id="another")
    head, _, tail = token.rpartition(".")
    bad = head + "." + ("A" if tail[0] != "A" else "B") + tail[1:]
    claims = large_claims()

    def minted(key: SigningKey, **header: Any) -> str:
        return mint(key, claims, form=TRUE_FORM, lifetime=LIFETIME, header=header)

    values = {
        "oversized, 20 KB": "x" * 20_000,
        "oversized, 1 MB": "x" * 1_000_000,
        "garbage, 2.6 KB": "a" * 2_600,
        "wrong algorithm": minted(kind.key, alg="HS256"),
        "alg none": minted(kind.key, alg="none"),
        "unknown key": minted(other),
        "bad signature": bad,
        "expired": mint(kind.key, claims, form=TRUE_FORM, lifetime=-600),
    }
    cases = [Case(RAW, raw_verify(kind, token))]
    cases += [Case(name, _refused(ours, value.encode())) for name, value in values.items()]
    yield Section("refusal, RS256, wso2", RAW, cases)


def _refused(ours: Verifier, value: bytes) -> Callable[[], object]:
    def call() -> None:
        try:
            ours.verify(value)
        except RequestError:
            return
        raise AssertionError("it was accepted")

    return call


def key_sets() -> Iterator[Section]:
    """Yield a miss with a JWKS of 1 to 1,000 keys, the last of which has signed."""
    kind = material("RS256", "wso2")
    raw_token = kind.token.encode()
    filler = SigningKey("RS256").jwk()
    cases = [Case(RAW, raw_verify(kind, kind.token))]
    for size in SET_SIZES:
        # The product keeps 100 keys of a document, so more come in several.
        others = [{**filler, "kid": f"other-{n}"} for n in range(size - 1)]
        documents = [{"keys": others[i : i + 99]} for i in range(0, len(others), 99)]
        documents.append({"keys": [kind.key.jwk()]})
        ours = verifier(kind, keys=documents, cache_size=0)
        cases.append(Case(f"this, {size:,} keys", _verified(ours, raw_token)))
    yield Section("miss by the size of the key set, RS256, wso2", RAW, cases)


def _verified(ours: Verifier, token: bytes) -> Callable[[], object]:
    return lambda: ours.verify(token)


def quiet() -> None:
    """Let nobody listen: the log of a benchmark is nobody's, and the peers warn of themselves."""
    warnings.simplefilter("ignore")
    logging.getLogger("jwt_middleware").setLevel(logging.CRITICAL)
