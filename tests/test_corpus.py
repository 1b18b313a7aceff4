"""The corpus of ``standard`` tokens, judged by the RFCs: what is wrong is never taken."""

from __future__ import annotations

import time

import pytest

from jwt_middleware import AuthenticationError, Verifier

from .corpus.corpus import every_case
from .corpus.workshop import AUDIENCES, ISSUER, LEEWAY, ByRFC, Case, Workshop

Judged = list[tuple[Case, AuthenticationError | None]]
"""Each case, and why it was refused, if it was."""


@pytest.fixture(scope="module")
def judged() -> Judged:
    shop = Workshop(time.time())
    now = float(shop.now)
    verifier = Verifier(
        keys=shop.jwks,
        gateway="standard",
        issuer=ISSUER,
        audience=AUDIENCES,
        leeway=LEEWAY,
        clock=lambda: now,
    )
    found: Judged = []
    for case in every_case(shop):
        try:
            verifier.authenticate([case.token.encode("latin-1")])
        except AuthenticationError as refused:
            found.append((case, refused))
        else:
            found.append((case, None))
    return found


def test_nothing_is_taken_that_the_rfcs_refuse(judged: Judged) -> None:
    taken = [case.name for case, refused in judged if case.by_rfc is ByRFC.BAD and refused is None]

    assert taken == []
    assert sum(case.by_rfc is ByRFC.BAD for case, _ in judged) > 500


def test_nothing_is_refused_that_the_rfcs_want_taken(judged: Judged) -> None:
    refused = [(case.name, why) for case, why in judged if case.by_rfc is ByRFC.GOOD and why]

    assert refused == []
    assert sum(case.by_rfc is ByRFC.GOOD for case, _ in judged) > 80
