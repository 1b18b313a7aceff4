"""Which claims hold what: paths, numbers, nulls, a dialect of one's own, and who acts."""

from __future__ import annotations

from typing import Any

import pytest

from jwt_middleware import (
    BYU,
    UCSD,
    WSO2,
    Client,
    ClientRegistry,
    Gateway,
    Principal,
    Verifier,
    kind,
)
from jwt_middleware.authorization.clients import Attribute
from jwt_middleware.errors import ConfigurationError, InvalidClaim, TokenRevoked
from jwt_middleware.gateways import PRESETS, ClaimNames, ListClaim, Mark
from jwt_middleware.principal import ABSENT, claim_at, path_of
from jwt_middleware.revocation import Denial
from jwt_middleware.testing import SigningKey, byu_claims, mint, ucsd_claims
from jwt_middleware.testing.samples import wso2_claims

# --- names and paths -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, path",
    [
        ("sub", ("sub",)),
        ("realm_access.roles", ("realm_access", "roles")),
        ("http://wso2.org/claims/role", ("http://wso2.org/claims/role",)),
        ("cognito:groups", ("cognito:groups",)),
        ("a/b.c", ("a/b.c",)),
        (("app.role",), ("app.role",)),
        (("app.role", "x"), ("app.role", "x")),
    ],
)
def test_a_dotted_text_is_a_path_unless_it_has_a_colon_or_a_slash(
    name: Any, path: tuple[str, ...]
) -> None:
    assert path_of(name) == path


def test_a_path_is_followed_through_objects_and_nothing_else() -> None:
    claims = {"a": {"b": {"c": 1}}, "n": None, "t": "text", "a.b": 2, "l": [{"b": 1}]}

    assert claim_at(claims, "a.b.c") == 1
    assert claim_at(claims, ("a.b",)) == 2
    assert claim_at(claims, "a.x") is ABSENT
    assert claim_at(claims, "n.x") is ABSENT
    for name in ("t.x", "l.b", "a.b.c.d"):
        with pytest.raises(InvalidClaim) as refusal:
            claim_at(claims, name)
        assert (refusal.value.claim, refusal.value.reason) == (name, "type")


def gateway(**names: Any) -> Gateway:
    return Gateway(name="site", algorithms=("RS256",), names=ClaimNames(**names))


def test_roles_stand_one_level_down_where_the_gateway_says_so(rsa_key: SigningKey) -> None:
    own = gateway(roles=(ListClaim("realm_access.roles"), ListClaim(("app.role",), ",")))
    verifier = Verifier(keys=rsa_key.public_pem, gateway=own)

    claims = {"realm_access": {"roles": ["a", "b"]}, "app.role": "c,d", "app": {"role": "no"}}
    assert verifier.verify(mint(rsa_key, claims, form="standard")).roles == {"a", "b", "c", "d"}
    for absent in ({}, {"realm_access": {}}, {"realm_access": None}, {"app.role": None}):
        assert verifier.verify(mint(rsa_key, absent, form="standard")).roles == frozenset()
    for malformed in ({"realm_access": "a"}, {"realm_access": {"roles": [1]}}, {"app.role": 5}):
        with pytest.raises(InvalidClaim):
            verifier.verify(mint(rsa_key, malformed, form="standard"))


def test_subject_and_client_may_be_paths_too(rsa_key: SigningKey) -> None:
    own = gateway(subject=("user.id", "sub"), client_id=("app.id",))
    verifier = Verifier(keys=rsa_key.public_pem, gateway=own)

    principal = verifier.verify(
        mint(rsa_key, {"user": {"id": "u"}, "app": {"id": "c"}}, form="standard")
    )
    assert (principal.subject, principal.client_id) == ("u", "c")
    with pytest.raises(InvalidClaim, match=r"user\.id: type"):
        verifier.verify(mint(rsa_key, {"user": {"id": 5}}, form="standard"))


def test_the_registry_reads_paths(rsa_key: SigningKey) -> None:
    entry = Client(
        "c",
        roles=(ListClaim("realm_access.roles"),),
        required=("org.unit",),
        attributes={"level": Attribute("org.level"), "dotted": Attribute(("org.x",))},
    )
    verifier = Verifier(
        keys=rsa_key.public_pem, gateway="standard", clients=ClientRegistry([entry])
    )
    claims = {
        "client_id": "c",
        "realm_access": {"roles": ["r"]},
        "org": {"unit": "u", "level": "high", "x": "no"},
        "org.x": "yes",
    }

    principal = verifier.verify(mint(rsa_key, claims, form="standard"))
    assert principal.roles == {"r"}
    assert dict(principal.attributes) == {"level": "high", "dotted": "yes"}
    with pytest.raises(InvalidClaim, match=r"org\.unit: missing"):
        verifier.verify(mint(rsa_key, claims | {"org": {}}, form="standard"))


def test_the_registrys_toml_reads_paths_and_literal_dots(tmp_path: Any) -> None:
    path = tmp_path / "clients.toml"
    path.write_text(
        """
        [clients.c]
        roles = ["realm_access.roles", ["app.role"], { claim = ["x.y", "z"], separator = "," }]
        required = ["org.unit", ["a.b"]]
        attributes.level = { claim = ["org.level"] }

        [clients.c.policies]
        "p" = { all = [{ claim = ["a.b"], equals = "x" }, { kind = "service" }] }
        """
    )

    entry = ClientRegistry(path).clients.get("c")
    assert entry is not None
    assert entry.roles == (
        ListClaim("realm_access.roles"),
        ListClaim(("app.role",)),
        ListClaim(("x.y", "z"), ","),
    )
    assert entry.required == ("org.unit", ("a.b",))
    assert entry.attributes["level"].claim == ("org.level",)
    policy = entry.policies["p"].predicate
    assert policy.evaluate(Principal({"a.b": "x", "client_id": "c"})).allowed
    assert not policy.evaluate(Principal({"a.b": "x", "sub": "u"})).allowed


@pytest.mark.parametrize(
    "line, text",
    [
        ('roles = ["a..b"]', "clients.c.roles[0]"),
        ('attributes.x = { claim = ".a" }', "clients.c.attributes.x.claim"),
        ("attributes.x = { claim = [] }", "clients.c.attributes.x.claim"),
        ('attributes.x = { claim = ["a", 5] }', "clients.c.attributes.x.claim"),
        ('required = ["a."]', "clients.c.required[0]"),
        ('policies.p = { kind = "robot" }', "clients.c.policies.p.kind"),
    ],
)
def test_a_wrong_path_is_a_fault_with_its_key_path(tmp_path: Any, line: str, text: str) -> None:
    path = tmp_path / "clients.toml"
    path.write_text(f"[clients.c]\n{line}\n")

    with pytest.raises(ConfigurationError) as error:
        ClientRegistry(path)
    assert text in str(error.value)


# --- numbers and nulls -----------------------------------------------------------------------


def test_numeric_ids_are_texts_of_the_principal_where_the_gateway_takes_them(
    rsa_key: SigningKey,
) -> None:
    claims = {"sub": 4, "client_id": 99, "jti": 123}
    numeric = Verifier(keys=rsa_key.public_pem, gateway=gateway(numeric_ids=True))
    strict = Verifier(keys=rsa_key.public_pem, gateway=gateway())
    token = mint(rsa_key, claims, form="standard")

    principal = numeric.verify(token)
    assert (principal.subject, principal.client_id, principal.token_id) == ("4", "99", "123")
    assert principal.claims["sub"] == 4
    with pytest.raises(InvalidClaim):
        strict.verify(token)
    for value in (True, 1.5, None, [4]):
        with pytest.raises(InvalidClaim):
            numeric.verify(mint(rsa_key, {"sub": value}, form="standard"))


def test_a_denial_finds_a_numeric_id(rsa_key: SigningKey) -> None:
    verifier = Verifier(
        keys=rsa_key.public_pem, gateway=gateway(numeric_ids=True), revocations="process-memory"
    )
    token = mint(rsa_key, {"sub": 4, "jti": 123}, form="standard")
    verifier.verify(token)
    assert verifier.revocations is not None

    verifier.revocations.deny(Denial(token_id="123"))
    with pytest.raises(TokenRevoked):
        verifier.verify(token)
    verifier.close()


@pytest.mark.parametrize("name", ["roles", "permissions", "scope"])
def test_a_list_that_is_null_is_absent(rsa_key: SigningKey, name: str) -> None:
    verifier = Verifier(keys=rsa_key.public_pem, gateway="standard")

    principal = verifier.verify(mint(rsa_key, {name: None}, form="standard"))
    assert (principal.roles, principal.permissions) == (frozenset(), frozenset())


def test_an_empty_subject_is_absent(rsa_key: SigningKey) -> None:
    verifier = Verifier(keys=rsa_key.public_pem)

    assert verifier.verify(mint(rsa_key, {"sub": ""})).subject is None
    claims = {"sub": "", "http://wso2.org/claims/enduser": "ana@carbon.super"}
    assert verifier.verify(mint(rsa_key, claims)).subject == "ana@carbon.super"


def test_azp_is_the_last_claim_that_names_a_client_of_wso2(rsa_key: SigningKey) -> None:
    verifier = Verifier(keys=rsa_key.public_pem)

    assert verifier.verify(mint(rsa_key, {"azp": "a"})).client_id == "a"
    both = {"azp": "a", "http://wso2.org/claims/client_id": "c"}
    assert verifier.verify(mint(rsa_key, both)).client_id == "c"


# --- WSO2's dialects -------------------------------------------------------------------------

OWN = "https://claims.example.edu/wso2"


def in_dialect(dialect: str, **claims: Any) -> dict[str, Any]:
    prefix = dialect if dialect == "/" else f"{dialect}/"
    return {prefix + name: value for name, value in claims.items()}


@pytest.mark.parametrize("dialect", [OWN, "http://wso2.org/gateway", "/", "acme"])
def test_a_dialect_of_ones_own_is_read_by_names_api_and_views(
    rsa_key: SigningKey, dialect: str
) -> None:
    verifier = Verifier(keys=rsa_key.public_pem, api="/orders", claim_dialect=dialect)
    claims = in_dialect(
        dialect,
        apicontext="/orders/1.0",
        enduser="ana@carbon.super",
        client_id="c",
        role="a,b",
        applicationname="App",
        systemid="7",
    )

    principal = verifier.verify(mint(rsa_key, claims))
    assert (principal.subject, principal.client_id, principal.application) == (
        "ana@carbon.super",
        "c",
        "App",
    )
    assert principal.roles == {"a", "b"}
    assert principal.view(WSO2).api_context == "/orders/1.0"
    assert principal.view(UCSD).user_id == "7"
    assert (WSO2.api_context == "/orders/1.0").evaluate(principal).allowed
    assert dict(principal.claims)[next(iter(claims))] == "/orders/1.0"  # as they came


def test_a_claim_of_the_usual_dialect_does_not_count_beside_ones_own(rsa_key: SigningKey) -> None:
    """A user's attribute could carry its name."""
    verifier = Verifier(keys=rsa_key.public_pem, api="/orders", claim_dialect=OWN)
    usual = wso2_claims("/orders/1.0", "owner", "App", enduser="mallory", role="admin")

    with pytest.raises(InvalidClaim, match="apicontext: missing"):
        verifier.verify(mint(rsa_key, usual))
    own = in_dialect(OWN, apicontext="/orders/1.0", enduser="ana")
    principal = verifier.verify(mint(rsa_key, usual | own))
    assert (principal.subject, principal.roles) == ("ana", frozenset())
    assert principal.view(WSO2).end_user == "ana"
    assert principal.view(WSO2).application_name is None


def test_claims_of_other_dialects_are_read_as_they_came(rsa_key: SigningKey) -> None:
    verifier = Verifier(keys=rsa_key.public_pem, claim_dialect=OWN)
    claims = byu_claims(resource_owner=True, linked_entity=False)

    assert verifier.verify(mint(rsa_key, claims)).view(BYU).resource_owner_net_id == "sdoe"


@pytest.mark.parametrize(
    "options, text",
    [
        ({"claim_dialect": OWN + "/"}, "without the slash"),
        ({"claim_dialect": ""}, "claim_dialect: one text"),
        ({"claim_dialect": 5}, "claim_dialect: one text"),
        ({"claim_dialect": OWN, "gateway": "standard"}, "'standard' has no dialect"),
    ],
)
def test_a_wrong_dialect_is_an_error(
    rsa_key: SigningKey, options: dict[str, Any], text: str
) -> None:
    with pytest.raises(ConfigurationError) as error:
        Verifier(keys=rsa_key.public_pem, **options)
    assert text in str(error.value)


# --- who acts --------------------------------------------------------------------------------

USER_TYPE = "http://wso2.org/claims/usertype"


@pytest.mark.parametrize(
    "preset, claims, who",
    [
        ("wso2", wso2_claims("/a/1", "o", "A", "APPLICATION", enduser="o"), "service"),
        ("wso2", wso2_claims("/a/1", "o", "A", "APPLICATION_USER", enduser="u"), "person"),
        ("wso2", wso2_claims("/a/1", "o", "A", "Application_User", enduser="u"), "person"),
        ("wso2", wso2_claims("/a/1", "o", "A", "Application", enduser="o"), "service"),
        ("wso2", ucsd_claims(), "person"),
        ("wso2", ucsd_claims(systemid="-", networkuserid="-"), "service"),
        ("wso2", byu_claims(resource_owner=True, linked_entity=True), "person"),
        ("wso2", byu_claims(resource_owner=False, linked_entity=True), "service"),
        ("cloudflare-access", {"common_name": "a.access", "sub": ""}, "service"),
        ("cloudflare-access", {"sub": "u", "email": "a@example.com"}, "person"),
        ("google-iap", {"sub": "accounts.google.com:1", "email": "a@example.com"}, "person"),
        ("google-iap", {"sub": "1", "email": "r@p.iam.gserviceaccount.com"}, "service"),
        ("google-iap", {"sub": "1", "email": "1-compute@developer.gserviceaccount.com"}, "service"),
        ("google-iap", {"sub": "1", "email": "a@gserviceaccount.com.evil.example"}, "person"),
        ("teleport", {"sub": "bot-ci", "username": "bot-ci"}, "service"),
        ("teleport", {"sub": "ana", "username": "ana"}, "person"),
        ("bearer", {"sub": "u", "client_id": "c"}, "person"),
        ("bearer", {"sub": "c", "client_id": "c"}, "service"),
        ("bearer", {"sub": "c@clients", "azp": "c", "gty": "client-credentials"}, "service"),
        ("bearer", {"sub": "c@clients", "client_id": "c"}, "service"),
        ("bearer", {"sub": "auth0|c@clients", "client_id": "c"}, "person"),
        ("bearer", {"sub": "c", "cid": "c"}, "service"),
        ("bearer", {"sub": "x", "appid": "a", "idtyp": "app"}, "service"),
        ("bearer", {"sub": "x", "oid": "x", "azp": "a", "tid": "t"}, "service"),
        ("bearer", {"sub": "x", "oid": "y", "azp": "a", "tid": "t"}, "person"),
        ("bearer", {"sub": "x", "azp": "a", "idtyp": "user"}, "person"),
        ("bearer", {"sub": "x", "preferred_username": "service-account-a"}, "service"),
        ("bearer", {"client_id": "c"}, "service"),
        ("bearer", {}, "person"),
    ],
)
def test_a_principal_is_a_person_or_a_service(
    preset: str, claims: dict[str, Any], who: str
) -> None:
    principal = Principal(claims, names=PRESETS[preset].names)

    assert principal.kind == who
    assert (kind == who).evaluate(principal).allowed
    assert not (kind != who).evaluate(principal).allowed


def test_a_service_of_cloudflare_is_its_common_name_and_nobodys_empty_subject() -> None:
    names = PRESETS["cloudflare-access"].names
    principal = Principal({"common_name": "a.access", "sub": ""}, names=names)

    assert (principal.subject, principal.client_id) == (None, "a.access")
    assert principal.display_name == "a.access"


def test_a_mark_is_a_whole_text_and_never_raises() -> None:
    assert Mark("a", "x").is_in({"a": "x"})
    assert not Mark("a", "x").is_in({"a": "xy"})
    for claims in ({}, {"a": None}, {"a": 5}, {"a": ["x"]}, {"a": {"b": "x"}}):
        assert not Mark("a", "x").is_in(claims)
    assert not Mark("a.b", "x").is_in({"a": "x"})
    assert Mark("a", same_as="b").is_in({"a": "1", "b": "1"})
    assert not Mark("a", same_as="b").is_in({"a": "1"})
