"""What the tests of all conditions share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jwt_middleware import Predicate, Principal, RequestView
from jwt_middleware.authorization.predicate import Evaluation
from jwt_middleware.principal import ClaimNames, ListClaim

NAMES = ClaimNames(
    subject=("sub",),
    client_id=("client_id",),
    roles=(ListClaim("roles"),),
    permissions=(ListClaim("permissions"),),
)

Verdict = Callable[..., bool | None]


@pytest.fixture
def verdict() -> Verdict:
    """The truth value of a predicate for a principal with these claims."""

    def decide(
        predicate: Predicate, claims: dict[str, Any] | None, request: RequestView | None = None
    ) -> bool | None:
        principal = None if claims is None else Principal(claims, names=NAMES)
        found = predicate.verdict(Evaluation(principal, request))
        assert predicate.evaluate(principal, request).allowed is (found is True)
        return found

    return decide
