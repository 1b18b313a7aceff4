"""What the claims of gateways mean to a person, in groups, as UCSD's page on the header tells them.

Sources: RFC 7519, 4.1; UCSD's page "Accessing Authentication Details Via JWT", which has the
groups; WSO2's claim dialect; BYU's claims as the same page lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ...gateways.views import BYU_DIALECT, WSO2_DIALECT

OTHER = "Other claims"
"""The group of claims that no table here knows."""

_STANDARD = {
    "iss": "Who issued the token.",
    "exp": "When it ends; WSO2 1.x counts milliseconds.",
    "nbf": "When it begins.",
    "iat": "When it was issued.",
    "jti": "The token's own id.",
    "sub": "Whom it is about.",
    "aud": "Whom it is for; WSO2 sends none.",
}
_INVOCATION = {
    "apicontext": "The API that was called, unique in the gateway.",
    "apiname": "The name of the API.",
    "version": "The version of the API.",
    "keytype": "PRODUCTION or SANDBOX: which kind of key the application used.",
    "usertype": "APPLICATION_USER where a person took part in the grant, else APPLICATION.",
}
_APPLICATION = {
    "subscriber": "Who registered the application; not the person who calls.",
    "applicationid": "The id of the application.",
    "applicationUUId": "The UUID of the application.",
    "applicationname": "The name of the application that calls.",
    "applicationtier": "How many calls the application may make.",
    "applicationAttributes": "What the application's owner has set.",
    "tier": "How many calls the subscription allows.",
    "client_id": "The OAuth client of the call, as BYU's gateway names it.",
}
_USER = {
    "enduser": "The API manager's user; the name means nothing outside of it.",
    "enduserTenantId": "The user's tenant in the API manager.",
    "enduserTennantId": "The same, as some pages spell it.",
    "role": "Roles in the API manager, and in nothing else.",
}
_SSO = {
    "adusername": "Active Directory user name; - where there is none.",
    "departmentcodes": "Department codes in payroll.",
    "eid": "Employee id.",
    "emailaddress": "The long form of the email address.",
    "givenname": "First name.",
    "lastname": "Last name.",
    "nickname": "The name that the user store knows the person by.",
    "passwordTimestamp": "When the password was changed; UCSD writes the user name there.",
    "networkuserid": "Kerberos or network user name.",
    "pid": "Student id.",
    "racfid": "Mainframe id.",
    "systemid": "Persistent, unique, never recycled: the id to keep in your own system.",
    "ucpathemplid": "UCPath employee id.",
}
_PERSON = {
    "person_id": "Person id",
    "byu_id": "BYU id",
    "net_id": "Net id",
    "surname": "Surname",
    "surname_position": "Where the surname stands in the whole name",
    "rest_of_name": "First and middle names",
    "preferred_first_name": "Preferred first name",
    "sort_name": "The whole name, for sorting",
}


def _of_person(prefix: str, whose: str, marks: str) -> dict[str, str]:
    named = {f"{prefix}_{name}": f"{meaning} {whose}." for name, meaning in _PERSON.items()}
    named[f"{prefix}_{marks}suffix"] = f"Jr, Sr and so on, {whose}."
    named[f"{prefix}_{marks}prefix"] = f"Dr, Mr and so on, {whose}."
    return named


def _dialect(dialect: str, named: Mapping[str, str]) -> dict[str, str]:
    return {dialect + name: meaning for name, meaning in named.items()}


CLAIM_GROUPS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "Standard claims": _STANDARD,
        "Invocation": _dialect(WSO2_DIALECT, _INVOCATION),
        "Application": {"client_id": "The OAuth client of the call."}
        | _dialect(WSO2_DIALECT, _APPLICATION),
        "User": _dialect(WSO2_DIALECT, _USER) | {"organizations": "The user's organizations."},
        "Single sign-on": _dialect(WSO2_DIALECT, _SSO),
        "Resource owner": _dialect(
            BYU_DIALECT, _of_person("resourceowner", "of the resource owner", "")
        ),
        "Client's owner": _dialect(
            BYU_DIALECT,
            {
                "client_subscriber_net_id": "Net id of who subscribed to the API.",
                "client_claim_source": "CLIENT_ID where an entity is linked to the client.",
            }
            | _of_person("client", "of the client's owner", "name_"),
        ),
    }
)
"""The known claims by group, each with its meaning."""


class ToldClaim(NamedTuple):
    """One claim of a token, and what it means (empty where that is not known)."""

    name: str
    value: Any
    meaning: str


def grouped(
    claims: Mapping[str, Any], own: Mapping[str, str] = MappingProxyType({})
) -> dict[str, list[ToldClaim]]:
    """Return a token's claims by group; ``own`` tells the meaning of a service's own claims."""
    found: dict[str, list[ToldClaim]] = {}
    left = dict(claims)
    for group, meanings in CLAIM_GROUPS.items():
        told = [
            ToldClaim(name, left.pop(name), meanings[name]) for name in meanings if name in left
        ]
        if told:
            found[group] = told
    if left:
        found[OTHER] = [ToldClaim(name, value, own.get(name, "")) for name, value in left.items()]
    return found
