"""Envoy as a second judge of tokens: each of our differences has its reason, and no other is there.

Envoy's filter ``jwt_authn`` and our ``standard`` gateway are configured alike: one issuer, its
audiences, its keys, the same leeway, and an ``exp`` that must be there.
"""

from __future__ import annotations

import json
import time
from contextlib import closing
from http.client import HTTPConnection
from typing import Any, NamedTuple

import pytest

from jwt_middleware import AuthenticationError, Verifier

from ..corpus.corpus import every_case
from ..corpus.workshop import AUDIENCES, ISSUER, LEEWAY, ByRFC, Case, Workshop
from ..servers.running import ask, free_port
from .envoy import WORDS, configuration
from .envoy_differences import table
from .programs import installed, running

pytestmark = pytest.mark.external

REFUSALS = {400, 401, 403, 431}


class Judged(NamedTuple):
    case: Case
    by_us: bool
    by_envoy: bool

    @property
    def accepted_by(self) -> str | None:
        """Who alone accepts it; None where both say the same."""
        if self.by_us == self.by_envoy:
            return None
        return "we" if self.by_us else "Envoy"


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> list[Judged]:
    """Every case, as both judge it in one moment."""
    folder, port, shop = tmp_path_factory.mktemp("envoy"), free_port(), Workshop(time.time())
    cases = every_case(shop)
    configured = folder / "envoy.json"
    configured.write_text(json.dumps(configuration(port, {"issuer": provider(shop.jwks)})))
    verifier = Verifier(
        keys=shop.jwks, gateway="standard", issuer=ISSUER, audience=AUDIENCES, leeway=LEEWAY
    )
    command = [installed("envoy"), "-c", configured, *WORDS]
    with (
        running(command, folder, port=port) as envoy,
        closing(envoy.connect()) as connection,
    ):
        found = [
            Judged(case, accepts(verifier, case), envoy_accepts(connection, case)) for case in cases
        ]
    assert time.time() < shop.now + 10, "too slow: the cases near an edge of time are past it"
    return found


def accepts(verifier: Verifier, case: Case) -> bool:
    try:
        verifier.authenticate([case.token.encode("latin-1")])
    except AuthenticationError:
        return False
    return True


def envoy_accepts(connection: HTTPConnection, case: Case) -> bool:
    answer = ask(connection, "/issuer/", f"X-JWT-Assertion: {case.token}")
    assert answer.status == 200 or answer.status in REFUSALS, (case.name, answer)
    return answer.status == 200


def provider(jwks: dict[str, Any]) -> dict[str, Any]:
    return {
        "issuer": ISSUER,
        "audiences": list(AUDIENCES),
        "clock_skew_seconds": LEEWAY,
        "require_expiration": True,
        "from_headers": [{"name": "X-JWT-Assertion"}],
        "local_jwks": {"inline_string": json.dumps(jwks)},
    }


def test_every_difference_stands_in_the_table_and_every_row_is_one(judged: list[Judged]) -> None:
    found = {each.case.name: each.accepted_by for each in judged if each.accepted_by is not None}

    assert found == table()


def test_envoy_too_takes_what_the_rfcs_want_taken(judged: list[Judged]) -> None:
    good = [each for each in judged if each.case.by_rfc is ByRFC.GOOD]

    assert [each.case.name for each in good if not each.by_envoy] == []
