"""What the tests of the adapters share: options that verify, and headers of proven callers."""

from __future__ import annotations

import gc
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from .conformance import Tokens

Caller = Callable[..., list[tuple[str, str]]]


_count = itertools.count()


@pytest.fixture(autouse=True)
def _without_apps_of_before() -> None:
    """Free what earlier tests made, now and then: a new app asks whose every guard alive is."""
    if next(_count) % 10 == 0:
        gc.collect()


@pytest.fixture
def options(rsa_key: SigningKey) -> dict[str, Any]:
    return {"keys": rsa_key.certificate_pem, "api": "/echo"}


@pytest.fixture
def caller(rsa_key: SigningKey) -> Caller:
    """The headers of a caller whom the gateway has proven; changes are WSO2 claims."""

    def headers(**changes: str) -> list[tuple[str, str]]:
        return [("X-JWT-Assertion", mint(rsa_key, ucsd_claims(**changes)))]

    return headers


@pytest.fixture(scope="session")
def tokens(rsa_key: SigningKey, other_rsa_key: SigningKey) -> Tokens:
    return Tokens(rsa_key, other_rsa_key)


def decisions(written: str) -> list[dict[str, Any]]:
    """The lines of requests that ``JSONLines`` has written."""
    lines = [json.loads(line) for line in written.splitlines()]
    return [line for line in lines if "http.request.method" in line]


def check_no_secret(text: str, tokens: Tokens) -> None:
    pieces = {piece for token in tokens.values() for piece in token.split(".") if piece}
    assert [piece for piece in pieces if piece in text] == []
    assert "jroe@example.edu" not in text
    assert "Internal/everyone" not in text
