"""Is this token genuine? Parsing, keys, signatures and claims; I/O only in the key sources."""

from .claims import MILLISECONDS_FROM, ClaimsPolicy
from .token_cache import TokenCache, VerifiedToken
from .tokens import (
    Segments,
    decode_claims,
    decode_header,
    joined_fault,
    raw_token,
    refuse_joined,
    single_line,
    split,
)

__all__ = [
    "Segments",
    "split",
    "ClaimsPolicy",
    "MILLISECONDS_FROM",
    "TokenCache",
    "VerifiedToken",
    "decode_claims",
    "decode_header",
    "raw_token",
    "joined_fault",
    "refuse_joined",
    "single_line",
]
