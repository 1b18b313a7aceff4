"""Predicates written as nested tables, for the registry: no string language, nothing to escape.

``{ all = [...] }``, ``{ any = [...] }``, ``{ not = {...} }``, ``{ role = "..." }``,
``{ permission = "..." }``, ``{ authenticated = true }``, and a comparison such as
``{ attribute = "level", at_least = "gold" }`` or
``{ claim = "project", equals = { path_param = "project_id" } }``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ..options.checks import nearest
from ..options.tables import toml_key
from .predicate import Predicate, all_of, any_of
from .predicates import authenticated, has_permission, has_role
from .terms import Term, attribute, claim, header, path_param, query_param

_TERMS: Final[Mapping[str, Callable[[str], Term]]] = {
    "attribute": attribute,
    "claim": claim,
    "path_param": path_param,
    "query_param": query_param,
    "header": header,
}
_RELATIONS: Final[Mapping[str, Callable[[Term, Any], Predicate]]] = {
    "equals": lambda term, value: term == value,
    "not_equals": lambda term, value: term != value,
    "at_least": lambda term, value: term >= value,
    "at_most": lambda term, value: term <= value,
    "more_than": lambda term, value: term > value,
    "less_than": lambda term, value: term < value,
    "is_in": lambda term, value: term.is_in(value),
    "contains": lambda term, value: term.contains(value),
}
_ORDERING: Final = ("at_least", "at_most", "more_than", "less_than")
_COMBINED: Final[Mapping[str, Callable[..., Predicate]]] = {"all": all_of, "any": any_of}
_HELD: Final[Mapping[str, Callable[[str], Predicate]]] = {
    "role": has_role,
    "permission": has_permission,
}
_MOST_NESTED = 32

Fault = Callable[[str, str], None]
"""Takes the key path and what is wrong there."""


def read_predicate(table: Any, where: str, fault: Fault, nested: int = 0) -> Predicate | None:
    """Return the predicate of a table; None where it is wrong, after ``fault`` was called."""
    if not isinstance(table, dict) or not table:
        fault(where, "a condition is a table, such as { role = '...' }")
        return None
    if nested == _MOST_NESTED:
        fault(where, f"more than {_MOST_NESTED} levels of tables")
        return None
    words = set(table)
    if words & set(_TERMS):
        return _comparison(table, where, fault)
    if len(words) > 1:
        fault(where, f"one condition a table, not {', '.join(sorted(words))}: join them by 'all'")
        return None
    [(word, value)] = table.items()
    path = f"{where}.{toml_key(word)}"
    if word in _COMBINED:
        return _combined(word, value, path, fault, nested)
    if word == "not":
        inner = read_predicate(value, path, fault, nested + 1)
        return None if inner is None else ~inner
    if word in _HELD:
        if not isinstance(value, str) or not value:
            fault(path, "one name")
            return None
        return _HELD[word](value)
    if word == "authenticated":
        if value is not True:
            fault(path, "true, or another condition")
            return None
        return authenticated
    known = (*_COMBINED, "not", *_HELD, "authenticated", *_TERMS)
    dotted = isinstance(value, dict)
    hint = "; a name with a dot needs quotes" if dotted else nearest(word, known)
    fault(path, f"there is no such condition{hint}")
    return None


def _combined(word: str, value: Any, path: str, fault: Fault, nested: int) -> Predicate | None:
    if not isinstance(value, list) or not value:
        fault(path, "a list of conditions, at least one")
        return None
    parts = [
        read_predicate(part, f"{path}[{number}]", fault, nested + 1)
        for number, part in enumerate(value)
    ]
    good = [part for part in parts if part is not None]
    return _COMBINED[word](*good) if len(good) == len(parts) else None


def _comparison(table: dict[str, Any], where: str, fault: Fault) -> Predicate | None:
    subjects = [word for word in table if word in _TERMS]
    relations = [word for word in table if word not in _TERMS]
    known = (*_RELATIONS, "is_present")
    if len(subjects) != 1 or len(relations) != 1:
        fault(
            where,
            f"a comparison has one subject ({', '.join(_TERMS)}) and one of {', '.join(known)}",
        )
        return None
    [relation] = relations
    if relation not in known:
        fault(
            f"{where}.{toml_key(relation)}", f"there is no such relation{nearest(relation, known)}"
        )
        return None
    term = _term(table, where, fault)
    if term is None:
        return None
    value = table[relation]
    path = f"{where}.{relation}"
    if relation == "is_present":
        if value is not True:
            fault(path, "true; put { not = {...} } around it for its opposite")
            return None
        return term.is_present
    if isinstance(value, str) and relation in _ORDERING and subjects != ["attribute"]:
        fault(path, "texts have no order but the alphabet; only an attribute's levels have")
        return None
    if isinstance(value, dict):
        if len(value) != 1:
            fault(path, f"one of {', '.join(_TERMS)} alone")
            return None
        value = _term(value, path, fault)
        if value is None:
            return None
    try:
        return _RELATIONS[relation](term, value)
    except TypeError as error:
        fault(path, str(error))
        return None


def _term(table: dict[str, Any], where: str, fault: Fault) -> Term | None:
    words = [word for word in table if word in _TERMS]
    if len(words) != 1:
        fault(where, f"one of {', '.join(_TERMS)}")
        return None
    name = table[words[0]]
    if not isinstance(name, str) or not name:
        fault(f"{where}.{words[0]}", "one name")
        return None
    return _TERMS[words[0]](name)
