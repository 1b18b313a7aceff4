"""The principal: deeply read-only, silent about its values, made only of well-formed claims."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from jwt_middleware import WSO2, Principal, Verifier
from jwt_middleware.errors import InvalidClaim
from jwt_middleware.gateways import PRESETS
from jwt_middleware.principal import ClaimNames, ListClaim, Mark, ReadOnlyDict, frozen, listed
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from .conftest import Clock

DIALECT = "http://wso2.org/claims/"
NESTED = {"a": [{"b": [1, {"c": "deep"}]}], "n": None}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda p: p.claims.__setitem__("a", 1), id="set-claim"),
        pytest.param(lambda p: p.claims.__delitem__("a"), id="delete-claim"),
        pytest.param(lambda p: p.claims.clear(), id="clear-claims"),
        pytest.param(lambda p: p.claims["a"].append(1), id="append-to-list"),
        pytest.param(lambda p: p.claims["a"][0].update(b=1), id="update-nested-object"),
        pytest.param(lambda p: p.claims["a"][0]["b"][1].pop("c"), id="pop-deepest"),
        pytest.param(lambda p: p.attributes.__setitem__("a", 1), id="set-attribute"),
        pytest.param(lambda p: p.roles.add("admin"), id="add-role"),
        pytest.param(lambda p: p.permissions.add("all"), id="add-permission"),
        pytest.param(lambda p: setattr(p, "subject", "eve"), id="set-subject"),
        pytest.param(lambda p: setattr(p, "claims", {}), id="replace-claims"),
        pytest.param(lambda p: setattr(p, "roles", {"admin"}), id="replace-roles"),
        pytest.param(lambda p: setattr(p, "anything", 1), id="new-attribute"),
        pytest.param(lambda p: delattr(p, "subject"), id="delete-subject"),
    ],
)
def test_a_principal_is_read_only_at_any_depth(change: Any) -> None:
    principal = Principal(NESTED)

    with pytest.raises((AttributeError, TypeError)):
        change(principal)
    assert principal.claims["a"][0]["b"][1]["c"] == "deep"


def test_changing_the_claims_given_changes_no_principal() -> None:
    given = copy.deepcopy(NESTED)
    principal = Principal(given)

    given["a"][0]["b"] = "changed"  # type: ignore[index]
    given["sub"] = "eve"

    assert principal.claims["a"][0]["b"][0] == 1
    assert principal.subject is None
    assert "sub" not in principal.claims


def test_frozen_turns_objects_into_read_only_mappings_and_arrays_into_tuples() -> None:
    value = frozen({"a": [1, {"b": []}]})

    assert isinstance(value, ReadOnlyDict)
    assert value["a"] == (1, {"b": ()})
    assert frozen("text") == "text"


def test_repr_shows_no_value() -> None:
    principal = Principal({"sub": "zeta", "client_id": "zeta", "x": "zeta"}, key_id="zeta")

    assert "zeta" not in f"{principal!r} {principal}"


def test_expires_at_is_in_seconds_whatever_the_gateway_writes(
    rsa_key: SigningKey, clock: Clock
) -> None:
    verifier = Verifier(keys=rsa_key.public_pem, clock=clock)

    principal = verifier.verify(mint(rsa_key, ucsd_claims(), form="wso2-1.9", now=clock.now))

    assert principal.claims["exp"] == (clock.now + 900) * 1000
    assert principal.expires_at == clock.now + 900


def test_wso2_reads_subject_client_and_roles_from_its_dialect() -> None:
    claims = ucsd_claims(client_id="abc", role="a, b,,c ")
    principal = Principal(claims, names=PRESETS["wso2"].names)

    assert principal.subject == "jroe@carbon.super"
    assert principal.client_id == "abc"
    assert principal.roles == {"a", "b", "c"}
    assert principal.permissions == frozenset()
    assert principal.issuer == "wso2.org/products/am"


def test_wso2_prefers_the_registered_names_to_its_dialect() -> None:
    claims = ucsd_claims(client_id="dialect") | {"sub": "plain", "client_id": "plain"}
    principal = Principal(claims, names=PRESETS["wso2"].names)

    assert (principal.subject, principal.client_id) == ("plain", "plain")


def test_standard_reads_azp_scope_and_lists() -> None:
    claims = {
        "sub": "u1",
        "azp": "c1",
        "roles": ["a", "b"],
        "permissions": ["p"],
        "scope": "read  write",
        "jti": "t1",
    }
    principal = Principal(claims, names=PRESETS["standard"].names)

    assert (principal.subject, principal.client_id, principal.token_id) == ("u1", "c1", "t1")
    assert principal.roles == {"a", "b"}
    assert principal.permissions == {"p", "read", "write"}


def test_absent_claims_are_none_or_the_empty_set() -> None:
    principal = Principal({}, names=PRESETS["standard"].names)

    assert principal.subject is None
    assert principal.client_id is None
    assert principal.issuer is None
    assert principal.token_id is None
    assert principal.expires_at is None
    assert principal.key_id is None
    assert principal.roles == principal.permissions == frozenset()
    assert dict(principal.attributes) == {}


def test_a_role_claim_of_a_standard_token_is_not_split() -> None:
    principal = Principal({"roles": "a,b c"}, names=PRESETS["standard"].names)

    assert principal.roles == {"a,b c"}


@pytest.mark.parametrize(
    "value", [1, True, 1.5, None, {"a": 1}, ["a", 1], [None], [["a"]]], ids=str
)
def test_listed_refuses_whatever_is_no_text_and_no_list_of_texts(value: Any) -> None:
    with pytest.raises(InvalidClaim) as refusal:
        listed(value, ",", "roles")
    assert (refusal.value.claim, refusal.value.reason) == ("roles", "type")


@pytest.mark.parametrize(
    "preset, claim, value",
    [
        ("wso2", "sub", None),
        ("wso2", "sub", 5),
        ("wso2", DIALECT + "enduser", ["a"]),
        ("wso2", "client_id", True),
        ("wso2", DIALECT + "client_id", {}),
        ("wso2", "jti", 7),
        ("wso2", DIALECT + "role", 7),
        ("wso2", DIALECT + "role", ["a", None]),
        ("standard", "azp", 1),
        ("standard", "roles", {"a": 1}),
        ("standard", "permissions", [1]),
        ("standard", "scope", True),
    ],
)
def test_a_malformed_claim_name_is_never_an_absent_one(
    rsa_key: SigningKey, preset: str, claim: str, value: Any
) -> None:
    """The first claim of several decides even where a later one would be well-formed."""
    verifier = Verifier(keys=rsa_key.public_pem, gateway=preset)
    form = "standard" if preset == "standard" else "wso2-2.6"
    good = {"client_id": "c", "sub": "s"}

    with pytest.raises(InvalidClaim) as refusal:
        verifier.verify(mint(rsa_key, {**good, claim: value}, form=form))
    assert (refusal.value.claim, refusal.value.reason) == (claim, "type")


def test_a_view_reads_the_same_read_only_claims() -> None:
    class Own:
        def __init__(self, claims: Mapping[str, Any]) -> None:
            self.claims = claims

    principal = Principal(ucsd_claims())

    assert principal.view(Own).claims is principal.claims
    assert principal.view(WSO2).application_name == "DefaultApplication"


@pytest.mark.parametrize(
    "claims, name",
    [({"sub": "s", "client_id": "c"}, "s"), ({"client_id": "c"}, "c"), ({}, "")],
    ids=["subject", "client", "neither"],
)
def test_request_user_protocol_names_the_subject_else_the_client(
    claims: dict[str, Any], name: str
) -> None:
    principal = Principal(claims)

    assert principal.is_authenticated is True
    assert principal.display_name == principal.identity == name


def test_claim_names_of_ones_own_decide_what_a_principal_holds() -> None:
    names = ClaimNames(subject=("uid",), roles=(ListClaim("groups", "|"), ListClaim("extra")))
    principal = Principal({"uid": "u", "groups": "a|b", "extra": ["c"]}, names=names)

    assert principal.subject == "u"
    assert principal.roles == {"a", "b", "c"}


def test_the_repr_of_a_principal_is_its_own_and_shows_no_claim() -> None:
    """Some caches make their key of it, and would give one caller's answer to another."""
    ana, bob = Principal({"sub": "ana"}), Principal({"sub": "bob"})

    assert repr(ana) == repr(ana) != repr(bob)
    assert repr(ana).endswith(" with 1 claims>")


@pytest.mark.parametrize(
    "mark, claims, is_in",
    [
        (Mark("a"), {"a": "x"}, True),
        (Mark("a"), {"a": "x\ny"}, True),
        (Mark("a"), {"a": ""}, False),
        (Mark("a"), {"a": 1}, False),
        (Mark("a"), {}, False),
        (Mark("a", "x.*"), {"a": "xy"}, True),
        (Mark("a", "x.*"), {"a": "yx"}, False),
        (Mark("a", "x"), {"a": "xy"}, False),
        (Mark("a.b"), {"a": {"b": "x"}}, True),
        (Mark("a.b"), {"a": "x"}, False),
        (Mark("a", same_as="b"), {"a": "x", "b": "x"}, True),
        (Mark("a", same_as="b"), {"a": "x", "b": "y"}, False),
        (Mark("a", same_as="b"), {"a": "x"}, False),
        (Mark("a", "y.*", same_as="b"), {"a": "x", "b": "x"}, False),
    ],
    ids=repr,
)
def test_a_mark_is_a_whole_text_and_that_of_another_claim_where_it_names_one(
    mark: Mark, claims: dict[str, Any], is_in: bool
) -> None:
    assert mark.is_in(claims) is is_in
