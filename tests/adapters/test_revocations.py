"""Revoked and used tokens at every door, also those that it has taken before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import Revocations
from jwt_middleware.revocation import Denial, open_store
from jwt_middleware.revocation.store import MemoryStore
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from .apps import DOORS, Door
from .conformance import JROE, JWT, NOW
from .harness import Answer

ALL_DOORS = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
SUBJECT = JROE["subject"]


def build(door: Door, key: SigningKey, revocations: Any, **options: Any) -> Any:
    needed = {"keys": key.certificate_pem, "clock": lambda: NOW, "revocations": revocations}
    return door.build(needed | options)


def ask(door: Door, app: Any, token: str) -> Answer:
    return door.ask(app, "GET", "/who", [(JWT, token)])


def code(answer: Answer) -> Any:
    return answer.json().get("code") if answer.status != 200 else None


@ALL_DOORS
@pytest.mark.parametrize("kind", ["process-memory", "sqlite"])
def test_a_token_that_was_taken_before_is_refused_once_it_is_revoked(
    door: Door, kind: str, rsa_key: SigningKey, tmp_path: Path
) -> None:
    url = kind if kind != "sqlite" else f"sqlite:///{tmp_path}/store.db"
    store = open_store(url, clock=lambda: NOW)
    app = build(door, rsa_key, Revocations(store))
    token = mint(rsa_key, ucsd_claims(), now=NOW)
    first = [ask(door, app, token) for _ in range(2)]
    store.deny(Denial(subject=SUBJECT))
    then = [ask(door, app, token) for _ in range(2)]
    store.allow(Denial(subject=SUBJECT))
    last = ask(door, app, token)
    store.close()

    assert [answer.json() for answer in first] == [JROE, JROE]
    assert [(answer.status, code(answer)) for answer in then] == [(401, "token_revoked")] * 2
    assert last.status == 200


@ALL_DOORS
@pytest.mark.parametrize("kind", ["process-memory", "sqlite"])
@pytest.mark.parametrize("cache_size", [0, 16])
def test_a_token_that_may_be_used_once_is(
    door: Door, kind: str, cache_size: int, rsa_key: SigningKey, tmp_path: Path
) -> None:
    url = kind if kind != "sqlite" else f"sqlite:///{tmp_path}/store.db"
    option = Revocations(url, one_time=True)
    app = build(door, rsa_key, option, cache_size=cache_size)
    tokens = [mint(rsa_key, ucsd_claims() | {"jti": f"t-{n}"}, now=NOW) for n in range(2)]

    answers = [ask(door, app, token) for token in (tokens[0], tokens[0], tokens[1], tokens[0])]

    assert [(answer.status, code(answer)) for answer in answers] == [
        (200, None),
        (401, "token_reused"),
        (200, None),
        (401, "token_reused"),
    ]


@ALL_DOORS
def test_a_used_token_is_refused_wherever_the_header_is_read(
    door: Door, rsa_key: SigningKey
) -> None:
    """``optional`` lets in who sends no token, and nobody with a bad one."""
    store = MemoryStore(clock=lambda: NOW)
    app = build(door, rsa_key, Revocations(store, one_time=True), optional=True)
    token = mint(rsa_key, ucsd_claims(), now=NOW)

    assert [ask(door, app, token).status for _ in range(3)] == [200, 401, 401]
    assert door.ask(app, "GET", "/who").status == 200
