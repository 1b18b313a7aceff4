"""Nodes that the directives of the reference print: texts, tables, and anchors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.util.docutils import SphinxDirective

Cell = str | nodes.Node | Sequence[nodes.Node]
"""A text, in which double backticks are literal; or nodes."""

_LITERAL = re.compile(r"``(.+?)``")


def inline(text: str) -> list[nodes.Node]:
    """Return a text with its literals."""
    return [
        nodes.literal(part, part) if number % 2 else nodes.Text(part)
        for number, part in enumerate(_LITERAL.split(text))
        if part
    ]


def paragraph(*parts: Cell) -> nodes.paragraph:
    """Return a paragraph of texts and nodes."""
    made = nodes.paragraph()
    for part in parts:
        if isinstance(part, str):
            made += inline(part)
        else:
            made += part
    return made


def sentence(text: str) -> str:
    """Return a text with a full stop, and a capital where it begins with a word."""
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def literals(words: Iterable[str]) -> str:
    """Return words as literals, joined by commas."""
    return ", ".join(f"``{word}``" for word in words)


def code(text: str, language: str = "text") -> nodes.literal_block:
    """Return a block of code."""
    return nodes.literal_block(text, text, language=language)


def table(
    head: Sequence[str], rows: Iterable[Sequence[Cell]], widths: Sequence[int]
) -> nodes.table:
    """Return a table; its columns are as wide as ``widths`` in proportion."""
    group = nodes.tgroup(cols=len(widths))
    group += [nodes.colspec(colwidth=width) for width in widths]
    header = nodes.thead()
    header += _row(head)
    body = nodes.tbody()
    body += [_row(row) for row in rows]
    group += [header, body]
    made = nodes.table(classes=["reference-table", "colwidths-given"])
    made += group
    return made


def _row(cells: Sequence[Cell]) -> nodes.row:
    made = nodes.row()
    for cell in cells:
        entry = nodes.entry()
        entry += cell if isinstance(cell, nodes.paragraph) else paragraph(cell)
        made += entry
    return made


class Reference(SphinxDirective):
    """A directive that prints what the code says."""

    def entries(self, found: Iterable[tuple[str, str, Sequence[Cell]]]) -> nodes.definition_list:
        """Return a list of names, each with its anchor and the paragraphs about it."""
        made = nodes.definition_list(classes=["reference"])
        for anchor, name, about in found:
            self._note(anchor, name)
            # The name is a link to itself, so that a reader can copy it.
            link = nodes.reference("", "", nodes.literal(name, name), refid=anchor, internal=True)
            body = nodes.definition()
            body += [paragraph(each) for each in about if each]
            item = nodes.definition_list_item()
            item += [nodes.term("", "", link, ids=[anchor]), body]
            made += item
        return made

    def section(self, anchor: str, title: str) -> nodes.section:
        """Return a section with an anchor and a title, in which double backticks are literal."""
        self._note(anchor, title.replace("``", ""))
        made = nodes.section(ids=[anchor], names=[anchor])
        made += nodes.title(title, "", *inline(title))
        return made

    def link(self, anchor: str, shown: str) -> nodes.Node:
        """Return a literal that leads to an anchor, wherever the site has it; else nowhere."""
        return pending_xref(
            "",
            nodes.literal(shown, shown),
            refdomain="std",
            reftype="ref",
            reftarget=anchor.lower(),
            refdoc=self.env.docname,
            refexplicit=True,
            refwarn=False,
        )

    def _note(self, anchor: str, title: str) -> None:
        # The domain looks for names in lower case.
        self.env.domains.standard_domain.note_hyperlink_target(
            anchor.lower(), self.env.docname, anchor, title
        )
