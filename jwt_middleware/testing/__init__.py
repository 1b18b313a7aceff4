"""For tests: keys, tokens and a gateway, and apps that take them. Never for production."""

from .forms import FORMS, TokenForm
from .local_gateway import LocalGateway
from .minting import SigningKey, compact, mint
from .overriding import as_principal, override
from .samples import byu_claims, client_claims, ucsd_claims

__all__ = [
    "FORMS",
    "LocalGateway",
    "SigningKey",
    "TokenForm",
    "as_principal",
    "byu_claims",
    "client_claims",
    "compact",
    "mint",
    "override",
    "ucsd_claims",
]
