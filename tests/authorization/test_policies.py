"""Named policies: one name, and for each client the meaning that its entry gives it."""

from __future__ import annotations

from typing import Any

import pytest

from jwt_middleware import (
    Client,
    MissingToken,
    PermissionDenied,
    Predicate,
    Principal,
    RequestView,
    attribute,
    has_role,
    path_param,
    policy,
    predicate,
)
from jwt_middleware.authorization.clients import Attribute, Clients
from jwt_middleware.authorization.guards import Guard
from jwt_middleware.authorization.predicate import Evaluation, NamedPolicy
from jwt_middleware.principal import ClaimNames, ListClaim

READ = policy("x.read")
ROLES = (ListClaim("roles"),)
LEVELS = ("low", "high")
CLIENTS = Clients(
    [
        Client("a", roles=ROLES, policies={"x.read": NamedPolicy(has_role("reader"))}),
        Client(
            "b",
            attributes={"level": Attribute("lvl", levels=LEVELS), "unit": Attribute("unit")},
            policies={
                "x.read": NamedPolicy(attribute("level") >= "high"),
                "x.own": NamedPolicy(attribute("unit") == path_param("unit")),
            },
        ),
        Client(
            "shadow",
            roles=ROLES,
            policies={"x.read": NamedPolicy(has_role("reader"), enforce=False)},
        ),
        Client("none", roles=ROLES),
    ]
)


def of(client_id: str, **claims: Any) -> Principal:
    grants, _ = CLIENTS.grants(client_id, claims)
    names = ClaimNames(client_id=("client_id",))
    return Principal(claims | {"client_id": client_id}, names=names, grants=grants)


def verdict(
    found: Predicate, principal: Principal | None, request: RequestView | None = None
) -> bool | None:
    decided = found.verdict(Evaluation(principal, request))
    assert found.evaluate(principal, request).allowed is (decided is True)
    return decided


# --- the meaning -----------------------------------------------------------------------------


def test_one_name_means_for_each_client_what_its_entry_says() -> None:
    assert verdict(READ, of("a", roles=["reader"])) is True
    assert verdict(READ, of("a", roles=["writer"], lvl="high")) is False
    assert verdict(READ, of("b", lvl="high")) is True
    assert verdict(READ, of("b", lvl="low", roles=["reader"])) is False
    assert verdict(READ, of("b", roles=["reader"])) is None


def test_a_policy_that_the_entry_does_not_have_denies_and_so_does_its_negation() -> None:
    for principal in (of("none", roles=["reader"]), of("a", roles=["reader"])):
        assert verdict(policy("x.own"), principal) is None
        assert verdict(~policy("x.own"), principal) is None
        assert verdict(~~policy("x.own"), principal) is None


@pytest.mark.parametrize("name", ["X.READ", "x.read ", "x", "x.*", "*", "read"])
def test_a_policys_name_is_compared_whole(name: str) -> None:
    assert verdict(policy(name), of("a", roles=["reader"])) is None


def test_without_a_registry_or_a_principal_no_policy_is_known() -> None:
    for principal in (None, Principal({"roles": ["reader"]})):
        assert verdict(READ, principal) is None
        assert verdict(~READ, principal) is None


def test_a_policy_is_one_condition_among_others() -> None:
    reader, writer = of("a", roles=["reader"]), of("a", roles=["writer"])

    assert verdict(READ & has_role("writer"), reader) is False
    assert verdict(READ | has_role("writer"), writer) is True
    assert verdict(~READ, writer) is True
    assert verdict(policy("x.own") | has_role("reader"), reader) is True
    assert verdict(policy("x.own") & has_role("reader"), reader) is None


def test_a_policy_reads_the_request() -> None:
    for unit, allowed in (("7", True), ("8", False)):
        request = RequestView(path_params={"unit": unit})
        assert verdict(policy("x.own"), of("b", unit="7"), request) is allowed
    assert verdict(policy("x.own"), of("b", unit="7")) is None


def test_a_policy_that_raises_or_names_itself_denies() -> None:
    def fail(principal: Principal, request: RequestView) -> bool:
        raise ValueError

    own = {"fails": NamedPolicy(predicate(fail)), "loops": NamedPolicy(policy("loops"))}
    grants, _ = Clients([Client("a", policies=own)]).grants("a", {})
    principal = Principal({}, grants=grants)

    for name in own:
        assert not policy(name).evaluate(principal).allowed
        assert not (~policy(name)).evaluate(principal).allowed


# --- the explanation -------------------------------------------------------------------------


def test_a_denial_names_the_policy_the_leaf_what_was_needed_and_what_was_held() -> None:
    decision = READ.evaluate(of("a", roles=["writer"]))

    assert decision.code == "insufficient_permission"
    assert decision.leaf == "policy('x.read'): has_role('reader')"
    assert (decision.needed, decision.held) == ("role reader", "roles [writer]")
    for part in ("x.read", "has_role('reader')", "role reader", "writer"):
        assert part in decision.explain()


def test_a_denial_inside_several_conditions_names_the_leaf_that_decided() -> None:
    both = NamedPolicy(has_role("reader") & (has_role("night") | has_role("day")))
    grants, _ = Clients([Client("a", roles=ROLES, policies={"p": both})]).grants(
        "a", {"roles": ["reader"]}
    )
    decision = (policy("p") & has_role("reader")).evaluate(Principal({}, grants=grants))

    assert decision.leaf == "policy('p'): has_role('night')"


def test_a_level_that_is_too_low_names_both_levels() -> None:
    decision = READ.evaluate(of("b", lvl="low"))

    assert decision.leaf == "policy('x.read'): attribute('level') >= 'high'"
    assert "'high'" in decision.needed
    assert decision.held == "'low'"


def test_a_client_without_the_policy_is_reported_by_its_id() -> None:
    decision = policy("x.own").evaluate(of("none"))

    assert decision.leaf == "policy('x.own')"
    assert decision.needed == "the policy x.own"
    assert "client none" in decision.held


def test_an_allowed_policy_is_reported_by_its_name() -> None:
    assert READ.evaluate(of("a", roles=["reader"])).explain() == "allowed by policy('x.read')"


# --- shadow mode -----------------------------------------------------------------------------


def test_a_policy_in_shadow_mode_lets_in_and_reports_what_it_would_have_refused() -> None:
    decision = Guard(READ).check(of("shadow", roles=["writer"]), None)

    assert decision is not None
    assert not decision.allowed
    assert decision.leaf == "policy('x.read'): has_role('reader')"
    assert decision.held == "roles [writer]"


def test_a_policy_in_shadow_mode_that_holds_or_is_unknown_reports_alike() -> None:
    unknown = NamedPolicy(attribute("level") >= "high", enforce=False)
    grants, _ = Clients([Client("u", policies={"x.read": unknown})]).grants("u", {})

    assert Guard(READ).check(of("shadow", roles=["reader"]), None) is None
    decision = Guard(READ).check(Principal({}, grants=grants), None)
    assert decision is not None
    assert "level" in decision.leaf


def test_shadow_mode_is_of_the_one_client_and_lets_no_other_rule_pass() -> None:
    with pytest.raises(PermissionDenied):
        Guard(READ).check(of("a", roles=["writer"]), None)
    with pytest.raises(PermissionDenied):
        Guard(READ & has_role("admin")).check(of("shadow", roles=["writer"]), None)
    with pytest.raises(PermissionDenied):
        Guard(policy("x.own")).check(of("shadow"), None)
    with pytest.raises(MissingToken):
        Guard(READ).check(None, None)


def test_a_shadowed_policy_lets_in_under_a_negation_too_and_reports_it() -> None:
    decision = Guard(~READ).check(of("shadow", roles=["reader"]), None)

    assert decision is not None
    assert not decision.allowed


def test_a_shadowed_policy_never_refuses_what_it_would_let_in_when_enforced() -> None:
    writer = of("shadow", roles=["writer"])
    enforced = of("a", roles=["writer"])

    for rule in (~READ, ~~~READ, ~(READ & has_role("writer"))):
        assert rule.evaluate(enforced).allowed
        assert rule.evaluate(writer).allowed
        assert Guard(rule).check(writer, None) is None


def test_a_shadowed_policy_reports_nothing_where_another_part_lets_in_anyhow() -> None:
    for rule in (has_role("writer") | READ, READ | has_role("writer")):
        assert Guard(rule).check(of("shadow", roles=["writer"]), None) is None


# --- a plain value ---------------------------------------------------------------------------


def test_a_policy_is_a_plain_value() -> None:
    assert repr(READ) == "policy('x.read')"
    assert repr(~READ | has_role("r")) == "~policy('x.read') | has_role('r')"
    assert policy("x.read") == READ
    assert hash(policy("x.read")) == hash(READ)
    assert policy("x.write") != READ
    assert has_role("x.read") != READ
    assert len({READ, policy("x.read"), policy("x.own")}) == 2
    with pytest.raises(TypeError):
        bool(READ)


@pytest.mark.parametrize("name", ["", None, 5, b"a", ["a"]], ids=repr)
def test_a_policys_name_is_a_text_that_is_not_empty(name: Any) -> None:
    with pytest.raises(TypeError):
        policy(name)
