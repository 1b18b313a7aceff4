"""Claims as real gateways send them, with the members, order and types of the real tokens.

Every value is made up.
"""

from __future__ import annotations

from typing import Any

from ..gateways.byu import BYU_DIALECT
from ..gateways.wso2 import WSO2_DIALECT
from .accounts import sample_accounts
from .placing import claims_by_entry


def wso2_claims(
    context: str, subscriber: str, application: str, user_type: str = "APPLICATION", **others: str
) -> dict[str, Any]:
    """Return what WSO2 says of a call to this API by this application.

    ``others`` are more claims of its dialect, or replace some, by their names without the prefix.
    """
    claims = {
        "subscriber": subscriber,
        "applicationid": "1",
        "applicationname": application,
        "applicationtier": "Unlimited",
        "apicontext": context,
        "version": context.rstrip("/").rpartition("/")[2],
        "tier": "Unlimited",
        "keytype": "PRODUCTION",
        "usertype": user_type,
    }
    return {WSO2_DIALECT + name: value for name, value in (claims | others).items()}


def ucsd_claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of UCSD's token, less ``exp``; ``changes`` name WSO2 claims briefly."""
    call = wso2_claims("/echo/1.0.0", "jroe", "DefaultApplication", enduser="jroe@carbon.super")
    changed = {WSO2_DIALECT + name: value for name, value in changes.items()}
    person = sample_accounts().users["jroe"].claims
    return {"iss": "wso2.org/products/am", **call, **person, **changed}


_PERSON = (
    "person_id byu_id net_id surname surname_position rest_of_name preferred_first_name sort_name"
)


def _person(prefix: str, marks: str, *values: str) -> dict[str, str]:
    """Return BYU's claims about one person or entity; a blank stands for no value."""
    names = (*_PERSON.split(), f"{marks}suffix", f"{marks}prefix")
    claims = zip(names, (*values, " ", " "), strict=True)
    return {f"{BYU_DIALECT}{prefix}_{name}": value for name, value in claims}


def byu_claims(*, resource_owner: bool, linked_entity: bool) -> dict[str, Any]:
    """Return the claims of one of BYU's four combinations, less ``exp``."""
    claims: dict[str, Any] = {"iss": "https://api.example.edu"}
    claims |= wso2_claims(
        "/echo/v1",
        "BYU/apiowner",
        "ExampleApp",
        "APPLICATION_USER" if resource_owner else "APPLICATION",
        applicationid="24",
        tier="Bronze",
        enduser="sdoe@carbon.super" if resource_owner else "apiowner@carbon.super",
        enduserTenantId="-1234",
        client_id="ExampleClientIdOfTwentyEight",
    )
    if resource_owner:
        owner = ("sdoe", "Doe", "L", "Sam Lee", "Sam", "Doe, Sam Lee")
        claims |= _person("resourceowner", "", "100000001", "200000002", *owner)
    source = "CLIENT_ID" if linked_entity else "CLIENT_SUBSCRIBER"
    claims[BYU_DIALECT + "client_subscriber_net_id"] = "apiowner"
    claims[BYU_DIALECT + "client_claim_source"] = source
    names = ("400000004", "apiowner", "Poe", "L", "Alex", "Alex", "Poe, Alex")
    if linked_entity:
        entity = "Example Department"
        names = ("500000005", " ", entity, "L", " ", " ", entity)
    return claims | _person("client", "name_", "300000003", *names)


def client_claims(client_id: str, **changes: Any) -> dict[str, Any]:
    """Return the claims of one client of ``testing/clients.toml``, less ``exp``.

    Raises:
        KeyError: it is none of the six.

    """
    account = sample_accounts().clients[client_id]
    entry = sample_accounts().entry(client_id)
    if entry is None:
        raise KeyError(client_id)
    claims: dict[str, Any] = {"iss": "wso2.org/products/am", "sub": "someone"}
    claims |= {"client_id": client_id} | claims_by_entry(
        entry, account.roles, account.permissions, account.attributes
    )
    return claims | dict(account.claims) | changes
