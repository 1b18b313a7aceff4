"""Claims as real gateways send them, with the members, order and types of the real tokens.

Every value is made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..gateways.views import BYU_DIALECT, WSO2_DIALECT
from .accounts import sample_accounts
from .placing import claims_by_entry


def _named(dialect: str, values: Mapping[str, str]) -> dict[str, Any]:
    return {dialect + name: value for name, value in values.items()}


def ucsd_claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of UCSD's token, less ``exp``; ``changes`` name WSO2 claims briefly."""
    claims: dict[str, Any] = {"iss": "wso2.org/products/am"}
    claims |= _named(
        WSO2_DIALECT,
        {
            "subscriber": "jroe",
            "applicationid": "1",
            "applicationname": "DefaultApplication",
            "applicationtier": "Unlimited",
            "apicontext": "/echo/1.0.0",
            "version": "1.0.0",
            "tier": "Unlimited",
            "keytype": "PRODUCTION",
            "usertype": "APPLICATION",
            "enduser": "jroe@carbon.super",
        },
    )
    claims |= sample_accounts().users["jroe"].claims
    return claims | _named(WSO2_DIALECT, changes)


_OWNER = {
    "resourceowner_person_id": "100000001",
    "resourceowner_byu_id": "200000002",
    "resourceowner_net_id": "sdoe",
    "resourceowner_surname": "Doe",
    "resourceowner_surname_position": "L",
    "resourceowner_rest_of_name": "Sam Lee",
    "resourceowner_preferred_first_name": "Sam",
    "resourceowner_sort_name": "Doe, Sam Lee",
    "resourceowner_suffix": " ",
    "resourceowner_prefix": " ",
}
_SUBSCRIBER = {
    "client_claim_source": "CLIENT_SUBSCRIBER",
    "client_person_id": "300000003",
    "client_byu_id": "400000004",
    "client_net_id": "apiowner",
    "client_surname": "Poe",
    "client_surname_position": "L",
    "client_rest_of_name": "Alex",
    "client_preferred_first_name": "Alex",
    "client_sort_name": "Poe, Alex",
    "client_name_suffix": " ",
    "client_name_prefix": " ",
}
_ENTITY = {
    **_SUBSCRIBER,
    "client_claim_source": "CLIENT_ID",
    "client_byu_id": "500000005",
    "client_net_id": " ",
    "client_surname": "Example Department",
    "client_rest_of_name": " ",
    "client_preferred_first_name": " ",
    "client_sort_name": "Example Department",
}


def byu_claims(*, resource_owner: bool, linked_entity: bool) -> dict[str, Any]:
    """Return the claims of one of BYU's four combinations, less ``exp``."""
    claims: dict[str, Any] = {"iss": "https://api.example.edu"}
    claims |= _named(
        WSO2_DIALECT,
        {
            "subscriber": "BYU/apiowner",
            "applicationid": "24",
            "applicationname": "ExampleApp",
            "applicationtier": "Unlimited",
            "apicontext": "/echo/v1",
            "version": "v1",
            "tier": "Bronze",
            "keytype": "PRODUCTION",
            "usertype": "APPLICATION_USER" if resource_owner else "APPLICATION",
            "enduser": "sdoe@carbon.super" if resource_owner else "apiowner@carbon.super",
            "enduserTenantId": "-1234",
            "client_id": "ExampleClientIdOfTwentyEight",
        },
    )
    if resource_owner:
        claims |= _named(BYU_DIALECT, _OWNER)
    claims |= _named(BYU_DIALECT, {"client_subscriber_net_id": "apiowner"})
    return claims | _named(BYU_DIALECT, _ENTITY if linked_entity else _SUBSCRIBER)


def client_claims(client_id: str, **changes: Any) -> dict[str, Any]:
    """Return the claims of one client of ``testing/clients.toml``, less ``exp``.

    Raises:
        KeyError: it is none of the six.

    """
    accounts = sample_accounts()
    account = accounts.clients[client_id]
    entry = None if accounts.registry is None else accounts.registry.clients.get(client_id)
    if entry is None:
        raise KeyError(client_id)
    claims: dict[str, Any] = {"iss": "wso2.org/products/am", "sub": "someone"}
    claims |= {"client_id": client_id} | claims_by_entry(
        entry, account.roles, account.permissions, account.attributes
    )
    return claims | dict(account.claims) | changes
