"""What the tests of the adapters share: options that verify, and headers of proven callers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jwt_middleware.testing import SigningKey, mint, ucsd_claims

Caller = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def options(rsa_key: SigningKey) -> dict[str, Any]:
    return {"keys": rsa_key.certificate_pem, "api": "/echo"}


@pytest.fixture
def caller(rsa_key: SigningKey) -> Caller:
    """The headers of a caller whom the gateway has proven; changes are WSO2 claims."""

    def headers(**changes: str) -> list[tuple[str, str]]:
        return [("X-JWT-Assertion", mint(rsa_key, ucsd_claims(**changes)))]

    return headers
