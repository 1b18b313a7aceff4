"""For tests: keys and tokens as gateways make them. Never for production."""

from .minting import FORMS, SigningKey, TokenForm, compact, mint
from .samples import byu_claims, client_claims, ucsd_claims

__all__ = [
    "FORMS",
    "SigningKey",
    "TokenForm",
    "byu_claims",
    "client_claims",
    "compact",
    "mint",
    "ucsd_claims",
]
