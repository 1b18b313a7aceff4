"""How gateways write their tokens: presets, the parts of a gateway of one's own, typed views."""

from ..principal import ClaimNames, ListClaim
from .gateway import PRESETS, Gateway, WireFormat
from .views import BYU, UCSD, WSO2, Object, Text, Texts

__all__ = [
    "BYU",
    "PRESETS",
    "UCSD",
    "WSO2",
    "ClaimNames",
    "Gateway",
    "ListClaim",
    "Object",
    "Text",
    "Texts",
    "WireFormat",
]
