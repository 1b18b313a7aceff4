"""What all workers must know: which tokens are revoked, and which were used before."""

from ..errors import StoreUnavailable
from .claiming import ClaimThread
from .denials import LONGEST_LIFE, Denial
from .deny_list import DenyList
from .opening import open_store
from .private_files import make_private
from .store import MemoryStore, Store
from .urls import is_missing_file, plain_name, relative_to
from .watch import USABLE_FOR, DenialWatch

__all__ = [
    "LONGEST_LIFE",
    "USABLE_FOR",
    "ClaimThread",
    "DenialWatch",
    "Denial",
    "DenyList",
    "MemoryStore",
    "Store",
    "StoreUnavailable",
    "is_missing_file",
    "make_private",
    "open_store",
    "plain_name",
    "relative_to",
]
