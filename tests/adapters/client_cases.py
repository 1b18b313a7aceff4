"""The six clients of the demo: which of their tokens is served on which route."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from jwt_middleware import (
    Predicate,
    attribute,
    client,
    has_permission,
    has_role,
    path_param,
    policy,
    query_param,
)
from jwt_middleware.testing import SigningKey, mint

from .rule_apps import Rule

Claims = Mapping[str, Any]

CLIENTS_TOML = Path(str(files("jwt_middleware.testing"))) / "clients.toml"

BASE = {
    "iss": "wso2.org/products/am",
    "http://wso2.org/claims/apicontext": "/echo/1.0.0",
    "http://wso2.org/claims/enduser": "jroe@carbon.super",
}


def client_options(key: SigningKey) -> dict[str, Any]:
    """The options of an app that knows the six."""
    return {"keys": key.certificate_pem, "api": "/echo", "clients": str(CLIENTS_TOML)}


def sent(key: SigningKey, claims: Claims) -> list[tuple[str, str]]:
    """The headers of a request with a token of these claims."""
    return [("X-JWT-Assertion", mint(key, {**BASE, **claims}))]


def registry(folder: Path, old: str = "", new: str = "", *, added: str = "") -> str:
    """Write the registry with one text replaced, and one added; return its path."""
    text = CLIENTS_TOML.read_text("utf-8")
    assert old in text
    path = folder / "clients.toml"
    path.write_text((text.replace(old, new) if old else text) + added, "utf-8")
    return str(path)


# --- the routes ------------------------------------------------------------------------------

ACME, GLOBEX, INITECH = "acme_corp", "globex_ind", "initech"
UMBRELLA, STARK, CYBERDYNE = "umbrella_corp", "stark_ind", "cyberdyne"
CLIENTS = (ACME, GLOBEX, INITECH, UMBRELLA, STARK, CYBERDYNE)

ACME_ADMIN = client(ACME) & has_role("acme_admin")
GLOBEX_LEVEL = attribute("access_level") >= "globex_level2"
OWN_PROJECT = attribute("project_id") == path_param("project_id")
ENGINEER = has_role("cyberdyne_engineer")

RULES = (
    Rule("/acme/admin", ACME_ADMIN),
    Rule("/globex/audit", client(GLOBEX) & GLOBEX_LEVEL),
    Rule("/initech/projects", client(INITECH) & policy("projects.manage")),
    Rule("/umbrella/{project_id}", client(UMBRELLA) & OWN_PROJECT),
    Rule("/stark/home", has_role("stark_homeowner")),
    Rule("/cyberdyne/models", client(CYBERDYNE) & ENGINEER),
    Rule("/catalogue", policy("catalogue.read")),
    # Without client(...): the registry alone keeps the clients apart.
    Rule("/role/acme", has_role("acme_admin")),
    Rule("/permission/acme", has_permission("manage_acme_products")),
    Rule("/level/globex", GLOBEX_LEVEL),
    Rule("/permission/globex", has_permission("view_globex_audit")),
    Rule("/role/initech", has_role("initech_admin")),
    Rule("/permission/initech", has_permission("create_initech_project")),
    Rule("/project/umbrella/{project_id}", OWN_PROJECT),
    Rule("/permission/umbrella", has_permission("view_umbrella_research")),
    Rule("/permission/stark", has_permission("control_stark_devices")),
    Rule("/device/stark", attribute("device_type") == "stark_smartwatch"),
    Rule("/role/cyberdyne", ENGINEER),
    Rule("/platform/cyberdyne", attribute("ai_platform") == "cyberdyne_skynet"),
)

OF_CLIENT: Mapping[str, tuple[str, ...]] = {
    ACME: ("/acme/admin", "/role/acme", "/permission/acme"),
    GLOBEX: ("/globex/audit", "/level/globex", "/permission/globex"),
    INITECH: ("/initech/projects", "/role/initech", "/permission/initech"),
    UMBRELLA: ("/umbrella/P-1", "/project/umbrella/P-1", "/permission/umbrella"),
    STARK: ("/stark/home", "/permission/stark", "/device/stark"),
    CYBERDYNE: ("/cyberdyne/models", "/role/cyberdyne", "/platform/cyberdyne"),
}
"""The routes that one client alone may call, by paths that its best token is served on."""

AUTHORIZE: Mapping[str, Predicate] = {
    "/acme/admin": ACME_ADMIN,
    "/globex/audit": client(GLOBEX) & GLOBEX_LEVEL,
    "/initech/projects": client(INITECH) & policy("projects.manage"),
    "/umbrella/P-1": client(UMBRELLA) & (attribute("project_id") == query_param("project_id")),
    "/stark/home": has_role("stark_homeowner"),
    "/cyberdyne/models": client(CYBERDYNE) & ENGINEER,
    "/catalogue": policy("catalogue.read"),
}
"""The same for the plain doors, which know no routes: the project is in the query there."""

# --- the tokens ------------------------------------------------------------------------------

BEST: Mapping[str, Claims] = {
    ACME: {"roles": ["acme_admin"], "permissions": ["manage_acme_products"]},
    GLOBEX: {"accessLevel": "globex_level3", "permissions": ["view_globex_audit"]},
    INITECH: {"roles": ["initech_admin"], "permissions": ["create_initech_project"]},
    UMBRELLA: {
        "roles": ["umbrella_researcher"],
        "permissions": ["view_umbrella_research"],
        "umbrellaProjectId": "P-1",
    },
    STARK: {
        "starkUserRole": "stark_homeowner",
        "permissions": ["control_stark_devices"],
        "deviceType": "stark_smartwatch",
    },
    CYBERDYNE: {
        "cyberdyneUserRole": "cyberdyne_engineer",
        "permissions": ["train_cyberdyne_models"],
        "aiPlatform": "cyberdyne_skynet",
    },
}
"""Claims that are granted all that the client's own routes ask for."""

ROLES = {STARK: "starkUserRole", CYBERDYNE: "cyberdyneUserRole"}
"""Claims that hold roles, where it is not ``roles``."""

ATTRIBUTES = {
    ACME: (),
    GLOBEX: ("accessLevel", "departmentId", "globexEmployeeId"),
    INITECH: ("initechSubscriptionTier",),
    UMBRELLA: ("umbrellaProjectId",),
    STARK: ("deviceType",),
    CYBERDYNE: ("aiPlatform",),
}


def best(client_id: str, /, **changes: Any) -> dict[str, Any]:
    """The best token of a client; a change to None takes a claim away."""
    claims = {"client_id": client_id, **BEST[client_id], **changes}
    return {name: value for name, value in claims.items() if value is not None}


def in_its_own_names(client_id: str, other: str) -> dict[str, Any]:
    """A token of one client that carries the claims of another beside its own."""
    both = {**best(client_id), **BEST[other], "client_id": client_id}
    both["permissions"] = [*BEST[client_id]["permissions"], *BEST[other]["permissions"]]
    return both


def in_the_others_names(client_id: str, other: str) -> dict[str, Any]:
    """A token of one client that carries another's values where its own are read."""
    theirs = BEST[other]
    held = theirs.get(ROLES.get(other, "roles"), [])
    roles = [held] if isinstance(held, str) else held
    found = best(client_id)
    found["permissions"] = [*found["permissions"], *theirs["permissions"], *roles]
    mine = ROLES.get(client_id, "roles")
    own = found.get(mine, [])
    found[mine] = [*([own] if isinstance(own, str) else own), *roles, *theirs["permissions"]]
    values = [theirs[name] for name in ATTRIBUTES[other] if name in theirs]
    for name in ATTRIBUTES[client_id]:
        if values:
            found[name] = values[0]
    return found


class Case(NamedTuple):
    """A token on a route, and how it is answered; no code where it is served."""

    name: str
    claims: Claims
    path: str
    status: int = 200
    code: str | None = None


DENIED = (403, "insufficient_permission")
UNKNOWN = (403, "unknown_client")
INVALID = (401, "invalid_claim")
ACME_TOKEN, GLOBEX_TOKEN, INITECH_TOKEN = best(ACME), best(GLOBEX), best(INITECH)
UMBRELLA_TOKEN, STARK_TOKEN, CYBERDYNE_TOKEN = best(UMBRELLA), best(STARK), best(CYBERDYNE)

CASES = (
    Case("an admin", ACME_TOKEN, "/acme/admin"),
    Case("one role as a text", best(ACME, roles="acme_admin"), "/acme/admin"),
    Case("a buyer", best(ACME, roles=["acme_buyer"]), "/acme/admin", *DENIED),
    Case("a buyer reads", best(ACME, roles=["acme_buyer"]), "/catalogue"),
    Case("a role of no policy", best(ACME, roles=["acme_guest"]), "/catalogue", *DENIED),
    Case("no roles", best(ACME, roles=None), "/acme/admin", *DENIED),
    Case("empty roles", best(ACME, roles=[]), "/acme/admin", *DENIED),
    Case("upper case", best(ACME, roles=["ACME_ADMIN"]), "/acme/admin", *DENIED),
    Case("a blank behind", best(ACME, roles=["acme_admin "]), "/acme/admin", *DENIED),
    Case("a longer name", best(ACME, roles=["acme_admins"]), "/acme/admin", *DENIED),
    Case(
        "a role among the permissions",
        {"client_id": ACME, "permissions": ["acme_admin"]},
        "/role/acme",
        *DENIED,
    ),
    Case(
        "a role in another's claim",
        {"client_id": ACME, "starkUserRole": "acme_admin"},
        "/acme/admin",
        *DENIED,
    ),
    Case(
        "a role in WSO2's claim",
        {"client_id": ACME, "http://wso2.org/claims/role": "acme_admin"},
        "/acme/admin",
        *DENIED,
    ),
    Case("roles that are a number", best(ACME, roles=1), "/acme/admin", *INVALID),
    Case("a role that is a number", best(ACME, roles=["acme_admin", 1]), "/acme/admin", *INVALID),
    Case(
        "a client id in capitals", {**ACME_TOKEN, "client_id": "ACME_CORP"}, "/acme/admin", *UNKNOWN
    ),
    Case(
        "a client id with a blank",
        {**ACME_TOKEN, "client_id": "acme_corp "},
        "/acme/admin",
        *UNKNOWN,
    ),
    Case("level 3", GLOBEX_TOKEN, "/globex/audit"),
    Case("level 2", best(GLOBEX, accessLevel="globex_level2"), "/globex/audit"),
    Case("level 1", best(GLOBEX, accessLevel="globex_level1"), "/globex/audit", *DENIED),
    Case("level 1 reads", best(GLOBEX, accessLevel="globex_level1"), "/catalogue"),
    Case("no such level", best(GLOBEX, accessLevel="globex_level4"), "/globex/audit", *DENIED),
    Case("no such level reads", best(GLOBEX, accessLevel="globex_level4"), "/catalogue", *DENIED),
    Case(
        "a level in capitals", best(GLOBEX, accessLevel="GLOBEX_LEVEL3"), "/globex/audit", *DENIED
    ),
    Case(
        "a level among roles",
        best(GLOBEX, accessLevel="globex_level1", roles=["globex_level3"]),
        "/globex/audit",
        *DENIED,
    ),
    Case("no level", best(GLOBEX, accessLevel=None), "/globex/audit", *INVALID),
    Case("no level elsewhere", best(GLOBEX, accessLevel=None), "/catalogue", *INVALID),
    Case("a level that is null", {**GLOBEX_TOKEN, "accessLevel": None}, "/globex/audit", *INVALID),
    Case(
        "a list of levels", best(GLOBEX, accessLevel=["globex_level3"]), "/globex/audit", *INVALID
    ),
    Case("a numeric level", best(GLOBEX, accessLevel=3), "/globex/audit", *INVALID),
    Case("an initech admin", INITECH_TOKEN, "/initech/projects"),
    Case("a manager", best(INITECH, roles=["initech_project_manager"]), "/initech/projects"),
    Case("a developer", best(INITECH, roles=["initech_developer"]), "/initech/projects", *DENIED),
    Case("half of the policy", best(INITECH, permissions=[]), "/initech/projects", *DENIED),
    Case("the other half", best(INITECH, roles=[]), "/initech/projects", *DENIED),
    Case("no policy for it", INITECH_TOKEN, "/catalogue", *DENIED),
    Case("its own project", UMBRELLA_TOKEN, "/umbrella/P-1"),
    Case("another project in the path", UMBRELLA_TOKEN, "/umbrella/P-2", *DENIED),
    Case(
        "another project in the token",
        best(UMBRELLA, umbrellaProjectId="P-2"),
        "/umbrella/P-1",
        *DENIED,
    ),
    Case("the project in lower case", UMBRELLA_TOKEN, "/umbrella/p-1", *DENIED),
    Case("no project", best(UMBRELLA, umbrellaProjectId=None), "/umbrella/P-1", *DENIED),
    Case("no project at all", best(UMBRELLA, umbrellaProjectId=None), "/umbrella/None", *DENIED),
    Case("a numeric project", best(UMBRELLA, umbrellaProjectId=1), "/umbrella/1", *INVALID),
    Case("a home owner", STARK_TOKEN, "/stark/home"),
    Case("a guest", best(STARK, starkUserRole="stark_guest"), "/stark/home", *DENIED),
    Case(
        "an owner by roles",
        {"client_id": STARK, "roles": ["stark_homeowner"]},
        "/stark/home",
        *DENIED,
    ),
    Case("an engineer", CYBERDYNE_TOKEN, "/cyberdyne/models"),
    Case(
        "an operator",
        best(CYBERDYNE, cyberdyneUserRole="cyberdyne_operator"),
        "/cyberdyne/models",
        *DENIED,
    ),
    Case(
        "an engineer by roles",
        {"client_id": CYBERDYNE, "roles": ["cyberdyne_engineer"]},
        "/cyberdyne/models",
        *DENIED,
    ),
    Case("an engineer reads no catalogue", CYBERDYNE_TOKEN, "/catalogue", *DENIED),
)
