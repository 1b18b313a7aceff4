"""How gateways write their tokens: one file each, and the parts of a gateway of one's own.

A gateway's file holds data and typed views; ``presets`` has the table of them.
"""

from ..principal import ClaimNames as ClaimNames
from ..principal import ListClaim as ListClaim
from ..principal import Mark as Mark
from .gateway import METADATA as METADATA
from .gateway import Gateway as Gateway
from .gateway import SignerForm as SignerForm
from .gateway import WireFormat as WireFormat
from .presets import PRESETS as PRESETS
from .presets import Preset as Preset
from .views import ClaimsView as ClaimsView
from .views import Object as Object
from .views import Text as Text
from .views import Texts as Texts
