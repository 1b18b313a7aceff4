"""How gateways write their tokens: presets, the parts of a gateway of one's own, typed views."""

from ..principal import ClaimNames as ClaimNames
from ..principal import ListClaim as ListClaim
from .gateway import PRESETS as PRESETS
from .gateway import Gateway as Gateway
from .gateway import WireFormat as WireFormat
from .views import BYU as BYU
from .views import UCSD as UCSD
from .views import WSO2 as WSO2
from .views import Object as Object
from .views import Text as Text
from .views import Texts as Texts
