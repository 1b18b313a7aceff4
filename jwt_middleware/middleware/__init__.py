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
from .inside import may_keep_answers, put_inside
from .live import Current
from .middleware import MIDDLEWARE_KEY, Middleware
from .settings import Options
from .streams import serve_with_token

__all__ = [
    "CHECKED_GUARDS_KEY",
    "MIDDLEWARE_KEY",
    "CacheHeaders",
    "Current",
    "Forwarding",
    "Incoming",
    "Middleware",
    "Options",
    "enforce",
    "enforce_first",
    "health_of",
    "incoming_of",
    "may_keep_answers",
    "principal_of",
    "put_inside",
    "readiness_of",
    "refusal_of",
    "serve_with_token",
]
