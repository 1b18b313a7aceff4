"""An API manager's gateway for development: OAuth tokens in, signed assertions out."""

from .app import DevelopmentGateway as DevelopmentGateway
from .assertions import assertion_of as assertion_of
from .oauth import Caller as Caller
from .serving import serving as serving
from .serving import wait_for_the_end as wait_for_the_end
