"""The option ``revocations``: what it may say, and what a mistake in it tells."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from jwt_middleware import (
    ConfigurationError,
    Revocations,
)
from jwt_middleware.revocation import open_store
from jwt_middleware.revocation.store import MemoryStore

from ..conftest import Clock
from .test_check import deny, refused, token, verifier_of


@pytest.mark.parametrize(
    "wrong, told",
    [
        (5, "an int"),
        ("", "the store's URL"),
        ("memcached://h", "the store's URL"),
        (["process-memory"], "a list"),
        (True, "a bool"),
    ],
)
def test_a_wrong_option_says_what_would_be_right(wrong: Any, told: str, clock: Clock) -> None:
    with pytest.raises(ConfigurationError, match=told):
        verifier_of(clock, wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"fail": "half"},
        {"fail": None},
        {"one_time": "yes"},
        {"keep_for": 0},
        {"keep_for": True},
        {"url": 5},
        {"url": "x://h"},
    ],
)
def test_wrong_fields_are_reported(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Revocations(**{"url": "process-memory"} | wrong)


def test_its_repr_has_no_password() -> None:
    option = Revocations("redis://u:hidden@h:7000/1", fail="open")

    assert repr(option) == (
        "Revocations('redis://h:7000/1', fail='open', one_time=False, keep_for=86400)"
    )


def test_a_denial_ends_when_the_option_says_so(clock: Clock) -> None:
    store = open_store("process-memory", clock=clock)
    verifier = verifier_of(clock, Revocations(store, keep_for=600))
    deny(verifier, subject="jroe")
    deny(verifier, subject="late", until=clock.now + 900)

    found = {each.subject: each.until for each in store.denials()}
    assert found == {"jroe": clock.now + 600, "late": clock.now + 900}
    clock.now += 600
    assert verifier.verify(token(clock)).subject == "jroe"


def test_one_open_store_may_serve_several(clock: Clock) -> None:
    store = open_store("process-memory", clock=clock)
    one, other = (verifier_of(clock, Revocations(store)) for _ in range(2))
    raw = token(clock)
    other.verify(raw)
    one.verify(raw)
    deny(one, subject="jroe")

    refused(one, raw)
    refused(other, raw)
    one.close()
    assert isinstance(store, MemoryStore)
    assert len(store.denials()) == 1


def test_who_configures_no_store_imports_none() -> None:
    program = (
        "import sys, jwt_middleware.asgi, jwt_middleware.wsgi\n"
        "jwt_middleware.Revocations\n"
        "print([n for n in ('sqlite3', 'redis', 'jwt_middleware.revocation.store')"
        " if n in sys.modules])"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True
    )

    assert told.stdout.strip() == "[]"
