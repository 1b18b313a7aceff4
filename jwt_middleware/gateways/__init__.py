"""How gateways write their tokens: one file each, and the parts of a gateway of one's own.

A gateway's file holds data and typed views; its presets stand in the table here.
"""

from types import MappingProxyType
from typing import Literal

from ..principal import ClaimNames as ClaimNames
from ..principal import ListClaim as ListClaim
from . import standard, wso2
from .gateway import Gateway as Gateway
from .gateway import WireFormat as WireFormat
from .views import Object as Object
from .views import Text as Text
from .views import Texts as Texts

PRESETS = MappingProxyType({preset.name: preset for preset in (*wso2.PRESETS, *standard.PRESETS)})
"""The presets by name, as ``gateway=`` takes them."""

Preset = Literal["wso2", "wso2-1.4", "wso2-3.1", "standard"]
"""The names of the presets, for the type checkers."""
