"""What a client is granted: only from the claims that its entry names, inside its namespace."""

from __future__ import annotations

import tracemalloc
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

import jwt_middleware
from jwt_middleware import Client, ClientRegistry, Predicate, Principal, attribute
from jwt_middleware.authorization.clients import Attribute, Clients, Dropped
from jwt_middleware.authorization.terms import Level
from jwt_middleware.errors import ClientDisabled, InvalidClaim, UnknownClient
from jwt_middleware.principal import Grants, ListClaim

ROLES = (ListClaim("roles"),)
LEVELS = ("acme_low", "acme_high")


def granted(client: Client, claims: dict[str, Any], *others: Client) -> Grants:
    return Clients([client, *others]).grants(client.client_id, claims)[0]


def dropped(client: Client, claims: dict[str, Any], *others: Client) -> list[Dropped]:
    return Clients([client, *others]).grants(client.client_id, claims)[1]


def of_type(kind: str, **more: Any) -> Client:
    return Client("a", namespace="acme", attributes={"x": Attribute("claim", kind, **more)})


# --- whose claims ----------------------------------------------------------------------------


def test_values_come_from_the_named_claims_and_no_others() -> None:
    client = Client(
        "a",
        roles=(ListClaim("groups"), ListClaim("teams", ",")),
        permissions=(ListClaim("scope", " "),),
        attributes={"level": Attribute("tier")},
    )
    found = granted(
        client,
        {
            "groups": ["a", "b"],
            "teams": " c , d,, ",
            "scope": "read  write",
            "tier": "gold",
            "roles": ["admin"],
            "permissions": ["all"],
            "level": "platinum",
        },
    )

    assert found.roles == {"a", "b", "c", "d"}
    assert found.permissions == {"read", "write"}
    assert found.attributes == {"level": "gold"}


def test_an_entry_that_names_no_claims_grants_nothing() -> None:
    found = granted(Client("a"), {"roles": ["a"], "permissions": ["b"], "scope": "c"})

    assert found == (frozenset(), frozenset(), {}, {})


def test_absent_claims_grant_nothing_and_are_no_fault() -> None:
    client = Client("a", roles=ROLES, permissions=ROLES, attributes={"x": Attribute("claim")})

    assert granted(client, {}) == (frozenset(), frozenset(), {}, {})
    assert dropped(client, {}) == []


def test_roles_are_no_permissions() -> None:
    client = Client("a", roles=ROLES, permissions=(ListClaim("permissions"),))

    assert granted(client, {"roles": ["a"]}).permissions == frozenset()
    assert granted(client, {"permissions": ["a"]}).roles == frozenset()


@pytest.mark.parametrize("value", [5, True, 1.5, {}, {"a": "b"}, ["a", 5], [None], [["a"]]])
def test_a_malformed_list_claim_is_refused_and_never_read_in_part(value: Any) -> None:
    with pytest.raises(InvalidClaim) as refusal:
        granted(Client("a", roles=ROLES), {"roles": value})
    assert (refusal.value.claim, refusal.value.reason) == ("roles", "type")


def test_a_list_that_is_null_is_absent() -> None:
    """Serializers write null for "none"."""
    client = Client("a", roles=ROLES, permissions=ROLES)

    assert granted(client, {"roles": None})[:2] == (frozenset(), frozenset())
    assert dropped(client, {"roles": None}) == []


def test_grants_are_read_only() -> None:
    found = granted(Client("a", attributes={"x": Attribute("claim")}), {"claim": "v"})

    with pytest.raises(TypeError):
        found.attributes["x"] = "w"  # type: ignore[index]
    with pytest.raises(TypeError):
        found.policies["x"] = None  # type: ignore[index]


# --- the namespace ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["acme_buyer", "manage_acme_products", "view_acme", "acme", "_acme_", "globex_acme"]
)
def test_a_value_with_the_namespace_as_a_whole_word_is_granted(value: str) -> None:
    client = Client("a", namespace="acme", roles=ROLES)

    assert granted(client, {"roles": [value]}).roles == {value}
    assert dropped(client, {"roles": [value]}) == []


@pytest.mark.parametrize(
    "value",
    [
        *("acmex_buyer", "xacme_a", "acme-buyer", "ACME_buyer", "Acme_buyer", "acme.buyer"),
        *("acmebuyer", "buyer", "buyer_acmes", "globex_admin", "acme:buyer", "acme/buyer"),
        *("a_cme", "ac_me_buyer", "\u0430cme_buyer", "acme\u200b_buyer", "acme\uff3fbuyer"),
        *("", "_", " acme_buyer", "acme _buyer", "x_acme ", "acme\n_x", "acme\x00_x"),
    ],
)
def test_a_near_miss_is_not_granted_and_is_counted(value: str) -> None:
    client = Client("a", namespace="acme", roles=ROLES)

    assert granted(client, {"roles": [value, "acme_ok"]}).roles == {"acme_ok"}
    assert dropped(client, {"roles": [value, "acme_ok"]}) == [Dropped("roles", 1, "namespace")]


def test_a_separated_text_is_split_before_the_namespace_is_looked_for() -> None:
    client = Client("a", namespace="acme", roles=(ListClaim("roles", ","),))

    assert granted(client, {"roles": "acme_a, globex_b"}).roles == {"acme_a"}
    assert granted(client, {"roles": ["acme_a,globex_b"]}).roles == {"acme_a,globex_b"}


def test_without_a_namespace_every_value_is_granted_but_those_of_another_client() -> None:
    plain = Client("plain", roles=ROLES)
    others = (Client("a", namespace="acme"), Client("g", namespace="globex", enabled=False))
    claims = {"roles": ["admin", "acme_admin", "view_globex", "globexes", "ACME_a", "initech_a"]}

    assert granted(plain, claims, *others).roles == {"admin", "globexes", "ACME_a", "initech_a"}
    assert dropped(plain, claims, *others) == [Dropped("roles", 2, "namespace")]


def test_a_value_that_carries_two_clients_namespaces_is_granted_to_neither() -> None:
    acme, globex = (Client(each, namespace=each, roles=ROLES) for each in ("acme", "globex"))

    for value in ("acme_globex_admin", "globex_acme", "view_acme_of_globex"):
        for mine, other in ((acme, globex), (globex, acme)):
            assert granted(mine, {"roles": [value]}, other).roles == frozenset()
            assert dropped(mine, {"roles": [value]}, other) == [Dropped("roles", 1, "namespace")]


def test_clients_that_share_a_namespace_share_its_values() -> None:
    one, two = (Client(each, namespace="acme", roles=ROLES) for each in "ab")

    assert granted(one, {"roles": ["acme_x"]}, two).roles == {"acme_x"}


def test_what_was_dropped_says_how_many_of_which_claim_and_never_which_values() -> None:
    client = Client("a", namespace="acme", roles=ROLES, permissions=(ListClaim("perms"),))
    found = dropped(client, {"roles": ["s3cret", "acme_a"], "perms": ["s3cret", "s3cret-2"]})

    assert found == [Dropped("roles", 1, "namespace"), Dropped("perms", 2, "namespace")]
    assert "s3cret" not in repr(found)


# --- required claims -------------------------------------------------------------------------


def test_a_required_claim_must_be_there_and_not_null() -> None:
    client = Client("a", required=("level", "unit"))

    for claims, reason in (({"level": 1}, "missing"), ({"level": 1, "unit": None}, "type")):
        with pytest.raises(InvalidClaim) as refusal:
            granted(client, claims)
        assert (refusal.value.claim, refusal.value.reason) == ("unit", reason)
    for value in ("", 0, False, [], {}):
        granted(client, {"level": value, "unit": value})


# --- attributes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, value",
    [("string", "v"), ("string", ""), ("integer", 0), ("integer", -5), ("integer", 10**30)],
)
def test_an_attribute_of_its_type_is_read_as_it_is(kind: str, value: Any) -> None:
    found = granted(of_type(kind), {"claim": value}).attributes["x"]

    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "value, read", [(["a", "b"], ("a", "b")), ([], ()), ("a b", ("a b",)), (["a", "a"], ("a", "a"))]
)
def test_a_list_attribute_is_a_tuple_of_texts(value: Any, read: tuple[str, ...]) -> None:
    assert granted(of_type("list"), {"claim": value}).attributes["x"] == read


@pytest.mark.parametrize(
    "kind, value",
    [
        *(("string", value) for value in (None, 5, True, 1.5, ["v"], {})),
        *(("integer", value) for value in (None, "5", True, False, 5.0, 1e3, [5], {})),
        *(("list", value) for value in (None, 5, True, {}, ["a", 5], ["a", None], [["a"]])),
    ],
)
def test_an_attribute_of_another_json_type_is_refused(kind: str, value: Any) -> None:
    with pytest.raises(InvalidClaim) as refusal:
        granted(of_type(kind), {"claim": value})
    assert (refusal.value.claim, refusal.value.reason) == ("claim", "type")


def test_a_malformed_namespaced_attribute_or_level_is_refused_too() -> None:
    for client in (of_type("string", namespaced=True), of_type("string", levels=LEVELS)):
        with pytest.raises(InvalidClaim):
            granted(client, {"claim": ["acme_low"]})


def test_only_a_namespaced_attribute_needs_the_namespace() -> None:
    claims = {"claim": "globex_x"}
    namespaced = of_type("string", namespaced=True)

    assert granted(of_type("string"), claims).attributes == {"x": "globex_x"}
    assert granted(namespaced, claims).attributes == {}
    assert dropped(namespaced, claims) == [Dropped("claim", 1, "namespace")]
    assert granted(namespaced, {"claim": "acme_x"}).attributes == {"x": "acme_x"}


def test_a_namespaced_list_attribute_keeps_its_own_values() -> None:
    client = of_type("list", namespaced=True)

    assert granted(client, {"claim": ["acme_a", "b"]}).attributes == {"x": ("acme_a",)}
    assert dropped(client, {"claim": ["acme_a", "b", "c"]}) == [Dropped("claim", 2, "namespace")]


def test_a_namespaced_list_of_which_nothing_is_granted_is_absent() -> None:
    """As a text or a level is; what the token left empty stays empty."""
    client = of_type("list", namespaced=True)

    for value in (["globex_a"], ["globex_a", "b", ""], "globex_a"):
        assert granted(client, {"claim": value}).attributes == {}
    assert dropped(client, {"claim": ["globex_a", "b"]}) == [Dropped("claim", 2, "namespace")]
    assert granted(client, {"claim": []}).attributes == {"x": ()}
    assert granted(of_type("list"), {"claim": ["globex_a"]}).attributes == {"x": ("globex_a",)}
    for text in (of_type("string", namespaced=True), of_type("string", levels=LEVELS)):
        assert granted(text, {"claim": "globex_a"}).attributes == {}


def test_no_condition_holds_by_values_that_are_not_granted() -> None:
    client = of_type("list", namespaced=True)
    x = attribute("x")

    def holds(predicate: Predicate, value: list[str]) -> bool:
        principal = Principal({"claim": value}, grants=granted(client, {"claim": value}))
        return predicate.evaluate(principal, None).allowed

    for predicate in (x.is_present, ~x.contains("acme_b")):
        assert not holds(predicate, ["globex_a"])
        assert holds(predicate, ["globex_a", "acme_a"])
        assert holds(predicate, [])
    assert holds(~x.is_present, ["globex_a"])


def test_a_declared_level_has_its_order() -> None:
    found = granted(of_type("string", levels=LEVELS), {"claim": "acme_high"}).attributes["x"]

    assert type(found) is Level
    assert found.order == LEVELS


@pytest.mark.parametrize("value", ["acme_top", "ACME_LOW", "acme_low ", ""])
def test_an_undeclared_level_is_dropped_and_reported(value: str) -> None:
    client = of_type("string", levels=LEVELS)

    assert granted(client, {"claim": value}).attributes == {}
    assert dropped(client, {"claim": value}) == [Dropped("claim", 1, "level")]


def test_a_level_outside_the_namespace_is_dropped_once() -> None:
    client = of_type("string", levels=LEVELS, namespaced=True)

    assert dropped(client, {"claim": "globex_low"}) == [Dropped("claim", 1, "namespace")]


# --- which client ----------------------------------------------------------------------------


@pytest.mark.parametrize("named", [None, "", "b", "A", "a ", "a\x00", "*"])
def test_a_token_of_no_known_client_is_refused(named: str | None) -> None:
    with pytest.raises(UnknownClient) as refusal:
        Clients([Client("a")]).grants(named, {})
    assert refusal.value.code == "unknown_client"
    assert repr(named) not in str(refusal.value)


def test_a_client_that_is_switched_off_is_refused_before_its_claims_are_read() -> None:
    clients = Clients([Client("a", enabled=False, required=("x",), roles=ROLES)])

    with pytest.raises(ClientDisabled) as refusal:
        clients.grants("a", {"roles": 5})
    assert refusal.value.code == "client_disabled"


def test_a_clients_repr_shows_nothing_of_its_keys() -> None:
    assert repr(Client("a", name="Acme", namespace="acme")) == "Client('a')"


# --- the six clients of the seed -------------------------------------------------------------

SEED = ClientRegistry(Path(jwt_middleware.__file__).parent / "testing" / "clients.toml").clients
IDS = [client.client_id for client in SEED]


def _everything_of(client: Client) -> list[str]:
    """Every kind of value that this client's own tokens could be granted."""
    word = client.namespace
    values = [f"{word}_admin", f"manage_{word}_products", f"view_{word}", str(word)]
    values += [f"{word}_{name}" for name in client.attributes]
    return values + [level for each in client.attributes.values() for level in each.levels]


def _list_claims(client: Client) -> set[str]:
    return {each.name for each in (*client.roles, *client.permissions)}


def test_the_seed_has_six_clients_each_with_a_namespace_of_its_own() -> None:
    assert len(IDS) == 6
    assert len(SEED.namespaces) == 6


@pytest.mark.parametrize("own, other", list(permutations(IDS, 2)))
def test_no_token_of_one_client_is_granted_what_is_anothers(own: str, other: str) -> None:
    mine, theirs = SEED.get(own), SEED.get(other)
    assert mine is not None
    assert theirs is not None
    values = _everything_of(theirs)
    namespaced = [each.claim for each in mine.attributes.values() if each.namespaced]

    # Their values under my claims' names, and under theirs.
    for stolen in values:
        claims: dict[str, Any] = dict.fromkeys(_list_claims(theirs), values)
        claims |= {each.claim: stolen for each in theirs.attributes.values()}
        claims |= dict.fromkeys(_list_claims(mine), values) | dict.fromkeys(namespaced, stolen)
        found, lost = SEED.grants(own, claims | dict.fromkeys(mine.required, stolen))
        assert (found.roles, found.permissions, found.attributes) == (set(), set(), {})
        assert sum(each.values for each in lost) == (
            len(values) * (len(mine.roles) + len(mine.permissions)) + len(namespaced)
        )


@pytest.mark.parametrize("own", IDS)
def test_every_client_is_granted_its_own(own: str) -> None:
    mine = SEED.get(own)
    assert mine is not None
    values = _everything_of(mine)
    claims: dict[str, Any] = dict.fromkeys(_list_claims(mine), values)
    for each in mine.attributes.values():
        claims[each.claim] = each.levels[-1] if each.levels else values[0]
    found, lost = SEED.grants(own, claims)

    assert found.roles == (set(values) if mine.roles else set())
    assert found.permissions == set(values)
    assert set(found.attributes) == set(mine.attributes)
    assert set(found.policies) == set(mine.policies)
    assert found.policies
    assert lost == []


def test_what_a_token_grants_costs_the_same_among_many_clients() -> None:
    others = [Client(f"client-{n}", namespace=f"space{n}") for n in range(5_000)]
    clients = Clients([*others, Client("acme", namespace="acme", roles=(ListClaim("roles"),))])
    claims = {"roles": ["acme_buyer", "space7_buyer"]}
    clients.grants("acme", claims)
    tracemalloc.start()
    try:
        grants, _ = clients.grants("acme", claims)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert grants.roles == {"acme_buyer"}
    assert most < 20_000  # bytes: nothing is made of all the others
