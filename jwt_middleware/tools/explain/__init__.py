"""A token explained to a person: what it is, whether it verifies, and if not, why.

What is told here may quote the token's claims, and belongs in no log.
"""

from .telling import inspection_as_json, principal_as_json
from .token import Inspection, found_in, inspect

__all__ = ["Inspection", "found_in", "inspect", "inspection_as_json", "principal_as_json"]
