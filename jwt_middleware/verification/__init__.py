"""Is this token genuine? Parsing, keys, signatures and claims; I/O only in the key sources."""

from .algorithms import ALGORITHMS, Algorithm
from .claims import ANY, AnyAudience, ClaimsPolicy
from .configured_keys import key_source
from .discovery import Discovery
from .jwks import JWKSEndpoint
from .key_report import report_keys
from .key_sets import MAX_TRIED, KeySet, verify_signature
from .key_sources import PEM, KeyFile, KeySource, Pending, SharedSecret
from .keys import Key, KeyRules
from .token_cache import TokenCache, VerifiedToken
from .tokens import UnverifiedToken, WireFormat, decode_claims, parse, raw_token, single_line
from .trusted_keys import TrustedKeys

__all__ = [
    "ALGORITHMS",
    "ANY",
    "PEM",
    "Algorithm",
    "AnyAudience",
    "ClaimsPolicy",
    "Discovery",
    "JWKSEndpoint",
    "Key",
    "KeyFile",
    "KeyRules",
    "MAX_TRIED",
    "KeySet",
    "KeySource",
    "Pending",
    "SharedSecret",
    "TokenCache",
    "TrustedKeys",
    "UnverifiedToken",
    "VerifiedToken",
    "WireFormat",
    "decode_claims",
    "key_source",
    "parse",
    "raw_token",
    "report_keys",
    "single_line",
    "verify_signature",
]
