"""The claims of WSO2, UCSD and BYU under typed names; an absent one is None, never a guess."""

from typing import Any

import pytest

from jwt_middleware import BYU, UCSD, WSO2, Principal
from jwt_middleware.authorization.terms import Term
from jwt_middleware.errors import InvalidClaim
from jwt_middleware.gateways.byu import BYU_DIALECT
from jwt_middleware.gateways.wso2 import WSO2_DIALECT
from jwt_middleware.testing import byu_claims, ucsd_claims

SSO_CLAIMS = {
    "user_id": "systemid",
    "ad_username": "adusername",
    "employee_id": "eid",
    "email": "emailaddress",
    "given_name": "givenname",
    "last_name": "lastname",
    "network_user_id": "networkuserid",
    "student_id": "pid",
    "racf_id": "racfid",
    "ucpath_employee_id": "ucpathemplid",
}
WSO2_CLAIMS = {
    "subscriber": "subscriber",
    "application_id": "applicationid",
    "application_uuid": "applicationUUId",
    "application_name": "applicationname",
    "application_tier": "applicationtier",
    "api_context": "apicontext",
    "api_name": "apiname",
    "api_version": "version",
    "tier": "tier",
    "key_type": "keytype",
    "user_type": "usertype",
    "end_user": "enduser",
}


def view(vocabulary: Any, claims: dict[str, Any]) -> Any:
    return Principal(claims).view(vocabulary)


@pytest.mark.parametrize("name, claim", WSO2_CLAIMS.items())
def test_each_wso2_claim_is_read_under_its_typed_name(name: str, claim: str) -> None:
    assert getattr(view(WSO2, {WSO2_DIALECT + claim: "value"}), name) == "value"
    assert getattr(view(WSO2, {}), name) is None


@pytest.mark.parametrize("name, claim", SSO_CLAIMS.items())
def test_each_ucsd_claim_is_read_under_its_typed_name(name: str, claim: str) -> None:
    assert getattr(view(UCSD, {WSO2_DIALECT + claim: "value"}), name) == "value"
    assert getattr(view(UCSD, {}), name) is None


@pytest.mark.parametrize(
    "name", [name for name in vars(BYU) if name.startswith(("resource_owner_", "client_"))]
)
def test_each_byu_claim_is_read_under_its_typed_name(name: str) -> None:
    claim = BYU_DIALECT + name.replace("resource_owner", "resourceowner")

    assert getattr(view(BYU, {claim: "value"}), name) == "value"
    assert getattr(view(BYU, {claim: " "}), name) is None
    assert getattr(view(BYU, {}), name) is None


def test_byu_names_every_claim_of_its_document() -> None:
    everything = byu_claims(resource_owner=True, linked_entity=True)
    named = {claim for field in vars(BYU).values() for claim in getattr(field, "names", ())}

    assert {name for name in everything if name.startswith(BYU_DIALECT)} <= named


@pytest.mark.parametrize("name", SSO_CLAIMS)
def test_a_dash_means_that_ucsds_single_sign_on_gave_no_value(name: str) -> None:
    claims = {WSO2_DIALECT + SSO_CLAIMS[name]: "-"}

    assert getattr(view(UCSD, claims), name) is None


def test_a_dash_of_department_codes_means_none_too() -> None:
    assert view(UCSD, ucsd_claims(departmentcodes="-")).department_codes is None


@pytest.mark.parametrize("name", WSO2_CLAIMS)
def test_a_dash_is_a_value_of_every_claim_that_single_sign_on_does_not_give(name: str) -> None:
    claims = {WSO2_DIALECT + WSO2_CLAIMS[name]: "-"}

    assert getattr(view(UCSD, claims), name) == "-"
    assert getattr(view(WSO2, claims), name) == "-"


@pytest.mark.parametrize("mark", ["--", " -", "- ", "", "—", "null"], ids=repr)
def test_only_the_whole_mark_means_no_value(mark: str) -> None:
    assert view(UCSD, {WSO2_DIALECT + "pid": mark}).student_id == mark
    assert view(BYU, {BYU_DIALECT + "client_net_id": mark}).client_net_id == mark


def test_only_one_blank_is_byus_mark() -> None:
    assert view(BYU, {BYU_DIALECT + "client_net_id": "  "}).client_net_id == "  "
    assert view(BYU, {WSO2_DIALECT + "tier": " "}).tier == " "


def test_the_ucsd_sample_reads_as_its_page_says() -> None:
    found = view(UCSD, ucsd_claims())

    assert found.application_name == "DefaultApplication"
    assert found.api_context == "/echo/1.0.0"
    assert found.ad_username is None
    assert found.department_codes == ("000111", "000222")
    assert found.end_user_tenant_id == "-1234"
    assert found.roles is not None
    assert found.roles[-1] == "Internal/everyone"
    assert found.client_id is None


def test_user_type_application_hides_no_user() -> None:
    """A real token says APPLICATION and carries a user all the same."""
    found = view(UCSD, ucsd_claims())

    assert found.user_type == "APPLICATION"
    assert found.user_id is not None


@pytest.mark.parametrize("linked_entity", [True, False], ids=["CLIENT_ID", "CLIENT_SUBSCRIBER"])
@pytest.mark.parametrize("resource_owner", [True, False], ids=["owner", "no-owner"])
def test_byus_four_combinations(resource_owner: bool, linked_entity: bool) -> None:
    found = view(BYU, byu_claims(resource_owner=resource_owner, linked_entity=linked_entity))

    assert found.client_claim_source == ("CLIENT_ID" if linked_entity else "CLIENT_SUBSCRIBER")
    assert found.client_subscriber_net_id == "apiowner"
    assert found.client_net_id == (None if linked_entity else "apiowner")
    assert found.client_rest_of_name == (None if linked_entity else "Alex")
    assert found.client_name_suffix is None
    assert found.resource_owner_net_id == ("sdoe" if resource_owner else None)
    assert found.resource_owner_suffix is None
    assert found.client_id == "ExampleClientIdOfTwentyEight"


@pytest.mark.parametrize("spelling", ["enduserTenantId", "enduserTennantId"])
def test_both_spellings_of_the_tenant_are_read(spelling: str) -> None:
    assert view(WSO2, {WSO2_DIALECT + spelling: "-1234"}).end_user_tenant_id == "-1234"


def test_both_spellings_that_agree_are_one_value() -> None:
    claims = {WSO2_DIALECT + name: "1" for name in ("enduserTenantId", "enduserTennantId")}

    assert view(WSO2, claims).end_user_tenant_id == "1"


@pytest.mark.parametrize(
    "one, other, name",
    [
        ("enduserTenantId", "enduserTennantId", "end_user_tenant_id"),
        ("client_id", None, "client_id"),
    ],
)
def test_two_spellings_that_disagree_are_refused(one: str, other: str | None, name: str) -> None:
    claims = {WSO2_DIALECT + one: "1", (WSO2_DIALECT + other if other else one): "2"}

    with pytest.raises(InvalidClaim) as refusal:
        getattr(view(WSO2, claims), name)
    assert refusal.value.reason == "conflict"


def test_a_mark_beside_a_value_is_a_conflict_too() -> None:
    class Two(UCSD):
        pass

    claims = {WSO2_DIALECT + "enduserTenantId": "-", WSO2_DIALECT + "enduserTennantId": "1"}
    with pytest.raises(InvalidClaim):
        _ = view(Two, claims).end_user_tenant_id


def test_ids_that_are_numbers_are_read_as_text() -> None:
    assert view(WSO2, {WSO2_DIALECT + "applicationid": 24}).application_id == "24"


@pytest.mark.parametrize("value", [None, True, 1.5, ["a"], {"a": 1}], ids=repr)
def test_a_text_of_another_type_is_malformed_and_never_absent(value: Any) -> None:
    with pytest.raises(InvalidClaim) as refusal:
        _ = view(WSO2, {WSO2_DIALECT + "tier": value}).tier
    assert (refusal.value.claim, refusal.value.reason) == (WSO2_DIALECT + "tier", "type")


@pytest.mark.parametrize(
    "value, roles",
    [
        ("a,b", ("a", "b")),
        (" a , ,b ", ("a", "b")),
        (["a,b", "c"], ("a,b", "c")),
        ("", ()),
        ([], ()),
    ],
    ids=repr,
)
def test_lists_are_tuples_in_either_form(value: Any, roles: tuple[str, ...]) -> None:
    assert view(WSO2, {WSO2_DIALECT + "role": value}).roles == roles
    assert view(WSO2, {"organizations": value}).organizations == roles


@pytest.mark.parametrize("value", [None, 5, True, {"a": 1}, ["a", 5]], ids=repr)
def test_a_list_of_another_type_is_malformed(value: Any) -> None:
    with pytest.raises(InvalidClaim):
        _ = view(WSO2, {WSO2_DIALECT + "role": value}).roles


def test_application_attributes_are_a_read_only_object() -> None:
    claims = {WSO2_DIALECT + "applicationAttributes": {"Department": ["a", "b"]}}
    found = view(WSO2, claims).application_attributes

    assert found["Department"] == ("a", "b")
    with pytest.raises(TypeError):
        found["Department"] = "x"


@pytest.mark.parametrize("value", [None, "x", 5, ["a"]], ids=repr)
def test_application_attributes_of_another_type_are_malformed(value: Any) -> None:
    with pytest.raises(InvalidClaim):
        _ = view(WSO2, {WSO2_DIALECT + "applicationAttributes": value}).application_attributes


def test_on_the_class_a_claim_is_a_term() -> None:
    assert isinstance(WSO2.api_context, Term)
    assert repr(WSO2.api_context == "/a") == "WSO2.api_context == '/a'"
    assert repr(UCSD.user_id.is_present) == "UCSD.user_id.is_present"


def test_a_term_compares_what_the_view_reads() -> None:
    principal = Principal(ucsd_claims(applicationid=24))

    assert (WSO2.application_id == "24").evaluate(principal).allowed
    assert UCSD.department_codes.contains("000111").evaluate(principal).allowed
    assert not UCSD.ad_username.is_present.evaluate(principal).allowed
    assert not (UCSD.ad_username != "eve").evaluate(principal).allowed


def test_a_term_over_a_malformed_or_conflicting_claim_denies_and_so_does_its_negation() -> None:
    for principal in (
        Principal(ucsd_claims(tier=None)),
        Principal(ucsd_claims(tier=["Gold"])),
    ):
        for predicate in (WSO2.tier == "Gold", ~(WSO2.tier == "Gold"), WSO2.tier != "Gold"):
            assert not predicate.evaluate(principal).allowed


def test_a_view_cannot_be_written_through() -> None:
    found = view(WSO2, ucsd_claims())

    with pytest.raises(TypeError):
        found.claims["x"] = 1
