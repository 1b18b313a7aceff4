"""How gateways speak: presets, and typed vocabularies of their claims."""

from .presets import PRESETS, Gateway
from .vocabularies import BYU, UCSD, WSO2, Object, Text, Texts

__all__ = ["BYU", "PRESETS", "UCSD", "WSO2", "Gateway", "Object", "Text", "Texts"]
