"""The names that a predicate uses, held against a registry: a typo is found at start-up."""

from __future__ import annotations

from typing import Any

import pytest

from jwt_middleware import (
    Client,
    ClientRegistry,
    ConfigurationError,
    Predicate,
    Verifier,
    attribute,
    authenticated,
    claim,
    client,
    has_permission,
    has_role,
    header,
    path_param,
    policy,
    predicate,
    query_param,
)
from jwt_middleware.authorization.clients import Attribute, Clients
from jwt_middleware.authorization.name_checks import policy_faults, unknown_names
from jwt_middleware.authorization.predicate import NamedPolicy
from jwt_middleware.middleware.settings import Settings
from jwt_middleware.principal import ListClaim
from jwt_middleware.testing import SigningKey

ACME = Client(
    "acme_corp",
    namespace="acme",
    roles=(ListClaim("roles"),),
    attributes={
        "level": Attribute("lvl", levels=("low", "high")),
        "unit": Attribute("unit"),
        "age": Attribute("age", "integer"),
        "sites": Attribute("sites", "list"),
    },
    policies={"x.read": NamedPolicy(authenticated)},
)
GLOBEX = Client(
    "globex_ind",
    namespace="globex",
    permissions=(ListClaim("permissions"),),
    attributes={"level": Attribute("lvl", levels=("l1", "l2")), "age": Attribute("age")},
    policies={"x.write": NamedPolicy(authenticated)},
)
CLIENTS = Clients([ACME, GLOBEX])
LEVEL, UNIT, AGE, SITES = (attribute(name) for name in ("level", "unit", "age", "sites"))

KNOWN: list[Predicate] = [
    authenticated,
    client("acme_corp"),
    ~client("globex_ind"),
    has_role("acme_admin"),
    has_role("acme"),
    has_permission("view_globex_x"),
    policy("x.read") | policy("x.write"),
    LEVEL >= "high",
    LEVEL >= "l2",
    LEVEL.is_in(["low", "l1"]),
    UNIT == "anything",
    UNIT == path_param("unit"),
    UNIT.is_present,
    AGE == 5,
    AGE >= 5.5,
    AGE == "five",  # a text is what globex_ind has there
    SITES.contains("x"),
    SITES == ["x"],
    claim("anything") == "at all",
    predicate(lambda principal, request: True),
]


@pytest.mark.parametrize("found", KNOWN, ids=repr)
def test_what_some_client_may_carry_is_no_fault(found: Predicate) -> None:
    assert unknown_names(found, CLIENTS) == []


UNKNOWN: list[tuple[Predicate, str]] = [
    (client("acme_crop"), "no such client; did you mean 'acme_corp'?"),
    (client("ACME_CORP"), "no such client"),
    (client("zzz"), "there are: acme_corp, globex_ind"),
    (has_role("admin"), "no client with roles has a namespace that occurs in it (acme)"),
    (has_role("acmex_admin"), "has a namespace that occurs in it"),
    (has_role("acme-admin"), "has a namespace that occurs in it"),
    (has_role("globex_admin"), "no client with roles has a namespace that occurs in it (acme)"),
    (
        has_permission("acme_view"),
        "no client with permissions has a namespace that",
    ),
    (policy("x.raed"), "no client of the registry has this policy; did you mean 'x.read'?"),
    (LEVEL >= "hihg", "attribute('level') is a level of l1, l2 or a level of low, high, never"),
    (LEVEL == 5, "never 5"),
    (LEVEL.is_in(["low", "l3"]), "never 'l3'"),
    (UNIT == 5, "attribute('unit') is a text, never 5"),
    (UNIT == True, "never True"),  # noqa: E712
    (UNIT == ["a"], "never ('a',)"),
    (UNIT >= "b", "attribute('unit') has no levels"),
    (AGE < "b", "has no levels"),
    (AGE == True, "attribute('age') is a text or an integer, never True"),  # noqa: E712
    (attribute("levle") == "low", "has this attribute; did you mean 'level'?"),
    (attribute("zzz").is_present, "there are: age, level, sites, unit"),
    (claim("x") == attribute("untit"), "did you mean 'unit'?"),
]


@pytest.mark.parametrize("found, what", UNKNOWN, ids=lambda value: repr(value)[:40])
def test_what_no_client_could_ever_carry_is_reported_with_the_leaf(
    found: Predicate, what: str
) -> None:
    for each in (found, ~found, found & authenticated, authenticated | ~found):
        [fault] = unknown_names(each, CLIENTS)
        assert fault.startswith(f"{found!r}: ")
        assert what in fault


@pytest.mark.parametrize(
    "found",
    [UNIT.contains("x"), AGE.contains(5), LEVEL.contains("low"), SITES == "x"],
    ids=repr,
)
def test_a_relation_that_the_attributes_type_can_never_have_is_reported(found: Predicate) -> None:
    assert len(unknown_names(found, CLIENTS)) == 1


def test_every_fault_is_reported() -> None:
    found = client("x") & (has_role("y") | ~policy("z")) & (LEVEL > "v") & (AGE == True)  # noqa: E712

    assert len(unknown_names(found, CLIENTS)) == 5


def test_a_client_without_a_namespace_may_carry_any_role() -> None:
    plain = Client("plain", roles=(ListClaim("roles"),))

    assert unknown_names(has_role("admin"), Clients([ACME, plain])) == []
    [fault] = unknown_names(has_permission("admin"), Clients([ACME, plain]))
    assert "no client of the registry has permissions" in fault


def test_an_integer_is_no_text_and_a_registry_without_names_lists_none() -> None:
    bare = Clients([Client("bare", attributes={"n": Attribute("n", "integer")})])

    assert unknown_names(attribute("n") == "5", bare) == [
        "attribute('n') == '5': attribute('n') is an integer, never '5'"
    ]
    assert unknown_names(policy("p"), bare) == [
        "policy('p'): no client of the registry has this policy"
    ]


def test_many_namespaces_are_listed_in_part() -> None:
    many = [Client(f"c{n}", namespace=f"n{n}", roles=(ListClaim("r"),)) for n in range(9)]
    [fault] = unknown_names(has_role("x"), Clients(many))

    assert fault.endswith("(n0, n1, n2, n3, n4, n5, n6, n7, ...)")


def test_a_clients_own_policy_may_use_its_own_names_only() -> None:
    assert policy_faults(has_role("acme_x") & (LEVEL >= "high"), ACME) == []
    for foreign in (has_role("globex_x"), has_permission("acme_x"), LEVEL >= "l2"):
        assert len(policy_faults(foreign, ACME)) == 1


def _verifier(key: SigningKey, clients: Any) -> Verifier:
    return Verifier(keys=key.public_pem, gateway="standard", clients=clients)


def test_a_verifier_checks_names_only_where_it_has_a_registry(rsa_key: SigningKey) -> None:
    found = has_role("admin")

    assert _verifier(rsa_key, None).unknown_names(found) == []
    assert len(_verifier(rsa_key, ClientRegistry([ACME])).unknown_names(found)) == 1


def test_the_option_authorize_is_held_against_the_registry(rsa_key: SigningKey) -> None:
    verifier = _verifier(rsa_key, ClientRegistry([ACME]))

    Settings.read({"verifier": verifier, "authorize": has_role("acme_x")}, {})
    with pytest.raises(ConfigurationError, match=r"authorize: has_role\('admin'\)"):
        Settings.read({"verifier": verifier, "authorize": has_role("admin")}, {})


NUMBERS = Clients([Client("a", attributes={"branch": Attribute("b", "integer")})])
BRANCH = attribute("branch")


@pytest.mark.parametrize(
    "rule",
    [
        BRANCH == path_param("id"),
        path_param("id") == BRANCH,
        BRANCH != query_param("id"),
        BRANCH >= header("X-Branch"),
        BRANCH.contains(path_param("id")),
    ],
)
def test_a_number_never_meets_the_text_of_a_request(rule: Predicate) -> None:
    (fault,) = unknown_names(rule, NUMBERS)

    assert "an integer" in fault
    assert fault.endswith("is a text")


@pytest.mark.parametrize(
    "rule",
    [
        UNIT == path_param("id"),
        LEVEL >= query_param("level"),
        AGE == path_param("age"),  # a text to one of the clients
        SITES.contains(header("X-Site")),
        BRANCH == claim("branch"),
    ],
)
def test_what_may_be_a_text_may_meet_it(rule: Predicate) -> None:
    clients = NUMBERS if "branch" in repr(rule) else CLIENTS

    assert unknown_names(rule, clients) == []
