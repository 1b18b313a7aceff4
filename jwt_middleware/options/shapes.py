"""The shapes of values in TOML, as JSON Schema says them; each table of keys is made of these.

A reader takes the names of its keys from such a table, and the schema is the table itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from .checks import HEADER_NAME, MOST_SECONDS

Shape = Mapping[str, Any]
"""One JSON Schema (draft 2020-12)."""

Keys = Mapping[str, Shape]
"""The keys of a table, each with the shape of its value. A shape without a ``description`` has that
of the class that the table makes: of the attribute or argument with the key's name."""

TEXT: Final[Shape] = {"type": "string", "minLength": 1}
TEXTS: Final[Shape] = {"type": "array", "items": TEXT}
FLAG: Final[Shape] = {"type": "boolean"}
TRUE: Final[Shape] = {"const": True}


def or_list(shape: Shape, items: Shape | None = None) -> Shape:
    """One of a shape, or a list of them that is not empty."""
    return {"anyOf": [shape, {"type": "array", "minItems": 1, "items": items or shape}]}


TEXT_OR_TEXTS: Final = or_list(TEXT)
NAMES_OR_ANY: Final = or_list(TEXT, {**TEXT, "not": {"const": "ANY"}})
"""A text or texts, or ``"ANY"`` alone."""
HEADERS: Final = or_list({"type": "string", "pattern": f"^{HEADER_NAME.pattern}$"})
PATH: Final[Shape] = {"type": "string", "pattern": "^/"}
PATHS: Final[Shape] = {"type": "array", "items": PATH}


def number(
    *, above: float | None = None, least: float = 0, most: float = MOST_SECONDS, default: Any = None
) -> Shape:
    """Return the shape of what ``checks.number`` takes."""
    lowest = {"minimum": least} if above is None else {"exclusiveMinimum": above}
    return with_default({"type": "number", **lowest, "maximum": most}, default)


def whole(least: int) -> Shape:
    """Return the shape of what ``checks.whole`` takes."""
    return {"type": "integer", "minimum": least}


def one_of(words: Iterable[str]) -> Shape:
    """Return the shape of one of a few words."""
    return {"enum": list(words)}


def described(shape: Shape, about: str) -> Shape:
    """Return a shape that says what its value means."""
    return {**shape, "description": about}


def with_default(shape: Shape, default: Any) -> Shape:
    """Return a shape that tells what counts where its key is left out; None is nothing to tell."""
    return shape if default is None else {**shape, "default": default}


def table(keys: Keys, *, required: Iterable[str] = ()) -> Shape:
    """Return the shape of a table that has no other keys."""
    needed = {"required": names} if (names := list(required)) else {}
    return {
        "type": "object",
        "properties": dict(keys),
        **needed,
        "additionalProperties": False,
    }


def table_of(shape: Shape, **others: Any) -> Shape:
    """Return the shape of a table under names of the site's own."""
    return {"type": "object", "additionalProperties": shape, **others}


def of_room(name: str) -> Shape:
    """Return a reference to a shape that a room above describes."""
    return {"$ref": f"#/$defs/{name}"}
