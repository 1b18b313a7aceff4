"""The help of the commands: examples that the command takes, and what its exit status means."""

from __future__ import annotations

import shlex

import pytest

from jwt_middleware.tools.cli.command import command_parser
from jwt_middleware.tools.cli.shared import STATUSES

from .conftest import Run

COMMANDS = (
    *("check", "demo", "echo", "gateway", "inspect", "keys", "mint"),
    *("revocations", "revoke", "routes", "verify"),
)


def test_the_command_alone_prints_its_help(command: Run) -> None:
    said = command()

    assert (said.status, said.out) == (2, "")
    assert said.err == command("--help").out
    assert STATUSES in said.err
    for name in COMMANDS:
        assert f"\n    {name}" in said.err


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_examples_that_it_takes(name: str, command: Run) -> None:
    said = command(name, "--help")
    lines = [line.strip() for line in said.out.splitlines()]
    examples = [line for line in lines if line.startswith("jwt-assertion ")]

    assert said.status == 0
    assert STATUSES in said.out
    assert 1 <= len(examples) <= 3
    for example in examples:
        arguments = shlex.split(example.partition(" < ")[0])[1:]
        assert arguments[0] == name
        assert command_parser().parse_args(arguments).run.__name__ == f"_{name}"


def test_a_command_that_there_is_not_is_a_mistake(command: Run) -> None:
    said = command("inspekt")

    assert (said.status, said.out) == (2, "")
    assert "inspect" in said.err
