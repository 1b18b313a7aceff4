"""The claims of a profile: read whole, every fault told at once, absent and empty told apart."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from jwt_middleware.errors import InvalidClaims
from jwt_middleware.sign_on import Credit, Integration, Profile
from jwt_middleware.sign_on.claims import read_profile

from .kit import EMAIL, KEY

ACME = Integration("acme", secret=KEY.secret)


def read(**claims: Any) -> Profile:
    return read_profile(ACME, {"email": EMAIL, **claims})


def faults(**claims: Any) -> list[str]:
    with pytest.raises(InvalidClaims) as caught:
        read_profile(ACME, claims)
    return list(caught.value.faults)


# --- what a good token says ------------------------------------------------------------------


def test_an_address_is_enough() -> None:
    assert read() == Profile(integration="acme", email=EMAIL)


def test_every_claim_is_read() -> None:
    found = read(
        email="Ana@Example.edu",
        meta={"level": 3, "tags": ["a"]},
        groups=["staff", 7],
        credits=[{"orderId": "A-1", "id": 5, "note": "is not asked for"}],
        onboard=True,
        sub="u-1",
        jti="t-1",
    )

    assert found == Profile(
        integration="acme",
        email=EMAIL,
        meta={"level": 3, "tags": ("a",)},
        groups=("staff", 7),
        credits=(Credit("A-1", 5),),
        onboard=True,
        subject="u-1",
        token_id="t-1",
    )


def test_absent_leaves_alone_and_empty_removes_all() -> None:
    absent, empty = read(), read(meta={}, groups=[], credits=[])

    assert (absent.meta, absent.groups, absent.credits) == (None, None, None)
    assert (empty.meta, empty.groups, empty.credits) == ({}, (), ())


def test_a_group_counts_once_and_a_number_is_not_its_text() -> None:
    assert read(groups=[7, "7", 7, "a", "a"]).groups == (7, "7", "a")


def test_credits_are_kept_as_often_as_they_stand() -> None:
    credit = {"orderId": "A", "id": 1}

    assert read(credits=[credit, credit]).credits == (Credit("A", 1), Credit("A", 1))


@pytest.mark.parametrize("order_id", ["", "x" * 32, "ü" * 32, "with blank"])
def test_an_order_id_has_at_most_32_characters(order_id: str) -> None:
    assert read(credits=[{"orderId": order_id, "id": 1}]).credits == (Credit(order_id, 1),)


@pytest.mark.parametrize("number", [0, -1, 2**63 - 1])
def test_an_id_is_any_integer_that_a_database_holds(number: int) -> None:
    assert read(groups=[number], credits=[{"orderId": "A", "id": number}]).groups == (number,)


def test_a_profile_is_read_only_and_its_repr_shows_no_claim() -> None:
    found = read(meta={"deep": {"x": [1]}})

    with pytest.raises(TypeError):
        found.meta["deep"]["x"] = 2  # type: ignore[index]
    assert repr(found) == "<Profile by acme>"


def test_the_integrations_entry_says_whose_users_they_are() -> None:
    shared = Integration("acme", secret=KEY.secret, accounts="by_email")

    assert read().realm == "acme"
    assert read_profile(shared, {"email": EMAIL}).realm == ""


# --- what is wrong with others ---------------------------------------------------------------

CREDIT = {"orderId": "A", "id": 1}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"email": None}, "email: not a string"),
    ({"email": 5}, "email: not a string"),
    ({"email": ["ana@example.edu"]}, "email: not a string"),
    ({"email": "nobody"}, "email: not an email address"),
    ({"meta": None}, "meta: not an object"),
    ({"meta": []}, "meta: not an object"),
    ({"meta": "{}"}, "meta: not an object"),
    ({"meta": {"a": ["\x00"]}}, "meta: holds a NUL"),
    ({"meta": {"a": {"\x00": 1}}}, "meta: holds a NUL"),
    ({"groups": None}, "groups: not an array"),
    ({"groups": {}}, "groups: not an array"),
    ({"groups": "staff"}, "groups: not an array"),
    ({"groups": [None]}, "groups[0]: neither a string nor an integer"),
    ({"groups": ["a", True]}, "groups[1]: neither a string nor an integer"),
    ({"groups": [1.0]}, "groups[0]: neither a string nor an integer"),
    ({"groups": [["a"]]}, "groups[0]: neither a string nor an integer"),
    ({"groups": [""]}, "groups[0]: not 1 to 255 characters without a NUL"),
    ({"groups": ["x" * 256]}, "groups[0]: not 1 to 255 characters without a NUL"),
    ({"groups": ["a\x00"]}, "groups[0]: not 1 to 255 characters without a NUL"),
    ({"groups": [2**63]}, "groups[0]: an integer beyond 64 bits"),
    ({"groups": [-(2**63)]}, "groups[0]: an integer beyond 64 bits"),
    ({"credits": None}, "credits: not an array"),
    ({"credits": CREDIT}, "credits: not an array"),
    ({"credits": [5]}, "credits[0]: not an object"),
    ({"credits": [None]}, "credits[0]: not an object"),
    ({"credits": [{"id": 1}]}, "credits[0].orderId: missing"),
    ({"credits": [{**CREDIT, "orderId": 5}]}, "credits[0].orderId: not a string"),
    ({"credits": [{**CREDIT, "orderId": None}]}, "credits[0].orderId: not a string"),
    (
        {"credits": [CREDIT, {**CREDIT, "orderId": "x" * 33}]},
        "credits[1].orderId: longer than 32 characters",
    ),
    ({"credits": [{**CREDIT, "orderId": "\x00"}]}, "credits[0].orderId: holds a NUL"),
    ({"credits": [{"orderId": "A"}]}, "credits[0].id: missing"),
    ({"credits": [{**CREDIT, "id": True}]}, "credits[0].id: not an integer"),
    ({"credits": [{**CREDIT, "id": "1"}]}, "credits[0].id: not an integer"),
    ({"credits": [{**CREDIT, "id": 1.0}]}, "credits[0].id: not an integer"),
    ({"credits": [{**CREDIT, "id": 2**70}]}, "credits[0].id: an integer beyond 64 bits"),
    ({"onboard": None}, "onboard: not a boolean"),
    ({"onboard": 1}, "onboard: not a boolean"),
    ({"onboard": "true"}, "onboard: not a boolean"),
    ({"sub": 5}, "sub: not a string"),
]


@pytest.mark.parametrize("claims, told", WRONG, ids=[told for _, told in WRONG])
def test_a_fault_is_reported_alone_with_its_path_and_no_value(
    claims: dict[str, Any], told: str
) -> None:
    assert faults(**{"email": EMAIL, **claims}) == [told]


def test_without_an_address_nobody_arrives() -> None:
    assert faults() == ["email: missing"]


def test_every_fault_is_reported_at_once() -> None:
    told = faults(
        email="no",
        meta=1,
        groups=[True, "a", 1.5],
        credits=[{}, "x", {"orderId": "x" * 40, "id": False}],
        onboard=0,
    )

    assert told == [
        "email: not an email address",
        "meta: not an object",
        "groups[0]: neither a string nor an integer",
        "groups[2]: neither a string nor an integer",
        "credits[0].orderId: missing",
        "credits[0].id: missing",
        "credits[1]: not an object",
        "credits[2].orderId: longer than 32 characters",
        "credits[2].id: not an integer",
        "onboard: not a boolean",
    ]


def test_the_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(InvalidClaims(["a: b", "c: d"])))

    assert (error.faults, error.code, str(error)) == (
        ("a: b", "c: d"),
        "invalid_claims",
        "a: b; c: d",
    )
