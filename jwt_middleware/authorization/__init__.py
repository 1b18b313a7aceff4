"""What may this principal do? Predicates, guards, routes, and the clients' registry."""

from .decorators import Handler, guarded, public
from .exposure import Exposure, alive, guards_of, guards_to_ask, place_of
from .guards import Enter, Guard
from .kept import asked
from .predicate import Predicate, all_of
from .predicates import authenticated, has_permission
from .reach import behind_and_before
from .request import EnvironView, ScopeView, environ_lines, scope_lines
from .routes import (
    Route,
    attributes_of_class,
    is_frameworks_own,
    listed,
    name_of,
    route_of,
    routes_of_class,
)

__all__ = [
    "Enter",
    "EnvironView",
    "Exposure",
    "Guard",
    "Handler",
    "Predicate",
    "Route",
    "ScopeView",
    "alive",
    "all_of",
    "asked",
    "attributes_of_class",
    "authenticated",
    "behind_and_before",
    "environ_lines",
    "guarded",
    "guards_of",
    "guards_to_ask",
    "has_permission",
    "is_frameworks_own",
    "listed",
    "name_of",
    "place_of",
    "public",
    "route_of",
    "routes_of_class",
    "scope_lines",
]
