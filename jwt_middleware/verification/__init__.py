"""Is this token genuine? Parsing, keys, signatures and claims; I/O only in the key sources."""

from .algorithms import ALGORITHMS, Algorithm, Check
from .claims import MILLISECONDS_FROM, ClaimsPolicy
from .configured_keys import key_source
from .discovery import Discovery
from .encoding import decode_segment, use_speed
from .jwks import JWKSEndpoint
from .key_report import report_keys
from .key_sets import MAX_TRIED, KeySet, verify_signature
from .key_sources import PEM, KeyFile, KeySource, SharedSecret
from .keys import Key, KeyRules, read_thumbprint
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
from .trusted_keys import TrustedKeys

__all__ = [
    "ALGORITHMS",
    "PEM",
    "Segments",
    "split",
    "use_speed",
    "Algorithm",
    "Check",
    "ClaimsPolicy",
    "Discovery",
    "JWKSEndpoint",
    "Key",
    "KeyFile",
    "KeyRules",
    "MAX_TRIED",
    "MILLISECONDS_FROM",
    "KeySet",
    "KeySource",
    "SharedSecret",
    "TokenCache",
    "TrustedKeys",
    "VerifiedToken",
    "decode_claims",
    "decode_header",
    "decode_segment",
    "key_source",
    "raw_token",
    "read_thumbprint",
    "joined_fault",
    "refuse_joined",
    "report_keys",
    "single_line",
    "verify_signature",
]
