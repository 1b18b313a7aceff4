"""Good and bad tokens of the ``standard`` form, each with a name and the RFCs' word on it."""

from .corpus import every_case
from .workshop import AUDIENCES, ISSUER, LEEWAY, ByRFC, Case, Workshop

__all__ = ["AUDIENCES", "ISSUER", "LEEWAY", "ByRFC", "Case", "Workshop", "every_case"]
