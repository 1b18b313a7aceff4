"""The six clients at every adapter: what each token may do, and that none may do another's."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import (
    ConfigurationError,
    attribute,
    authenticated,
    client,
    has_role,
    path_param,
)
from jwt_middleware.testing import SigningKey

from . import client_cases as at
from .client_cases import (
    ACME_TOKEN,
    CASES,
    DENIED,
    GLOBEX_TOKEN,
    INVALID,
    STARK_TOKEN,
    UNKNOWN,
    Case,
    best,
)
from .rule_apps import ADAPTERS, PLAIN_DOORS, Adapter, App, Rule, said

PLAIN_CASES = [case for case in CASES if case.path in at.AUTHORIZE]
PAIRS = list(permutations(at.CLIENTS, 2))
ALL = pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda each: each.name)
AT_EVERY_DOOR = pytest.mark.parametrize(
    "door", [*ADAPTERS, *PLAIN_DOORS], ids=lambda each: each.name
)
AT_PLAIN_DOORS = pytest.mark.parametrize("door", PLAIN_DOORS, ids=lambda each: each.name)
ANYBODY = [Rule("/who", authenticated)]


@pytest.fixture(scope="module")
def options(rsa_key: SigningKey) -> dict[str, Any]:
    return at.client_options(rsa_key)


@pytest.fixture(scope="module")
def built(options: dict[str, Any]) -> Callable[[Adapter], App]:
    """One app an adapter with all the rules, made once."""
    made: dict[str, App] = {}

    def find(adapter: Adapter) -> App:
        if adapter.name not in made:
            made[adapter.name] = adapter.build(at.RULES, options)
        return made[adapter.name]

    return find


@pytest.fixture(scope="module")
def headers(rsa_key: SigningKey) -> Any:
    return lambda claims: at.sent(rsa_key, claims)


def everywhere(ask: Callable[[App], Any], built: Any) -> dict[str, Any]:
    """What every adapter says."""
    return {adapter.name: said(ask(built(adapter))) for adapter in ADAPTERS}


# --- the six clients -------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name} {case.path}")
def test_a_token_may_do_what_its_clients_entry_grants_and_no_more(
    case: Case, built: Any, headers: Any
) -> None:
    answers = everywhere(lambda app: app.get(case.path, headers(case.claims)), built)

    assert answers == dict.fromkeys(answers, (case.status, case.code))


@pytest.mark.parametrize("case", PLAIN_CASES, ids=lambda case: f"{case.name} {case.path}")
def test_the_plain_doors_decide_the_same_by_authorize(
    case: Case, options: dict[str, Any], headers: Any
) -> None:
    for door in PLAIN_DOORS:
        app = door.build((), {**options, "authorize": at.AUTHORIZE[case.path]})

        answer = app.get("/any", headers(case.claims), query="project_id=P-1")

        assert (door.name, *said(answer)) == (door.name, case.status, case.code)


@ALL
@pytest.mark.parametrize("client_id", at.CLIENTS)
def test_the_best_token_of_a_client_is_served_on_all_its_own_routes(
    adapter: Adapter, client_id: str, built: Any, headers: Any
) -> None:
    """So that the refusals below are refusals of the other client's."""
    own = at.OF_CLIENT[client_id]

    statuses = {path: built(adapter).get(path, headers(best(client_id))).status for path in own}

    assert statuses == dict.fromkeys(own, 200)


@pytest.mark.parametrize("carried", [at.in_its_own_names, at.in_the_others_names])
@pytest.mark.parametrize("one, other", PAIRS, ids=[f"{a} as {b}" for a, b in PAIRS])
def test_a_token_that_carries_another_clients_claims_is_served_on_none_of_its_routes(
    one: str, other: str, carried: Any, built: Any, headers: Any
) -> None:
    sent = headers(carried(one, other))

    for path in at.OF_CLIENT[other]:
        answers = everywhere(lambda app, path=path: app.get(path, sent), built)
        assert answers == dict.fromkeys(answers, DENIED)


@pytest.mark.parametrize("path", [rule.path for rule in at.RULES])
def test_no_token_is_401_on_every_guarded_route(path: str, built: Any) -> None:
    answers = everywhere(lambda app: app.get(path.replace("{project_id}", "P-1")), built)

    assert answers == dict.fromkeys(answers, (401, "missing_token"))


# --- clients that are not there, or not now --------------------------------------------------


@AT_EVERY_DOOR
@pytest.mark.parametrize(
    "claims",
    [{**ACME_TOKEN, "client_id": "wayne_ent"}, best(at.ACME, client_id=None)],
    ids=["unknown", "missing"],
)
def test_a_client_without_an_entry_is_refused_at_every_door(
    door: Adapter, claims: Any, options: dict[str, Any], headers: Any
) -> None:
    assert said(door.build(ANYBODY, options).get("/who", headers(claims))) == UNKNOWN


@AT_EVERY_DOOR
def test_a_client_that_is_switched_off_is_refused_at_every_door(
    door: Adapter, options: dict[str, Any], headers: Any, tmp_path: Path
) -> None:
    off = at.registry(tmp_path, 'namespace = "acme"', 'namespace = "acme"\nenabled = false')
    app = door.build(ANYBODY, options | {"clients": off})

    assert said(app.get("/who", headers(ACME_TOKEN))) == (403, "client_disabled")
    assert said(app.get("/who", headers(STARK_TOKEN))) == (200, None)


@AT_EVERY_DOOR
def test_a_missing_required_claim_is_401_at_every_door(
    door: Adapter, options: dict[str, Any], headers: Any
) -> None:
    app = door.build(ANYBODY, options)

    assert said(app.get("/who", headers(best(at.GLOBEX, accessLevel=None)))) == INVALID
    assert said(app.get("/who", headers(GLOBEX_TOKEN))) == (200, None)


SEVENTH = """
[clients.wayne_ent]
namespace = "wayne"
roles = [{ claim = "wayneRoles", separator = "," }]
attributes.clearance = { claim = "wayneClearance", type = "integer" }
policies."catalogue.read" = { role = "wayne_butler" }
"""


@ALL
def test_a_seventh_client_is_a_table_of_toml(
    adapter: Adapter, options: dict[str, Any], headers: Any, tmp_path: Path
) -> None:
    rules = [
        *at.RULES,
        Rule("/cave", client("wayne_ent") & has_role("wayne_driver")),
        Rule("/vault", attribute("clearance") >= 3),
    ]
    app = adapter.build(rules, options | {"clients": at.registry(tmp_path, added=SEVENTH)})
    butler = {
        "client_id": "wayne_ent",
        "wayneRoles": "wayne_butler,acme_admin",
        "wayneClearance": 3,
    }

    answers = {
        path: said(app.get(path, headers(butler)))[0]
        for path in ("/catalogue", "/cave", "/vault", "/role/acme", "/stark/home")
    }

    assert answers == {
        "/catalogue": 200, "/cave": 403, "/vault": 200, "/role/acme": 403, "/stark/home": 403
    }  # fmt: skip
    assert said(app.get("/acme/admin", headers(ACME_TOKEN))) == (200, None)


@AT_PLAIN_DOORS
def test_authorize_takes_no_path_parameter(door: Adapter, options: dict[str, Any]) -> None:
    own_project = attribute("project_id") == path_param("project_id")

    with pytest.raises(ConfigurationError, match="path_param"):
        door.build((), {**options, "authorize": own_project})
