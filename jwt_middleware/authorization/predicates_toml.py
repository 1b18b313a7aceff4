"""Predicates written as nested tables, for the registry: no string language, nothing to escape.

``{ all = [...] }``, ``{ any = [...] }``, ``{ not = {...} }``, ``{ role = "..." }``,
``{ permission = "..." }``, ``{ kind = "service" }``, ``{ authenticated = true }``, and a comparison
such as
``{ attribute = "level", at_least = "gold" }`` or
``{ claim = "project", equals = { path_param = "project_id" } }``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from ..options.checks import nearest
from ..options.shapes import (
    FLAG,
    TEXT,
    TRUE,
    Keys,
    Shape,
    described,
    of_room,
    one_of,
    or_list,
    table,
    with_default,
)
from ..options.tables import toml_key
from ..principal import PERSON, SERVICE
from .operands import attribute, claim, header, kind, path_param, query_param
from .predicate import Predicate, all_of, any_of
from .predicates import authenticated, has_permission, has_role
from .terms import Term

_TERMS: Final[Mapping[str, Callable[[Any], Term]]] = {
    "attribute": attribute,
    "claim": claim,
    "path_param": path_param,
    "query_param": query_param,
    "header": header,
}
_ORDERING: Final[Mapping[str, Callable[[Any, Any], Predicate]]] = {
    "at_least": operator.ge,
    "at_most": operator.le,
    "more_than": operator.gt,
    "less_than": operator.lt,
}
_RELATIONS: Final[Mapping[str, Callable[[Any, Any], Predicate]]] = {
    "equals": operator.eq,
    "not_equals": operator.ne,
    **_ORDERING,
    "is_in": lambda term, value: term.is_in(value),
    "contains": lambda term, value: term.contains(value),
}
_COMBINED: Final[Mapping[str, Callable[..., Predicate]]] = {"all": all_of, "any": any_of}
_HELD: Final[Mapping[str, Callable[[str], Predicate]]] = {
    "role": has_role,
    "permission": has_permission,
}
_MOST_NESTED = 32

_CONDITION: Final = of_room("condition")
_CONDITIONS: Final[Shape] = {"type": "array", "minItems": 1, "items": _CONDITION}
_WORDS: Final[Keys] = {
    "all": described(_CONDITIONS, "each of these holds"),
    "any": described(_CONDITIONS, "one of these holds"),
    "not": described(_CONDITION, "this does not hold"),
    "role": described(TEXT, "a role that the caller has"),
    "permission": described(TEXT, "a permission that the caller has"),
    "kind": described(one_of((PERSON, SERVICE)), "who acts"),
    "authenticated": described(TRUE, "the caller is proven"),
}
"""The conditions that are no comparisons, each with what stands behind its word."""


def _first_line(term: Callable[[Any], Term]) -> str:
    return (term.__doc__ or "").split("\n")[0].removesuffix(".")


_SUBJECTS: Final[Keys] = {
    word: described(or_list(TEXT) if word == "claim" else TEXT, _first_line(term))
    for word, term in _TERMS.items()
}
"""What a comparison compares, each with its name."""
_VALUE: Final[Shape] = {
    "anyOf": [
        {"type": ["string", "number", "boolean"]},
        {"type": "array", "items": of_room("value")},
    ]
}
_OPERAND: Final = of_room("operand")


_MEANS: Final[Mapping[str, str]] = {
    "equals": "it is this value, of the same type",
    "not_equals": "it is there, of the same type, and another value",
    "at_least": "it is this or more; the levels of an attribute have an order, other texts none",
    "at_most": "it is this or less",
    "more_than": "it is more than this",
    "less_than": "it is less than this",
    "is_in": "it is one of these values",
    "contains": "it is a list that has this value",
    "is_present": "it is there at all",
}


def _comparison_shape(subject: str, beside: Keys) -> Shape:
    ordered = _OPERAND if subject == "attribute" else {**_OPERAND, "not": {"type": "string"}}
    relations: dict[str, Shape] = {
        **dict.fromkeys(_RELATIONS, _OPERAND),
        **dict.fromkeys(_ORDERING, ordered),
        "is_in": {"type": "array", "minItems": 1, "items": of_room("value")},
        "is_present": TRUE,
    }
    told = {word: described(shape, _MEANS[word]) for word, shape in relations.items()}
    shape = table({subject: _SUBJECTS[subject], **told, **beside}, required=[subject])
    return {**shape, "oneOf": [{"required": [relation]} for relation in relations]}


def condition_shape(**beside: Shape) -> Shape:
    """Return the shape of a condition, which other keys may stand beside."""
    words = (table({word: shape, **beside}, required=[word]) for word, shape in _WORDS.items())
    return {"anyOf": [*words, *(_comparison_shape(subject, beside) for subject in _SUBJECTS)]}


PREDICATE_SHAPES: Final[Keys] = {
    "value": _VALUE,
    "operand": {
        "anyOf": [
            of_room("value"),
            *(table({word: name}, required=[word]) for word, name in _SUBJECTS.items()),
        ]
    },
    "condition": condition_shape(),
    "policy": condition_shape(
        enforce=described(
            with_default(FLAG, True), "false is shadow mode: it is reported, and refuses nobody"
        )
    ),
}
"""The shapes that refer to each other by these names."""

Fault = Callable[[str, str], None]
"""Takes the key path and what is wrong there."""


class _WrongError(Exception):
    """The key path of what is wrong, and why."""


def read_predicate(table: Any, where: str, fault: Fault, nested: int = 0) -> Predicate | None:
    """Return the predicate of a table; None where it is wrong, after ``fault`` was called."""
    try:
        return _read(table, where, fault, nested)
    except _WrongError as wrong:
        fault(*wrong.args)
        return None


def _read(table: Any, where: str, fault: Fault, nested: int) -> Predicate | None:
    if not isinstance(table, dict) or not table:
        raise _WrongError(where, "a condition is a table, such as { role = '...' }")
    if nested == _MOST_NESTED:
        raise _WrongError(where, f"more than {_MOST_NESTED} levels of tables")
    if table.keys() & _TERMS:
        return _comparison(table, where)
    if len(table) > 1:
        words = ", ".join(sorted(table))
        raise _WrongError(where, f"one condition a table, not {words}: join them by 'all'")
    [(word, value)] = table.items()
    path = f"{where}.{toml_key(word)}"
    if word in _COMBINED:
        if not isinstance(value, list) or not value:
            raise _WrongError(path, "a list of conditions, at least one")
        parts = [
            read_predicate(part, f"{path}[{number}]", fault, nested + 1)
            for number, part in enumerate(value)
        ]
        good = [part for part in parts if part is not None]
        return _COMBINED[word](*good) if len(good) == len(parts) else None
    if word == "not":
        inner = read_predicate(value, path, fault, nested + 1)
        return None if inner is None else ~inner
    if word in _HELD:
        return _HELD[word](_name(value, path))
    if word == "kind":
        if value not in (PERSON, SERVICE):
            raise _WrongError(path, f"'{PERSON}' or '{SERVICE}'")
        return kind.equals(value)
    if word == "authenticated":
        if value is not True:
            raise _WrongError(path, "true, or another condition")
        return authenticated
    known = (*_WORDS, *_TERMS)
    hint = "; a name with a dot needs quotes" if isinstance(value, dict) else nearest(word, known)
    raise _WrongError(path, f"there is no such condition{hint}")


def _comparison(table: dict[str, Any], where: str) -> Predicate:
    relations = [word for word in table if word not in _TERMS]
    known = (*_RELATIONS, "is_present")
    if len(relations) != 1 or len(table) != 2:
        subjects, words = ", ".join(_TERMS), ", ".join(known)
        raise _WrongError(where, f"a comparison has one subject ({subjects}) and one of {words}")
    [relation] = relations
    path = f"{where}.{toml_key(relation)}"
    if relation not in known:
        raise _WrongError(path, f"there is no such relation{nearest(relation, known)}")
    term = _term(table, where)
    value = table[relation]
    if relation == "is_present":
        if value is not True:
            raise _WrongError(path, "true; put { not = {...} } around it for its opposite")
        return term.is_present
    if isinstance(value, str) and relation in _ORDERING and "attribute" not in table:
        raise _WrongError(
            path, "texts have no order but the alphabet; only an attribute's levels have"
        )
    if isinstance(value, dict):
        if len(value) != 1:
            raise _WrongError(path, f"one of {', '.join(_TERMS)} alone")
        value = _term(value, path)
    try:
        return _RELATIONS[relation](term, value)
    except TypeError as error:
        raise _WrongError(path, str(error)) from None


def _term(table: dict[str, Any], where: str) -> Term:
    words = [word for word in table if word in _TERMS]
    if len(words) != 1:
        raise _WrongError(where, f"one of {', '.join(_TERMS)}")
    [word] = words
    value, path = table[word], f"{where}.{word}"
    if word == "claim" and isinstance(value, list) and value:  # a path whose dots are literal
        return claim(tuple(_name(member, path) for member in value))
    return _TERMS[word](_name(value, path))


def _name(value: Any, path: str) -> str:
    if not isinstance(value, str) or not value:
        raise _WrongError(path, "one name")
    return value
