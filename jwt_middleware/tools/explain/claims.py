"""What the claims of gateways mean, in the groups of UCSD's page on the header.

Sources: RFC 7519, 4.1, and those of ``gateways.views``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ...gateways import Gateway
from ...gateways.byu import BYU
from ...gateways.views import Field
from ...gateways.wso2 import UCSD, WSO2, WSO2_DIALECT
from ...principal import listed, path_of, written
from ...principal.claim_names import ListClaim
from .recognition import title_of

OTHER = "Other claims"
"""The group of claims that no table here knows."""

_REGISTERED = {
    "iss": "Who issued the token.",
    "exp": "When the token ends.",
    "nbf": "When the token begins.",
    "iat": "When the token was issued.",
    "jti": "The token's own id.",
    "sub": "Who the token is about.",
    "aud": "Which service the token is for.",
}
_STANDARD = _REGISTERED | {
    "exp": "When the token ends; WSO2 1.x counts milliseconds.",
    "aud": "Which service the token is for; WSO2 sends none.",
}
_SINGLE_SIGN_ON = {
    WSO2_DIALECT + "nickname": "The person's name in the user store.",
    WSO2_DIALECT + "passwordTimestamp": "A time by its name; UCSD sends the user name in it.",
}


def _claims_of(view: type, fields: Iterable[str]) -> dict[str, str]:
    """Return the claims that these fields of a view read, with their meanings.

    A path into an object is part of the meaning of the object.
    """
    values = [vars(view)[name] for name in fields]
    meanings: dict[str, list[str]] = {}
    for field in values:
        for claim in field.names if isinstance(field, Field) else ():
            top, *rest = path_of(claim)
            doc = field.__doc__ or ""
            meanings.setdefault(top, []).append(f"{'.'.join(rest)}: {doc}" if rest else doc)
    return {claim: " ".join(docs) for claim, docs in meanings.items()}


_INVOCATION = "api_context api_name api_version key_type user_type"
_APPLICATION = (
    "client_id subscriber application_id application_uuid application_name application_tier "
    "application_attributes tier"
)
_USER = "end_user end_user_tenant_id roles organizations"

CLAIM_GROUPS: Mapping[str, Mapping[str, str]] = {
    "Standard claims": _STANDARD,
    "Invocation": _claims_of(WSO2, _INVOCATION.split()),
    "Application": _claims_of(WSO2, _APPLICATION.split()),
    "User": _claims_of(WSO2, _USER.split()),
    "Single sign-on": _claims_of(UCSD, vars(UCSD)) | _SINGLE_SIGN_ON,
    "Resource owner": _claims_of(BYU, (name for name in vars(BYU) if "resource_owner" in name)),
    "Client's owner": _claims_of(BYU, (name for name in vars(BYU) if name.startswith("client"))),
}
"""The known claims by group, with their meanings."""


class ExplainedClaim(NamedTuple):
    """One claim of a token, and what it means; the meaning is empty where it is not known.

    ``fields``: what reads it, such as ``principal.roles`` or a view's ``UCSD.user_id``. ``items``:
    the values of one text that joins several; empty for any other claim.
    """

    name: str
    value: Any
    meaning: str
    fields: tuple[str, ...] = ()
    items: tuple[str, ...] = ()


def grouped(
    claims: Mapping[str, Any],
    own: Mapping[str, str] = MappingProxyType({}),
    gateway: Gateway | None = None,
) -> dict[str, list[ExplainedClaim]]:
    """Return a token's claims by group.

    ``own`` has the meanings of a service's own claims; ``gateway`` is the one that wrote the token.
    """
    groups: dict[str, list[ExplainedClaim]] = {}
    fields = _fields_of(gateway)
    lists = () if gateway is None else (*gateway.names.roles, *gateway.names.permissions)
    separators = {written(claim.name): claim.separator for claim in lists if claim.separator}

    def explained(name: str, meaning: str) -> ExplainedClaim:
        value = claims[name]
        items = _items(value, separators[name]) if name in separators else ()
        return ExplainedClaim(name, value, meaning, tuple(fields.get(name, ())), items)

    left = dict(claims)
    for group, meanings in _groups_of(gateway).items():
        names = [name for name in meanings if name in left]
        if names:
            groups[group] = [explained(name, meanings[name]) for name in names]
            for name in names:
                del left[name]
    if left:
        groups[OTHER] = [explained(name, own.get(name, "")) for name in left]
    return groups


def _items(value: Any, separator: str) -> tuple[str, ...]:
    return listed(value, separator, "") if type(value) is str else ()


_READ_BY_ALL = {
    "iss": "principal.issuer",
    "exp": "principal.expires_at",
    "jti": "principal.token_id",
}
_PRINCIPAL = ("subject", "client_id", "roles", "permissions", "application")
"""Fields of a principal that ``Gateway.names`` takes from claims, by the same names."""


def _fields_of(gateway: Gateway | None) -> dict[str, list[str]]:
    """Return the fields that read each claim: of the principal, and of the gateway's views."""
    fields = {claim: [field] for claim, field in _READ_BY_ALL.items()}
    if gateway is not None:
        for field in _PRINCIPAL:
            for claim in getattr(gateway.names, field):
                name = claim.name if isinstance(claim, ListClaim) else claim
                fields.setdefault(path_of(name)[0], []).append(f"principal.{field}")
    view = None if gateway is None else gateway.view
    for vocabulary in (WSO2, UCSD, BYU) if view is None else (view,):
        for name, field in vars(vocabulary).items():
            for claim in field.names if isinstance(field, Field) else ():
                fields.setdefault(path_of(claim)[0], []).append(f"{vocabulary.__name__}.{name}")
    return {claim: list(dict.fromkeys(names)) for claim, names in fields.items()}


def _groups_of(gateway: Gateway | None) -> Mapping[str, Mapping[str, str]]:
    """Return the groups of a gateway's claims: with one of its own where it has a view."""
    view = None if gateway is None else gateway.view
    if gateway is None or view is None:
        return CLAIM_GROUPS
    meanings = _claims_of(view, vars(view))
    standard = {name: meanings.get(name, meaning) for name, meaning in _REGISTERED.items()}
    # What no view reads may have a word of the vendor's, as type of Cloudflare's has.
    terms = {name: f"{term[0].upper()}{term[1:]}." for name, term in gateway.terms.items()}
    own = {name: text for name, text in (terms | meanings).items() if name not in standard}
    return {"Standard claims": standard, title_of(gateway): own}
