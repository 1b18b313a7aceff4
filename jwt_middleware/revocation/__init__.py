"""What no longer counts: which tokens are denied, and which were used before."""

from ..errors import StoreUnavailable
from .denials import Denial
from .option import Revocations, deny_many, open_store

__all__ = ["Denial", "Revocations", "StoreUnavailable", "deny_many", "open_store"]
