"""What every door does: exempt, authenticate, authorize, refuse."""

from .caching import CacheHeaders
from .enforcing import (
    CHECKED_GUARDS_KEY,
    enforce,
    enforce_first,
    principal_of,
    refusal_of,
)
from .forwarding import Forwarding, Incoming, incoming_of
from .health import health_of, readiness_of
from .live import Current
from .middleware import MIDDLEWARE_KEY, Middleware
from .settings import Options

__all__ = [
    "CHECKED_GUARDS_KEY",
    "CacheHeaders",
    "Current",
    "Forwarding",
    "Incoming",
    "MIDDLEWARE_KEY",
    "Middleware",
    "Options",
    "enforce",
    "enforce_first",
    "health_of",
    "incoming_of",
    "principal_of",
    "readiness_of",
    "refusal_of",
]
