"""What the claims of gateways mean, in groups, as UCSD's page on the header shows them.

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
    "exp": "When the token ends; WSO2 1.x counts milliseconds.",
    "nbf": "When the token begins.",
    "iat": "When the token was issued.",
    "jti": "The token's own id.",
    "sub": "Who the token is about.",
    "aud": "Which service the token is for; WSO2 sends none.",
}
_INVOCATION = {
    "apicontext": "The context of the called API, unique in the gateway.",
    "apiname": "The name of the API.",
    "version": "The version of the API.",
    "keytype": "PRODUCTION or SANDBOX: which kind of key the application used.",
    "usertype": "APPLICATION_USER where a person took part in the grant, else APPLICATION.",
}
_APPLICATION = {
    "subscriber": "Who registered the application; this is not the caller.",
    "applicationid": "The id of the application.",
    "applicationUUId": "The UUID of the application.",
    "applicationname": "The name of the calling application.",
    "applicationtier": "The rate limit of the application.",
    "applicationAttributes": "Attributes that the application's owner has set.",
    "tier": "The rate limit of the subscription.",
    "client_id": "The OAuth client of the call, as BYU's gateway names it.",
}
_USER = {
    "enduser": "The user in the API manager; outside of it the name means nothing.",
    "enduserTenantId": "The user's tenant in the API manager.",
    "enduserTennantId": "The same, as some documents spell it.",
    "role": "Roles in the API manager only.",
}
_SSO = {
    "adusername": "Active Directory user name, or - where there is none.",
    "departmentcodes": "Department codes in payroll.",
    "eid": "Employee id.",
    "emailaddress": "The long form of the email address.",
    "givenname": "First name.",
    "lastname": "Last name.",
    "nickname": "The person's name in the user store.",
    "passwordTimestamp": "When the password was changed; at UCSD it holds the user name.",
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
    "surname_position": "Position of the surname in the whole name",
    "rest_of_name": "First and middle names",
    "preferred_first_name": "Preferred first name",
    "sort_name": "The whole name, for sorting",
}
_OWNER = {
    "client_subscriber_net_id": "Net id of who subscribed to the API.",
    "client_claim_source": "CLIENT_ID where an entity is linked to the client.",
}


def _person(prefix: str, whose: str, marks: str) -> dict[str, str]:
    """Return BYU's claims about one person; ``marks`` stands in the names of suffix and prefix."""
    names = {f"{prefix}_{name}": f"{meaning} {whose}." for name, meaning in _PERSON.items()}
    names[f"{prefix}_{marks}suffix"] = f"Jr, Sr and so on, {whose}."
    names[f"{prefix}_{marks}prefix"] = f"Dr, Mr and so on, {whose}."
    return _named(BYU_DIALECT, names)


def _named(dialect: str, meanings: Mapping[str, str]) -> dict[str, str]:
    return {dialect + name: meaning for name, meaning in meanings.items()}


CLAIM_GROUPS: Mapping[str, Mapping[str, str]] = {
    "Standard claims": _STANDARD,
    "Invocation": _named(WSO2_DIALECT, _INVOCATION),
    "Application": {"client_id": "The OAuth client of the call."}
    | _named(WSO2_DIALECT, _APPLICATION),
    "User": _named(WSO2_DIALECT, _USER) | {"organizations": "The user's organizations."},
    "Single sign-on": _named(WSO2_DIALECT, _SSO),
    "Resource owner": _person("resourceowner", "of the resource owner", ""),
    "Client's owner": _named(BYU_DIALECT, _OWNER)
    | _person("client", "of the client's owner", "name_"),
}
"""The known claims by group, with their meanings."""


class ExplainedClaim(NamedTuple):
    """One claim of a token, and what it means; the meaning is empty where it is not known."""

    name: str
    value: Any
    meaning: str


def grouped(
    claims: Mapping[str, Any], own: Mapping[str, str] = MappingProxyType({})
) -> dict[str, list[ExplainedClaim]]:
    """Return a token's claims by group; ``own`` has the meanings of a service's own claims."""
    groups: dict[str, list[ExplainedClaim]] = {}
    left = dict(claims)
    for group, meanings in CLAIM_GROUPS.items():
        names = [name for name in meanings if name in left]
        if names:
            groups[group] = [ExplainedClaim(n, left.pop(n), meanings[n]) for n in names]
    if left:
        groups[OTHER] = [ExplainedClaim(n, value, own.get(n, "")) for n, value in left.items()]
    return groups
