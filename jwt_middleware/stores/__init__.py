"""What all workers must know: which tokens are revoked, and which were used before."""

from ..errors import StoreUnavailable
from .denials import LONGEST_LIFE, Denial
from .opening import open_store
from .revocation import MemoryStore, Store

__all__ = [
    "LONGEST_LIFE",
    "Denial",
    "MemoryStore",
    "Store",
    "StoreUnavailable",
    "open_store",
]
