"""The mutants themselves: which changes are made, and by what they are known."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

import jwt_middleware

from .__main__ import MODULES, listed_survivors
from .mutants import Mutant, mutants_of

ROOT = Path(jwt_middleware.__file__).parents[1]

SOURCE = '''
"""A module."""
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

MOST = 64


class Door:
    """Text for people."""

    __slots__ = ("a",)

    def opens(self, left: int = 3) -> bool:
        """More text."""
        if left < MOST and self.key:
            logger.info("it opens for %s", left)
            return True
        raise ValueError("it stays shut", "code")

    def __repr__(self) -> str:
        return "Door" + str(1)
'''

EXPECTED = [
    ("", "64 -> 65"),
    ("Door.opens", "3 -> 4"),
    ("Door.opens", "left < MOST and self.key -> True in if"),
    ("Door.opens", "left < MOST and self.key -> False in if"),
    ("Door.opens", "left < MOST and self.key -> left < MOST or self.key"),
    ("Door.opens", "left < MOST and self.key -> self.key"),
    ("Door.opens", "left < MOST and self.key -> left < MOST"),
    ("Door.opens", "left < MOST -> left <= MOST"),
    ("Door.opens", "True -> False"),
    ("Door.opens", "raise ValueError('it stays shut', 'code') -> pass"),
    ("Door.opens", "'code' -> 'codex'"),
]


def test_what_decides_is_changed_and_what_people_read_is_not() -> None:
    found = [(mutant.function, mutant.text) for mutant in mutants_of("door.py", SOURCE)]

    assert found == EXPECTED


def test_a_mutant_keeps_its_name_where_lines_move() -> None:
    moved = SOURCE.replace("MOST = 64", "# why\n\n\nMOST = 64")

    before, after = (mutants_of("door.py", source) for source in (SOURCE, moved))
    assert [each.name for each in before] == [each.name for each in after]
    assert [each.lines for each in before] != [each.lines for each in after]


def test_what_runs_at_import_is_distinguished_from_what_a_function_does() -> None:
    at_import = [mutant.text for mutant in mutants_of("door.py", SOURCE) if not mutant.in_body]

    assert at_import == ["64 -> 65", "3 -> 4"]


def test_each_mutant_is_one_change_of_the_original() -> None:
    original = ast.unparse(ast.parse(SOURCE))
    mutants = mutants_of("door.py", SOURCE)

    changed = [ast.unparse(mutant.tree()) for mutant in mutants]
    assert len({original, *changed}) == len(mutants) + 1
    assert [ast.unparse(mutant.tree()) for mutant in mutants] == changed


def test_every_mutant_compiles() -> None:
    for mutant in mutants_of("door.py", SOURCE):
        compile(mutant.tree(), "door.py", "exec")


@pytest.fixture(scope="module")
def everything() -> list[Mutant]:
    return [mutant for path in MODULES for mutant in mutants_of(path, (ROOT / path).read_text())]


def test_every_mutant_of_the_modules_that_decide_has_a_name_of_its_own(
    everything: list[Mutant],
) -> None:
    assert max(Counter(mutant.name for mutant in everything).values()) == 1
    assert {mutant.module for mutant in everything} == set(MODULES)


def test_every_listed_survivor_is_a_mutant_and_has_a_reason(everything: list[Mutant]) -> None:
    listed = listed_survivors()

    assert listed.keys() - {mutant.name for mutant in everything} == set()
    assert all(reason.strip() for reason in listed.values())
