"""What may this principal do? Terms, predicates, and the guards made of them."""

from .algebra import Predicate, Situation, all_of, any_of
from .guards import Guard, Handler, guarded, guards_of, is_public, outstanding, public
from .predicates import (
    authenticated,
    client,
    has_permission,
    has_role,
    predicate,
)
from .terms import Term, attribute, claim, header, path_param, query_param, terms_of

__all__ = [
    "Guard",
    "Handler",
    "Predicate",
    "Situation",
    "Term",
    "all_of",
    "any_of",
    "attribute",
    "authenticated",
    "claim",
    "client",
    "guarded",
    "guards_of",
    "has_permission",
    "has_role",
    "header",
    "is_public",
    "outstanding",
    "path_param",
    "predicate",
    "public",
    "query_param",
    "terms_of",
]
