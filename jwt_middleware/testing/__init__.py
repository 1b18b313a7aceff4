"""For tests: keys, tokens and a gateway, and apps that take them. Never for production."""

from ..gateways.forms import FORMS, TokenForm, form_of_version
from .accounts import Accounts, ClientAccount, User, sample_accounts
from .gateway import LocalGateway
from .minting import SigningKey, compact, mint
from .override import allow_missing_keys, as_principal, override
from .samples import byu_claims, client_claims, ucsd_claims
from .sign_on import sign_on_link

__all__ = [
    "FORMS",
    "Accounts",
    "ClientAccount",
    "LocalGateway",
    "SigningKey",
    "TokenForm",
    "User",
    "allow_missing_keys",
    "as_principal",
    "byu_claims",
    "client_claims",
    "compact",
    "form_of_version",
    "mint",
    "override",
    "sample_accounts",
    "sign_on_link",
    "ucsd_claims",
]
