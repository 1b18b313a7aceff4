"""What may this principal do? Predicates, guards, routes, and the clients' registry."""

from .clients import Attribute, Client, ClientTrust
from .guards import GUARD, Enter, Guard
from .predicate import NamedPolicy, Predicate, all_of
from .predicates import authenticated, has_permission
from .request import EnvironView, ScopeView, environ_lines, scope_lines

__all__ = [
    "Attribute",
    "Client",
    "ClientTrust",
    "NamedPolicy",
    "GUARD",
    "Enter",
    "EnvironView",
    "Guard",
    "Predicate",
    "ScopeView",
    "all_of",
    "authenticated",
    "environ_lines",
    "has_permission",
    "scope_lines",
]
