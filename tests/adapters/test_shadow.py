"""Guards in shadow mode, and predicates that go wrong, at every adapter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import Verifier, policy, predicate
from jwt_middleware.events.kinds import Decided
from jwt_middleware.testing import SigningKey

from .client_cases import (
    ACME_ADMIN,
    ACME_TOKEN,
    DENIED,
    STARK_TOKEN,
    client_options,
    registry,
    sent,
)
from .rule_apps import ADAPTERS, PLAIN_DOORS, Adapter, Rule, said

ALL = pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda each: each.name)


@pytest.fixture(scope="module")
def options(rsa_key: SigningKey) -> dict[str, Any]:
    return client_options(rsa_key)


@pytest.fixture(scope="module")
def headers(rsa_key: SigningKey) -> Any:
    return lambda claims: sent(rsa_key, claims)


# --- shadow mode -----------------------------------------------------------------------------


def watched(options: dict[str, Any], **more: Any) -> tuple[Verifier, list[Decided]]:
    told: list[Decided] = []

    def listen(event: Any) -> None:
        if isinstance(event, Decided) and event.would_refuse:
            told.append(event)

    return Verifier(**(options | more), listeners=(listen,)), told


@ALL
def test_a_guard_in_shadow_mode_serves_and_reports_what_it_would_refuse(
    adapter: Adapter, options: dict[str, Any], headers: Any
) -> None:
    verifier, told = watched(options)
    app = adapter.build([Rule("/x", ACME_ADMIN, enforce=False)], {"verifier": verifier})

    assert said(app.get("/x", headers(ACME_TOKEN))) == (200, None)
    assert (told, verifier.health()["would_refuse"]) == ([], 0)

    assert said(app.get("/x", headers(STARK_TOKEN))) == (200, None)
    [event] = told
    assert (event.allowed, event.client_id) == (True, "stark_ind")
    assert event.would_refuse == ("insufficient_permission",)
    assert event.guard == "client('acme_corp') & has_role(...)"
    assert event.decision.leaf == "client('acme_corp')"
    assert event.decision.held == "client stark_ind"
    assert event.path == "/x"
    assert verifier.health()["would_refuse"] == 1
    assert said(app.get("/x")) == (401, "missing_token")
    assert len(told) == 1


@ALL
def test_a_policy_in_shadow_mode_serves_and_reports_what_it_would_refuse(
    adapter: Adapter, options: dict[str, Any], headers: Any, tmp_path: Path
) -> None:
    enforced = '"catalogue.read" = { any = ['
    clients = registry(tmp_path, enforced, enforced.replace("any", "enforce = false, any"))
    verifier, told = watched(options, clients=clients)
    app = adapter.build([Rule("/x", policy("catalogue.read"))], {"verifier": verifier})

    assert said(app.get("/x", headers({**ACME_TOKEN, "roles": []}))) == (200, None)
    [event] = told
    assert event.decision.leaf.startswith("policy('catalogue.read'): has_role('acme_")
    assert verifier.health()["would_refuse"] == 1
    assert said(app.get("/x", headers(STARK_TOKEN))) == DENIED  # its entry has no such policy
    assert said(app.get("/x")) == (401, "missing_token")


# --- predicates that go wrong ----------------------------------------------------------------


def _raises(principal: Any, request: Any) -> bool:
    raise LookupError("of the app")


async def _later() -> bool:
    return True


WRONG: Mapping[str, Any] = {
    "raises": _raises,
    "1": lambda principal, request: 1,
    "yes": lambda principal, request: "yes",
    "None": lambda principal, request: None,
    "a coroutine": lambda principal, request: _later(),
}


@ALL
@pytest.mark.parametrize("wrong", WRONG)
def test_a_predicate_that_says_neither_true_nor_false_denies_and_so_does_its_opposite(
    adapter: Adapter, wrong: str, options: dict[str, Any], headers: Any
) -> None:
    says = predicate(WRONG[wrong])
    app = adapter.build([Rule("/x", says), Rule("/not", ~says)], options)

    assert [said(app.get(path, headers(ACME_TOKEN))) for path in ("/x", "/not")] == [DENIED, DENIED]


@pytest.mark.parametrize("door", PLAIN_DOORS, ids=lambda each: each.name)
@pytest.mark.parametrize("wrong", WRONG)
def test_authorize_denies_by_such_a_predicate_too(
    door: Adapter, wrong: str, options: dict[str, Any], headers: Any
) -> None:
    app = door.build((), {**options, "authorize": predicate(WRONG[wrong])})

    assert said(app.get("/", headers(ACME_TOKEN))) == DENIED
