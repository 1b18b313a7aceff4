"""Which claims hold what a caller is granted: the reverse of what a verifier reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..authorization.client import Attribute, Client
from ..gateways.token_form import put_claim as put_claim
from ..principal import ABSENT, ClaimName, ListClaim, claim_at


def claims_by_entry(
    client: Client,
    roles: Iterable[str],
    permissions: Iterable[str],
    attributes: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the claims that grant all this to a client by its entry, and the required ones.

    Raises:
        ValueError: the entry names no claim for what is given.

    """
    claims: dict[str, Any] = {}
    put_list(claims, client.roles, "roles", roles)
    put_list(claims, client.permissions, "permissions", permissions)
    for name, value in attributes.items():
        if name not in client.attributes:
            known = ", ".join(client.attributes) or "none"
            raise ValueError(f"attributes: {client.client_id} has no {name!r}; there are: {known}")
        put_claim(claims, client.attributes[name].claim, value)
    for required in client.required:
        if claim_at(claims, required) is ABSENT:
            put_claim(claims, required, _filler(client, required))
    return claims


def put_list(
    claims: dict[str, Any], named: tuple[ListClaim, ...], what: str, values: Iterable[str]
) -> None:
    """Put roles or permissions (``what``) into the first of the claims that may hold them.

    Raises:
        ValueError: there is none, or one text is given for the list.

    """
    if isinstance(values, str):
        raise ValueError(f"{what}: a list of texts, not one text")
    items = list(values)
    if not items:
        return
    if not named:
        raise ValueError(
            f"{what}: no claim of the gateway holds them; the client's entry in a registry "
            f"(clients=) names one, such as {what} = ['{what}'], or a gateway of your own does "
            f"(Gateway(names=ClaimNames({what}=...)))"
        )
    name, separator = named[0]
    if separator is None or any(separator in item for item in items):
        put_claim(claims, name, items)  # WSO2, too, writes an array for a value with the separator
    else:
        put_claim(claims, name, separator.join(items))


def _filler(client: Client, claim: ClaimName) -> Any:
    """Return a value that the entry accepts for a required claim that the test does not give."""
    of_claim = (known for known in client.attributes.values() if known.claim == claim)
    attribute = next(of_claim, Attribute(claim))
    lists = {name for name, _ in (*client.roles, *client.permissions)}
    if attribute.levels:
        return attribute.levels[0]
    if attribute.type == "integer":
        return 1
    if attribute.type == "list" or claim in lists:
        return []
    return f"{client.namespace}_value" if client.namespace and attribute.namespaced else "value"
