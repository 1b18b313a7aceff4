"""Is this token good, and whose is it?"""

from .verifier import Verifier

__all__ = ["Verifier"]
