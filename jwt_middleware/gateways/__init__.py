"""How gateways write their tokens: one file each, and the parts of a gateway of one's own.

A gateway's file holds data and typed views; ``presets`` has the table of them.
"""

from ..principal import ClaimNames, ListClaim, Mark
from .gateway import METADATA, Gateway, SignerForm, WireFormat
from .presets import PRESETS, Preset
from .views import ClaimsView, Object, Text, Texts

__all__ = [
    "METADATA",
    "PRESETS",
    "ClaimNames",
    "ClaimsView",
    "Gateway",
    "ListClaim",
    "Mark",
    "Object",
    "Preset",
    "SignerForm",
    "Text",
    "Texts",
    "WireFormat",
]
