"""What may this principal do? Predicates, guards, routes, and the clients' registry."""

from .guards import GUARD, Enter, Guard
from .predicate import Predicate, all_of, authenticated
from .request import EnvironView, ScopeView

__all__ = [
    "GUARD",
    "Enter",
    "EnvironView",
    "Guard",
    "Predicate",
    "ScopeView",
    "all_of",
    "authenticated",
]
