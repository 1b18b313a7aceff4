"""What is reported, to whom, and in which form."""

from .log import log_bounded
from .record import RECORD_KEY, RequestRecord

__all__ = ["RECORD_KEY", "RequestRecord", "log_bounded"]
