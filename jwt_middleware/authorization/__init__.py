"""What may this principal do? Terms, predicates, and the guards made of them."""

from .algebra import Predicate, Situation, all_of, any_of
from .clients import Attribute, Client, Clients, ClientTrust, Dropped, NamedPolicy
from .decorators import Handler, guarded, is_public, public
from .exposure import Exposure, alive, guards_of, guards_to_ask, place_of
from .guards import Enter, Guard
from .kept import asked
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
from .reach import behind_and_before, chain_of
from .registry import ClientRegistry
from .routes import (
    Route,
    attributes_of_class,
    fault_of_unguarded,
    fault_of_unused,
    faults_of,
    is_frameworks_own,
    listed,
    name_of,
    route_of,
    routes_of_class,
)
from .terms import Term, attribute, claim, header, path_param, query_param, terms_of

__all__ = [
    "Attribute",
    "Client",
    "ClientRegistry",
    "ClientTrust",
    "Clients",
    "Dropped",
    "Enter",
    "Exposure",
    "Guard",
    "Handler",
    "Level",
    "NamedPolicy",
    "Predicate",
    "Route",
    "Situation",
    "Term",
    "alive",
    "all_of",
    "any_of",
    "asked",
    "attribute",
    "attributes_of_class",
    "authenticated",
    "behind_and_before",
    "chain_of",
    "claim",
    "client",
    "fault_of_unguarded",
    "fault_of_unused",
    "faults_of",
    "guarded",
    "guards_of",
    "guards_to_ask",
    "has_permission",
    "has_role",
    "header",
    "is_frameworks_own",
    "is_public",
    "listed",
    "name_of",
    "path_param",
    "place_of",
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
