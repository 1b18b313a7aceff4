"""Runs a page of the documentation: every fenced block in it, from top to bottom.

A page has a folder of its own and one namespace. What a block means follows from its language:

``python``    is run, and what it prints is kept; ``# main.py`` as its first line makes it a file
              of the page's folder instead (``# main.py, at the end`` adds to one), which later
              blocks import
``toml``      is a file, named in its first line, and must fit the schema that its name says
``console``   is typed at a shell: what follows a ``$`` must print the lines below it
``text``, ``json``   must be what the ``python`` block before it has printed
``yaml``      must be readable; ``sh`` and the others need a reason not to be run

``<!-- invisible-code-block: python`` hides a block from readers, ``<!-- skip: next "reason" -->``
leaves one out. ``...`` in expected output stands for anything.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from unittest import SkipTest

import yaml
from sybil import Document, Example, Region
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer, FencedCodeBlockLexer
from sybil.parsers.myst import SkipParser

from .console import Console, says
from .schemas import check_toml

FILE_NAME = re.compile(r"# ([\w/.-]+\.\w+)(, at the end)?\n")


class Page:
    """One page, with the folder and the namespace in which its blocks run."""

    def __init__(self, path: Path, folder: Path, names: dict[str, Any]) -> None:
        self.folder = folder
        self.document = Document.parse(str(path), SkipParser(), self._blocks)
        self.console = Console(folder, self.document.text)
        self.names = self.document.namespace
        self.names |= {"__name__": "page", **names}
        self.printed = ""

    def run(self) -> None:
        """Run every block.

        Raises:
            AssertionError: a block does not do what the page says; the message names its line.
        """
        sys.path.insert(0, str(self.folder))
        try:
            for example in self.document.examples():
                self._run_one(example)
        finally:
            sys.path.remove(str(self.folder))
            self.console.close()
            for name, module in list(sys.modules.items()):
                if str(getattr(module, "__file__", None) or "").startswith(f"{self.folder}/"):
                    del sys.modules[name]

    def _run_one(self, example: Example) -> None:
        try:
            example.evaluate()
        except SkipTest:
            pass  # test_pages holds that it has a reason
        except BaseException as fault:
            fault.add_note(f"{example.path}, line {example.line}")
            raise

    def _blocks(self, document: Document) -> Iterable[Region]:
        for region in FencedCodeBlockLexer(r"[^{\n]*")(document):
            yield self._with_evaluator(region, region.lexemes["language"])
        for region in DirectiveInHTMLCommentLexer("invisible-code-block")(document):
            yield self._with_evaluator(region, region.lexemes["arguments"])

    def _with_evaluator(self, region: Region, language: str) -> Region:
        def evaluate(example: Example) -> None:
            run: Callable[[str, Example], None] | None = getattr(self, f"_run_{language}", None)
            if run is None:
                raise AssertionError(f"a block in {language or 'no language'} needs a reason")
            run(str(region.lexemes["source"]), example)

        region.evaluator = evaluate
        return region

    def _file(self, source: str) -> Path | None:
        """The file that a block is, written into the page's folder; ``None`` for other blocks."""
        named = FILE_NAME.match(source)
        if named is None:
            return None
        path = self.folder / named[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if named[2] else "w", encoding="utf-8") as file:
            file.write(self.console.with_free_ports(source))
        return path

    def _run_python(self, source: str, example: Example) -> None:
        path = self._file(source)
        padded = "\n" * example.line + source
        if path is not None:
            compile(padded, example.path, "exec")
            sys.modules.pop(path.stem, None)
            return
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile(padded, example.path, "exec"), self.names)
        self.printed = output.getvalue()

    def _run_toml(self, source: str, example: Example) -> None:
        path = self._file(source)
        assert path is not None, "the first line of a TOML block names its file"
        check_toml(path)

    def _run_console(self, source: str, example: Example) -> None:
        self.console.type(source)

    def _run_text(self, source: str, example: Example) -> None:
        says(source, self.printed)

    _run_json = _run_text

    def _run_yaml(self, source: str, example: Example) -> None:
        self._file(source)
        assert list(yaml.safe_load_all(source))
