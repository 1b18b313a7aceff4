"""How gateways speak: presets, what a gateway of your own is made of, and typed vocabularies."""

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
