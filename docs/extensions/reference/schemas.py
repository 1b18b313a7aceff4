"""The directives that print the keys of TOML files, from their JSON Schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from jwt_middleware.tools.schemas import FILES, schema_of

from .printing import Reference, paragraph, sentence

Schema = dict[str, Any]


class FileSchema(Reference):
    """The tables of one kind of file: each key, its value, its default and its meaning."""

    file: ClassVar[str]

    def run(self) -> list[nodes.Node]:
        """Print a table for the file, and one for each kind of table in it."""
        schema = schema_of(self.file)
        whole = self._table(self.file, f"schema-{self.file}", f"The file of {self.file}", schema)
        rooms = (
            self._table(f"{self.file}-{name}", f"table-{self.file}-{name}", f"``{name}``", shape)
            for name, shape in schema.get("$defs", {}).items()
            if _is_shown(shape)
        )
        return [whole, *rooms]

    def _table(self, path: str, anchor: str, title: str, shape: Schema) -> nodes.section:
        section = self.section(anchor, title)
        if "description" in shape:
            section += paragraph(sentence(_prose(shape["description"])))
        keys = {key: value for each in _tables(shape) for key, value in each["properties"].items()}
        needed = set(shape.get("required", ()))
        section += self.entries(
            (
                f"schema-{path}-{key}",
                key,
                [
                    sentence(_prose(value["description"])),
                    sentence(self._value(value) + _presence(key in needed, value)),
                ],
            )
            for key, value in keys.items()
        )
        return section

    def _value(self, shape: Schema) -> str:
        """Return what a value is, in words."""
        if "$ref" in shape:
            return self._named(shape["$ref"].removeprefix("#/$defs/"))
        if "anyOf" in shape:
            return " or ".join(dict.fromkeys(self._value(each) for each in shape["anyOf"]))
        if "enum" in shape:
            return " or ".join(f"``{json.dumps(word)}``" for word in shape["enum"])
        if "const" in shape:
            return f"``{json.dumps(shape['const'])}``"
        kinds = shape.get("type", "anything")
        words = [kinds] if isinstance(kinds, str) else kinds
        return " or ".join(self._of_kind(kind, shape) for kind in words)

    def _of_kind(self, kind: str, shape: Schema) -> str:
        if kind == "array":
            return f"a list of {self._value(shape['items'])}"
        inner = shape.get("additionalProperties")
        if kind == "object" and isinstance(inner, dict):
            return f"a table of names, each with {self._value(inner)}" if inner else "a table"
        if kind == "object":
            return "a table of " + ", ".join(f"``{key}``" for key in shape["properties"])
        return _WORDS[kind]

    def _named(self, name: str) -> str:
        shape = schema_of(self.file)["$defs"][name]
        if _is_shown(shape):
            return f"``{name}``"
        # What is made of itself, as a list of values is, has no end in words.
        return f"a {name}" if f"#/$defs/{name}" in json.dumps(shape) else self._value(shape)


_WORDS = {
    "string": "text",
    "boolean": "true or false",
    "number": "a number",
    "integer": "a whole number",
    "anything": "any value",
}


def _tables(shape: Schema) -> Iterator[Schema]:
    """Yield the tables that a value may be."""
    if "properties" in shape:
        yield shape
    for each in shape.get("anyOf", ()):
        yield from _tables(each)
        if each.get("type") == "array":
            yield from _tables(each["items"])
    if shape.get("type") == "array":
        yield from _tables(shape["items"])


def _is_shown(shape: Schema) -> bool:
    return any(True for _ in _tables(shape)) and "anyOf" not in shape.get("items", {})


def _presence(needed: bool, shape: Schema) -> str:
    if needed:
        return ", required"
    return f", by default ``{json.dumps(shape['default'])}``" if "default" in shape else ""


def _prose(text: str) -> str:
    """Return Markdown's literals as those of the reference."""
    return text.replace("`", "``")


SCHEMA_DIRECTIVES: dict[str, type[SphinxDirective]] = {
    f"{name}-schema": type(f"{name.title()}Schema", (FileSchema,), {"file": name}) for name in FILES
}
"""A directive for each kind of file."""
