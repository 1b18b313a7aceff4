"""What every door does: exempt, authenticate, authorize, refuse."""

from .caching import CacheHeaders
from .current import Current
from .middleware import (
    ASKED_KEY,
    GATE_KEY,
    Gate,
    enforce,
    enforce_first,
    principal_of,
    refusal_of,
)
from .settings import Options

__all__ = [
    "ASKED_KEY",
    "CacheHeaders",
    "Current",
    "GATE_KEY",
    "Gate",
    "Options",
    "enforce",
    "enforce_first",
    "principal_of",
    "refusal_of",
]
