"""What may this principal do? Terms, predicates, and the guards made of them."""

from .algebra import Predicate, Situation, all_of, any_of
from .clients import Attribute, Client, Clients, ClientTrust, Dropped, NamedPolicy
from .guards import (
    Guard,
    Handler,
    guarded,
    guards_of,
    guards_to_ask,
    is_public,
    outstanding,
    public,
)
from .levels import Level
from .name_checks import unknown_names, without_registry
from .policies import policy
from .predicates import (
    authenticated,
    client,
    has_permission,
    has_role,
    predicate,
)
from .registry import ClientRegistry
from .routes import Route, faults_of, name_of, route_of, routes_of_class
from .terms import Term, attribute, claim, header, path_param, query_param, terms_of

__all__ = [
    "Attribute",
    "Client",
    "ClientRegistry",
    "ClientTrust",
    "Clients",
    "Dropped",
    "Guard",
    "Handler",
    "Level",
    "NamedPolicy",
    "Predicate",
    "Route",
    "Situation",
    "Term",
    "all_of",
    "any_of",
    "attribute",
    "authenticated",
    "claim",
    "client",
    "faults_of",
    "guarded",
    "guards_of",
    "guards_to_ask",
    "has_permission",
    "has_role",
    "header",
    "is_public",
    "name_of",
    "outstanding",
    "path_param",
    "policy",
    "predicate",
    "public",
    "query_param",
    "route_of",
    "routes_of_class",
    "terms_of",
    "unknown_names",
    "without_registry",
]
