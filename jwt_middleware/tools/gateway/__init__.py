"""An API manager's gateway for development: OAuth tokens in, signed assertions out."""

from .app import DevelopmentGateway
from .assertions import assertion_of
from .oauth import Caller
from .serving import serving, wait_for_the_end

__all__ = ["Caller", "DevelopmentGateway", "assertion_of", "serving", "wait_for_the_end"]
