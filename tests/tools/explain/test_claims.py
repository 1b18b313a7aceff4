"""Every claim that a vocabulary names has a group, and a meaning for a person."""

from __future__ import annotations

import pytest

from jwt_middleware import BYU, UCSD, WSO2
from jwt_middleware.gateways.views import Field
from jwt_middleware.testing import byu_claims, ucsd_claims
from jwt_middleware.tools.explain.claims import CLAIM_GROUPS, OTHER, grouped

KNOWN = {name for claims in CLAIM_GROUPS.values() for name in claims}


@pytest.mark.parametrize("vocabulary", [WSO2, UCSD, BYU])
def test_every_claim_of_a_vocabulary_has_a_meaning(vocabulary: type) -> None:
    fields = [
        field
        for each in vocabulary.__mro__
        for field in vars(each).values()
        if isinstance(field, Field)
    ]

    assert fields
    assert {name for field in fields for name in field.names} <= KNOWN


def test_a_claim_stands_in_one_group_only() -> None:
    assert len(KNOWN) == sum(len(claims) for claims in CLAIM_GROUPS.values())


def test_ucsds_token_is_shown_in_the_groups_of_its_page() -> None:
    told = grouped(ucsd_claims() | {"exp": 1})

    assert list(told) == ["Standard claims", "Invocation", "Application", "User", "Single sign-on"]
    assert [claim.name for claim in told["Standard claims"]] == ["iss", "exp"]
    assert all(claim.meaning for claims in told.values() for claim in claims)


def test_byus_token_is_shown_with_both_people() -> None:
    told = grouped(byu_claims(resource_owner=True, linked_entity=True))

    assert OTHER not in told
    assert told["Resource owner"][0].value == "100000001"
    assert told["Client's owner"][0].meaning.startswith("Net id")


def test_no_claim_is_lost_and_a_services_own_have_its_meaning() -> None:
    claims = {"accessLevel": "x", "exp": 5, "odd": [1]}
    told = grouped(claims, {"accessLevel": "The level."})

    assert {c.name: c.value for group in told.values() for c in group} == claims
    assert [claim.meaning for claim in told[OTHER]] == ["The level.", ""]
