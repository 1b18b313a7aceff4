"""A token that was verified before is found at every door, whatever else is configured."""

from __future__ import annotations

from typing import Any

import pytest

from jwt_middleware import has_role
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from ..kit import Events
from .apps import DOORS, Door
from .conformance import JWT, NOW


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"exempt": ("/health",)},
        {"optional": ("/files/*",)},
        {"cors_preflight": "pass"},
        {"authorize": has_role("Internal/everyone")},
    ],
    ids=lambda options: next(iter(options), "nothing"),
)
def test_a_repeated_token_is_not_verified_again(
    door: Door, options: dict[str, Any], rsa_key: SigningKey, events: Events
) -> None:
    needed = {"keys": rsa_key.certificate_pem, "clock": lambda: NOW, "listeners": [events]}
    app = door.build(needed | options)
    token = mint(rsa_key, ucsd_claims(), now=NOW)

    for _ in range(3):
        assert door.ask(app, "GET", "/who", [(JWT, token)]).status == 200
    assert events.cached == [False, True, True]
