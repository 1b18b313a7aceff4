"""What is reported, to whom, and in which form."""

from .log_rate import log_bounded
from .record import TRAIL_KEY, Trail

__all__ = ["TRAIL_KEY", "Trail", "log_bounded"]
